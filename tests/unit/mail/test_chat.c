/* Short messages: said, heard, kept; in order, once, whatever fails and whoever dies. */
#include "talker.h"

#include <base/hash.h>
#include <stdio.h>

static struct world w;
static struct person alice, bob;
static struct talker a, b;

static void begin(size_t nodes)
{
    world_init(&w, nodes);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&alice);
    person_publish(&bob);
    bob.net->random = 4711;
    talker_start(&a, &alice, "bob@x");
    talker_start(&b, &bob, "alice@x");
}

static void end(void)
{
    talker_stop(&a);
    talker_stop(&b);
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static size_t files(struct person *p, enum pp_place place)
{
    return fake_count_files(p->net, place);
}

static bool file_has(struct person *p, enum pp_place place, size_t i, const char *text)
{
    const struct fake_file *f = fake_file(p->net, place, i);
    return f && memmem(f->octets.data, f->octets.len, text, strlen(text));
}

static struct fake_node *holder(unsigned i)
{
    struct fake_node *closest[PP_K_MAX];
    struct pp_id key = pp_inbox_place(pp_str("bob@x"));
    CHECK_FATAL(fake_closest(w.nodes, &key, 5, closest) > i);
    return closest[i];
}

static void test_a_line_is_heard_once_and_kept_by_both(void)
{
    begin(12);
    talker_run(&b, PP_SECOND); /* waits for it */
    CU_ASSERT_EQUAL(b.nodes, 5);
    talker_say(&a, "bob@x", "Hello, caf\xc3\xa9?");
    talker_run(&a, 10 * PP_SECOND);
    CU_ASSERT_TRUE(a.idle);
    CU_ASSERT_TRUE(a.taken == 1 && a.complete == 1 && a.copies == 5 && a.wanted == 5);
    CU_ASSERT_EQUAL(pp_outbox_lines(a.box), 0);
    talker_run(&b, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b.n_heard, 1); /* five copies */
    CU_ASSERT_STRING_EQUAL(b.heard[0], "Hello, caf\xc3\xa9?");
    CU_ASSERT_EQUAL(files(&alice, PP_PLACE_CHAT), 1);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_CHAT), 1);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_NEW), 0);
    CU_ASSERT_FALSE(fake_file(bob.net, PP_PLACE_CHAT, 0)->linked);
    CU_ASSERT_FALSE(fake_file(alice.net, PP_PLACE_CHAT, 0)->linked);
    CU_ASSERT_TRUE(file_has(&bob, PP_PLACE_CHAT, 0, "\n\nHello, caf\xc3\xa9?\n"));
    CU_ASSERT_TRUE(file_has(&bob, PP_PLACE_CHAT, 0, "smime=pass body.smime-identifier=alice@x"));
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0); /* confirmed everywhere */
    unsigned distinct;
    CU_ASSERT_EQUAL(fake_bodies(w.nodes, &distinct), 0); /* no body is stored */
    end();
}

static void test_both_ways_in_order(void)
{
    char text[64];
    begin(12);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "a %d", i);
        talker_say(&a, "bob@x", text);
        snprintf(text, sizeof text, "b %d", i);
        talker_say(&b, "alice@x", text);
    }
    talker_run(&a, PP_MINUTE);
    talker_run(&b, PP_MINUTE);
    talker_run(&a, PP_MINUTE);
    CU_ASSERT_EQUAL(a.n_heard, 20);
    CU_ASSERT_EQUAL(b.n_heard, 20);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "a %u", i);
        CU_ASSERT_STRING_EQUAL(b.heard[i], text);
        snprintf(text, sizeof text, "b %u", i);
        CU_ASSERT_STRING_EQUAL(a.heard[i], text);
    }
    CU_ASSERT_EQUAL(files(&alice, PP_PLACE_CHAT), 40);
    end();
}

static void test_who_is_away_gets_mail(void)
{
    begin(12);
    talker_stop(&b);
    talker_say(&a, "bob@x", "are you there?");
    talker_run(&a, PP_MINUTE);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.delivered, 1);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_NEW), 1);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_CHAT), 0);
    CU_ASSERT_TRUE(file_has(&bob, PP_PLACE_NEW, 0, "From: <alice@x>\nTo: <bob@x>\n"));
    talker_start(&b, &bob, "alice@x");
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.n_heard, 0);
    end();
}

static void test_a_chat_with_another_leaves_it_mail(void)
{
    begin(12);
    talker_stop(&b);
    talker_start(&b, &bob, "carol@x");
    talker_say(&a, "bob@x", "psst");
    talker_run(&a, PP_MINUTE);
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.n_heard, 0);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_NEW), 1);
    end();
}

