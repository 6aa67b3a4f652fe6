/* Problem documents are JSON whatever stands in them. */
#include <check.h>
#include <node/problem.h>

static void test_a_document_has_the_members_of_rfc_9457(void)
{
    struct pp_buf b = {0};
    CU_ASSERT_EQUAL(pp_problem_write(&b, PP_PROBLEM_INBOX_FULL, "say \"full\""), 0);
    CU_ASSERT_STRING_EQUAL((char *)b.data,
                           "{\"type\":\"https://peerpost.invalid/problems/inbox-full\","
                           "\"title\":\"The inbox is full\",\"status\":507,"
                           "\"detail\":\"say \\\"full\\\"\"}\n");
    CU_ASSERT_EQUAL(pp_problem_status(PP_PROBLEM_INBOX_FULL), 507);
    pp_buf_free(&b);
}

static void test_hostile_octets_are_escaped(void)
{
    struct pp_buf b = {0};
    pp_json_string(&b, pp_bytes("a\n\\\x01\x7f", 5));
    CU_ASSERT_STRING_EQUAL((char *)b.data, "\"a\\u000a\\\\\\u0001\\u007f\"");
    pp_buf_free(&b);
}

CHECK_MAIN("node problem", CHECK(test_a_document_has_the_members_of_rfc_9457),
           CHECK(test_hostile_octets_are_escaped))
