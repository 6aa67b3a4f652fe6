/* Waiting for mail: at whom, how often, what of nodes that let nobody wait or fail. */
#include "talker.h"

#include <stdio.h>

static struct world w;
static struct person alice, bob;
static struct talker b;

static void begin(void)
{
    world_init(&w, 12);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&bob);
    talker_start(&b, &bob, "alice@x");
}

static void end(void)
{
    talker_stop(&b);
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static unsigned requests(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        n += w.nodes->nodes[i].requests;
        w.nodes->nodes[i].requests = 0;
    }
    return n;
}

static void mail(const char *name)
{
    person_spool(&alice, name,
                 "From: alice@x\r\nTo: bob@x\r\nSubject: s\r\n"
                 "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <1@x>\r\n\r\nHello.\r\n",
                 (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, name) && alice.finished);
}

static void test_mail_comes_by_itself(void)
{
    begin();
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_TRUE(b.nodes == 5 && b.of == 5);
    mail("m1");
    talker_run(&b, PP_SECOND);
    CU_ASSERT_EQUAL(b.came, 1);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 1);
    mail("m2");
    talker_run(&b, PP_SECOND);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 2);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    end();
}

/* A node that lets nobody wait is asked every now and then, never in a loop. */
static void test_nodes_that_answer_at_once_are_not_hammered(void)
{
    begin();
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].hurries = true;
    }
    talker_run(&b, 10 * PP_SECOND);
    requests();
    talker_run(&b, 10 * PP_MINUTE);
    unsigned n = requests();
    CU_ASSERT(n >= 5 * 10 && n <= 5 * 20);
    mail("m1");
    talker_run(&b, 2 * PP_MINUTE);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 1);
    end();
}

static void test_nodes_that_fail_and_come_back(void)
{
    struct fake_node *closest[PP_K_MAX];
    struct pp_id key = pp_inbox_place(pp_str("bob@x"));
    begin();
    CHECK_FATAL(fake_closest(w.nodes, &key, 5, closest) == 5);
    closest[0]->dead = closest[0]->unnoticed = true;
    closest[1]->refuses = true;
    talker_run(&b, PP_SECOND);
    CU_ASSERT_TRUE(b.nodes == 3 && b.of == 5);
    closest[0]->dead = closest[1]->refuses = false;
    talker_run(&b, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(b.nodes, 5);
    closest[2]->clock = 3600; /* it says so; the next signature fits */
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.nodes, 5);
    bob.net->no_network = true;
    talker_run(&b, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(b.nodes, 0);
    bob.net->no_network = false;
    talker_run(&b, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(b.nodes, 5);
    mail("m1");
    talker_run(&b, PP_SECOND);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 1);
    end();
}

static void test_what_cannot_be_journaled_is_not_confirmed(void)
{
    begin();
    mail("m1");
    bob.net->lossy_disk = true;
    talker_run(&b, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b.came, 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 5);
    end();
}

CHECK_MAIN("vigil", CHECK(test_mail_comes_by_itself),
           CHECK(test_nodes_that_answer_at_once_are_not_hammered),
           CHECK(test_nodes_that_fail_and_come_back),
           CHECK(test_what_cannot_be_journaled_is_not_confirmed))
