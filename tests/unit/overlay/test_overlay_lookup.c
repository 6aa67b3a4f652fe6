/* Look-ups of the overlay over a substrate that answers as the test says: waiting for a substrate
 * that cannot ask yet, cancelling, bounds, and the routing failure test. */
#include "lone.h"

#define ASKED 600
static struct script {
    int code;         /* what `lookup` answers */
    uint64_t spacing; /* of results over one path */
    bool hold;        /* no answers */
    unsigned asked, paths[ASKED], cancelled;
    uint64_t open[ASKED];
    unsigned open_paths[ASKED];
    size_t n_open;
} script;

static void s_meet(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *contacts,
                   size_t n)
{
    (void)now;
    (void)contacts;
    (void)n;
    node->net->host->state(node->ctx, PP_ACTIVE, "");
}

static void s_tick(struct pp_substrate_node *node, pp_ns now)
{
    (void)now;
    while (script.n_open > 0 && !script.hold) {
        struct pp_peer peers[3] = {node->self, node->self, node->self};
        struct pp_result r = {.code = PP_OK, .peers = peers, .n_peers = 3};
        uint64_t token = script.open[--script.n_open];
        r.spacing = script.open_paths[script.n_open] > 1 ? 1 : script.spacing;
        node->net->host->found(node->ctx, token, &r);
    }
}

static pp_ns s_next(const struct pp_substrate_node *node)
{
    (void)node;
    return script.n_open > 0 && !script.hold ? 0 : PP_NEVER;
}

static int s_lookup(struct pp_substrate_node *node, pp_ns now, const struct pp_id *key, unsigned k,
                    unsigned paths, unsigned flags, uint64_t token)
{
    (void)node;
    (void)now;
    (void)key;
    (void)k;
    (void)flags;
    if (script.code != PP_OK || script.asked == ASKED) {
        return script.code;
    }
    script.paths[script.asked++] = paths;
    script.open_paths[script.n_open] = paths;
    script.open[script.n_open++] = token;
    return PP_OK;
}

static void s_cancel(struct pp_substrate_node *node, uint64_t token)
{
    (void)node;
    script.cancelled++;
    for (size_t i = 0; i < script.n_open; i++) {
        if (script.open[i] == token) {
            script.open[i] = script.open[--script.n_open];
            return;
        }
    }
}

static const struct pp_substrate substrate = {
    LONE_SUBSTRATE("script"), .meet = s_meet,     .tick = s_tick,
    .next = s_next,           .lookup = s_lookup, .cancel = s_cancel,
};

static int n_found, last_code;

static void start(void)
{
    memset(&script, 0, sizeof script);
    script.spacing = 1000;
    n_found = 0;
    lone_start((struct pp_overlay_options){.plugin = &substrate, .role = PP_MEMBER}, "127.3.40.1");
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    (void)ctx;
    (void)token;
    n_found++;
    last_code = result->code;
}

static int look(uint64_t token)
{
    struct pp_id id = pp_id_power(1);
    return pp_overlay_lookup(overlay, &id, 3, 1, token, on_found, NULL);
}

static void turns(int n)
{
    for (int i = 0; i < n; i++) {
        pp_loop_turn(loop, false);
    }
}

static void test_never_from_inside(void)
{
    start();
    CU_ASSERT_EQUAL(look(1), PP_OK);
    CU_ASSERT_EQUAL(n_found, 0);
    turns(5);
    CU_ASSERT_TRUE(n_found == 1 && last_code == PP_OK);
    stop();
}

static void test_waits_for_a_busy_substrate(void)
{
    start();
    script.code = PP_BUSY;
    CU_ASSERT_EQUAL(look(1), PP_OK);
    turns(5);
    CU_ASSERT_EQUAL(n_found, 0);
    script.code = PP_OK;
    while (n_found == 0) {
        pp_loop_turn(loop, true); /* it tries again by itself */
    }
    CU_ASSERT_EQUAL(last_code, PP_OK);
    stop();
}

static void test_bounds_and_cancelling(void)
{
    start();
    script.hold = true;
    for (uint64_t i = 0; i < PP_LOOKUPS_MAX; i++) {
        CU_ASSERT_EQUAL(look(i), PP_OK);
    }
    CU_ASSERT_EQUAL(look(999), PP_BUSY);
    struct pp_id id = pp_id_power(1);
    CU_ASSERT_EQUAL(pp_overlay_lookup(overlay, &id, 33, 1, 1, on_found, NULL), PP_INVALID);
    CU_ASSERT_EQUAL(pp_overlay_lookup(overlay, &id, 0, 1, 1, on_found, NULL), PP_INVALID);
    pp_overlay_cancel(overlay, 5, NULL);
    CU_ASSERT_EQUAL(script.cancelled, 1);
    CU_ASSERT_EQUAL(look(5), PP_OK);
    script.hold = false;
    pp_overlay_cancel(overlay, 7, &script); /* another asker's token: not ours */
    turns(10);
    CU_ASSERT_EQUAL(n_found, PP_LOOKUPS_MAX);
    stop();
}

static void test_a_sparse_answer_is_asked_again_over_disjoint_paths(void)
{
    start();
    for (uint64_t i = 0; i < 8; i++) {
        look(i);
        turns(5);
    }
    CU_ASSERT_EQUAL(script.asked, 8);
    script.spacing = 3100; /* gamma for k = 3 is 2.80, the median of three gaps 0.89: not yet */
    look(8);
    turns(5);
    CU_ASSERT_EQUAL(script.asked, 9);
    script.spacing = 3200;
    look(9);
    turns(5);
    CU_ASSERT_EQUAL(script.asked, 11);
    CU_ASSERT_TRUE(script.paths[9] == 1 && script.paths[10] == 4);
    CU_ASSERT_TRUE(n_found == 10 && last_code == PP_OK);
    stop();
}

static void test_leaving_ends_what_runs(void)
{
    start();
    script.hold = true;
    look(1);
    pp_lookups_fail(overlay, "this node is leaving the network");
    turns(3);
    CU_ASSERT_TRUE(n_found == 1 && last_code == PP_OFFLINE);
    stop();
}

CHECK_MAIN("overlay look-ups", CHECK(test_never_from_inside),
           CHECK(test_waits_for_a_busy_substrate), CHECK(test_bounds_and_cancelling),
           CHECK(test_a_sparse_answer_is_asked_again_over_disjoint_paths),
           CHECK(test_leaving_ends_what_runs))
