/*
 * The frame of a CUnit program: name the tests once, run them all, exit 1 when one failed.
 *   static void test_x(void) { CU_ASSERT_EQUAL(1, 1); }
 *   CHECK_MAIN("suite", CHECK(test_x), CHECK(test_y))
 * A first argument runs the tests whose name contains it.
 */
#ifndef CHECK_H
#define CHECK_H

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

struct check_case {
    const char *name;
    void (*fn)(void);
};
#define CHECK(fn)                                                                                  \
    {                                                                                              \
#fn, fn                                                                                    \
    }
#define CHECK_MAIN(suite_name, ...)                                                                \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct check_case cases[] = {__VA_ARGS__};                                    \
        if (CU_initialize_registry() != CUE_SUCCESS) {                                             \
            return 2;                                                                              \
        }                                                                                          \
        CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);                                    \
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {                                \
            if (argc < 2 || strstr(cases[i].name, argv[1])) {                                      \
                CU_add_test(suite, cases[i].name, cases[i].fn);                                    \
            }                                                                                      \
        }                                                                                          \
        CU_basic_set_mode(CU_BRM_VERBOSE);                                                         \
        CU_basic_run_tests();                                                                      \
        unsigned ran = CU_get_number_of_tests_run(), failed = CU_get_number_of_failures();         \
        CU_cleanup_registry();                                                                     \
        return ran == 0 || failed > 0;                                                             \
    }

/* Fails and leaves the test function. */
#define CHECK_FATAL(value) CU_ASSERT_TRUE_FATAL(value)

#endif
