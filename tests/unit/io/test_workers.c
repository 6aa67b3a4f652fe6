/* Work on threads, results on the loop's thread, bounds, destruction with work out. */
#include <check.h>
#include <io/loop.h>
#include <pthread.h>
#include <stdatomic.h>

struct task {
    struct pp_loop *loop;
    pthread_t loop_thread;
    atomic_int *gate; /* NULL: no waiting */
    int worked, done, dropped, on_loop;
    int *left;
};

static void work(void *ctx)
{
    struct task *t = ctx;
    if (t->gate) {
        while (atomic_load(t->gate) == 0) {
        }
    }
    t->worked = 1;
}

static void done(void *ctx, bool dropped)
{
    struct task *t = ctx;
    t->done++;
    t->dropped += dropped;
    t->on_loop = pthread_equal(t->loop_thread, pthread_self());
    if (t->left && --*t->left == 0) {
        pp_loop_stop(t->loop);
    }
}

static void test_all_done_on_the_loop(void)
{
    enum { N = 500 };
    static struct task tasks[N];
    struct pp_loop *loop = pp_loop_create();
    struct pp_workers *w = pp_workers_create(loop, 3, N);
    int left = N;
    for (int i = 0; i < N; i++) {
        tasks[i] = (struct task){.loop = loop, .loop_thread = pthread_self(), .left = &left};
        CU_ASSERT_EQUAL(pp_workers_submit(w, work, done, &tasks[i]), PP_OK);
    }
    pp_loop_run(loop);
    for (int i = 0; i < N; i++) {
        CU_ASSERT_TRUE(tasks[i].worked && tasks[i].done == 1 && tasks[i].on_loop);
        CU_ASSERT_FALSE(tasks[i].dropped);
    }
    pp_workers_destroy(w);
    pp_loop_destroy(loop);
}

/* Lets the running task go once destroy has begun to wait or is about to: either way both tasks
 * that wait behind it must be reported, and the running one must have worked. */
static void *open_gate(void *gate)
{
    atomic_store((atomic_int *)gate, 1);
    return NULL;
}

static void test_full_queue_and_destroy_with_work_out(void)
{
    struct pp_loop *loop = pp_loop_create();
    struct pp_workers *w = pp_workers_create(loop, 1, 2);
    atomic_int gate = 0;
    struct task tasks[8];
    int accepted = 0;
    for (int i = 0; i < 8; i++) {
        tasks[i] = (struct task){.loop = loop, .loop_thread = pthread_self(), .gate = &gate};
    }
    while (accepted < 8 && pp_workers_submit(w, work, done, &tasks[accepted]) == PP_OK) {
        accepted++;
    }
    /* two wait; a third only if the worker took the first one already */
    CU_ASSERT_TRUE(accepted == 2 || accepted == 3);
    pthread_t opener;
    CHECK_FATAL(pthread_create(&opener, NULL, open_gate, &gate) == 0);
    pp_workers_destroy(w);
    pthread_join(opener, NULL);
    for (int i = 0; i < accepted; i++) {
        CU_ASSERT_EQUAL(tasks[i].done, 1);
        CU_ASSERT_TRUE(tasks[i].on_loop);
        CU_ASSERT_EQUAL(tasks[i].dropped, !tasks[i].worked);
    }
    pp_loop_turn(loop, false); /* nothing of the pool is left in the loop */
    pp_loop_destroy(loop);
}

CHECK_MAIN("workers", CHECK(test_all_done_on_the_loop),
           CHECK(test_full_queue_and_destroy_with_work_out))
