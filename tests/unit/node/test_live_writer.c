/* The writer thread: order, one flush for many, ends on the loop, nothing lost at the end. */
#include <check.h>
#include <node/live_internal.h>
#include <stdlib.h>

static struct {
    unsigned commits, applied;
    pthread_t writer;
    unsigned fail_at; /* the commit that breaks; 0: none */
    unsigned done, broken;
    int order_faults;
    pthread_t loop_thread;
} fake;

static struct pp_batch *fake_begin(struct pp_store *store)
{
    return (struct pp_batch *)store;
}

static int fake_commit(struct pp_batch *batch)
{
    (void)batch;
    fake.writer = pthread_self();
    fake.commits++;
    return fake.commits == fake.fail_at ? PP_BROKEN : PP_OK;
}

static void fake_abort(struct pp_batch *batch)
{
    (void)batch;
}

static const struct pp_store_plugin api = {
    .begin = fake_begin, .commit = fake_commit, .abort = fake_abort};

static int apply(struct pp_op *op, struct pp_batch *batch)
{
    (void)op, (void)batch;
    fake.applied++;
    return PP_OK;
}

struct test {
    struct pp_loop *loop;
    struct live_writer *writer;
    struct pp_op ops[1000];
};

static void on_done(void *ctx, struct pp_op *list, bool broken)
{
    struct test *t = ctx;
    CU_ASSERT_TRUE(pthread_equal(pthread_self(), fake.loop_thread));
    for (; list; list = list->next) {
        fake.order_faults += list != &t->ops[fake.done];
        fake.broken += list->status == PP_BROKEN;
        fake.done++;
    }
    CU_ASSERT_TRUE(!broken || fake.fail_at > 0);
}

static void start(struct test *t, unsigned fail_at)
{
    memset(&fake, 0, sizeof fake);
    memset(t, 0, sizeof *t);
    fake.fail_at = fail_at;
    fake.loop_thread = pthread_self();
    t->loop = pp_loop_create();
    t->writer = live_writer_create(t->loop, &api, (struct pp_store *)(void *)&fake, on_done, t);
    CHECK_FATAL(t->writer != NULL);
}

static void submit(struct test *t, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        t->ops[i] = (struct pp_op){.apply = apply, .weight = 100};
        live_writer_submit(t->writer, &t->ops[i]);
    }
}

static void finish(struct test *t)
{
    live_writer_destroy(t->writer);
    pp_loop_destroy(t->loop);
}

static void test_a_turn_is_one_batch_and_order_is_kept(void)
{
    static struct test t;
    start(&t, 0);
    submit(&t, 0, 60);
    CU_ASSERT_EQUAL(fake.applied, 0); /* not before the turn ends */
    while (fake.done < 60) {
        pp_loop_turn(t.loop, true);
    }
    CU_ASSERT_EQUAL(fake.commits, 1);
    submit(&t, 60, 940);
    while (fake.done < 1000) {
        pp_loop_turn(t.loop, true);
    }
    CU_ASSERT_EQUAL(fake.order_faults, 0);
    CU_ASSERT_EQUAL(fake.applied, 1000);
    CU_ASSERT_TRUE(fake.commits >= 16 && fake.commits < 100);
    CU_ASSERT_FALSE(pthread_equal(fake.writer, pthread_self()));
    finish(&t);
}

static void test_what_is_queued_at_the_end_is_written(void)
{
    static struct test t;
    start(&t, 0);
    submit(&t, 0, 300);
    finish(&t);
    CU_ASSERT_EQUAL(fake.done, 300);
    CU_ASSERT_EQUAL(fake.applied, 300);
}

static void test_after_a_broken_commit_nothing_is_written(void)
{
    static struct test t;
    start(&t, 2);
    submit(&t, 0, 640);
    while (fake.done < 640) {
        pp_loop_turn(t.loop, true);
    }
    CU_ASSERT_EQUAL(fake.commits, 2);
    CU_ASSERT_EQUAL(fake.broken, 640 - 64);
    submit(&t, 640, 10);
    finish(&t);
    CU_ASSERT_EQUAL(fake.commits, 2);
    CU_ASSERT_EQUAL(fake.broken, 650 - 64);
}

CHECK_MAIN("live writer", CHECK(test_a_turn_is_one_batch_and_order_is_kept),
           CHECK(test_what_is_queued_at_the_end_is_written),
           CHECK(test_after_a_broken_commit_nothing_is_written))
