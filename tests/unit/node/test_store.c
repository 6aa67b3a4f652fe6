/* Store: what is new, what is there, what is refused; certificates prove themselves. */
#include "fake.h"

static struct pp_bytes set_of(const struct fake_person *p)
{
    return pp_buf_bytes(&p->pem);
}

static void test_the_same_again_is_200_and_other_octets_409(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_store(&f, "m1@x", &f.alice, "hello"), 201);
    CU_ASSERT_EQUAL(fake_store(&f, "m1@x", &f.alice, "hello"), 200);
    CU_ASSERT_EQUAL(fake_store(&f, "m1@x", &f.alice, "other"), 409);
    struct pp_buf body = {0};
    CU_ASSERT_EQUAL(fake_fetch(&f, "m1@x", &body), 200);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&body), "hello"));
    pp_buf_free(&body);
    fake_stop(&f);
}

static void test_sets_are_united(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_store(&f, "m1@x", &f.alice, "hello"), 201);
    CU_ASSERT_EQUAL(fake_status(&f, "m1@x", &f.bob), 404);
    CU_ASSERT_EQUAL(fake_store(&f, "m1@x", &f.bob, "hello"), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "m1@x", &f.bob), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "m1@x", &f.alice), 200);
    fake_stop(&f);
}

static int store_with_life(struct fake *f, uint64_t life, uint32_t copies)
{
    struct fake_request *q = fake_request(f, PP_STORE, "life@x");
    q->r.has_life = true;
    q->r.life = life;
    q->r.has_copies = copies > 0;
    q->r.copies = copies;
    fake_go(q, set_of(&f->alice), pp_str("body"));
    int status = q->status;
    fake_free(q);
    return status;
}

static void check_life(struct fake *f, const char *life, const char *copies)
{
    struct fake_request *q = fake_request(f, PP_FETCH, "life@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-Life"), life);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-Copies"), copies);
    fake_free(q);
}

static void test_life_and_copies_are_the_larger_and_bounded(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(store_with_life(&f, 1000, 0), 201);
    check_life(&f, "1000", "5");
    CU_ASSERT_EQUAL(store_with_life(&f, 500, 9), 200);
    check_life(&f, "1000", "9");
    CU_ASSERT_EQUAL(store_with_life(&f, 2000, 7), 200);
    check_life(&f, "2000", "9");
    CU_ASSERT_EQUAL(store_with_life(&f, 400 * 86400, 0), 200);
    check_life(&f, "5184000", "9"); /* 60 days */
    CU_ASSERT_EQUAL(store_with_life(&f, 0, 0), 400);
    CU_ASSERT_EQUAL(store_with_life(&f, 10, 4), 400);
    CU_ASSERT_EQUAL(store_with_life(&f, 10, 33), 400);
    fake_stop(&f);
}

static void test_past_its_life_it_is_gone_and_its_name_free(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(store_with_life(&f, 60, 0), 201);
    fake_later(&f, 61 * PP_SECOND);
    CU_ASSERT_EQUAL(fake_fetch(&f, "life@x", NULL), 404);
    CU_ASSERT_EQUAL(fake_store(&f, "life@x", &f.alice, "other octets"), 201);
    fake_stop(&f);
}

static void test_parts_must_be_there_and_in_order(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = fake_request(&f, PP_STORE, "p@x");
    fake_go(q, pp_str(""), pp_str("body without a set"));
    CU_ASSERT_EQUAL(q->status, 400);
    CU_ASSERT_TRUE(fake_says(q, "parts"));
    fake_free(q);
    q = fake_request(&f, PP_STORE, "p@x");
    fake_begin(q);
    fake_object(q, set_of(&f.alice));
    fake_body(q, pp_str("body"));
    fake_object(q, pp_str("")); /* a second object */
    fake_end(q);
    fake_run(&f);
    CU_ASSERT_EQUAL(q->status, 400);
    fake_free(q);
    q = fake_request(&f, PP_STORE, "p@x");
    fake_begin(q);
    fake_end(q);
    CU_ASSERT_EQUAL(q->status, 400);
    fake_free(q);
    q = fake_request(&f, PP_STORE, "p@x");
    fake_go(q, pp_str("-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"),
            pp_str("body"));
    CU_ASSERT_EQUAL(q->status, 400);
    CU_ASSERT_TRUE(fake_says(q, "certificate"));
    fake_free(q);
    CU_ASSERT_EQUAL(fake_fetch(&f, "p@x", NULL), 404);
    fake_stop(&f);
}

static void test_identifiers_and_sizes_are_bounded(void)
{
    struct fake f;
    char longest[1001];
    memset(longest, 'a', sizeof longest);
    longest[999] = '\0';
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_store(&f, longest, &f.alice, "x"), 414);
    longest[998] = '\0';
    CU_ASSERT_EQUAL(fake_store(&f, longest, &f.alice, "x"), 201);
    CU_ASSERT_EQUAL(fake_store(&f, "", &f.alice, "x"), 400);
    struct fake_request *q = fake_request(&f, PP_STORE, "big@x");
    q->r.length = INT64_C(80) << 20;
    fake_begin(q); /* refused before its body is asked for */
    CU_ASSERT_EQUAL(q->status, 413);
    CU_ASSERT_TRUE(fake_says(q, "too-big"));
    fake_drop(q);
    fake_run(&f);
    fake_free(q);
    fake_stop(&f);
}

static int publish(struct fake *f, const char *identifier, const struct fake_person *p, bool pem)
{
    struct fake_request *q = fake_request(f, PP_STORE, identifier);
    fake_go(q, pp_str(""), pp_buf_bytes(pem ? &p->pem : &p->certificate->der));
    int status = q->status;
    fake_free(q);
    return status;
}

