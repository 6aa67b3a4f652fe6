/* Edit distance. */
#include <check.h>
#include <config/internal.h>

static void test_distances(void)
{
    CU_ASSERT_EQUAL(pp_edit_distance("", ""), 0);
    CU_ASSERT_EQUAL(pp_edit_distance("", "abc"), 3);
    CU_ASSERT_EQUAL(pp_edit_distance("kitten", "sitting"), 3);
    CU_ASSERT_EQUAL(pp_edit_distance("chord", "chrod"), 1);
    CU_ASSERT_EQUAL(pp_edit_distance("abcd", "abxd"), 1);
    CU_ASSERT_EQUAL(pp_edit_distance("abc", "abcd"), 1);
}

static void test_long_names_are_not_compared(void)
{
    char text[200];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_EQUAL(pp_edit_distance(text, "a"), SIZE_MAX);
    CU_ASSERT_FALSE(pp_edit_is_slip(text, "a"));
}

static void test_slips(void)
{
    CU_ASSERT_TRUE(pp_edit_is_slip("network.kk", "network.k"));
    CU_ASSERT_TRUE(pp_edit_is_slip("lmbd", "lmdb"));
    CU_ASSERT_FALSE(pp_edit_is_slip("can", "fs"));
    CU_ASSERT_FALSE(pp_edit_is_slip("pastry", "chord"));
}

CHECK_MAIN("config suggest", CHECK(test_distances), CHECK(test_long_names_are_not_compared),
           CHECK(test_slips))
