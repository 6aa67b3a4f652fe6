/* Append: open to strangers and bounded; two queues; work; what is there twice is 200. */
#include "fake.h"

#include <base/hash.h>
#include <stdio.h>

#define ALICE "alice@a.example"

static void test_new_is_202_known_is_200(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "note"), 202);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "note"), 200);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "another"), 202);
    CU_ASSERT_EQUAL(fake_append(&f, "Alice@a.example", "note"), 400);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, ""), 400);
    fake_stop(&f);
}

static void test_size_is_bounded_with_and_without_a_length(void)
{
    struct fake f;
    char big[32 * 1024 + 2];
    memset(big, 'n', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, big), 413);
    big[32 * 1024] = '\0';
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, big), 202);
    struct fake_request *q = fake_request(&f, PP_APPEND_INBOX, ALICE);
    q->r.length = 32 * 1024 + 1;
    fake_begin(q);
    CU_ASSERT_EQUAL(q->status, 413);
    fake_drop(q);
    fake_free(q);
    fake_stop(&f);
}

static int append_signed(struct fake *f, const char *text, const struct fake_person *by)
{
    struct fake_request *q = fake_request(f, PP_APPEND_INBOX, ALICE);
    fake_sign(q, by, true);
    fake_go(q, pp_str(""), pp_str(text));
    int status = q->status;
    fake_free(q);
    return status;
}

static void test_strangers_fill_a_quarter_and_the_proved_the_rest(void)
{
    struct fake f;
    char text[16];
    fake_start(&f, 1 << 20);
    f.config.inbox_entries = 16;
    fake_restart(&f);
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "plain%d", i);
        CU_ASSERT_EQUAL(fake_append(&f, ALICE, text), 202);
    }
    struct fake_request *q = fake_request(&f, PP_APPEND_INBOX, ALICE);
    fake_go(q, pp_str(""), pp_str("plain4"));
    CU_ASSERT_EQUAL(q->status, 429);
    CU_ASSERT_TRUE(fake_says(q, "work-required"));
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-Work"), "d=16");
    fake_free(q);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "plain3"), 200); /* known, though full */
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text, "proved%d", i);
        CU_ASSERT_EQUAL(append_signed(&f, text, &f.bob), 202);
    }
    CU_ASSERT_EQUAL(append_signed(&f, "proved12", &f.bob), 507);
    CU_ASSERT_EQUAL(append_signed(&f, "proved11", &f.bob), 200);
    q = fake_request(&f, PP_APPEND_INBOX, ALICE);
    fake_go(q, pp_str(""), pp_str("plain5"));
    CU_ASSERT_EQUAL(q->status, 507);
    CU_ASSERT_TRUE(fake_says(q, "inbox-full"));
    fake_free(q);
    fake_later(&f, PP_SECOND);
    q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 200); /* nothing accepted was evicted */
    CU_ASSERT_EQUAL(q->body.len, 16 * 12 + 4 * 6 + 10 * 7 + 2 * 8);
    fake_free(q);
    fake_stop(&f);
}

/* Finds a salt for `bits` as a sender would. */
static unsigned find_salt(const char *text, unsigned bits)
{
    uint8_t digest[32], out[32];
    pp_sha256(digest, pp_str(text));
    for (uint32_t salt = 0;; salt++) {
        uint8_t in[4 + sizeof ALICE - 1 + 32];
        pp_put32(in, salt);
        memcpy(in + 4, ALICE, sizeof ALICE - 1);
        memcpy(in + 4 + sizeof ALICE - 1, digest, 32);
        pp_sha256(out, pp_bytes(in, sizeof in));
        if (pp_get32(out) >> (32 - bits) == 0) {
            return salt;
        }
    }
}

static int append_worked(struct fake *f, const char *text, uint32_t salt, unsigned bits)
{
    uint8_t octets[4];
    pp_put32(octets, salt);
    struct fake_request *q = fake_request(f, PP_APPEND_INBOX, ALICE);
    q->r.has_work = true;
    q->r.work_bits = bits;
    q->r.work_salt = pp_bytes(octets, 4);
    fake_go(q, pp_str(""), pp_str(text));
    int status = q->status;
    fake_free(q);
    return status;
}

static void test_work_opens_the_proved_queue(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.config.inbox_entries = 4;
    fake_restart(&f);
    uint32_t salt = find_salt("worked", 16);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "plain"), 202);
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "worked"), 429);
    CU_ASSERT_EQUAL(append_worked(&f, "worked", salt, 16), 202);
    CU_ASSERT_EQUAL(append_worked(&f, "other", salt, 16), 400);
    CU_ASSERT_EQUAL(append_worked(&f, "worked", salt, 8), 400);
    fake_stop(&f);
}

static void test_strangers_are_throttled_by_source(void)
{
    struct fake f;
    char text[16];
    fake_start(&f, 1 << 20);
    f.config.appends = 2;
    fake_restart(&f);
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "n%d", i);
        CU_ASSERT_EQUAL(fake_append(&f, ALICE, text), 202);
    }
    CU_ASSERT_EQUAL(fake_append(&f, ALICE, "n4"), 429);
    struct fake_request *q = fake_request(&f, PP_APPEND_INBOX, ALICE);
    pp_address_parse(q->r.source, "192.0.2.8");
    fake_go(q, pp_str(""), pp_str("n4"));
    CU_ASSERT_EQUAL(q->status, 202); /* another source */
    fake_free(q);
    CU_ASSERT_EQUAL(append_signed(&f, "n5", &f.bob), 202);
    q = fake_request(&f, PP_APPEND_INBOX, ALICE); /* a node of the network */
    q->r.peer_is_node = true;
    q->r.peer.b[0] = 9;
    fake_go(q, pp_str(""), pp_str("n6"));
    CU_ASSERT_EQUAL(q->status, 202);
    fake_free(q);
    fake_stop(&f);
}

static void test_a_forged_signature_proves_nothing(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_person mallory = {.key = f.bob.key, .certificate = f.alice.certificate};
    CU_ASSERT_EQUAL(append_signed(&f, "forged", &mallory), 401);
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->body.len, 0);
    fake_free(q);
    fake_stop(&f);
}

CHECK_MAIN("node append", CHECK(test_new_is_202_known_is_200),
           CHECK(test_size_is_bounded_with_and_without_a_length),
           CHECK(test_strangers_fill_a_quarter_and_the_proved_the_rest),
           CHECK(test_work_opens_the_proved_queue), CHECK(test_strangers_are_throttled_by_source),
           CHECK(test_a_forged_signature_proves_nothing))
