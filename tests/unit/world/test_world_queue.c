/* The order of events: by time, then by entry; moving and taking out. */
#include <check.h>
#include <sim/world/prng.h>
#include <sim/world/queue.h>

static void test_equal_times_leave_in_order(void)
{
    struct pp_queue q = {0};
    for (uint32_t i = 0; i < 1000; i++) {
        pp_queue_set(&q, i, 7 + i % 2);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(pp_queue_pop(&q), i < 500 ? 2 * i : 2 * (i - 500) + 1);
    }
    CU_ASSERT_EQUAL(pp_queue_first(&q, NULL), PP_NEVER);
    pp_queue_finish(&q);
}

static void test_random_moves_keep_the_order(void)
{
    struct pp_queue q = {0};
    struct pp_prng r;
    pp_prng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        uint32_t slot = (uint32_t)pp_prng_below(&r, 500);
        pp_queue_set(&q, slot, pp_prng_chance(&r, 200000) ? PP_NEVER : pp_prng_below(&r, 10000));
    }
    pp_ns last = 0;
    size_t left = q.n, popped = 0;
    while (pp_queue_first(&q, NULL) != PP_NEVER) {
        pp_ns at = pp_queue_first(&q, NULL);
        CU_ASSERT_TRUE(at >= last);
        last = at;
        pp_queue_pop(&q);
        popped++;
    }
    CU_ASSERT_EQUAL(popped, left);
    pp_queue_finish(&q);
}

CHECK_MAIN("world queue", CHECK(test_equal_times_leave_in_order),
           CHECK(test_random_moves_keep_the_order))
