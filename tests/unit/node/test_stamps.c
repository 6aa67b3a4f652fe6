/* Access times in bounded memory. */
#include <check.h>
#include <node/stamps.h>

static struct pp_name name_of(uint32_t i)
{
    struct pp_name n = {{0}};
    pp_put32(n.b, i * 2654435761u);
    pp_put32(n.b + 4, i);
    return n;
}

static void test_fresh_stamps_are_not_noted(void)
{
    struct node_stamps s;
    CHECK_FATAL(node_stamps_init(&s) == PP_OK);
    struct pp_name n = name_of(1);
    node_stamps_note(&s, PP_OBJECT, &n, 100 * PP_MINUTE, 105 * PP_MINUTE);
    CU_ASSERT_EQUAL(s.n, 0);
    node_stamps_note(&s, PP_OBJECT, &n, 100 * PP_MINUTE, 115 * PP_MINUTE);
    node_stamps_note(&s, PP_OBJECT, &n, 100 * PP_MINUTE, 116 * PP_MINUTE);
    CU_ASSERT_EQUAL(s.n, 1);
    CU_ASSERT_EQUAL(node_stamps_get(&s, PP_OBJECT, &n), 116 * PP_MINUTE);
    CU_ASSERT_EQUAL(node_stamps_get(&s, PP_INBOX, &n), 0);
    node_stamps_finish(&s);
}

static void test_a_million_accesses_stay_bounded_and_drain_by_64(void)
{
    struct node_stamps s;
    struct node_stamp out[NODE_STAMPS_A_WRITE];
    CHECK_FATAL(node_stamps_init(&s) == PP_OK);
    for (uint32_t i = 0; i < 1000000; i++) {
        struct pp_name n = name_of(i);
        node_stamps_note(&s, PP_OBJECT, &n, 0, PP_DAY);
    }
    CU_ASSERT_TRUE(s.n <= NODE_STAMPS && s.n > NODE_STAMPS / 2);
    unsigned all = s.n, taken = 0;
    for (unsigned n; (n = node_stamps_take(&s, out)) > 0;) {
        CU_ASSERT_TRUE(n <= NODE_STAMPS_A_WRITE);
        CU_ASSERT_EQUAL(out[0].stamp, PP_DAY);
        taken += n;
    }
    CU_ASSERT_EQUAL(taken, all);
    CU_ASSERT_EQUAL(s.n, 0);
    node_stamps_finish(&s);
}

CHECK_MAIN("node stamps", CHECK(test_fresh_stamps_are_not_noted),
           CHECK(test_a_million_accesses_stay_bounded_and_drain_by_64))
