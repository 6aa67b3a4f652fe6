/* Delete: by a certificate of the set alone; the last one out leaves a tombstone. */
#include "fake.h"

#include <base/encode.h>

static void test_the_last_one_out_discards_the_object(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    fake_store(&f, "m@x", &f.bob, "hello");
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &f.alice), 204);
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &f.alice), 404); /* done already */
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 200);
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &f.bob), 204);
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 410);
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &f.bob), 404);
    /* A repair never raises the dead, until the object's life is over. */
    CU_ASSERT_EQUAL(fake_store(&f, "m@x", &f.alice, "hello"), 410);
    fake_later(&f, 31 * PP_DAY);
    CU_ASSERT_EQUAL(fake_store(&f, "m@x", &f.alice, "hello"), 201);
    fake_stop(&f);
}

static void test_a_taken_certificate_does_not_come_back(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    fake_store(&f, "m@x", &f.bob, "hello");
    fake_delete(&f, "m@x", &f.alice);
    CU_ASSERT_EQUAL(fake_store(&f, "m@x", &f.alice, "hello"), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 410);
    fake_stop(&f);
}

static void test_others_may_not(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    struct fake_request *q = fake_request(&f, PP_DELETE, "m@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 401);
    CU_ASSERT_TRUE(fake_says(q, "signature-missing"));
    CU_ASSERT_STRING_EQUAL(fake_field(q, "WWW-Authenticate"), "Signature");
    fake_free(q);
    q = fake_request(&f, PP_DELETE, "m@x");
    fake_sign(q, &f.bob, false);
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 404);
    CU_ASSERT_TRUE(fake_says(q, "not-a-member"));
    fake_free(q);
    struct fake_person mallory = {.key = f.bob.key, .certificate = f.alice.certificate};
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &mallory), 401);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 200);
    fake_stop(&f);
}

static void test_a_capability_deletes_without_any_authority(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    static const uint8_t seed[32] = {5};
    struct fake_person cap = {0};
    CHECK_FATAL(pp_capability(seed, &cap.key, &cap.certificate) == PP_OK);
    struct fake_request *q = fake_request(&f, PP_STORE, "m@x");
    pp_buf_add_str(&cap.pem, "-----BEGIN CERTIFICATE-----\n");
    struct pp_buf b64 = {0};
    pp_base64(&b64, pp_buf_bytes(&cap.certificate->der));
    for (size_t at = 0; at < b64.len; at += 64) {
        pp_buf_add(&cap.pem, b64.data + at, b64.len - at < 64 ? b64.len - at : 64);
        pp_buf_add_str(&cap.pem, "\n");
    }
    pp_buf_add_str(&cap.pem, "-----END CERTIFICATE-----\n");
    fake_go(q, pp_buf_bytes(&cap.pem), pp_str("hello"));
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &cap), 204);
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 410);
    pp_buf_free(&b64);
    fake_person_free(&cap);
    fake_stop(&f);
}

/* Two deletes of the last two members in one batch: the second sees the first. */
static void test_two_last_members_in_one_batch(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    fake_store(&f, "m@x", &f.bob, "hello");
    struct fake_request *a = fake_request(&f, PP_DELETE, "m@x");
    struct fake_request *b = fake_request(&f, PP_DELETE, "m@x");
    fake_sign(a, &f.alice, false);
    fake_sign(b, &f.bob, false);
    fake_begin(a);
    fake_end(a);
    fake_begin(b);
    fake_end(b);
    fake_verify(&f);
    unsigned batches = f.batches;
    fake_run(&f);
    CU_ASSERT_EQUAL(f.batches, batches + 1);
    CU_ASSERT_EQUAL(a->status, 204);
    CU_ASSERT_EQUAL(b->status, 204);
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 410);
    fake_free(a);
    fake_free(b);
    fake_stop(&f);
}

static void test_the_peer_goes_while_its_op_is_out(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    struct fake_request *q = fake_request(&f, PP_DELETE, "m@x");
    fake_sign(q, &f.alice, false);
    fake_begin(q);
    fake_end(q);
    fake_drop(q); /* while the check is out */
    CU_ASSERT_FALSE(q->released);
    fake_run(&f);
    CU_ASSERT_TRUE(q->released);
    fake_free(q);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 200);
    q = fake_request(&f, PP_DELETE, "m@x");
    fake_sign(q, &f.alice, false);
    fake_begin(q);
    fake_end(q);
    fake_verify(&f);
    fake_drop(q); /* while the op is out: it happens all the same, nobody is told */
    CU_ASSERT_FALSE(q->released);
    fake_run(&f);
    CU_ASSERT_TRUE(q->released);
    CU_ASSERT_EQUAL(q->status, 0);
    fake_free(q);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 410);
    fake_stop(&f);
}

CHECK_MAIN("node delete", CHECK(test_the_last_one_out_discards_the_object),
           CHECK(test_a_taken_certificate_does_not_come_back), CHECK(test_others_may_not),
           CHECK(test_a_capability_deletes_without_any_authority),
           CHECK(test_two_last_members_in_one_batch), CHECK(test_the_peer_goes_while_its_op_is_out))