/* A line as somebody would forge it. */
static void forge(const char *from, const struct person *signer, const char *text, bool whole)
{
    struct pp_notification n = {.life = 1000, .created = IDENTITIES_WALL / PP_SECOND, .moment = 7};
    struct pp_signer by = {signer ? signer->certificate : NULL, signer ? signer->key : NULL};
    struct pp_buf sealed = {0};
    pp_buf_add_str(&n.recipient, "bob@x");
    memcpy(n.recipient_keyid, bob.certificate->keyid, 32);
    pp_buf_printf(&n.object_id, "%s@peerpost.invalid", text);
    pp_buf_add_str(&n.from, from);
    pp_buf_add_str(&n.text, text);
    pp_sha256(n.object_digest, pp_str(whole ? text : "other"));
    CHECK_FATAL(pp_seal_notification(&sealed, &n, &by, bob.certificate, true, NULL) == PP_OK);
    for (unsigned i = 0; i < 5; i++) {
        struct fake_inbox *box = fake_inbox(holder(i), pp_str("bob@x"));
        CHECK_FATAL(box != NULL);
        struct fake_entry *e = &box->entries[box->n++];
        *e = (struct fake_entry){.seq = ++holder(i)->seq};
        pp_buf_add(&e->octets, sealed.data, sealed.len);
    }
    pp_buf_free(&sealed);
    pp_notification_finish(&n);
}

static void test_what_nobody_vouches_for_is_never_shown(void)
{
    begin(12);
    talker_say(&a, "bob@x", "true");
    talker_run(&a, PP_MINUTE);
    forge("alice@x", NULL, "unsigned", true);
    forge("alice@x", &bob, "another", true);
    forge("alice@x", &alice, "changed", false);
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.n_heard, 1);
    CU_ASSERT_EQUAL(b.bad, 3);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_CHAT), 1);
    CU_ASSERT_EQUAL(files(&bob, PP_PLACE_NEW), 0);
    end();
}

static void test_nodes_that_fail(void)
{
    begin(20);
    holder(0)->dead = true;
    holder(1)->unnoticed = holder(1)->dead = true;
    talker_say(&a, "bob@x", "one");
    talker_run(&a, 5 * PP_SECOND);
    CU_ASSERT_TRUE(a.complete == 1 || (a.sent > 0 && a.copies >= 3));
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.n_heard, 1);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = true;
    }
    talker_say(&a, "bob@x", "two");
    talker_run(&a, PP_MINUTE);
    CU_ASSERT_TRUE(a.waits > 0);
    CU_ASSERT(strlen(a.why) > 10);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = false;
    }
    talker_run(&a, PP_HOUR + 10 * PP_MINUTE);
    talker_run(&b, 2 * PP_HOUR);
    CU_ASSERT_EQUAL(b.n_heard, 2);
    CU_ASSERT_STRING_EQUAL(b.heard[1], "two");
    CU_ASSERT_EQUAL(pp_outbox_lines(a.box), 0);
    end();
}

static void test_what_cannot_be_given_comes_back(void)
{
    begin(12);
    talker_say(&a, "nobody@x", "hello?");
    talker_run(&a, PP_MINUTE);
    CU_ASSERT_EQUAL(a.failed, 1);
    CU_ASSERT_EQUAL(files(&alice, PP_PLACE_NEW), 1);
    CU_ASSERT_TRUE(file_has(&alice, PP_PLACE_NEW, 0, "<nobody@x>: nobody@x is unknown"));
    CU_ASSERT_EQUAL(pp_outbox_lines(a.box), 0);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = true;
    }
    pp_vigil_cancel(a.vigil); /* it would ask each minute */
    a.vigil = NULL;
    talker_say(&a, "bob@x", "too late");
    talker_run(&a, 6 * PP_DAY);
    CU_ASSERT_EQUAL(a.failed, 2);
    CU_ASSERT_EQUAL(files(&alice, PP_PLACE_NEW), 2);
    CU_ASSERT_EQUAL(pp_outbox_lines(a.box), 0);
    end();
}

/* A line that says after which it was said waits for that one, but not for ever. */
static void test_lines_wait_for_the_one_before(void)
{
    struct pp_notification n = {.moment = 2};
    const char *file = "0123456789012345678901234567890123456789012345678901234567890123";
    begin(12);
    pp_buf_add_str(&n.text, "second");
    pp_buf_add_str(&n.object_id, "2@peerpost.invalid");
    pp_buf_add_str(&n.after, "1@peerpost.invalid");
    pp_chat_heard(bob.mail, "alice@x", file, &n);
    CU_ASSERT_EQUAL(b.n_heard, 0);
    n.text.len = n.object_id.len = n.after.len = 0;
    n.moment = 1;
    pp_buf_add_str(&n.text, "first");
    pp_buf_add_str(&n.object_id, "1@peerpost.invalid");
    pp_chat_heard(bob.mail, "alice@x", file, &n);
    CU_ASSERT_EQUAL(b.n_heard, 2);
    CU_ASSERT_STRING_EQUAL(b.heard[0], "first");
    CU_ASSERT_STRING_EQUAL(b.heard[1], "second");
    n.text.len = n.object_id.len = 0;
    pp_buf_add_str(&n.text, "fifth");
    pp_buf_add_str(&n.object_id, "5@peerpost.invalid");
    pp_buf_add_str(&n.after, "4@peerpost.invalid");
    pp_chat_heard(bob.mail, "alice@x", file, &n);
    talker_run(&b, 900 * PP_MS);
    CU_ASSERT_EQUAL(b.n_heard, 2);
    talker_run(&b, 200 * PP_MS);
    CU_ASSERT_EQUAL(b.n_heard, 3);
    for (unsigned i = 0; i < 2 * PP_CHAT_HELD; i++) { /* what is held is bounded */
        n.object_id.len = 0;
        pp_buf_printf(&n.object_id, "x%u@peerpost.invalid", i);
        if (b.n_heard < 60) {
            pp_chat_heard(bob.mail, "alice@x", file, &n);
        }
    }
    CU_ASSERT_EQUAL(b.n_heard, 60);
    pp_notification_finish(&n);
    end();
}

