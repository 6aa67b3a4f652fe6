/* Signatures in time, used once; checks that the host cannot take; the node's own start. */
#include "fake.h"

#define ALICE "alice@a.example"

static int read_at(struct fake *f, pp_ns shift, bool back, const char *slug)
{
    struct fake_request *q = fake_request(f, PP_READ_INBOX, ALICE);
    struct pp_now now = f->now;
    f->now.wall = back ? f->now.wall - shift : f->now.wall + shift;
    fake_sign(q, &f->alice, true);
    f->now = now;
    fake_go(q, pp_str(""), pp_str(""));
    int status = q->status;
    CU_ASSERT_TRUE(status == 200 || fake_says(q, slug));
    fake_free(q);
    return status;
}

static void test_clocks_may_differ_by_five_minutes(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_later(&f, PP_HOUR);
    CU_ASSERT_EQUAL(read_at(&f, 299 * PP_SECOND, true, ""), 200);
    CU_ASSERT_EQUAL(read_at(&f, 299 * PP_SECOND, false, ""), 200);
    CU_ASSERT_EQUAL(read_at(&f, 301 * PP_SECOND, true, "clock-skew"), 401);
    CU_ASSERT_EQUAL(read_at(&f, 301 * PP_SECOND, false, "clock-skew"), 401);
    fake_stop(&f);
}

static void test_a_signature_is_good_once(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 200);
    fake_free(q);
    f.nonce--;
    q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 401);
    CU_ASSERT_TRUE(fake_says(q, "replayed"));
    fake_free(q);
    q = fake_request(&f, PP_READ_INBOX, ALICE);
    fake_sign(q, &f.alice, true);
    fake_later(&f, PP_SECOND);
    fake_restart(&f); /* the replay cache is empty: what was signed before is not taken */
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 401);
    CU_ASSERT_TRUE(fake_says(q, "clock-skew"));
    fake_free(q);
    fake_stop(&f);
}

static void test_a_failed_check_enters_no_replay_cache(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_person mallory = {.key = f.bob.key, .certificate = f.alice.certificate};
    struct fake_request *q = fake_read(&f, ALICE, &mallory, NULL);
    CU_ASSERT_EQUAL(q->status, 401);
    fake_free(q);
    f.nonce--;
    q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 200);
    fake_free(q);
    fake_stop(&f);
}

static void test_no_worker_is_503(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.verify_busy = true;
    struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->status, 503);
    CU_ASSERT_TRUE(fake_says(q, "busy"));
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Retry-After"), "1");
    fake_free(q);
    fake_stop(&f);
}

static void test_signature_checks_are_limited_by_source(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.config.checks_source = 3;
    fake_restart(&f);
    fake_later(&f, 2 * PP_SECOND);
    int limited = 0;
    for (int i = 0; i < 5; i++) {
        struct fake_request *q = fake_read(&f, ALICE, &f.alice, NULL);
        limited += q->status == 429;
        fake_free(q);
    }
    CU_ASSERT_EQUAL(limited, 2);
    fake_stop(&f);
}

CHECK_MAIN("node permission", CHECK(test_clocks_may_differ_by_five_minutes),
           CHECK(test_a_signature_is_good_once), CHECK(test_a_failed_check_enters_no_replay_cache),
           CHECK(test_no_worker_is_503), CHECK(test_signature_checks_are_limited_by_source))
