/* Equations (4) to (6), against the paper's figure 2 and Table 2. */
#include <base/persistence.h>

#include <check.h>
#include <math.h>

/* Equation (6) as the paper prints it. */
static unsigned by_formula(double p, double target, double n)
{
    double root = pow(target, 1 / n);
    return (unsigned)ceil(log(1 - root) / log(1 - p) - 1e-9);
}

static void test_equation_6(void)
{
    static const double up[] = {0.3, 0.5, 0.75, 0.9, 0.99};
    static const double targets[] = {0.99, 0.999, 0.9999, 0.99999};
    static const double operations[] = {2, 100, 10000};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 4; j++) {
            for (size_t m = 0; m < 3; m++) {
                CU_ASSERT_EQUAL(pp_copies_needed(up[i], targets[j], operations[m], 100),
                                by_formula(up[i], targets[j], operations[m]));
            }
        }
    }
}

/* "when p > 0.75 we need roughly 1 or 2 more copies for an extra nine; at 0.3 roughly 5 to 7". */
static void test_extra_nine(void)
{
    unsigned high = pp_copies_needed(0.75, 0.9999, 2, 100) - pp_copies_needed(0.75, 0.999, 2, 100);
    unsigned low = pp_copies_needed(0.3, 0.9999, 2, 100) - pp_copies_needed(0.3, 0.999, 2, 100);
    CU_ASSERT(high >= 1 && high <= 2);
    CU_ASSERT(low >= 5 && low <= 7);
}

/* Table 2: the chance that all of 5 copies are down. */
static void test_table_2(void)
{
    CU_ASSERT_DOUBLE_EQUAL(1 - pp_success(0.99, 5, 1), 1e-10, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(1 - pp_success(0.5, 5, 1), 0.03125, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(1 - pp_success(0.3, 5, 1), 0.16807, 1e-9);
}

static void test_bounds(void)
{
    CU_ASSERT_EQUAL(pp_copies_needed(0.01, 0.99999, 10000, 32), 0);
    CU_ASSERT_EQUAL(pp_copies_needed(0.999, 0.5, 1, 32), 1);
    CU_ASSERT_DOUBLE_EQUAL(pp_up_share(0, 0), 0.5, 1e-9);
    CU_ASSERT(pp_up_share(0, 10) > 0 && pp_up_share(10, 10) < 1);
    CU_ASSERT(pp_up_share(950, 1000) > 0.94 && pp_up_share(950, 1000) < 0.96);
}

CHECK_MAIN("persistence", CHECK(test_equation_6), CHECK(test_extra_nine), CHECK(test_table_2),
           CHECK(test_bounds))
