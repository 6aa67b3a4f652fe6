/* Sending and reading over the fake world: the whole path, faults of nodes, kills at every durable
 * step. Nothing is lost, nothing comes twice. */
#include "people.h"

#include <stdio.h>

static const char hello[] = "From: alice@x\r\nTo: bob@x\r\nSubject: hello\r\n"
                            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
                            "Message-ID: <1@x>\r\n\r\nHello Bob.\r\n";

static struct world w;
static struct person alice, bob, carol;

static void begin(size_t nodes)
{
    world_init(&w, nodes);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_init(&carol, &w, "carol@x");
    person_publish(&bob);
    CU_ASSERT_EQUAL(bob.code, 0);
    person_publish(&carol);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    person_finish(&carol);
    world_finish(&w);
}

static void spool_to_bob(const char *name)
{
    person_spool(&alice, name, hello, (const char *[]){"bob@x", NULL});
}

static size_t mails(struct person *p)
{
    return fake_count_files(p->net, PP_PLACE_NEW);
}

static bool holds(struct person *p, size_t i, const char *text)
{
    const struct fake_file *f = fake_file(p->net, PP_PLACE_NEW, i);
    return f && strstr((const char *)f->octets.data, text);
}

static unsigned bodies(unsigned *distinct)
{
    return fake_bodies(w.nodes, distinct);
}

static void test_whole_path(void)
{
    unsigned distinct;
    begin(16);
    CU_ASSERT_EQUAL(fake_copies(w.nodes, pp_str("bob@x-certificate")), 5);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT_EQUAL(alice.code, 0);
    CU_ASSERT(alice.finished && alice.progress.complete && alice.progress.copies == 5);
    CU_ASSERT_EQUAL(bodies(&distinct), 5);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 5);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_SPOOL), 0);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.code, 0);
    CU_ASSERT(bob.read.complete && bob.read.silent == 0 && bob.read.fresh == 1);
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CU_ASSERT(holds(&bob, 0, "Subject: hello\nDate"));
    CU_ASSERT(holds(&bob, 0, "\n\nHello Bob.\n"));
    CU_ASSERT(holds(&bob, 0, "Delivered-To: bob@x\n"));
    CU_ASSERT(holds(&bob, 0, "smime=pass body.smime-identifier=alice@x"));
    CU_ASSERT_FALSE(fake_file(bob.net, PP_PLACE_NEW, 0)->linked);
    CU_ASSERT_EQUAL(bodies(&distinct), 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CU_ASSERT_EQUAL(alice.net->logged + bob.net->logged, 0);
    end();
}

static void test_to_and_cc_share_bcc_does_not(void)
{
    unsigned distinct;
    begin(16);
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", "*carol@x", "alice@x", NULL});
    person_publish(&alice);
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(alice.finished);
    CU_ASSERT_EQUAL(bodies(&distinct), 10);
    CU_ASSERT_EQUAL(distinct, 2);
    CHECK_FATAL(person_fetch(&bob, NULL) && person_fetch(&carol, NULL));
    CU_ASSERT_EQUAL(bodies(&distinct), 5);
    CU_ASSERT(!holds(&bob, 0, "carol") && !holds(&bob, 0, "Bcc"));
    CU_ASSERT(holds(&carol, 0, "Bcc: carol@x\n"));
    CHECK_FATAL(person_fetch(&alice, NULL));
    CU_ASSERT_EQUAL(bodies(&distinct), 0);
    CU_ASSERT_EQUAL(mails(&alice) + mails(&bob) + mails(&carol), 3);
    end();
}

