/* Mail that names nobody it need not: circuits, waits, unsigned requests. */
#include "people.h"

#include <mail/work.h>

#include <stdio.h>

static const char hello[] = "From: alice@x\r\nTo: bob@x\r\nSubject: hello\r\n"
                            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
                            "Message-ID: <1@x>\r\n\r\nHello Bob.\r\n";

static struct world w;
static struct person alice, bob;

static void begin(pp_ns delay)
{
    world_init(&w, 12);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&bob);
    alice.options.anonymous = bob.options.anonymous = true;
    alice.options.delay = bob.options.delay = delay;
    person_halt(&alice);
    person_halt(&bob);
    person_boot(&alice);
    person_boot(&bob);
    alice.net->n_circuits = bob.net->n_circuits = 0;
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static void send_and_fetch(void)
{
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 1);
}

static unsigned distinct(struct pp_net_impl *net)
{
    unsigned n = 0;
    for (size_t i = 0; i < net->n_circuits; i++) {
        bool seen = false;
        CU_ASSERT(net->circuits[i][0] != '\0');
        for (size_t j = 0; j < i && !seen; j++) {
            seen = strcmp(net->circuits[i], net->circuits[j]) == 0;
        }
        n += !seen;
    }
    return n;
}

/* Certificate, body, notification; inbox, body, deletion: each operation its own. */
static void test_circuits(void)
{
    begin(0);
    send_and_fetch();
    CU_ASSERT_EQUAL(distinct(alice.net), 3);
    CU_ASSERT_EQUAL(distinct(bob.net), 3);
    end();
}

static void test_waits(void)
{
    begin(PP_MINUTE);
    pp_ns before = alice.net->mono;
    send_and_fetch();
    CU_ASSERT(alice.net->mono - before > PP_SECOND); /* two waits of a minute in the mean */
    end();
}

/* The mean and the share beyond it, of an exponential distribution. */
static void test_distribution(void)
{
    begin(PP_SECOND);
    double sum = 0;
    unsigned n = 20000, beyond = 0;
    for (unsigned i = 0; i < n; i++) {
        pp_ns d = pp_mail_delay(alice.mail);
        sum += (double)d / (double)PP_SECOND;
        beyond += d > PP_SECOND;
    }
    CU_ASSERT(sum / n > 0.97 && sum / n < 1.03);
    CU_ASSERT((double)beyond / n > 0.355 && (double)beyond / n < 0.381); /* 1/e */
    end();
}

static void test_throttled_is_not_signed(void)
{
    begin(0);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].throttles = true;
    }
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(!alice.finished && !alice.progress.sent);
    end();
}

/* An inbox whose open part is full takes work: one stamp for all nodes, and still no signature. */
static void test_work_opens_a_full_inbox(void)
{
    begin(0);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].throttles = true;
        w.nodes->nodes[i].work = 12;
        w.nodes->nodes[i].opens_stores = true;
    }
    send_and_fetch();
    end();
}

static void test_work_is_parsed(void)
{
    char stamp[64];
    CU_ASSERT_EQUAL(pp_work_wanted(pp_str("d=16")), 16);
    CU_ASSERT_EQUAL(pp_work_wanted(pp_str("d=1x")), 0);
    CU_ASSERT_EQUAL(pp_work_wanted(pp_str("16")), 0);
    CU_ASSERT_EQUAL(pp_work_wanted(pp_str("d=160")), 0);
    CU_ASSERT_EQUAL(pp_work_stamp(stamp, pp_str("a@x"), pp_str("n"), 25, 0), PP_INVALID);
    CU_ASSERT_EQUAL(pp_work_stamp(stamp, pp_str("a@x"), pp_str("n"), 8, 0), PP_OK);
    CU_ASSERT(strncmp(stamp, "d=8;s=", 6) == 0 && strlen(stamp) == 22);
}

CHECK_MAIN("anonymity", CHECK(test_circuits), CHECK(test_waits), CHECK(test_distribution),
           CHECK(test_throttled_is_not_signed), CHECK(test_work_opens_a_full_inbox),
           CHECK(test_work_is_parsed))
