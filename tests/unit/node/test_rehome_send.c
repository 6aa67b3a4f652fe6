/* What the answers to a rehoming node's PUTs mean: waiting as long as is asked, trying again,
 * giving up until the next pass, never asking again. */
#include "rehome_fake.h"

#include <stdio.h>

static struct fake *f = &rehome_fake.f;
static const char *wait_text;
static int status_first;
static unsigned refusals;

/* Peer 2 refuses so often, then takes it. */
static int second_refuses(const struct rehome_sent *sent, const char **retry_after)
{
    if (sent->peer != 2 || refusals == 0) {
        return 201;
    }
    refusals--;
    *retry_after = wait_text;
    return status_first;
}

static void hold_one(void)
{
    rehome_fake_begin();
    CU_ASSERT_EQUAL(fake_store(f, "one@x", &f->alice, "first body"), 201);
    rehome_fake.answer = second_refuses;
    rehome_fake_start();
}

static void waits_as_asked(int status, const char *text, pp_ns wait)
{
    status_first = status;
    wait_text = text;
    refusals = 2;
    hold_one();
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CHECK_FATAL(rehome_fake.n_sent == 5);
    CU_ASSERT_EQUAL(rehome_fake_count(1, ""), 1); /* the others are not asked again */
    CU_ASSERT_EQUAL(rehome_fake_count(3, ""), 1);
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 3);
    CU_ASSERT_EQUAL(rehome_fake.sent[3].at, PP_SECOND + wait);
    CU_ASSERT_EQUAL(rehome_fake.sent[4].at, PP_SECOND + 2 * wait);
    CU_ASSERT_EQUAL(rehome_fake.r.pass, 2);
    rehome_fake_end();
}

static void test_429_and_503_are_waited_for(void)
{
    waits_as_asked(429, "7", 7 * PP_SECOND);
    waits_as_asked(503, "1", PP_SECOND);
    waits_as_asked(429, "86400", 300 * PP_SECOND); /* the longest that it sleeps */
}

/* Asked to wait, it is patient; not asked, it tries six times and leaves it to the next pass. */
static void test_patience(void)
{
    status_first = 429;
    wait_text = "2";
    refusals = 90;
    hold_one();
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_EQUAL(rehome_fake.r.pass, 2);
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 91);
    rehome_fake_end();
    status_first = 507;
    wait_text = NULL;
    refusals = 8;
    hold_one();
    CU_ASSERT_FALSE(rehome_fake_run(70 * PP_SECOND));
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 7);
    CU_ASSERT_EQUAL(rehome_fake.sent[3].at, 2 * PP_SECOND);
    CU_ASSERT_EQUAL(rehome_fake.sent[4].at, 4 * PP_SECOND);
    CU_ASSERT_EQUAL(rehome_fake.sent[5].at, 8 * PP_SECOND);
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_TRUE(rehome_fake.r.pass >= 3); /* behind one that stored comes another */
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 9);
    rehome_fake_end();
}

static void test_a_silent_node_is_tried_again(void)
{
    status_first = 0;
    wait_text = NULL;
    refusals = 1;
    hold_one();
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 2);
    rehome_fake_end();
}

static void never_again(int status, uint64_t deleted, uint64_t refused)
{
    status_first = status;
    wait_text = NULL;
    refusals = 1000;
    hold_one();
    CU_ASSERT_FALSE(rehome_fake_run(5 * PP_SECOND));
    CU_ASSERT_EQUAL(rehome_fake.r.deleted, deleted);
    CU_ASSERT_EQUAL(rehome_fake.r.refused, refused);
    CU_ASSERT_EQUAL(rehome_fake.r.stored, 2);
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 1);
    rehome_fake_end();
}

static void test_answers_that_will_not_change(void)
{
    never_again(410, 1, 0); /* deleted there: it stays deleted */
    never_again(409, 0, 1);
    never_again(413, 0, 1);
    never_again(200, 0, 0); /* there already */
}

/* What is deleted here while a node asked to wait is not sent to it. */
static void test_deleted_while_waiting(void)
{
    status_first = 429;
    wait_text = "60";
    refusals = 1;
    hold_one();
    CU_ASSERT_FALSE(rehome_fake_run(10 * PP_SECOND));
    CU_ASSERT_EQUAL(fake_delete(f, "one@x", &f->alice), 204);
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 1);
    rehome_fake_end();
}

static void test_no_answer_to_the_look_up(void)
{
    wait_text = NULL;
    refusals = 0;
    hold_one();
    rehome_fake.lookup_code = PP_UNREACHABLE;
    CU_ASSERT_FALSE(rehome_fake_run(70 * PP_SECOND));
    CU_ASSERT_EQUAL(rehome_fake.r.left, 1);
    rehome_fake.lookup_code = PP_OK;
    CU_ASSERT_TRUE(rehome_fake_run(PP_HOUR));
    CU_ASSERT_EQUAL(rehome_fake_count(0, ""), 3);
    rehome_fake_end();
}

CHECK_MAIN("rehome send", CHECK(test_429_and_503_are_waited_for), CHECK(test_patience),
           CHECK(test_a_silent_node_is_tried_again), CHECK(test_answers_that_will_not_change),
           CHECK(test_deleted_while_waiting), CHECK(test_no_answer_to_the_look_up))