static void test_unknown_recipient(void)
{
    begin(8);
    person_spool(&alice, "m1", hello, (const char *[]){"nobody@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT_EQUAL(alice.progress.unknown, 1);
    CU_ASSERT(!alice.finished && strstr(alice.why, "nobody@x is unknown"));
    person_spool(&alice, "m2", hello, (const char *[]){"bob@x", "nobody@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m2"));
    CU_ASSERT(!alice.finished && !alice.progress.sent);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    person_wait(&alice, 6 * PP_DAY);
    CHECK_FATAL(person_pass(&alice, "m2"));
    CU_ASSERT(alice.finished);
    CU_ASSERT_EQUAL(mails(&alice), 1);
    CU_ASSERT(holds(&alice, 0, "Status: 5.1.1") && holds(&alice, 0, "nobody@x"));
    CU_ASSERT_FALSE(fake_file(alice.net, PP_PLACE_NEW, 0)->linked);
    end();
}

/* Holders of the body to come are not known before; so the fault strikes nodes by number. */
static void test_dead_nodes_on_the_way(void)
{
    begin(16);
    w.nodes->nodes[3].dead = w.nodes->nodes[3].unnoticed = true;
    w.nodes->nodes[7].silent = true;
    w.nodes->nodes[11].refuses = true;
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(alice.progress.sent && alice.progress.copies >= 3);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    end();
}

static void holders_of_body(struct fake_node **out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        for (size_t j = 0; j < w.nodes->nodes[i].n_objects; j++) {
            struct fake_object *o = &w.nodes->nodes[i].objects[j];
            if (!o->gone && strstr((const char *)o->identifier.data, "@peerpost.invalid")) {
                out[(*n)++] = &w.nodes->nodes[i];
            }
        }
    }
}

enum fault { FAULT_DEAD, FAULT_GONE, FAULT_LIAR, FAULT_SILENT, FAULT_BLANK, FAULT_ENDLESS, FAULTS };

static void strike(struct fake_node *node, enum fault fault)
{
    node->dead = fault == FAULT_DEAD || fault == FAULT_GONE;
    node->unnoticed = fault == FAULT_DEAD;
    node->liar = fault == FAULT_LIAR;
    node->silent = fault == FAULT_SILENT;
    node->blank = fault == FAULT_BLANK;
    node->endless = fault == FAULT_ENDLESS;
}

/* Any four of a body's five holders failing in any one way: the fifth serves. */
static void test_four_of_five_holders_fail(void)
{
    for (int fault = 0; fault < FAULTS; fault++) {
        unsigned blamed = 0;
        for (size_t survivor = 0; survivor < 5; survivor++) {
            struct fake_node *holders[80];
            size_t n;
            begin(16);
            spool_to_bob("m1");
            CHECK_FATAL(person_pass(&alice, "m1"));
            CHECK_FATAL(person_fetch(&bob, &(struct pp_read_options){.headers_only = true}));
            CU_ASSERT_EQUAL(bob.letter, PP_LETTER_HEADERS);
            holders_of_body(holders, &n);
            CHECK_FATAL(n == 5);
            for (size_t i = 0; i < n; i++) {
                if (i != survivor) {
                    strike(holders[i], (enum fault)fault);
                }
            }
            CHECK_FATAL(person_fetch(&bob, &(struct pp_read_options){.no_inbox = true}));
            CU_ASSERT_EQUAL(mails(&bob), 1);
            CU_ASSERT(holds(&bob, 0, "Hello Bob."));
            blamed += bob.net->blamed;
            end();
        }
        CU_ASSERT(fault != FAULT_LIAR || blamed >= 4);
    }
}

static void test_all_holders_fail_then_return(void)
{
    struct fake_node *holders[80];
    size_t n;
    begin(16);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CHECK_FATAL(person_fetch(&bob, &(struct pp_read_options){.headers_only = true}));
    holders_of_body(holders, &n);
    for (size_t i = 0; i < n; i++) {
        strike(holders[i], FAULT_GONE);
    }
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.later, 1);
    CU_ASSERT_EQUAL(bob.letter, PP_LETTER_LATER);
    CU_ASSERT(strstr(bob.letter_why, "no good copy") != NULL);
    CU_ASSERT_EQUAL(mails(&bob), 0);
    holders[2]->dead = false;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    end();
}

