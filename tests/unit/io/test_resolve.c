/* Names to addresses: answers on the loop, failures with a reason, cancelling at any moment. */
#include <check.h>
#include <io/resolve.h>

static struct {
    int called;
    size_t n;
    uint8_t first[16];
    char why[200];
} got;

static void on_answer(void *ctx, const uint8_t (*addresses)[16], size_t n, const char *why)
{
    (void)ctx;
    got.called++;
    got.n = n;
    if (n > 0) {
        memcpy(got.first, addresses[0], 16);
    }
    snprintf(got.why, sizeof got.why, "%s", why);
}

static struct pp_resolve *ask(struct pp_loop *loop, const char *name, bool v6)
{
    memset(&got, 0, sizeof got);
    struct pp_resolve *question = pp_resolve_start(loop, name, v6, on_answer, NULL);
    CU_ASSERT_PTR_NOT_NULL(question);
    CU_ASSERT_EQUAL(got.called, 0); /* never from inside */
    return question;
}

static void await(struct pp_loop *loop)
{
    while (got.called == 0) {
        pp_loop_turn(loop, true);
    }
    CU_ASSERT_EQUAL(got.called, 1);
}

static void test_a_name_and_an_address(void)
{
    static const uint8_t here[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    struct pp_loop *loop = pp_loop_create();
    ask(loop, "localhost", false);
    await(loop);
    CU_ASSERT_TRUE(got.n >= 1 && memcmp(got.first, here, 16) == 0);
    ask(loop, "127.0.0.1", true);
    await(loop);
    CU_ASSERT_TRUE(got.n == 1 && memcmp(got.first, here, 16) == 0);
    pp_loop_destroy(loop);
}

static void test_no_name(void)
{
    char name[80];
    struct pp_loop *loop = pp_loop_create();
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0'; /* a label has 63 octets at most: no server is asked */
    ask(loop, name, false);
    await(loop);
    CU_ASSERT_EQUAL(got.n, 0);
    CU_ASSERT_TRUE(got.why[0] != '\0');
    pp_loop_destroy(loop);
}

static void test_cancelled(void)
{
    struct pp_loop *loop = pp_loop_create();
    for (unsigned i = 0; i < 200; i++) {
        struct pp_resolve *question = ask(loop, "localhost", false);
        for (unsigned turn = 0; turn < i % 3 && got.called == 0; turn++) {
            pp_loop_turn(loop, false);
        }
        if (got.called == 0) { /* its thread may be done, or not have begun */
            pp_resolve_cancel(question);
            pp_loop_turn(loop, false);
            CU_ASSERT_EQUAL(got.called, 0);
        }
    }
    pp_resolve_cancel(NULL);
    pp_loop_destroy(loop);
}

CHECK_MAIN("resolve", CHECK(test_a_name_and_an_address), CHECK(test_no_name), CHECK(test_cancelled))
