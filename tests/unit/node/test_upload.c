/* Bodies in pieces, and the races of a store: a client dies, two are equal, the store is full. */
#include "fake.h"

#include <base/hash.h>
#include <stdlib.h>

static struct pp_bytes big(size_t len, uint8_t salt)
{
    uint8_t *p = malloc(len);
    CHECK_FATAL(p != NULL);
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)(i * 31 + i / 256 + salt);
    }
    return pp_bytes(p, len);
}

static uint64_t used(struct fake *f)
{
    struct pp_usage usage;
    struct pp_view *view = f->api->begin_view(f->store);
    f->api->usage(view, &usage);
    f->api->end_view(view);
    return usage.octets;
}

static void test_pieces_make_the_body(void)
{
    struct fake f;
    fake_start(&f, 32 << 20);
    static const size_t sizes[] = {0, 1, PP_PIECE_MAX - 1, PP_PIECE_MAX, PP_PIECE_MAX + 1, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char id[8] = {'b', (char)('0' + i), '@', 'x', '\0'};
        struct pp_bytes body = big(sizes[i], (uint8_t)i);
        struct fake_request *q = fake_request(&f, PP_STORE, id);
        fake_go(q, pp_buf_bytes(&f.alice.pem), body);
        CU_ASSERT_EQUAL(q->status, 201);
        fake_free(q);
        struct pp_buf back = {0};
        CU_ASSERT_EQUAL(fake_fetch(&f, id, &back), 200);
        CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&back), body));
        pp_buf_free(&back);
        free((void *)(uintptr_t)body.data);
    }
    fake_stop(&f);
}

static void test_four_pieces_are_out_at_most(void)
{
    struct fake f;
    fake_start(&f, 32 << 20);
    struct pp_bytes body = big(3 << 20, 0);
    struct fake_request *q = fake_request(&f, PP_STORE, "four@x");
    fake_begin(q);
    fake_object(q, pp_buf_bytes(&f.alice.pem));
    size_t taken = fake_body(q, body);
    CU_ASSERT_EQUAL(taken, 4 * PP_PIECE_MAX);
    CU_ASSERT_EQUAL(fake_body(q, pp_bytes(body.data + taken, body.len - taken)), 0);
    CU_ASSERT_FALSE(q->resumed);
    fake_run(&f);
    CU_ASSERT_TRUE(q->resumed);
    fake_drop(q); /* and here the client dies */
    fake_run(&f);
    CU_ASSERT_TRUE(q->released);
    fake_free(q);
    CU_ASSERT_EQUAL(fake_fetch(&f, "four@x", NULL), 404);
    CU_ASSERT_TRUE(used(&f) < 64 << 10); /* the pieces were given back */
    free((void *)(uintptr_t)body.data);
    fake_stop(&f);
}

static void test_a_client_dies_with_a_piece_out(void)
{
    struct fake f;
    fake_start(&f, 32 << 20);
    struct pp_bytes body = big(1 << 20, 0);
    struct fake_request *q = fake_request(&f, PP_STORE, "dies@x");
    fake_begin(q);
    fake_object(q, pp_buf_bytes(&f.alice.pem));
    fake_body(q, body);
    fake_drop(q);
    CU_ASSERT_FALSE(q->released); /* its ops are the writer's */
    fake_run(&f);
    CU_ASSERT_TRUE(q->released);
    CU_ASSERT_EQUAL(q->status, 0);
    fake_free(q);
    CU_ASSERT_TRUE(used(&f) < 64 << 10);
    free((void *)(uintptr_t)body.data);
    fake_stop(&f);
}

static void test_two_equal_puts(void)
{
    struct fake f;
    fake_start(&f, 32 << 20);
    struct pp_bytes body = big(600 << 10, 0), other = big(600 << 10, 1);
    struct fake_request *q[3];
    const struct fake_person *owner[] = {&f.alice, &f.bob, &f.bob};
    for (int i = 0; i < 3; i++) {
        q[i] = fake_request(&f, PP_STORE, "twins@x");
        fake_begin(q[i]);
        fake_object(q[i], pp_buf_bytes(&owner[i]->pem));
        fake_body(q[i], i == 2 ? other : body);
    }
    for (int i = 0; i < 3; i++) {
        fake_end(q[i]);
    }
    fake_run(&f);
    CU_ASSERT_EQUAL(q[0]->status, 201);
    CU_ASSERT_EQUAL(q[1]->status, 200);
    CU_ASSERT_EQUAL(q[2]->status, 409);
    for (int i = 0; i < 3; i++) {
        fake_free(q[i]);
    }
    CU_ASSERT_EQUAL(fake_status(&f, "twins@x", &f.alice), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "twins@x", &f.bob), 200);
    CU_ASSERT_TRUE(used(&f) < 700 << 10); /* the second body was discarded */
    free((void *)(uintptr_t)body.data);
    free((void *)(uintptr_t)other.data);
    fake_stop(&f);
}

