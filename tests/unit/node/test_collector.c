/* The collector's three rules, what it may never take, and its races. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

#define ALICE "alice@a.example"

static struct pp_node_counts counts(struct fake *f)
{
    struct pp_node_counts c;
    pp_node_counts(f->node, &c);
    return c;
}

static void collect(struct fake *f)
{
    pp_node_collect(f->node, f->now);
    fake_run(f);
}

static int store_for(struct fake *f, const char *id, uint64_t life)
{
    struct fake_request *q = fake_request(f, PP_STORE, id);
    q->r.has_life = true;
    q->r.life = life;
    fake_go(q, pp_buf_bytes(&f->alice.pem), pp_str("body"));
    int status = q->status;
    fake_free(q);
    return status;
}

static void test_past_its_life_it_goes_due_or_not(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.covers = PP_COVERS_YES;
    CU_ASSERT_EQUAL(store_for(&f, "short@x", 3600), 201);
    CU_ASSERT_EQUAL(store_for(&f, "long@x", 50 * 86400), 201);
    fake_later(&f, 2 * PP_HOUR);
    fake_run(&f); /* the periodic run */
    CU_ASSERT_EQUAL(counts(&f).collected_expired, 1);
    CU_ASSERT_EQUAL(fake_status(&f, "long@x", &f.alice), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "short@x", NULL), 404);
    fake_stop(&f);
}

static void test_due_and_within_its_life_is_never_taken(void)
{
    struct fake f;
    fake_start(&f, 256 << 10);
    f.covers = PP_COVERS_YES;
    char *body = malloc(60001);
    CHECK_FATAL(body != NULL);
    memset(body, 'b', 60000);
    body[60000] = '\0';
    int kept = 0, full = 0;
    for (int i = 0; i < 8; i++) {
        char id[20];
        snprintf(id, sizeof id, "m%d@x", i);
        struct fake_request *q = fake_request(&f, PP_STORE, id);
        q->r.has_life = true;
        q->r.life = 59 * 86400;
        fake_go(q, pp_buf_bytes(&f.alice.pem), pp_str(body));
        kept += q->status == 201;
        full += q->status == 507;
        fake_free(q);
        fake_later(&f, PP_DAY);
    }
    CU_ASSERT_TRUE(kept > 2 && full > 0);
    fake_later(&f, 30 * PP_DAY); /* idle far beyond grace */
    collect(&f);
    for (int i = 0; i < kept; i++) {
        char id[20];
        snprintf(id, sizeof id, "m%d@x", i);
        CU_ASSERT_EQUAL(fake_status(&f, id, &f.alice), 200);
    }
    CU_ASSERT_EQUAL(counts(&f).collected_octets, 0);
    CU_ASSERT_TRUE(counts(&f).kept_due > 0);
    free(body);
    fake_stop(&f);
}

static void test_not_due_goes_after_grace_unless_accessed(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.covers = PP_COVERS_NO;
    store_for(&f, "idle@x", 59 * 86400);
    store_for(&f, "read@x", 59 * 86400);
    fake_later(&f, 13 * PP_DAY);
    collect(&f);
    CU_ASSERT_EQUAL(counts(&f).collected_foreign, 0);
    CU_ASSERT_EQUAL(fake_fetch(&f, "read@x", NULL), 200);
    fake_later(&f, 2 * PP_DAY);
    collect(&f);
    CU_ASSERT_EQUAL(counts(&f).collected_foreign, 1);
    CU_ASSERT_EQUAL(fake_status(&f, "idle@x", NULL), 404);
    CU_ASSERT_EQUAL(fake_status(&f, "read@x", NULL), 200);
    fake_stop(&f);
}

static void test_pressure_takes_the_least_recent_first_and_stops(void)
{
    struct fake f;
    fake_start(&f, 256 << 10);
    f.covers = PP_COVERS_NO;
    char *body = malloc(60001);
    CHECK_FATAL(body != NULL);
    memset(body, 'b', 60000);
    body[60000] = '\0';
    for (int i = 0; i < 3; i++) {
        char id[20];
        snprintf(id, sizeof id, "m%d@x", i);
        CU_ASSERT_EQUAL(fake_store(&f, id, &f.alice, body), 201);
        fake_later(&f, PP_HOUR / 4);
    }
    CU_ASSERT_EQUAL(fake_fetch(&f, "m0@x", NULL), 200); /* so m1 is the least recent */
    CU_ASSERT_EQUAL(fake_store(&f, "m3@x", &f.alice, body), 201);
    CU_ASSERT_EQUAL(fake_store(&f, "m4@x", &f.alice, body), 201);
    CU_ASSERT_EQUAL(fake_status(&f, "m1@x", NULL), 404);
    CU_ASSERT_EQUAL(fake_status(&f, "m0@x", NULL), 200);
    CU_ASSERT_EQUAL(fake_status(&f, "m4@x", NULL), 200);
    CU_ASSERT_TRUE(counts(&f).collected_pressure <= 2);
    free(body);
    fake_stop(&f);
}

