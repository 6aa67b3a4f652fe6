/* Probe objects over the fake world: the estimate follows what the nodes do, and bodies get as many
 * copies as it asks for. */
#include "people.h"

#include <base/persistence.h>
#include <mail/probe.h>
#include <stdio.h>

static const char hello[] = "From: alice@x\r\nTo: bob@x\r\nSubject: hello\r\n"
                            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
                            "Message-ID: <1@x>\r\n\r\nHello Bob.\r\n";

static struct world w;
static struct person alice, bob;

struct outcome {
    bool done;
    struct pp_probe_result result;
};

static void on_done(void *ctx, const struct pp_probe_result *result)
{
    struct outcome *o = ctx;
    o->done = true;
    o->result = *result;
}

static struct pp_probe_result probe(unsigned samples)
{
    struct pp_probe_options options = {.samples = samples, .age = 3600};
    struct outcome o = {0};
    struct pp_probe *p = pp_probe_start(alice.mail, &options, on_done, &o);
    CHECK_FATAL(p && fake_run(alice.net, &o.done, 600 * PP_SECOND));
    return o.result;
}

static void begin(void)
{
    world_init(&w, 32);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&bob);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static void test_all_up(void)
{
    begin();
    struct pp_probe_result r = probe(8);
    CU_ASSERT(r.code == 0 && r.stored == 8 && r.asked == 0);
    r = probe(0); /* too young to be asked for */
    CU_ASSERT(r.stored == 0 && r.asked == 0);
    person_wait(&alice, 2 * PP_HOUR);
    r = probe(0);
    CU_ASSERT(r.asked == 40 && r.good == 40);
    struct pp_probe_estimate e;
    pp_probe_estimate(alice.mail, &e);
    CU_ASSERT(e.samples == 8 && e.asked == 40 && e.good == 40 && e.p > 0.95);
    CU_ASSERT_EQUAL(e.copies, pp_copies_needed(e.p, 0.999, 2, 32));
    end();
}

/* Of 32 nodes 10 are down or lie: p is near 0.69, and the copies asked for follow. */
static void test_some_down_some_lie(void)
{
    struct pp_probe_estimate e;
    begin();
    probe(32);
    for (size_t i = 0; i < 10; i++) {
        w.nodes->nodes[3 * i].dead = i % 3 == 0;
        w.nodes->nodes[3 * i].liar = i % 3 == 1;
        w.nodes->nodes[3 * i].silent = i % 3 == 2;
    }
    person_wait(&alice, 2 * PP_HOUR);
    struct pp_probe_result r = probe(0);
    CU_ASSERT(r.asked == 160 && r.good < r.asked);
    pp_probe_estimate(alice.mail, &e);
    CU_ASSERT(e.p > 0.55 && e.p < 0.82);
    CU_ASSERT(e.copies >= 5 && e.copies <= 10);
    end();
}

static void test_adaptive_copies_are_stored_found_and_deleted(void)
{
    struct pp_probe_estimate e;
    unsigned distinct;
    begin();
    alice.options.copies_adaptive = true;
    pp_mail_destroy(alice.mail);
    person_boot(&alice);
    CU_ASSERT_EQUAL(pp_probe_copies(alice.mail), 5); /* nothing measured yet */
    probe(32);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[4 * i].liar = true;
    }
    person_wait(&alice, 2 * PP_HOUR);
    probe(0);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].liar = false;
    }
    pp_probe_estimate(alice.mail, &e);
    unsigned copies = pp_probe_copies(alice.mail), before = fake_bodies(w.nodes, &distinct);
    CU_ASSERT(copies == e.copies && copies > 5);
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CU_ASSERT_EQUAL(fake_bodies(w.nodes, &distinct), before + copies);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.delivered, 1);
    CU_ASSERT_EQUAL(fake_bodies(w.nodes, &distinct), before);
    end();
}

static void test_old_samples_go(void)
{
    struct pp_probe_estimate e;
    begin();
    probe(4);
    person_wait(&alice, (PP_PROBE_DAYS + 1) * PP_DAY);
    struct pp_probe_result r = probe(0);
    CU_ASSERT_EQUAL(r.asked, 0);
    pp_probe_estimate(alice.mail, &e);
    CU_ASSERT(e.samples == 0 && e.asked == 0);
    end();
}

static void test_no_network_says_nothing_of_the_nodes(void)
{
    struct pp_probe_estimate e;
    begin();
    probe(4);
    person_wait(&alice, 2 * PP_HOUR);
    alice.net->no_network = true;
    struct pp_probe_result r = probe(1);
    CU_ASSERT(r.code == PP_LOCAL && r.asked == 0 && r.stored == 0);
    pp_probe_estimate(alice.mail, &e);
    CU_ASSERT_EQUAL(e.asked, 0);
    end();
}

CHECK_MAIN("probe", CHECK(test_all_up), CHECK(test_some_down_some_lie),
           CHECK(test_adaptive_copies_are_stored_found_and_deleted), CHECK(test_old_samples_go),
           CHECK(test_no_network_says_nothing_of_the_nodes))
