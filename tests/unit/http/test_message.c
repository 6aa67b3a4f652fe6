/* Fields by name and reason phrases. */
#include <check.h>
#include <http/message.h>

static void test_fields_are_found_by_name_whatever_the_case(void)
{
    struct pp_field f[] = {{pp_str("Host"), pp_str("a")},
                           {pp_str("PRAGMA"), pp_str("read-inbox")},
                           {pp_str("pragma"), pp_str("append-inbox")}};
    CU_ASSERT_PTR_EQUAL(pp_field_find(f, 3, "Pragma"), &f[1]);
    CU_ASSERT_PTR_NULL(pp_field_find(f, 3, "Prag"));
    CU_ASSERT_EQUAL(pp_field_count(f, 3, "pragma"), 2);
    CU_ASSERT_EQUAL(pp_field_count(f, 0, "pragma"), 0);
}

static void test_every_status_of_an_error_has_a_phrase(void)
{
#define X(name, number, text, status) CU_ASSERT_TRUE(strlen(pp_status_text(status)) > 0);
    PP_ERRORS(X)
#undef X
    CU_ASSERT_STRING_EQUAL(pp_status_text(299), "");
}

CHECK_MAIN("message", CHECK(test_fields_are_found_by_name_whatever_the_case),
           CHECK(test_every_status_of_an_error_has_a_phrase))
