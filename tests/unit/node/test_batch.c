/* Batches: what one holds, and what happens to each op when a commit fails. */
#include <check.h>
#include <node/batch.h>

/* A store that keeps nothing but counts, and fails as it is told. */
static struct {
    unsigned begun, committed, aborted, in_batch;
    unsigned room; /* ops a commit takes; more: PP_FULL */
    bool broken;
} fake;

static struct pp_batch *fake_begin(struct pp_store *store)
{
    fake.begun++;
    fake.in_batch = 0;
    return (struct pp_batch *)store;
}

static int fake_commit(struct pp_batch *batch)
{
    (void)batch;
    if (fake.broken) {
        return PP_BROKEN;
    }
    if (fake.in_batch > fake.room) {
        return PP_FULL;
    }
    fake.committed += fake.in_batch;
    return PP_OK;
}

static void fake_abort(struct pp_batch *batch)
{
    (void)batch;
    fake.aborted++;
}

static const struct pp_store_plugin api = {
    .begin = fake_begin, .commit = fake_commit, .abort = fake_abort};

static int apply_well(struct pp_op *op, struct pp_batch *batch)
{
    (void)op, (void)batch;
    fake.in_batch++;
    return PP_OK;
}

static int apply_full(struct pp_op *op, struct pp_batch *batch)
{
    (void)op, (void)batch;
    return PP_FULL;
}

static int apply_broken(struct pp_op *op, struct pp_batch *batch)
{
    (void)op, (void)batch;
    return PP_BROKEN;
}

static struct pp_op *chain(struct pp_op *ops, size_t n, size_t weight)
{
    for (size_t i = 0; i < n; i++) {
        ops[i] = (struct pp_op){.apply = apply_well,
                                .weight = weight,
                                .status = 99,
                                .next = i + 1 < n ? &ops[i + 1] : NULL};
    }
    memset(&fake, 0, sizeof fake);
    fake.room = 1000;
    return ops;
}

static size_t length(const struct pp_op *list)
{
    size_t n = 0;
    for (; list; list = list->next) {
        n++;
    }
    return n;
}

static void test_a_batch_is_64_ops_or_a_mebibyte(void)
{
    struct pp_op ops[100], *rest;
    CU_ASSERT_EQUAL(length(pp_batch_take(chain(ops, 100, 100), &rest)), 64);
    CU_ASSERT_EQUAL(length(rest), 36);
    CU_ASSERT_EQUAL(length(pp_batch_take(chain(ops, 100, 256 << 10), &rest)), 4);
    CU_ASSERT_EQUAL(length(pp_batch_take(chain(ops, 2, 8 << 20), &rest)), 1); /* never none */
    CU_ASSERT_PTR_NULL(pp_batch_take(NULL, &rest));
}

static void test_one_commit_for_all(void)
{
    struct pp_op ops[10];
    CU_ASSERT_EQUAL(pp_batch_run(&api, NULL, chain(ops, 10, 1)), PP_BROKEN); /* no batch */
    CU_ASSERT_EQUAL(ops[9].status, PP_BROKEN);
    struct pp_store *store = (struct pp_store *)(void *)&fake;
    CU_ASSERT_EQUAL(pp_batch_run(&api, store, chain(ops, 10, 1)), PP_OK);
    CU_ASSERT_EQUAL(fake.begun, 1);
    CU_ASSERT_EQUAL(fake.committed, 10);
    CU_ASSERT_EQUAL(ops[9].status, PP_OK);
}

static void test_an_op_that_does_not_fit_hurts_no_other(void)
{
    struct pp_op ops[3];
    struct pp_store *store = (struct pp_store *)(void *)&fake;
    chain(ops, 3, 1);
    ops[1].apply = apply_full;
    CU_ASSERT_EQUAL(pp_batch_run(&api, store, ops), PP_OK);
    CU_ASSERT_EQUAL(ops[0].status, PP_OK);
    CU_ASSERT_EQUAL(ops[1].status, PP_FULL);
    CU_ASSERT_EQUAL(ops[2].status, PP_OK);
    CU_ASSERT_EQUAL(fake.committed, 2);
}

static void test_a_failed_commit_is_done_again_op_by_op(void)
{
    struct pp_op ops[5];
    struct pp_store *store = (struct pp_store *)(void *)&fake;
    chain(ops, 5, 1);
    fake.room = 1;
    CU_ASSERT_EQUAL(pp_batch_run(&api, store, ops), PP_OK);
    CU_ASSERT_EQUAL(fake.begun, 6);
    CU_ASSERT_EQUAL(fake.committed, 5);
    CU_ASSERT_EQUAL(ops[4].status, PP_OK);
}

static void test_broken_is_everybodys(void)
{
    struct pp_op ops[3];
    struct pp_store *store = (struct pp_store *)(void *)&fake;
    chain(ops, 3, 1);
    ops[2].apply = apply_broken;
    CU_ASSERT_EQUAL(pp_batch_run(&api, store, ops), PP_BROKEN);
    CU_ASSERT_EQUAL(ops[0].status, PP_BROKEN);
    CU_ASSERT_EQUAL(fake.committed, 0);
    CU_ASSERT_EQUAL(fake.aborted, 1);
    chain(ops, 3, 1);
    fake.broken = true;
    CU_ASSERT_EQUAL(pp_batch_run(&api, store, ops), PP_BROKEN);
    CU_ASSERT_EQUAL(fake.begun, 1); /* no second try at a sync */
    CU_ASSERT_EQUAL(ops[0].status, PP_BROKEN);
}

CHECK_MAIN("node batch", CHECK(test_a_batch_is_64_ops_or_a_mebibyte),
           CHECK(test_one_commit_for_all), CHECK(test_an_op_that_does_not_fit_hurts_no_other),
           CHECK(test_a_failed_commit_is_done_again_op_by_op), CHECK(test_broken_is_everybodys))
