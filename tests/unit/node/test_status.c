/* HEAD: how a sender learns that a recipient fetched. */
#include "fake.h"

static void test_the_life_of_a_message_as_its_sender_sees_it(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 404);
    fake_store(&f, "m@x", &f.alice, "hello");
    fake_store(&f, "m@x", &f.bob, "hello");
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", NULL), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 200);
    fake_delete(&f, "m@x", &f.alice);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.alice), 410);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.bob), 200);
    fake_delete(&f, "m@x", &f.bob);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.bob), 410);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", NULL), 410);
    fake_later(&f, 31 * PP_DAY);
    CU_ASSERT_EQUAL(fake_status(&f, "m@x", &f.bob), 404);
    fake_stop(&f);
}

static void test_head_has_no_body(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    fake_store(&f, "m@x", &f.alice, "hello");
    struct fake_request *q = fake_request(&f, PP_STATUS, "m@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->length, 5);
    CU_ASSERT_EQUAL(q->body.len, 0);
    fake_free(q);
    q = fake_request(&f, PP_STATUS, "none@x");
    fake_go(q, pp_str(""), pp_str(""));
    CU_ASSERT_EQUAL(q->status, 404);
    CU_ASSERT_EQUAL(q->body.len, 0);
    CU_ASSERT_TRUE(q->finished);
    fake_free(q);
    fake_stop(&f);
}

CHECK_MAIN("node status", CHECK(test_the_life_of_a_message_as_its_sender_sees_it),
           CHECK(test_head_has_no_body))
