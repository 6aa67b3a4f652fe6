/* Fetch: whole, in slow pieces, and cut when the object goes away under a slow reader. */
#include "fake.h"

#include <stdlib.h>

static void store_big(struct fake *f, const char *id, size_t len)
{
    uint8_t *p = malloc(len);
    CHECK_FATAL(p != NULL);
    memset(p, 'z', len);
    struct fake_request *q = fake_request(f, PP_STORE, id);
    fake_go(q, pp_buf_bytes(&f->alice.pem), pp_bytes(p, len));
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    free(p);
}

static void test_the_answer_tells_of_the_object(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    struct fake_request *q = fake_request(&f, PP_FETCH, "m@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_EQUAL(q->length, 5);
    CU_ASSERT_TRUE(q->finished);
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Content-Digest"),
                           "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
    CU_ASSERT_STRING_EQUAL(fake_field(q, "Peerpost-Life"), "2592000");
    fake_free(q);
    q = fake_request(&f, PP_FETCH, "never@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 404);
    CU_ASSERT_TRUE(fake_says(q, "not-found"));
    fake_free(q);
    fake_stop(&f);
}

static void test_a_slow_reader_gets_it_all(void)
{
    struct fake f;
    fake_start(&f, 4 << 20);
    store_big(&f, "m@x", 700001);
    struct fake_request *q = fake_request(&f, PP_FETCH, "m@x");
    q->room = 0;
    fake_begin(q);
    fake_end(q);
    CU_ASSERT_EQUAL(q->status, 200);
    for (int i = 0; i < 2000 && !q->finished; i++) {
        q->room = 997;
        pp_node_pull(f.node, &q->r, f.now);
    }
    CU_ASSERT_TRUE(q->released && q->finished && !q->cut);
    CU_ASSERT_EQUAL(q->body.len, 700001);
    fake_free(q);
    fake_stop(&f);
}

static void test_deleted_under_a_slow_reader_it_is_cut(void)
{
    struct fake f;
    fake_start(&f, 4 << 20);
    store_big(&f, "m@x", 700000);
    struct fake_request *q = fake_request(&f, PP_FETCH, "m@x");
    q->room = 1000;
    fake_begin(q);
    fake_end(q);
    CU_ASSERT_EQUAL(fake_delete(&f, "m@x", &f.alice), 204);
    q->room = SIZE_MAX;
    pp_node_pull(f.node, &q->r, f.now);
    CU_ASSERT_TRUE(q->cut);
    CU_ASSERT_FALSE(q->finished);
    CU_ASSERT_TRUE(q->released);
    fake_free(q);
    fake_stop(&f);
}

static void test_a_reader_that_goes_is_forgotten(void)
{
    struct fake f;
    fake_start(&f, 4 << 20);
    store_big(&f, "m@x", 700000);
    struct fake_request *q = fake_request(&f, PP_FETCH, "m@x");
    q->room = 1000;
    fake_begin(q);
    fake_end(q);
    fake_drop(q);
    CU_ASSERT_TRUE(q->released);
    fake_free(q);
    fake_stop(&f);
}

static pp_ns stamp_of(struct fake *f, const char *id)
{
    struct pp_head head;
    struct pp_name name = {{0}};
    struct fake_request *q = fake_request(f, PP_FETCH, id);
    name = q->r.name;
    q->released = true;
    fake_free(q);
    struct pp_view *view = f->api->begin_view(f->store);
    CU_ASSERT_EQUAL(f->api->head(view, PP_OBJECT, &name, &head), PP_OK);
    f->api->end_view(view);
    return head.stamp;
}

static void test_reads_write_only_a_coarse_stamp_behind_others(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    pp_ns stored = stamp_of(&f, "m@x");
    unsigned batches = f.batches;
    fake_later(&f, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 200);
    fake_later(&f, 6 * PP_MINUTE);
    CU_ASSERT_EQUAL(fake_fetch(&f, "m@x", NULL), 200);
    CU_ASSERT_EQUAL(f.batches, batches); /* no commit for a read */
    CU_ASSERT_EQUAL(stamp_of(&f, "m@x"), stored);
    fake_store(&f, "n@x", &f.alice, "hello");
    CU_ASSERT_EQUAL(f.batches, batches + 1);
    CU_ASSERT_EQUAL(stamp_of(&f, "m@x"), f.now.wall);
    fake_later(&f, 11 * PP_MINUTE);
    fake_fetch(&f, "m@x", NULL);
    fake_later(&f, 2 * PP_MINUTE); /* or alone, after a while */
    fake_run(&f);
    CU_ASSERT_EQUAL(stamp_of(&f, "m@x"), f.now.wall - 2 * PP_MINUTE);
    fake_stop(&f);
}

CHECK_MAIN("node fetch", CHECK(test_the_answer_tells_of_the_object),
           CHECK(test_a_slow_reader_gets_it_all), CHECK(test_deleted_under_a_slow_reader_it_is_cut),
           CHECK(test_a_reader_that_goes_is_forgotten),
           CHECK(test_reads_write_only_a_coarse_stamp_behind_others))
