/* Upkeep over the fake world: certificates and kept objects come back where they are missing; lives
 * are renewed; what was deleted stays deleted. */
#include "people.h"

#include <mail/kept.h>
#include <mail/maintain.h>
#include <stdio.h>

static const char hello[] = "From: alice@x\r\nTo: bob@x\r\nSubject: hello\r\n"
                            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
                            "Message-ID: <1@x>\r\n\r\nHello Bob.\r\n";

static struct world w;
static struct person alice, bob;

struct outcome {
    bool done;
    struct pp_maintain_result result;
    unsigned told;
    enum pp_maintained last;
};

static void on_object(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                      unsigned copies, unsigned wanted, const char *why)
{
    struct outcome *o = ctx;
    (void)identifier;
    (void)copies;
    (void)wanted;
    (void)why;
    o->told++;
    o->last = outcome;
}

static void on_done(void *ctx, const struct pp_maintain_result *result)
{
    struct outcome *o = ctx;
    o->done = true;
    o->result = *result;
}

static struct outcome maintain(struct person *p)
{
    static const struct pp_maintain_events events = {on_object, on_done};
    struct outcome o = {0};
    struct pp_maintain *m = pp_maintain_start(p->mail, &events, &o);
    CHECK_FATAL(m && fake_run(p->net, &o.done, 600 * PP_SECOND));
    return o;
}

/* Alice's mail is in Bob's Maildir, and its body on five nodes still. */
static void begin(void)
{
    world_init(&w, 16);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&bob);
    person_spool(&alice, "m1", hello, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CHECK_FATAL(person_fetch(&bob, &(struct pp_read_options){.keep = true}));
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static unsigned bodies(void)
{
    unsigned distinct;
    return fake_bodies(w.nodes, &distinct);
}

/* A node's disk is lost. */
static void empty(struct fake_node *node)
{
    for (size_t i = 0; i < node->n_objects; i++) {
        pp_buf_free(&node->objects[i].identifier);
        pp_buf_free(&node->objects[i].body);
        pp_buf_free(&node->objects[i].set);
    }
    node->n_objects = 0;
}

static struct fake_node *holder_of_a_body(void)
{
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        struct fake_node *node = &w.nodes->nodes[i];
        for (size_t j = 0; j < node->n_objects; j++) {
            if (strstr((const char *)node->objects[j].identifier.data, "peerpost.invalid")) {
                return node;
            }
        }
    }
    return NULL;
}

static void test_nothing_to_do(void)
{
    begin();
    CU_ASSERT_EQUAL(bodies(), 5);
    struct outcome o = maintain(&bob);
    CU_ASSERT_EQUAL(o.result.code, 0);
    CU_ASSERT(o.result.copies == 5 && o.result.wanted == 5);
    CU_ASSERT(o.told == 1 && o.last == PP_MAINTAIN_WHOLE);
    CU_ASSERT(pp_maintain_due(bob.mail) > pp_mail_seconds(bob.mail) + 20 * 3600);
    CU_ASSERT(pp_maintain_due(bob.mail) < pp_mail_seconds(bob.mail) + 28 * 3600);
    end();
}

static void test_a_lost_copy_comes_back(void)
{
    begin();
    empty(holder_of_a_body());
    holder_of_a_body()->liar = true; /* gives a damaged copy: another must be taken */
    CU_ASSERT_EQUAL(bodies(), 4);
    struct outcome o = maintain(&bob);
    CU_ASSERT(o.last == PP_MAINTAIN_RESTORED && o.result.restored == 1);
    CU_ASSERT_EQUAL(bodies(), 5);
    CU_ASSERT_EQUAL(fake_copies(w.nodes, pp_str("bob@x-certificate")), 5);
    end();
}

static void test_a_holder_that_died_is_replaced(void)
{
    begin();
    holder_of_a_body()->dead = true;
    struct outcome o = maintain(&bob);
    CU_ASSERT_EQUAL(o.last, PP_MAINTAIN_RESTORED);
    CU_ASSERT_EQUAL(bodies(), 6); /* the dead one's included */
    end();
}

