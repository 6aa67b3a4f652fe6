/* Read-inbox: by the owner; nothing leaves before it is confirmed; the answer's form and bound. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

#define ALICE "alice@a.example"

/* The i-th notification of an answer's body, or empty. */
static struct pp_bytes entry(const struct fake_request *q, unsigned i)
{
    struct pp_reader r = pp_reader(pp_buf_bytes(&q->body));
    while (pp_reader_left(&r) > 0) {
        pp_read64(&r);
        size_t len = pp_read32(&r);
        const uint8_t *p = pp_read(&r, len);
        if (!p) {
            break;
        }
        if (i-- == 0) {
            return pp_bytes(p, len);
        }
    }
    return pp_bytes(NULL, 0);
}

static char *batch_of(const struct fake_request *q, char out[64])
{
    snprintf(out, 64, "%s", fake_field(q, "Peerpost-Batch"));
    return out;
}

static void test_what_is_handed_out_comes_again_until_confirmed(void)
{
    struct fake f;
    char batch[64];
    fake_start(&f, 1 << 20);
    fake_append(&f, ALICE, "one");
    fake_append(&f, ALICE, "two");
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Content-Type"), "application/vnd.peerpost.inbox");
    CU_ASSERT_TRUE(pp_bytes_is(entry(q, 0), "one"));
    CU_ASSERT_TRUE(pp_bytes_is(entry(q, 1), "two"));
    batch_of(q, batch);
    fake_free(q);
    fake_restart(&f); /* the node dies: it keeps no memory of batches */
    fake_later(&f, 10 * PP_SECOND);
    q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_TRUE(pp_bytes_is(entry(q, 1), "two"));
    fake_free(q);
    fake_append(&f, ALICE, "three"); /* comes between hand-out and confirm */
    q = fake_read(&f, ALICE, &f.alice, batch);
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_TRUE(pp_bytes_is(entry(q, 0), "three"));
    CU_ASSERT_EQUAL(entry(q, 1).len, 0);
    fake_free(q);
    q = fake_read(&f, ALICE, &f.alice, batch); /* the answer was lost: the same again */
    CU_ASSERT_TRUE(pp_bytes_is(entry(q, 0), "three"));
    batch_of(q, batch);
    fake_free(q);
    q = fake_read(&f, ALICE, &f.alice, batch);
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_EQUAL(q->length, 0);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-Batch"), batch);
    fake_free(q);
    fake_stop(&f);
}

static void test_a_batch_of_another_store_is_409(void)
{
    struct fake f;
    char batch[64];
    fake_start(&f, 1 << 20);
    fake_append(&f, ALICE, "one");
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, "00000000000000000000000000000000:1");
    CU_ASSERT_EQUAL(q->status, 409);
    fake_free(q);
    q = fake_read(&f, ALICE, &f.alice, NULL);
    batch_of(q, batch);
    fake_free(q);
    memcpy(strchr(batch, ':'), ":99", 4);
    q = fake_read(&f, ALICE, &f.alice, batch);
    CU_ASSERT_EQUAL(q->status, 409);
    CU_ASSERT_TRUE(fake_says(q, "other-batch"));
    fake_free(q);
    fake_stop(&f);
}

static void test_only_the_owner_reads(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_append(&f, ALICE, "one");
    struct fake_request *q = fake_request(&f, PP_READ_INBOX, ALICE);
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 401);
    fake_free(q);
    q = fake_read(&f, ALICE, &f.bob, NULL);
    CU_ASSERT_EQUAL(q->status, 403);
    CU_ASSERT_TRUE(fake_says(q, "not-the-owner"));
    fake_free(q);
    struct fake_person mallory = {.key = f.bob.key, .certificate = f.alice.certificate};
    q = fake_read(&f, ALICE, &mallory, NULL);
    CU_ASSERT_EQUAL(q->status, 401);
    CU_ASSERT_TRUE(fake_says(q, "signature-invalid"));
    fake_free(q);
    q = fake_request(&f, PP_READ_INBOX, ALICE); /* no certificate beside the signature */
    fake_sign(q, &f.alice, false);
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 401);
    fake_free(q);
    struct fake other;
    fake_start(&other, 1 << 20);
    q = fake_read(&f, ALICE, &other.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 403);
    CU_ASSERT_TRUE(fake_says(q, "untrusted"));
    fake_free(q);
    fake_stop(&other);
    fake_stop(&f);
}

