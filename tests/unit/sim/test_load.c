/* The load: the same from the same seed, each kind on its own, churn with the median asked for. */
#include <check.h>
#include <sim/load.h>

#define NODES 200
#define SPAN (10 * PP_HOUR)

static void test_same_seed_same_plan(void)
{
    struct load_plan a = {0}, b = {0}, other = {0};
    load_lookups(&a, 7, "x", NODES, 500, SPAN);
    load_churn(&b, 7, NODES, PP_HOUR, SPAN); /* drawn in between: must disturb nothing */
    load_finish(&b);
    load_lookups(&b, 7, "x", NODES, 500, SPAN);
    load_lookups(&other, 8, "x", NODES, 500, SPAN);
    CU_ASSERT_EQUAL(a.n, 500);
    size_t same = 0, alike = 0;
    for (size_t i = 0; i < a.n; i++) {
        same += a.events[i].at == b.events[i].at && a.events[i].node == b.events[i].node &&
                pp_id_equal(&a.events[i].key, &b.events[i].key);
        alike += a.events[i].at == other.events[i].at;
    }
    CU_ASSERT_EQUAL(same, 500);
    CU_ASSERT_TRUE(alike < 5);
    load_finish(&a);
    load_finish(&b);
    load_finish(&other);
}

static void test_sorted_and_inside(void)
{
    struct load_plan p = {0};
    load_churn(&p, 1, NODES, PP_HOUR, SPAN);
    load_lookups(&p, 1, "x", NODES, 1000, SPAN);
    load_sort(&p);
    bool up[NODES], good = true;
    memset(up, 1, sizeof up);
    for (size_t i = 0; i < p.n; i++) {
        const struct load_event *e = &p.events[i];
        good = good && e->at < SPAN && e->node < NODES && (i == 0 || e[-1].at <= e->at);
        if (e->kind != LOAD_LOOKUP) { /* who dies lives, who returns is dead */
            good = good && up[e->node] == (e->kind == LOAD_DOWN);
            up[e->node] = e->kind == LOAD_UP;
        }
    }
    CU_ASSERT_TRUE(good);
    load_finish(&p);
}

static void test_victims_are_a_share(void)
{
    bool *dies = load_victims(3, NODES, 25);
    size_t n = 0;
    for (size_t i = 0; i < NODES; i++) {
        n += dies[i];
    }
    CU_ASSERT_EQUAL(n, NODES / 4);
    free(dies);
}

static void test_contacts_are_earlier(void)
{
    bool good = true;
    for (size_t i = 1; i < 1000; i++) {
        good = good && load_contact(5, i) < i;
    }
    CU_ASSERT_TRUE(good);
    struct pp_id a = load_id(5, 1), b = load_id(5, 2), c = load_id(5, 1);
    CU_ASSERT_TRUE(pp_id_equal(&a, &c));
    CU_ASSERT_FALSE(pp_id_equal(&a, &b));
}

/* Of n draws: half lie under the median, a quarter over two, an eighth over three; 0.2929 under
 * half of it (1 - 2^-0.5). Bounds: 5 sigma. */
static void test_exponential(void)
{
    enum { DRAWS = 200000, MEDIAN = 1000000 };
    struct pp_prng r;
    size_t half = 0, one = 0, two = 0, three = 0;
    pp_prng_stream(&r, 11, "exponential", 0);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x = pp_prng_exponential(&r, MEDIAN);
        half += x < MEDIAN / 2;
        one += x < MEDIAN;
        two += x >= (uint64_t)2 * MEDIAN;
        three += x >= (uint64_t)3 * MEDIAN;
    }
    CU_ASSERT_TRUE(half > 58579 - 1020 && half < 58579 + 1020);
    CU_ASSERT_TRUE(one > 100000 - 1120 && one < 100000 + 1120);
    CU_ASSERT_TRUE(two > 50000 - 970 && two < 50000 + 970);
    CU_ASSERT_TRUE(three > 25000 - 740 && three < 25000 + 740);
}

CHECK_MAIN("sim load", CHECK(test_same_seed_same_plan), CHECK(test_sorted_and_inside),
           CHECK(test_victims_are_a_share), CHECK(test_contacts_are_earlier),
           CHECK(test_exponential))
