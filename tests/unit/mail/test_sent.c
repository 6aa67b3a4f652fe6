/* What became of sent mail, over the fake world: stored, fetched, expired, reported once; a liar, a
 * dead node; never backwards. */
#include "people.h"

#include <mail/sent.h>
#include <stdio.h>

static const char hello[] = "From: alice@x\r\nTo: bob@x\r\nSubject: hello\r\n"
                            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
                            "Message-ID: <1@x>\r\n\r\nHello Bob.\r\n";

static struct world w;
static struct person alice, bob, carol;

static void begin(void)
{
    world_init(&w, 16);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_init(&carol, &w, "carol@x");
    person_publish(&bob);
    person_publish(&carol);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    person_finish(&carol);
    world_finish(&w);
}

static void send_to_both(void)
{
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", "*carol@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
}

static bool checked;
static int check_code;
static unsigned check_asked;

static void on_checked(void *ctx, int code, unsigned asked)
{
    (void)ctx;
    checked = true;
    check_code = code;
    check_asked = asked;
}

static void look(void)
{
    checked = false;
    struct pp_sent_check *c = pp_sent_check_start(alice.mail, NULL, 100, on_checked, NULL);
    CHECK_FATAL(c && fake_run(alice.net, &checked, 600 * PP_SECOND));
}

static struct pp_sent_recipient state_of(size_t i)
{
    struct pp_sent sent = {0};
    CHECK_FATAL(pp_sent_recall(alice.mail, "m1", &sent) == PP_OK && i < sent.n);
    struct pp_sent_recipient r = sent.recipients[i];
    pp_sent_finish(&sent);
    return r;
}

static void test_stored_then_fetched(void)
{
    begin();
    send_to_both();
    CU_ASSERT(state_of(0).state == PP_SENT_STORED && state_of(0).copies == 5);
    CU_ASSERT(state_of(1).state == PP_SENT_STORED && state_of(0).wanted == 5);
    look();
    CU_ASSERT(check_code == 0 && check_asked == 1 && state_of(0).state == PP_SENT_STORED);
    CHECK_FATAL(person_fetch(&bob, NULL));
    look();
    CU_ASSERT(state_of(0).state == PP_SENT_FETCHED && state_of(1).state == PP_SENT_STORED);
    CHECK_FATAL(person_fetch(&carol, NULL));
    look();
    CU_ASSERT(state_of(1).state == PP_SENT_FETCHED);
    look();
    CU_ASSERT_EQUAL(check_asked, 0); /* nothing is open */
    end();
}

/* A node lost a body that somebody has yet to fetch: named, and stored again. */
static void test_lost_is_stored_again(void)
{
    begin();
    send_to_both();
    struct pp_sent_recipient bob_is = state_of(0);
    struct pp_bytes body = pp_str(bob_is.object);
    size_t at = 0;
    while (!fake_object(&w.nodes->nodes[at], body)) {
        at++;
    }
    fake_object(&w.nodes->nodes[at], body)->identifier.len = 0;
    CU_ASSERT_EQUAL(fake_copies(w.nodes, body), 4);
    look();
    CU_ASSERT_PTR_NOT_NULL(strstr(alice.net->last_log, "has lost a body"));
    CU_ASSERT_PTR_NOT_NULL(strstr(state_of(0).why, "1 of the nodes that took it have lost it"));
    CU_ASSERT_PTR_NOT_NULL(strstr(state_of(0).why, "stored again, 5 nodes"));
    CU_ASSERT_EQUAL(state_of(1).why[0], '\0');
    CU_ASSERT_EQUAL(fake_copies(w.nodes, body), 5);
    look();
    CU_ASSERT_EQUAL(state_of(0).why[0], '\0');
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(fake_copies(w.nodes, body), 0);
    end();
}

static void test_nobody_yet(void)
{
    begin();
    person_spool(&alice, "m1", hello, (const char *[]){"nobody@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(state_of(0).state == PP_SENT_QUEUED && strstr(state_of(0).why, "unknown"));
    person_wait(&alice, 6 * PP_DAY);
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CU_ASSERT_EQUAL(state_of(0).state, PP_SENT_FAILED);
    end();
}

/* Nodes that lost it, or lie about it, move nothing back. */
static void test_never_backwards(void)
{
    begin();
    send_to_both();
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].blank = true;
    }
    look();
    CU_ASSERT(state_of(0).state == PP_SENT_STORED && state_of(0).copies == 5);
    CU_ASSERT(state_of(0).unknown);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].blank = false;
    }
    look();
    CU_ASSERT_FALSE(state_of(0).unknown);
    CHECK_FATAL(person_fetch(&bob, NULL));
    look();
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = true;
    }
    look();
    CU_ASSERT(check_code != 0 && state_of(0).state == PP_SENT_FETCHED);
    CU_ASSERT_EQUAL(state_of(1).state, PP_SENT_STORED);
    end();
}

static void test_expired_is_reported_once(void)
{
    begin();
    send_to_both();
    CHECK_FATAL(person_fetch(&bob, NULL));
    look();
    person_wait(&alice, 31 * PP_DAY);
    look();
    CU_ASSERT(state_of(0).state == PP_SENT_FETCHED && state_of(1).state == PP_SENT_EXPIRED);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 1);
    const char *report = (const char *)fake_file(alice.net, PP_PLACE_NEW, 0)->octets.data;
    CU_ASSERT(strstr(report, "report-type=delivery-status") && strstr(report, "<carol@x>\n"));
    CU_ASSERT(strstr(report, "rfc822; bob@x\nAction: delivered\nStatus: 2.0.0") != NULL);
    CU_ASSERT(strstr(report, "rfc822; carol@x\nAction: failed\nStatus: 4.4.7") != NULL);
    CU_ASSERT(strstr(report, "Auto-Submitted: auto-replied") && strstr(report, "Return-Path: <>"));
    CU_ASSERT_FALSE(fake_file(alice.net, PP_PLACE_NEW, 0)->linked);
    look();
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 1);
    end();
}

/* Killed between the report and its note: the second finds the first. */
static void test_killed_while_reporting(void)
{
    for (int at = 1; at < 12; at++) {
        begin();
        send_to_both();
        person_wait(&alice, 31 * PP_DAY);
        alice.net->points = 0;
        alice.net->kill_at = at;
        checked = false;
        struct pp_sent_check *c = pp_sent_check_start(alice.mail, NULL, 100, on_checked, NULL);
        bool lived = fake_run(alice.net, &checked, 600 * PP_SECOND);
        if (!lived) {
            pp_sent_check_cancel(c);
        }
        person_halt(&alice);
        alice.net->kill_at = 0;
        person_boot(&alice);
        look();
        CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 1);
        CU_ASSERT_EQUAL(state_of(0).state, PP_SENT_EXPIRED);
        pp_sent_sweep(alice.mail); /* as every start does */
        CU_ASSERT_FALSE(fake_file(alice.net, PP_PLACE_NEW, 0)->linked);
        end();
        if (lived) {
            break;
        }
    }
}

CHECK_MAIN("sent", CHECK(test_stored_then_fetched), CHECK(test_nobody_yet),
           CHECK(test_lost_is_stored_again), CHECK(test_never_backwards),
           CHECK(test_expired_is_reported_once), CHECK(test_killed_while_reporting))