static void test_inbox_holders_fail_then_one_returns(void)
{
    struct fake_node *holders[PP_K_MAX];
    struct pp_id place = pp_inbox_place(pp_str("bob@x"));
    begin(16);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CHECK_FATAL(fake_closest(w.nodes, &place, 5, holders) == 5);
    for (size_t i = 0; i < 5; i++) {
        strike(holders[i], FAULT_GONE);
    }
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.silent, 5);
    CU_ASSERT(!bob.read.complete && bob.read.k == 10);
    holders[4]->dead = false;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    end();
}

/* An inbox that hands out again what was confirmed: once in the Maildir all the same. */
static void test_old_inbox_brings_nothing_twice(void)
{
    begin(8);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[i].keeps = true;
    }
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    for (int i = 0; i < 3; i++) {
        CHECK_FATAL(person_fetch(&bob, NULL));
        CU_ASSERT_EQUAL(mails(&bob), 1);
    }
    end();
}

static void fetch_beside_a_liar(bool keeps, bool hides, const char *fault)
{
    struct fake_node *holders[PP_K_MAX];
    struct pp_id place = pp_inbox_place(pp_str("bob@x"));
    begin(8);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CHECK_FATAL(fake_closest(w.nodes, &place, 5, holders) == 5);
    holders[2]->keeps = keeps;
    holders[2]->hides = hides;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CU_ASSERT_EQUAL(bob.net->logged, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(bob.net->last_log, fault));
    char who[96];
    pp_peer_text(who, &holders[2]->peer);
    CU_ASSERT_PTR_NOT_NULL(strstr(bob.net->last_log, who));
    end();
}

static void test_lying_inboxes_are_named(void)
{
    fetch_beside_a_liar(true, false, "hands out again");
    fetch_beside_a_liar(false, true, "does not hand out 1 of 1");
}

/* Mail that reached a holder only after it was read is no lie. */
static void test_late_mail_accuses_nobody(void)
{
    struct fake_node *holders[PP_K_MAX];
    struct pp_id place = pp_inbox_place(pp_str("bob@x"));
    begin(8);
    CHECK_FATAL(fake_closest(w.nodes, &place, 5, holders) == 5);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    holders[4]->hides_once = true;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CU_ASSERT_EQUAL(bob.net->logged, 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    end();
}

static void test_clock_skew_is_learned(void)
{
    begin(8);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[i].clock = 3600;
    }
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.silent, 0);
    CU_ASSERT_EQUAL(mails(&bob), 1);
    unsigned distinct;
    CU_ASSERT_EQUAL(bodies(&distinct), 0);
    end();
}

static void test_throttled_is_repeated_signed(void)
{
    begin(8);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[i].throttles = true;
    }
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(alice.progress.complete);
    end();
}

static void test_squatted_id_starts_over(void)
{
    begin(8);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[i].squats = i < 7;
    }
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT_FALSE(alice.progress.sent);
    for (size_t i = 0; i < 8; i++) {
        w.nodes->nodes[i].squats = i == 1;
    }
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT_TRUE(alice.progress.sent);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    end();
}

static void test_partition_keeps_it_queued(void)
{
    begin(8);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    for (size_t i = 0; i < 6; i++) {
        strike(&w.nodes->nodes[i], FAULT_GONE);
    }
    spool_to_bob("m2");
    CHECK_FATAL(person_pass(&alice, "m2"));
    CU_ASSERT(!alice.finished && !alice.progress.sent);
    CU_ASSERT(strstr(alice.why, "cut in two") != NULL);
    for (size_t i = 0; i < 6; i++) {
        w.nodes->nodes[i].dead = false;
    }
    CHECK_FATAL(person_pass(&alice, "m2"));
    CU_ASSERT(alice.finished);
    end();
}