static void test_lives_are_renewed(void)
{
    begin();
    person_wait(&bob, 11 * PP_DAY); /* of 30 */
    struct outcome o = maintain(&bob);
    CU_ASSERT_EQUAL(o.last, PP_MAINTAIN_RESTORED);
    o = maintain(&bob);
    CU_ASSERT_EQUAL(o.last, PP_MAINTAIN_WHOLE);
    end();
}

static int first(void *ctx, struct pp_bytes identifier)
{
    pp_buf_add(ctx, identifier.data, identifier.len);
    return 1;
}

static void test_dropped_is_deleted_and_stays_so(void)
{
    struct pp_buf identifier = {0};
    begin();
    pp_kept_each(bob.mail, first, &identifier);
    CU_ASSERT_EQUAL(pp_maintain_drop(bob.mail, pp_buf_bytes(&identifier)), PP_OK);
    CU_ASSERT_EQUAL(pp_maintain_drop(bob.mail, pp_buf_bytes(&identifier)), PP_NOT_FOUND);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bodies(), 0);
    struct outcome o = maintain(&bob);
    CU_ASSERT_EQUAL(o.told, 0);
    pp_buf_free(&identifier);
    end();
}

/* Deleted elsewhere (another computer of hers): upkeep notices, and does not raise the dead. */
static void test_deleted_elsewhere(void)
{
    struct pp_buf identifier = {0};
    struct pp_kept kept = {0};
    begin();
    pp_kept_each(bob.mail, first, &identifier);
    CHECK_FATAL(pp_kept_recall(bob.mail, pp_buf_bytes(&identifier), &kept) == PP_OK);
    pp_maintain_drop(bob.mail, pp_buf_bytes(&identifier));
    CHECK_FATAL(person_fetch(&bob, NULL));
    pp_kept_note(bob.mail, &kept);
    struct outcome o = maintain(&bob);
    CU_ASSERT(o.last == PP_MAINTAIN_DELETED && o.result.deleted == 1);
    CU_ASSERT_EQUAL(bodies(), 0);
    o = maintain(&bob);
    CU_ASSERT_EQUAL(o.told, 0);
    pp_kept_finish(&kept);
    pp_buf_free(&identifier);
    end();
}

static void test_all_copies_gone(void)
{
    begin();
    for (struct fake_node *node; (node = holder_of_a_body());) {
        empty(node);
    }
    struct outcome o = maintain(&bob);
    CU_ASSERT(o.last == PP_MAINTAIN_LOST && o.result.lost == 1);
    end();
}

static void test_no_network(void)
{
    begin();
    bob.net->no_network = true;
    struct outcome o = maintain(&bob);
    CU_ASSERT_EQUAL(o.result.code, PP_LOCAL);
    CU_ASSERT_EQUAL(o.told, 0);
    CU_ASSERT_EQUAL(pp_maintain_due(bob.mail), 0);
    end();
}

/* Who never asks for the status of what she sent hears of it by upkeep, whoever runs it. */
static void test_expired_mail_is_reported(void)
{
    begin();
    person_publish(&alice);
    person_spool(&alice, "m2", hello, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, "m2") && alice.finished);
    struct outcome o = maintain(&alice);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 0);
    person_wait(&alice, 31 * PP_DAY);
    o = maintain(&alice);
    CU_ASSERT_EQUAL(o.result.code, 0);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 2); /* m1 and m2 */
    const char *report = (const char *)fake_file(alice.net, PP_PLACE_NEW, 0)->octets.data;
    CU_ASSERT(strstr(report, "Unread mail has expired") && strstr(report, "<bob@x>\n"));
    CU_ASSERT(pp_maintain_due(alice.mail) > pp_mail_seconds(alice.mail));
    maintain(&alice);
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 2);
    end();
}

CHECK_MAIN("maintain", CHECK(test_nothing_to_do), CHECK(test_a_lost_copy_comes_back),
           CHECK(test_a_holder_that_died_is_replaced), CHECK(test_lives_are_renewed),
           CHECK(test_dropped_is_deleted_and_stays_so), CHECK(test_deleted_elsewhere),
           CHECK(test_all_copies_gone), CHECK(test_no_network),
           CHECK(test_expired_mail_is_reported))
