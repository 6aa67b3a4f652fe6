/* The walk: what is sent where, when it is sent again, when it ends. */
#include "rehome_fake.h"

static struct fake *f = &rehome_fake.f;

static void hold_mail(void)
{
    CU_ASSERT_EQUAL(fake_store(f, "one@x", &f->alice, "first body"), 201);
    CU_ASSERT_EQUAL(fake_store(f, "two@x", &f->bob, "second body"), 201);
    CU_ASSERT_EQUAL(fake_append(f, "bob@a.example", "a note"), 202);
    CU_ASSERT_EQUAL(fake_append(f, "bob@a.example", "another note"), 202);
}

static void test_all_goes_to_the_closest_once(void)
{
    rehome_fake_begin();
    hold_mail();
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    for (uint8_t peer = 1; peer <= 3; peer++) {
        CU_ASSERT_EQUAL(rehome_fake_count(peer, "/one@x"), 1);
        CU_ASSERT_EQUAL(rehome_fake_count(peer, "/two@x"), 1);
        CU_ASSERT_EQUAL(rehome_fake_count(peer, "/bob@a.example"), 2);
    }
    CU_ASSERT_EQUAL(rehome_fake_count(0, ""), 12);
    CU_ASSERT_EQUAL(rehome_fake.r.pass, 2); /* the second found nothing to do */
    CU_ASSERT_EQUAL(rehome_fake.sent[0].at, PP_SECOND);
    CU_ASSERT_EQUAL(fake_fetch(f, "one@x", NULL), 200); /* nothing is taken away here */
    rehome_fake_end();
}

static void test_not_to_itself(void)
{
    rehome_fake_begin();
    hold_mail();
    rehome_fake.peers[1] = 0;
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    CU_ASSERT_EQUAL(rehome_fake_count(0, ""), 8);
    CU_ASSERT_EQUAL(rehome_fake_count(2, ""), 0);
    rehome_fake_end();
}

static void test_a_later_arrival_gets_its_share(void)
{
    rehome_fake_begin();
    hold_mail();
    rehome_fake_start();
    CU_ASSERT_FALSE(rehome_fake_run(2 * PP_SECOND));
    rehome_fake.peers[2] = 4; /* it came back, and is nearer than 3 */
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    CU_ASSERT_EQUAL(rehome_fake_count(4, ""), 4);
    CU_ASSERT_EQUAL(rehome_fake.r.pass, 3);
    rehome_fake_end();
}

static void test_only_a_member_begins(void)
{
    rehome_fake_begin();
    hold_mail();
    rehome_fake.role = PP_CLIENT;
    rehome_fake_start();
    CU_ASSERT_FALSE(rehome_fake_run(30 * PP_SECOND));
    rehome_fake.role = PP_MEMBER;
    rehome_fake.state = PP_JOINING;
    CU_ASSERT_FALSE(rehome_fake_run(30 * PP_SECOND));
    CU_ASSERT_EQUAL(rehome_fake_count(0, ""), 0);
    rehome_fake.state = PP_ACTIVE;
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    CU_ASSERT_EQUAL(rehome_fake_count(0, ""), 12);
    rehome_fake_end();
}

static void test_what_is_not_worth_it(void)
{
    rehome_fake_begin();
    hold_mail();
    CU_ASSERT_EQUAL(fake_delete(f, "one@x", &f->alice), 204); /* a tombstone */
    rehome_fake_start();
    CU_ASSERT_EQUAL(fake_append(f, "bob@a.example", "came by the new network"), 202);
    fake_later(f, PP_SECOND);
    CU_ASSERT_EQUAL(fake_store(f, "new@x", &f->bob, "so did this"), 201);
    CU_ASSERT_TRUE(rehome_fake_run(PP_MINUTE));
    CU_ASSERT_EQUAL(rehome_fake_count(0, "/one@x"), 0);
    CU_ASSERT_EQUAL(rehome_fake_count(0, "/two@x"), 3);
    CU_ASSERT_EQUAL(rehome_fake_count(0, "/new@x"), 0);
    CU_ASSERT_EQUAL(rehome_fake_count(0, "/bob@a.example"), 6);
    rehome_fake_end();
}

static void test_stopped_in_the_middle(void)
{
    rehome_fake_begin();
    hold_mail();
    rehome_fake_start();
    rehome_fake.lookup_code = PP_TIMEOUT;
    CU_ASSERT_FALSE(rehome_fake_run(3 * PP_SECOND));
    rehome_fake_end(); /* timers and look-ups end without a word */
    rehome_fake_begin();
    rehome_fake_start();
    CU_ASSERT_TRUE(rehome_fake_run(3 * PP_SECOND)); /* nothing held: over after one pass */
    CU_ASSERT_EQUAL(rehome_fake.r.pass, 1);
    rehome_fake_end();
}

CHECK_MAIN("rehome", CHECK(test_all_goes_to_the_closest_once), CHECK(test_not_to_itself),
           CHECK(test_a_later_arrival_gets_its_share), CHECK(test_only_a_member_begins),
           CHECK(test_what_is_not_worth_it), CHECK(test_stopped_in_the_middle))