static void test_signed_form_is_kept(void)
{
    begin(8);
    person_halt(&bob);
    bob.options.keep_signed = true;
    person_boot(&bob);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1") && person_fetch(&bob, NULL));
    const struct fake_file *f = fake_file(bob.net, PP_PLACE_SIGNED, 0);
    CHECK_FATAL(f != NULL);
    CU_ASSERT_STRING_EQUAL(f->name, fake_file(bob.net, PP_PLACE_NEW, 0)->name);
    CU_ASSERT(strstr((const char *)f->octets.data, "signed-data") != NULL);
    end();
}

static void test_small_networks(void)
{
    for (size_t nodes = 1; nodes <= 4; nodes++) {
        begin(nodes);
        spool_to_bob("m1");
        CHECK_FATAL(person_pass(&alice, "m1"));
        CU_ASSERT(alice.finished && alice.progress.copies == nodes);
        CHECK_FATAL(person_fetch(&bob, NULL));
        CU_ASSERT_EQUAL(mails(&bob), 1);
        end();
    }
}

static void test_no_network_blames_nobody(void)
{
    begin(8);
    alice.net->no_network = true;
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(!alice.finished && strstr(alice.why, "no network here"));
    alice.net->no_network = false;
    CHECK_FATAL(person_pass(&alice, "m1"));
    CU_ASSERT(alice.finished);
    end();
}

/* A full disk: no inbox is told to forget, nothing is delivered by half. */
static void test_full_disk_confirms_nothing(void)
{
    begin(8);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    bob.net->lossy_disk = true;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.code, PP_FULL);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 5);
    bob.net->lossy_disk = false;
    person_halt(&bob);
    person_boot(&bob);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    end();
}

static void test_bad_notification_blocks_nothing(void)
{
    struct fake_node *holders[PP_K_MAX];
    struct pp_id place = pp_inbox_place(pp_str("bob@x"));
    begin(8);
    spool_to_bob("m1");
    CHECK_FATAL(person_pass(&alice, "m1"));
    fake_closest(w.nodes, &place, 5, holders);
    struct fake_inbox *box = fake_inbox(holders[0], pp_str("bob@x"));
    CHECK_FATAL(box != NULL);
    box->entries[box->n] = (struct fake_entry){.seq = ++holders[0]->seq};
    pp_buf_add_str(&box->entries[box->n++].octets, "rubbish");
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.bad, 1);
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.bad, 0);
    end();
}

/* --- kills --------------------------------------------------------------------------------- */

/* Alice's process dies at her n-th durable step, starts again, and finishes. Returns whether there
 * was such a step. */
static bool kill_sender(int n)
{
    unsigned distinct;
    begin(8);
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", "*carol@x", NULL});
    alice.net->kill_at = n;
    bool ended = person_pass(&alice, "m1");
    if (!ended) {
        person_halt(&alice);
        person_boot(&alice);
        if (fake_count_files(alice.net, PP_PLACE_SPOOL) > 0) {
            CHECK_FATAL(person_pass(&alice, "m1"));
            CU_ASSERT(alice.finished);
        }
    }
    CHECK_FATAL(person_fetch(&bob, NULL) && person_fetch(&carol, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    CU_ASSERT_EQUAL(mails(&carol), 1);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_SPOOL), 0);
    CU_ASSERT_EQUAL(bodies(&distinct), 0);
    end();
    return !ended;
}

static void test_sender_killed_at_every_step(void)
{
    int n = 1;
    while (kill_sender(n)) {
        n++;
    }
    CU_ASSERT(n > 15);
}

/* Her own copy: one, with LF, wherever she dies; none of what nobody gets, or a program wrote. */
static bool kill_sender_with_copy(int n)
{
    begin(8);
    alice.options.keep_sent = true;
    person_halt(&alice);
    person_boot(&alice);
    spool_to_bob("m1");
    alice.net->kill_at = n;
    bool ended = person_pass(&alice, "m1");
    if (!ended) {
        person_halt(&alice);
        person_boot(&alice);
        if (fake_count_files(alice.net, PP_PLACE_SPOOL) > 0) {
            CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
        }
    }
    CHECK_FATAL(fake_count_files(alice.net, PP_PLACE_SENT) == 1);
    const struct fake_file *f = fake_file(alice.net, PP_PLACE_SENT, 0);
    CU_ASSERT(strlen(f->name) == 64 && !memchr(f->octets.data, '\r', f->octets.len));
    CU_ASSERT(strstr((const char *)f->octets.data, "\n\nHello") != NULL);
    end();
    return !ended;
}

