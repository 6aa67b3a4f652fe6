/* Who keeps notifications back: the daily canary, the counts, and what follows from them. */
#include "people.h"

#include <mail/canary.h>
#include <mail/probe.h>
#include <stdio.h>

static struct world w;
static struct person alice, bob;
static unsigned copies;

static void begin(void)
{
    world_init(&w, 20);
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

static void put(void *ctx, unsigned n)
{
    copies = n;
    ((struct person *)ctx)->done = true;
}

static unsigned canary(void)
{
    bob.done = false;
    CHECK_FATAL(pp_canary_start(bob.mail, put, &bob) != NULL);
    CHECK_FATAL(fake_run(bob.net, &bob.done, PP_HOUR));
    return copies;
}

static struct fake_node *holder(unsigned i)
{
    struct fake_node *closest[PP_K_MAX];
    struct pp_id key = pp_inbox_place(pp_str("bob@x"));
    CHECK_FATAL(fake_closest(w.nodes, &key, 10, closest) > i);
    return closest[i];
}

static int take(void *ctx, const struct pp_handed *h)
{
    struct pp_handed *want = ctx;
    if (pp_id_equal(&h->node, &want->node)) {
        *want = *h;
    }
    return 0;
}

static struct pp_handed handed(unsigned i)
{
    struct pp_handed h = {.node = holder(i)->peer.id};
    pp_handed_each(bob.mail, take, &h);
    return h;
}

static void test_a_canary_is_counted_and_never_shown(void)
{
    uint64_t asked, good;
    begin();
    CU_ASSERT_EQUAL(canary(), 5);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(bob.read.complete && !bob.read.silent);
    CU_ASSERT_EQUAL(bob.read.delivered + bob.read.bad + bob.read.known, 0);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT(handed(i).should == 1 && handed(i).had == 1 && !handed(i).distrusted);
    }
    pp_canary_share(bob.mail, &asked, &good);
    CU_ASSERT(asked == 5 && good == 5);
    struct pp_probe_estimate e;
    pp_probe_estimate(bob.mail, &e);
    CU_ASSERT(e.asked == 5 && e.good == 5);
    CU_ASSERT_EQUAL(canary(), 0); /* one a day */
    person_wait(&bob, 21 * PP_HOUR);
    CU_ASSERT_EQUAL(canary(), 5);
    person_wait(&bob, 15 * PP_DAY);
    pp_canary_share(bob.mail, &asked, &good);
    CU_ASSERT_EQUAL(asked, 0); /* of the last 14 days */
    end();
}

/* A day in which a canary is put and the inbox is read. */
static void day(void)
{
    CU_ASSERT(canary() >= 3);
    CHECK_FATAL(person_fetch(&bob, NULL));
    person_wait(&bob, PP_DAY);
}

static void test_who_keeps_them_back_is_found_out(void)
{
    uint64_t asked, good;
    begin();
    holder(2)->hides = true;
    for (unsigned i = 0; i < 9; i++) {
        day();
        CU_ASSERT_EQUAL(bob.read.silent, 0);
    }
    CU_ASSERT(handed(2).should == 9 && handed(2).had == 0 && !handed(2).distrusted);
    day();
    CU_ASSERT(handed(2).distrusted);
    CU_ASSERT_PTR_NOT_NULL(strstr(bob.net->last_log, "no longer counts"));
    unsigned before = holder(7)->requests;
    day();
    CU_ASSERT_EQUAL(bob.read.silent, 1); /* as if it said nothing */
    CU_ASSERT(bob.read.complete);
    CU_ASSERT_PTR_NOT_NULL(strstr(bob.read.why, "too little"));
    CU_ASSERT(holder(7)->requests > before); /* 2k nodes are asked */
    pp_canary_share(bob.mail, &asked, &good);
    CU_ASSERT(asked == 55 && good == 44);
    CU_ASSERT(handed(0).should == 11 && handed(0).had == 11);
    holder(2)->hides = false; /* it mends, and is believed again */
    for (unsigned i = 0; i < 45; i++) {
        day();
    }
    CU_ASSERT_FALSE(handed(2).distrusted);
    CU_ASSERT_EQUAL(bob.read.silent, 0);
    end();
}

static void test_most_of_them_together(void)
{
    begin();
    for (unsigned i = 0; i < 3; i++) {
        holder(i)->hides = true;
    }
    for (unsigned i = 0; i < 11; i++) {
        day();
    }
    CU_ASSERT_EQUAL(bob.read.silent, 3);
    CU_ASSERT_FALSE(bob.read.complete); /* mail that counts as sent may lie with them alone */
    end();
}

static void test_who_is_silent_is_no_liar(void)
{
    uint64_t asked, good;
    begin();
    CU_ASSERT_EQUAL(canary(), 5);
    holder(1)->dead = holder(1)->unnoticed = true;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(handed(1).should, 0);
    pp_canary_share(bob.mail, &asked, &good);
    CU_ASSERT(asked == 5 && good == 4); /* but a copy that could not be had */
    end();
}

static void test_a_canary_of_another_is_forged(void)
{
    struct pp_notification n = {
        .life = 1000, .created = IDENTITIES_WALL / PP_SECOND, .canary = true};
    struct pp_buf sealed = {0};
    begin();
    struct pp_signer by = {alice.certificate, alice.key};
    CU_ASSERT_EQUAL(canary(), 5);
    pp_buf_add_str(&n.recipient, "bob@x");
    memcpy(n.recipient_keyid, bob.certificate->keyid, 32);
    pp_buf_add_str(&n.object_id, "x@peerpost.invalid");
    pp_buf_add_str(&n.from, "bob@x");
    CHECK_FATAL(pp_seal_notification(&sealed, &n, &by, bob.certificate, true, NULL) == PP_OK);
    struct fake_inbox *box = fake_inbox(holder(0), pp_str("bob@x"));
    CHECK_FATAL(box != NULL);
    struct fake_entry *e = &box->entries[box->n++];
    *e = (struct fake_entry){.seq = ++holder(0)->seq};
    pp_buf_add(&e->octets, sealed.data, sealed.len);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.read.bad, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(bob.letter_why, "not of our own making"));
    pp_buf_free(&sealed);
    pp_notification_finish(&n);
    end();
}

CHECK_MAIN("canary", CHECK(test_a_canary_is_counted_and_never_shown),
           CHECK(test_who_keeps_them_back_is_found_out), CHECK(test_most_of_them_together),
           CHECK(test_who_is_silent_is_no_liar), CHECK(test_a_canary_of_another_is_forged))