#define ALICE_CERTIFICATE "alice@a.example-certificate"

static void test_a_certificate_proves_itself(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &f.alice, false), 201);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &f.alice, true), 200); /* PEM, kept as DER */
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &f.bob, false), 403);
    CU_ASSERT_EQUAL(publish(&f, "Alice@A.example-certificate", &f.alice, false), 400);
    CU_ASSERT_EQUAL(publish(&f, "-certificate", &f.alice, false), 400);
    struct fake_request *q = fake_request(&f, PP_STORE, "bob@a.example-certificate");
    fake_go(q, pp_str(""), pp_str("no certificate at all"));
    CU_ASSERT_EQUAL(q->status, 400);
    fake_free(q);
    struct pp_buf body = {0};
    CU_ASSERT_EQUAL(fake_fetch(&f, ALICE_CERTIFICATE, &body), 200);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&body), pp_buf_bytes(&f.alice.certificate->der)));
    pp_buf_free(&body);
    fake_stop(&f);
}

static void test_strangers_certificates_are_refused(void)
{
    struct fake f, other;
    fake_start(&f, 1 << 20);
    fake_start(&other, 1 << 20);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &other.alice, false), 403);
    struct fake_person old;
    fake_issue(&f, &old, "alice@a.example", FAKE_SECOND - 7200, FAKE_SECOND - 3600);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &old, false), 403);
    fake_person_free(&old);
    fake_stop(&f);
    fake_stop(&other);
}

static void test_newer_supersedes_older_is_refused(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_person newer;
    fake_issue(&f, &newer, "alice@a.example", FAKE_SECOND - 60, FAKE_SECOND + 86400);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &f.alice, false), 201);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &newer, false), 201);
    struct fake_request *q = fake_request(&f, PP_STORE, ALICE_CERTIFICATE);
    fake_go(q, pp_str(""), pp_buf_bytes(&f.alice.certificate->der));
    CU_ASSERT_EQUAL(q->status, 409);
    CU_ASSERT_TRUE(fake_says(q, "newer-exists"));
    fake_free(q);
    CU_ASSERT_EQUAL(fake_status(&f, ALICE_CERTIFICATE, &newer), 200);
    CU_ASSERT_EQUAL(fake_status(&f, ALICE_CERTIFICATE, &f.alice), 404);
    /* A tombstone bars only that same certificate. */
    CU_ASSERT_EQUAL(fake_delete(&f, ALICE_CERTIFICATE, &newer), 204);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &newer, false), 410);
    CU_ASSERT_EQUAL(publish(&f, ALICE_CERTIFICATE, &f.alice, false), 201);
    fake_person_free(&newer);
    fake_stop(&f);
}

static void test_a_signed_store_has_its_own_bucket(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.config.stores = 1;
    fake_restart(&f);
    CU_ASSERT_EQUAL(fake_store(&f, "a@x", &f.alice, "x"), 201);
    CU_ASSERT_EQUAL(fake_store(&f, "b@x", &f.alice, "x"), 201);
    struct fake_request *q = fake_request(&f, PP_STORE, "c@x");
    fake_go(q, set_of(&f.alice), pp_str("x"));
    CU_ASSERT_EQUAL(q->status, 429);
    CU_ASSERT_TRUE(fake_says(q, "rate"));
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Retry-After"), "60");
    fake_free(q);
    q = fake_request(&f, PP_STORE, "c@x");
    fake_sign(q, &f.alice, true);
    fake_go(q, set_of(&f.alice), pp_str("x"));
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    fake_later(&f, PP_MINUTE);
    CU_ASSERT_EQUAL(fake_store(&f, "d@x", &f.alice, "x"), 201);
    fake_stop(&f);
}

static void test_day_sums_and_uploads_are_bounded(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.config.day_objects = 2;
    f.config.uploads_source = 1000;
    fake_restart(&f);
    CU_ASSERT_EQUAL(fake_store(&f, "a@x", &f.alice, "x"), 429); /* length unknown: 72 MiB */
    f.config.uploads_source = UINT64_C(256) << 20;
    fake_restart(&f);
    CU_ASSERT_EQUAL(fake_store(&f, "a@x", &f.alice, "x"), 201);
    CU_ASSERT_EQUAL(fake_store(&f, "b@x", &f.alice, "x"), 201);
    struct fake_request *q = fake_request(&f, PP_STORE, "c@x");
    fake_go(q, set_of(&f.alice), pp_str("x"));
    CU_ASSERT_EQUAL(q->status, 429);
    CU_ASSERT_TRUE(fake_says(q, "day-sum"));
    fake_free(q);
    q = fake_request(&f, PP_STORE, "c@x"); /* who is exempt is not counted */
    q->r.source_exempt = true;
    fake_go(q, set_of(&f.alice), pp_str("x"));
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    fake_stop(&f);
}

CHECK_MAIN("node store", CHECK(test_the_same_again_is_200_and_other_octets_409),
           CHECK(test_sets_are_united), CHECK(test_life_and_copies_are_the_larger_and_bounded),
           CHECK(test_past_its_life_it_is_gone_and_its_name_free),
           CHECK(test_parts_must_be_there_and_in_order),
           CHECK(test_identifiers_and_sizes_are_bounded), CHECK(test_a_certificate_proves_itself),
           CHECK(test_strangers_certificates_are_refused),
           CHECK(test_newer_supersedes_older_is_refused),
           CHECK(test_a_signed_store_has_its_own_bucket),
           CHECK(test_day_sums_and_uploads_are_bounded))