static void test_a_copy_of_what_is_sent(void)
{
    int n = 1;
    while (kill_sender_with_copy(n)) {
        n++;
    }
    begin(8);
    alice.options.keep_sent = true;
    person_halt(&alice);
    person_boot(&alice);
    person_spool(&alice, "m1", hello, (const char *[]){"nobody@x", NULL});
    person_spool(&alice, "m2", "Auto-Submitted: auto-replied\r\nFrom: alice@x\r\n\r\nQ\r\n",
                 (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1") && person_pass(&alice, "m2"));
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_SENT), 0);
    end();
}

static bool kill_reader(int n)
{
    unsigned distinct;
    begin(8);
    spool_to_bob("m1");
    spool_to_bob("m2");
    CHECK_FATAL(person_pass(&alice, "m1") && person_pass(&alice, "m2"));
    bob.net->kill_at = bob.net->points + n;
    bool ended = person_fetch(&bob, NULL);
    if (!ended) {
        person_halt(&bob);
        person_boot(&bob);
        CHECK_FATAL(person_fetch(&bob, NULL));
    }
    CU_ASSERT_EQUAL(mails(&bob), 2);
    CU_ASSERT_EQUAL(bodies(&distinct), 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    end();
    return !ended;
}

static void test_reader_killed_at_every_step(void)
{
    int n = 1;
    while (kill_reader(n)) {
        n++;
    }
    CU_ASSERT(n > 15);
}

/* A recipient who read and deleted between two passes is not sent to again. */
static void test_killed_sender_after_the_reader_deleted(void)
{
    unsigned distinct;
    begin(8);
    spool_to_bob("m1");
    alice.net->kill_at = 0;
    w.nodes->nodes[2].refuses = true;
    w.nodes->nodes[5].refuses = true;
    CHECK_FATAL(person_pass(&alice, "m1"));
    CHECK_FATAL(person_fetch(&bob, NULL));
    w.nodes->nodes[2].refuses = false;
    w.nodes->nodes[5].refuses = false;
    for (int i = 0; i < 3 && !alice.finished; i++) {
        CHECK_FATAL(person_pass(&alice, "m1"));
    }
    CU_ASSERT(alice.finished);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(mails(&bob), 1);
    (void)bodies(&distinct);
    end();
}

CHECK_MAIN("send and read", CHECK(test_whole_path), CHECK(test_to_and_cc_share_bcc_does_not),
           CHECK(test_unknown_recipient), CHECK(test_dead_nodes_on_the_way),
           CHECK(test_four_of_five_holders_fail), CHECK(test_all_holders_fail_then_return),
           CHECK(test_inbox_holders_fail_then_one_returns),
           CHECK(test_old_inbox_brings_nothing_twice), CHECK(test_lying_inboxes_are_named),
           CHECK(test_late_mail_accuses_nobody), CHECK(test_clock_skew_is_learned),
           CHECK(test_throttled_is_repeated_signed), CHECK(test_squatted_id_starts_over),
           CHECK(test_partition_keeps_it_queued), CHECK(test_signed_form_is_kept),
           CHECK(test_small_networks), CHECK(test_no_network_blames_nobody),
           CHECK(test_full_disk_confirms_nothing), CHECK(test_bad_notification_blocks_nothing),
           CHECK(test_sender_killed_at_every_step), CHECK(test_a_copy_of_what_is_sent),
           CHECK(test_reader_killed_at_every_step),
           CHECK(test_killed_sender_after_the_reader_deleted))