static void test_bounds(void)
{
    char id[64], big[PP_CHAT_MAX + 2];
    memset(big, 1, sizeof big); /* each octet takes three */
    big[PP_CHAT_MAX + 1] = '\0';
    begin(12);
    CU_ASSERT_EQUAL(pp_outbox_say(a.box, pp_str("bob@x"), pp_str(""), id), PP_INVALID);
    CU_ASSERT_EQUAL(pp_outbox_say(a.box, pp_str("bob@x"), pp_str(big), id), PP_INVALID);
    big[PP_CHAT_MAX] = '\0';
    talker_say(&a, "bob@x", big);
    talker_run(&a, PP_MINUTE);
    talker_run(&b, PP_MINUTE);
    CU_ASSERT_EQUAL(b.n_heard, 1);
    CU_ASSERT_TRUE(file_has(&bob, PP_PLACE_CHAT, 0, big));
    end();
}

/* --- kills --------------------------------------------------------------------------------- */

static unsigned said(struct person *p, const char *text)
{
    unsigned n = 0;
    for (size_t i = 0; fake_file(p->net, PP_PLACE_CHAT, i); i++) {
        n += file_has(p, PP_PLACE_CHAT, i, text);
    }
    return n;
}

static void reboot(struct talker *t, struct person *p, const char *with)
{
    talker_stop(t);
    person_halt(p);
    person_boot(p);
    talker_start(t, p, with);
}

/* Alice says three lines and dies at her n-th durable step: what was taken is heard, once. */
static bool kill_sender(int n)
{
    begin(8);
    talker_run(&a, 100 * PP_MS);
    alice.net->points = 0;
    alice.net->kill_at = n;
    talker_say(&a, "bob@x", "one");
    talker_say(&a, "bob@x", "two");
    talker_run(&a, PP_MINUTE);
    bool killed = alice.net->killed;
    unsigned taken = a.taken;
    if (killed) {
        reboot(&a, &alice, "bob@x");
        talker_run(&a, PP_MINUTE);
    }
    talker_run(&b, PP_MINUTE);
    CU_ASSERT(b.n_heard >= taken && b.n_heard <= 2);
    CU_ASSERT_EQUAL(said(&alice, "\n\none\n") + said(&alice, "\n\ntwo\n"), b.n_heard);
    CU_ASSERT_EQUAL(said(&bob, "\n\none\n") + said(&bob, "\n\ntwo\n"), b.n_heard);
    CU_ASSERT(said(&bob, "\n\none\n") <= 1 && said(&bob, "\n\ntwo\n") <= 1);
    CU_ASSERT_EQUAL(pp_outbox_lines(a.box), 0);
    end();
    return killed;
}

static void test_sender_killed_at_every_step(void)
{
    int n = 1;
    while (kill_sender(n)) {
        n++;
    }
    CU_ASSERT(n > 10);
}

/* Bob dies while he takes two lines: each is in his Chat folder once. */
static bool kill_reader(int n)
{
    begin(8);
    talker_say(&a, "bob@x", "one");
    talker_say(&a, "bob@x", "two");
    talker_run(&a, PP_MINUTE);
    bob.net->points = 0;
    bob.net->kill_at = n;
    talker_run(&b, PP_MINUTE);
    bool killed = bob.net->killed;
    if (killed) {
        reboot(&b, &bob, "alice@x");
        static const struct pp_read_options journaled = {.no_inbox = true};
        person_fetch(&bob, &journaled); /* as every session begins */
        talker_run(&b, PP_MINUTE);
    }
    CU_ASSERT_EQUAL(said(&bob, "\n\none\n"), 1);
    CU_ASSERT_EQUAL(said(&bob, "\n\ntwo\n"), 1);
    end();
    return killed;
}

static void test_reader_killed_at_every_step(void)
{
    int n = 1;
    while (kill_reader(n)) {
        n++;
    }
    CU_ASSERT(n > 10);
}

CHECK_MAIN("chat", CHECK(test_a_line_is_heard_once_and_kept_by_both),
           CHECK(test_both_ways_in_order), CHECK(test_who_is_away_gets_mail),
           CHECK(test_a_chat_with_another_leaves_it_mail),
           CHECK(test_what_nobody_vouches_for_is_never_shown), CHECK(test_nodes_that_fail),
           CHECK(test_what_cannot_be_given_comes_back), CHECK(test_bounds),
           CHECK(test_lines_wait_for_the_one_before), CHECK(test_sender_killed_at_every_step),
           CHECK(test_reader_killed_at_every_step))