static void test_a_full_store_answers_507_and_stays_usable(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct pp_bytes small = big(200 << 10, 0), body = big(900 << 10, 1);
    struct fake_request *q = fake_request(&f, PP_STORE, "small@x");
    fake_go(q, pp_buf_bytes(&f.alice.pem), small);
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    q = fake_request(&f, PP_STORE, "large@x");
    fake_go(q, pp_buf_bytes(&f.alice.pem), body);
    CU_ASSERT_EQUAL(q->status, 507);
    CU_ASSERT_TRUE(fake_says(q, "store-full"));
    fake_free(q);
    CU_ASSERT_TRUE(used(&f) < 300 << 10);
    CU_ASSERT_EQUAL(fake_fetch(&f, "small@x", NULL), 200);
    CU_ASSERT_EQUAL(fake_delete(&f, "small@x", &f.alice), 204);
    q = fake_request(&f, PP_STORE, "large@x");
    fake_go(q, pp_buf_bytes(&f.alice.pem), body);
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    free((void *)(uintptr_t)small.data);
    free((void *)(uintptr_t)body.data);
    fake_stop(&f);
}

static void test_room_is_made_in_the_midst_of_an_upload(void)
{
    struct fake f;
    fake_start(&f, 2 << 20);
    struct pp_bytes old = big(1500 << 10, 0), body = big(1300 << 10, 1);
    f.covers = PP_COVERS_NO;
    struct fake_request *q = fake_request(&f, PP_STORE, "old@x");
    fake_go(q, pp_buf_bytes(&f.alice.pem), old);
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    fake_later(&f, PP_HOUR / 2); /* within grace: only pressure takes it */
    q = fake_request(&f, PP_STORE, "new@x");
    fake_go(q, pp_buf_bytes(&f.alice.pem), body);
    CU_ASSERT_EQUAL(q->status, 201);
    fake_free(q);
    struct pp_buf back = {0};
    CU_ASSERT_EQUAL(fake_fetch(&f, "new@x", &back), 200);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&back), body));
    CU_ASSERT_EQUAL(fake_fetch(&f, "old@x", NULL), 404);
    struct pp_node_counts counts;
    pp_node_counts(f.node, &counts);
    CU_ASSERT_EQUAL(counts.collected_pressure, 1);
    pp_buf_free(&back);
    free((void *)(uintptr_t)old.data);
    free((void *)(uintptr_t)body.data);
    fake_stop(&f);
}

/* A pool of one piece: a second upload waits for the first one's memory and then goes on. */
static void test_memory_is_one_bounded_pool(void)
{
    struct fake f;
    fake_start(&f, 8 << 20);
    f.config.buffers = PP_PIECE_MAX;
    fake_restart(&f);
    struct pp_bytes body = big(PP_PIECE_MAX, 0);
    struct fake_request *one = fake_request(&f, PP_STORE, "one@x");
    struct fake_request *two = fake_request(&f, PP_STORE, "two@x");
    fake_begin(one);
    fake_object(one, pp_buf_bytes(&f.alice.pem));
    CU_ASSERT_EQUAL(fake_body(one, body), body.len);
    fake_begin(two);
    fake_object(two, pp_buf_bytes(&f.alice.pem));
    CU_ASSERT_EQUAL(fake_body(two, body), 0);
    fake_end(one);
    fake_run(&f);
    CU_ASSERT_EQUAL(one->status, 201);
    CU_ASSERT_TRUE(two->resumed);
    CU_ASSERT_EQUAL(fake_body(two, body), body.len);
    fake_end(two);
    fake_run(&f);
    CU_ASSERT_EQUAL(two->status, 201);
    fake_free(one);
    fake_free(two);
    free((void *)(uintptr_t)body.data);
    fake_stop(&f);
}

CHECK_MAIN("node upload", CHECK(test_pieces_make_the_body), CHECK(test_four_pieces_are_out_at_most),
           CHECK(test_a_client_dies_with_a_piece_out), CHECK(test_two_equal_puts),
           CHECK(test_a_full_store_answers_507_and_stays_usable),
           CHECK(test_room_is_made_in_the_midst_of_an_upload),
           CHECK(test_memory_is_one_bounded_pool))