static void fill(struct fake *f, unsigned n, size_t len)
{
    char *text = malloc(len + 1);
    CHECK_FATAL(text != NULL);
    memset(text, 'q', len);
    text[len] = '\0';
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, len, "%08u", i);
        text[8] = 'q';
        struct fake_request *q = fake_request(f, PP_APPEND_INBOX, ALICE);
        q->r.source_exempt = true;
        fake_go(q, pp_str(""), pp_str(text));
        CU_ASSERT_EQUAL(q->status, 202);
        fake_free(q);
    }
    free(text);
}

static void test_an_answer_ends_at_8_mib_and_says_so(void)
{
    struct fake f;
    char batch[64];
    fake_start(&f, 64 << 20);
    f.config.inbox_octets = 64 << 20;
    fake_restart(&f);
    fill(&f, 300, 32 * 1024);
    fake_later(&f, 10 * PP_SECOND);
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-More"), "1");
    CU_ASSERT_TRUE(q->body.len <= 8 << 20 && q->body.len > (8 << 20) - 33 * 1024);
    CU_ASSERT_EQUAL((int64_t)q->body.len, q->length);
    batch_of(q, batch);
    size_t first = q->body.len;
    fake_free(q);
    q = fake_read(&f, ALICE, &f.alice, batch);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-More"), "");
    CU_ASSERT_EQUAL(first + q->body.len, 300 * (32 * 1024 + 12));
    fake_free(q);
    fake_stop(&f);
}

static void test_a_slow_reader_gets_every_octet(void)
{
    struct fake f;
    fake_start(&f, 8 << 20);
    fill(&f, 100, 500);
    fake_later(&f, 10 * PP_SECOND);
    struct fake_request *whole = fake_read(&f, ALICE, &f.alice, NULL);
    for (size_t room = 1; room < 2000; room = room * 3 + 1) {
        struct fake_request *q = fake_request(&f, PP_READ_INBOX, ALICE);
        fake_sign(q, &f.alice, true);
        q->room = 0;
        fake_begin(q);
        fake_end(q);
        fake_verify(&f);
        CHECK_FATAL(q->status == 200);
        while (!q->released) {
            q->room = room;
            pp_node_pull(f.node, &q->r, f.now);
        }
        CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&q->body), pp_buf_bytes(&whole->body)));
        fake_free(q);
    }
    fake_free(whole);
    fake_stop(&f);
}

static void test_confirmed_elsewhere_a_slow_answer_is_cut(void)
{
    struct fake f;
    char batch[64];
    fake_start(&f, 8 << 20);
    fill(&f, 100, 500);
    fake_later(&f, 10 * PP_SECOND);
    struct fake_request *slow = fake_request(&f, PP_READ_INBOX, ALICE);
    fake_sign(slow, &f.alice, true);
    slow->room = 1000;
    fake_begin(slow);
    fake_end(slow);
    fake_verify(&f);
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    batch_of(q, batch);
    fake_free(q);
    fake_free(fake_read(&f, ALICE, &f.alice, batch));
    slow->room = SIZE_MAX;
    pp_node_pull(f.node, &slow->r, f.now);
    CU_ASSERT_TRUE(slow->cut);
    fake_free(slow);
    fake_stop(&f);
}

CHECK_MAIN("node read-inbox", CHECK(test_what_is_handed_out_comes_again_until_confirmed),
           CHECK(test_a_batch_of_another_store_is_409), CHECK(test_only_the_owner_reads),
           CHECK(test_an_answer_ends_at_8_mib_and_says_so),
           CHECK(test_a_slow_reader_gets_every_octet),
           CHECK(test_confirmed_elsewhere_a_slow_answer_is_cut))
