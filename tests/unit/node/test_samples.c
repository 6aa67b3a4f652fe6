/* A node's probe objects: which are due, what their answers add up to. */
#include <check.h>
#include <node/samples.h>

#include <math.h>
#include <stdio.h>

static struct node_samples s;

static void add(unsigned number, pp_ns stored)
{
    struct node_sample one = {.n = 3, .stored = stored, .asked = stored};
    snprintf(one.identifier, sizeof one.identifier, "%u", number);
    node_samples_add(&s, &one);
}

static void test_the_longest_unasked_is_due_first(void)
{
    memset(&s, 0, sizeof s);
    CU_ASSERT_PTR_NULL(node_samples_due(&s, 10, 10, 100));
    add(1, 5);
    add(2, 3);
    add(3, 20);
    struct node_sample *due = node_samples_due(&s, 10, 10, 100);
    CHECK_FATAL(due != NULL);
    CU_ASSERT_STRING_EQUAL(due->identifier, "2");
    due->asked = 10;
    due = node_samples_due(&s, 10, 10, 100);
    CU_ASSERT_STRING_EQUAL(due->identifier, "1");
    due->asked = 10;
    CU_ASSERT_PTR_NULL(node_samples_due(&s, 10, 10, 100)); /* 3 is younger than the round */
    due = node_samples_due(&s, 104, 104, 100);             /* 2 is past its life */
    CU_ASSERT_STRING_EQUAL(due->identifier, "1");
    CU_ASSERT_PTR_NOT_NULL(node_samples_due(&s, 110, 110, 100));
    CU_ASSERT_PTR_NULL(node_samples_due(&s, 500, 500, 100));
}

static void test_a_full_table_forgets_the_oldest(void)
{
    memset(&s, 0, sizeof s);
    for (unsigned i = 0; i < NODE_SAMPLES_MAX + 3; i++) {
        add(i, i + 1);
    }
    CU_ASSERT_EQUAL(s.n, NODE_SAMPLES_MAX);
    CU_ASSERT_STRING_EQUAL(node_samples_due(&s, 1000, 70, 1000)->identifier, "3");
}

static void test_the_estimate(void)
{
    struct node_estimate e;
    memset(&s, 0, sizeof s);
    node_samples_estimate(&s, 100, 0.999, 2, &e);
    CU_ASSERT_TRUE(fabs(e.p - 0.5) < 1e-9 && e.copies == 0);
    for (unsigned i = 0; i < 98; i++) {
        node_samples_count(&s, 100 + i / 49, i % 2 == 0); /* half of them, on two days */
        if (i == 40) {
            node_samples_estimate(&s, 100, 0.999, 2, &e);
            CU_ASSERT_TRUE(e.asked == 41 && e.copies == 0); /* too few to advise */
        }
    }
    node_samples_estimate(&s, 101, 0.999, 2, &e);
    CU_ASSERT_TRUE(e.asked == 98 && e.good == 49);
    CU_ASSERT_TRUE(fabs(e.p - 0.5) < 1e-9);
    CU_ASSERT_EQUAL(e.copies, 11); /* (6): log(1 - sqrt(0.999)) / log(0.5) = 10.97 */
    node_samples_estimate(&s, 114, 0.999, 2, &e);
    CU_ASSERT_EQUAL(e.asked, 49); /* the first day is over */
    node_samples_estimate(&s, 115, 0.999, 2, &e);
    CU_ASSERT_EQUAL(e.asked, 0);
    node_samples_count(&s, 114, true); /* in the place of day 100 */
    node_samples_estimate(&s, 114, 0.999, 2, &e);
    CU_ASSERT_EQUAL(e.asked, 50);
}

CHECK_MAIN("node samples", CHECK(test_the_longest_unasked_is_due_first),
           CHECK(test_a_full_table_forgets_the_oldest), CHECK(test_the_estimate))
