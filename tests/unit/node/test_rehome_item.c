/* What goes out: certificates still in the set, octets, life, copies; notifications in order. */
#include "rehome_fake.h"

#include <base/hash.h>
#include <stdlib.h>

static struct fake *f = &rehome_fake.f;

static const struct rehome_sent *sent_to(uint8_t peer, const char *target)
{
    for (size_t i = 0; i < rehome_fake.n_sent; i++) {
        if (rehome_fake.sent[i].peer == peer && strcmp(rehome_fake.sent[i].target, target) == 0) {
            return &rehome_fake.sent[i];
        }
    }
    CHECK_FATAL(false);
    return NULL;
}

static bool holds(const struct rehome_sent *s, const char *text, size_t len)
{
    return memmem(s->body.data, s->body.len, text, len) != NULL;
}

static void test_an_object(void)
{
    static char body[5001]; /* more than one read of the client's */
    memset(body, 'x', sizeof body - 1);
    body[4000] = 'y';
    rehome_fake_begin();
    CU_ASSERT_EQUAL(fake_store(f, "one@x", &f->alice, body), 201);
    CU_ASSERT_EQUAL(fake_store(f, "one@x", &f->bob, body), 200);
    CU_ASSERT_EQUAL(fake_delete(f, "one@x", &f->alice), 204);
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    const struct rehome_sent *s = sent_to(1, "/one@x");
    CU_ASSERT_TRUE(holds(s, body, 5000));
    CU_ASSERT_TRUE(holds(s, (const char *)f->bob.pem.data, f->bob.pem.len));
    CU_ASSERT_FALSE(holds(s, (const char *)f->alice.pem.data, f->alice.pem.len)); /* she is done */
    CU_ASSERT_PTR_NULL(strstr(s->fields, "Pragma"));
    CU_ASSERT_PTR_NULL(strstr(s->fields, "Peerpost-Copies")); /* the network's k */
    CU_ASSERT_PTR_NOT_NULL(strstr(s->fields, "multipart/form-data; boundary="));
    const char *life_text = strstr(s->fields, "Peerpost-Life: ");
    unsigned long life = life_text ? strtoul(life_text + 15, NULL, 10) : 0;
    CU_ASSERT_TRUE(life < 30 * 86400 && life > 30 * 86400 - 60);
    rehome_fake_end();
}

static void test_more_copies(void)
{
    rehome_fake_begin();
    struct fake_request *q = fake_request(f, PP_STORE, "one@x");
    q->r.has_copies = true;
    q->r.copies = 7;
    fake_go(q, pp_buf_bytes(&f->alice.pem), pp_str("wanted"));
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    CU_ASSERT_PTR_NOT_NULL(strstr(sent_to(1, "/one@x")->fields, "Peerpost-Copies: 7\n"));
    rehome_fake_end();
}

static void test_notifications_in_order(void)
{
    static const char *const notes[] = {"the first", "the second", "the third"};
    rehome_fake_begin();
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(fake_append(f, "bob@a.example", notes[i]), 202);
    }
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    size_t at = 0;
    for (size_t i = 0; i < rehome_fake.n_sent; i++) {
        const struct rehome_sent *s = &rehome_fake.sent[i];
        if (s->peer == 2 && at < 3) {
            CU_ASSERT_TRUE(s->body.len == strlen(notes[at]) && holds(s, notes[at], s->body.len));
            CU_ASSERT_PTR_NOT_NULL(strstr(s->fields, "Pragma: append-inbox\n"));
            at++;
        }
    }
    CU_ASSERT_EQUAL(at, 3);
    rehome_fake_end();
}

/* An object that is another by the time it is read, or gone: the request cannot be whole. */
static void test_replaced_while_it_goes_out(void)
{
    struct rehome_item item = {.kind = PP_OBJECT, .name = pp_name_of(pp_str("one@x"))};
    uint8_t octets[64];
    rehome_fake_begin();
    CU_ASSERT_EQUAL(fake_store(f, "one@x", &f->alice, "first body"), 201);
    rehome_fake_start();
    CU_ASSERT_EQUAL(rehome_item_load(&rehome_fake.r, &item), PP_OK);
    CU_ASSERT_EQUAL(item.size, 10);
    uint64_t begin = item.before.len;
    CU_ASSERT_EQUAL(rehome_item_read(&rehome_fake.r, &item, begin + 6, octets, 64), 4);
    CU_ASSERT_EQUAL(memcmp(octets, "body", 4), 0);
    CU_ASSERT_EQUAL(fake_delete(f, "one@x", &f->alice), 204);
    CU_ASSERT_TRUE(rehome_item_read(&rehome_fake.r, &item, begin, octets, 64) < 0);
    rehome_item_finish(&item);
    item = (struct rehome_item){.kind = PP_OBJECT, .name = pp_name_of(pp_str("one@x"))};
    CU_ASSERT_EQUAL(rehome_item_load(&rehome_fake.r, &item), PP_NOT_FOUND);
    rehome_item_finish(&item);
    rehome_fake_end();
}

CHECK_MAIN("rehome item", CHECK(test_an_object), CHECK(test_more_copies),
           CHECK(test_notifications_in_order), CHECK(test_replaced_while_it_goes_out))