static void test_what_is_unknown_is_asked_of_the_network(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.covers = PP_COVERS_UNKNOWN;
    store_for(&f, "a@x", 59 * 86400);
    fake_later(&f, 20 * PP_DAY);
    collect(&f);
    CU_ASSERT_EQUAL(f.lookups, 1);
    CU_ASSERT_EQUAL(fake_status(&f, "a@x", NULL), 200);
    struct pp_peer peers[2] = {0};
    peers[0].id.b[0] = 1;
    peers[1].id = f.config.self;
    struct pp_result result = {.peers = peers, .n_peers = 2};
    pp_node_found(f.node, f.now, f.token, &result); /* due here: stays */
    fake_run(&f);
    CU_ASSERT_EQUAL(fake_status(&f, "a@x", NULL), 200);
    collect(&f);
    result.n_peers = 1;
    pp_node_found(f.node, f.now, f.token, &result);
    fake_run(&f);
    CU_ASSERT_EQUAL(fake_status(&f, "a@x", NULL), 404);
    CU_ASSERT_EQUAL(counts(&f).collected_foreign, 1);
    fake_stop(&f);
}

static void test_single_expired_notifications_go(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = fake_request(&f, PP_APPEND_INBOX, ALICE);
    q->r.has_life = true;
    q->r.life = 60;
    fake_go(q, pp_str(""), pp_str("short"));
    fake_free(q);
    fake_append(&f, ALICE, "long");
    fake_later(&f, 2 * PP_MINUTE);
    collect(&f);
    q = fake_read(&f, ALICE, &f.alice, NULL);
    CU_ASSERT_EQUAL(q->body.len, 12 + 4);
    fake_free(q);
    fake_stop(&f);
}

static void test_tombstones_go_with_their_objects_life_or_by_number(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.config.tombstones = 1;
    fake_restart(&f);
    store_for(&f, "a@x", 1000);
    store_for(&f, "b@x", 2000);
    fake_delete(&f, "a@x", &f.alice);
    fake_delete(&f, "b@x", &f.alice);
    collect(&f); /* one too many: the earlier expiring */
    CU_ASSERT_EQUAL(fake_status(&f, "a@x", NULL), 404);
    CU_ASSERT_EQUAL(fake_status(&f, "b@x", NULL), 410);
    fake_later(&f, 3000 * PP_SECOND);
    collect(&f);
    struct pp_usage usage;
    struct pp_view *view = f.api->begin_view(f.store);
    f.api->usage(view, &usage);
    f.api->end_view(view);
    CU_ASSERT_EQUAL(usage.tombstones, 0);
    fake_stop(&f);
}

/* The collector has chosen; before its op runs the object is read again: it stays. */
static void test_an_access_between_choice_and_removal_spares(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.covers = PP_COVERS_NO;
    store_for(&f, "a@x", 59 * 86400);
    fake_later(&f, 15 * PP_DAY);
    pp_node_collect(f.node, f.now);
    for (int i = 0; i < 10 && !f.ops; i++) {
        pp_node_tick(f.node, f.now);
    }
    CHECK_FATAL(f.ops != NULL); /* the removal is queued */
    struct pp_op *removal = f.ops;
    f.ops = NULL;
    f.last_op = &f.ops;
    CU_ASSERT_EQUAL(fake_store(&f, "a@x", &f.alice, "body"), 200); /* renewed meanwhile */
    removal->next = f.ops;
    f.ops = removal;
    f.last_op = &removal->next;
    fake_run(&f);
    CU_ASSERT_EQUAL(fake_status(&f, "a@x", NULL), 200);
    CU_ASSERT_EQUAL(counts(&f).collected_foreign, 0);
    fake_stop(&f);
}

static void test_a_delete_meets_the_collector(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    f.covers = PP_COVERS_NO;
    store_for(&f, "a@x", 59 * 86400);
    fake_later(&f, 15 * PP_DAY);
    struct fake_request *q = fake_request(&f, PP_DELETE, "a@x");
    fake_sign(q, &f.alice, false);
    fake_begin(q);
    fake_end(q);
    pp_node_collect(f.node, f.now);
    for (int i = 0; i < 10 && !f.ops; i++) {
        pp_node_tick(f.node, f.now);
    }
    CHECK_FATAL(f.ops != NULL);
    fake_verify(&f); /* the delete's op comes behind the removal, in one batch */
    fake_run(&f);
    CU_ASSERT_EQUAL(q->status, 404);
    fake_free(q);
    fake_stop(&f);
}

static void test_hundreds_go_in_bounded_steps(void)
{
    struct fake f;
    fake_start(&f, 8 << 20);
    f.config.stores = 0; /* no bound */
    fake_restart(&f);
    for (int i = 0; i < 700; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%d@x", i);
        CU_ASSERT_EQUAL(store_for(&f, id, 60), 201);
    }
    fake_later(&f, 2 * PP_MINUTE);
    unsigned batches = f.batches;
    collect(&f);
    CU_ASSERT_EQUAL(counts(&f).collected_expired, 700);
    CU_ASSERT_TRUE(f.batches - batches >= 700 / 64);
    fake_stop(&f);
}

CHECK_MAIN("node collector", CHECK(test_past_its_life_it_goes_due_or_not),
           CHECK(test_due_and_within_its_life_is_never_taken),
           CHECK(test_not_due_goes_after_grace_unless_accessed),
           CHECK(test_pressure_takes_the_least_recent_first_and_stops),
           CHECK(test_what_is_unknown_is_asked_of_the_network),
           CHECK(test_single_expired_notifications_go),
           CHECK(test_tombstones_go_with_their_objects_life_or_by_number),
           CHECK(test_an_access_between_choice_and_removal_spares),
           CHECK(test_a_delete_meets_the_collector), CHECK(test_hundreds_go_in_bounded_steps))
