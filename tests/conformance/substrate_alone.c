/* Cases of one node, and of look-ups as such. */
#include "substrate_kit.h"

struct answers {
    size_t came, good;
    struct pp_id first;
    size_t n_peers;
};

static void on_answer(void *ctx, const struct pp_result *r)
{
    struct answers *a = ctx;
    a->came++;
    if (r->code == PP_OK) {
        a->good++;
        a->n_peers = r->n_peers;
        a->first = r->peers[0].id;
    }
}

static struct pp_world *founder(const struct substrate_suite *s, unsigned number)
{
    struct pp_world *w = kit_world(s, number);
    pp_world_found(w, pp_world_add(w, PP_MEMBER));
    REQUIRE(pp_world_settle(w, PP_MINUTE), RULE_FOUND, "a founder is not active after a minute");
    return w;
}

static void alone(const struct substrate_suite *s)
{
    struct pp_world *w = founder(s, 1);
    const struct pp_id *own = &pp_world_peer(w, 0)->id;
    for (unsigned k = 1; k <= PP_K_MAX; k++) {
        struct answers a = {0};
        struct pp_id key = kit_key(w);
        enum pp_covers covers = s->face->covers(pp_world_instance(w, 0), &key, k);
        REQUIRE(covers == PP_COVERS_YES, RULE_COVERS,
                "a node alone in its network answers %s, k %u",
                covers == PP_COVERS_NO ? "NO" : "UNKNOWN", k);
        int code = pp_world_lookup(w, 0, &key, k, 1, on_answer, &a);
        REQUIRE(code == PP_OK, RULE_FOUND, "a look-up of a founder alone, k %u: %s", k,
                pp_error_text(code));
        pp_world_run(w, PP_MINUTE);
        REQUIRE(a.good == 1 && a.n_peers == 1 && pp_id_equal(&a.first, own), RULE_CLOSEST,
                "a founder alone finds %zu peers (answers %zu, good %zu), not itself", a.n_peers,
                a.came, a.good);
    }
    kit_heal(w, RULE_FOUND, "alone");
    pp_world_destroy(w);
}

/* An hour of nothing to do: few ticks, and each asks for a later one. */
static void deadlines(const struct substrate_suite *s)
{
    struct pp_world *w = kit_arranged(s, 2, 6);
    struct pp_substrate_node *node = pp_world_instance(w, 0);
    pp_world_run(w, PP_MINUTE);
    uint64_t before = guard_ticks(node);
    pp_world_run(w, PP_HOUR);
    uint64_t ticks = guard_ticks(node) - before;
    REQUIRE(ticks < 3600 * 50, RULE_NEXT, "%llu ticks in an idle hour", (unsigned long long)ticks);
    for (int i = 0; i < 1000; i++) { /* a tick that is not due, and one that comes late */
        s->face->tick(node, pp_world_now(w));
        pp_world_run(w, PP_MS);
    }
    kit_heal(w, RULE_NEXT, "after ticks that were not due");
    pp_world_destroy(w);
}

/* Many at once, every k, several paths, with a trace: each comes back once. */
static void lookups(const struct substrate_suite *s)
{
    struct pp_world *w = kit_arranged(s, 3, 20);
    struct answers a = {0};
    size_t accepted = 0;
    for (unsigned i = 0; i < 400; i++) {
        struct pp_id key = kit_key(w);
        unsigned k = 1 + i % PP_K_MAX, paths = 1 + i % 4;
        accepted += pp_world_lookup(w, kit_active(w), &key, k, paths, on_answer, &a) == PP_OK;
        if (i % 10 == 9) {
            pp_world_run(w, 20 * PP_MS);
        }
    }
    pp_world_run(w, 2 * PP_MINUTE);
    REQUIRE(accepted >= 100, RULE_LOOKUP, "only %zu of 400 look-ups accepted, 20 at a time a node",
            accepted);
    REQUIRE(a.came == accepted && guard_open() == 0, RULE_ONCE,
            "%zu look-ups accepted, %zu came back within two minutes", accepted, a.came);
    REQUIRE(a.good == accepted, RULE_CLOSEST, "%zu of %zu look-ups of a quiet network failed",
            accepted - a.good, accepted);
    pp_world_destroy(w);
}

static void traced(const struct substrate_suite *s)
{
    struct pp_world *w = kit_arranged(s, 4, 30);
    for (unsigned i = 0; i < 60; i++) {
        struct pp_id key = kit_key(w);
        struct pp_substrate_node *node = pp_world_instance(w, i % 30);
        s->face->lookup(node, pp_world_now(w), &key, 1 + i % 5, 1 + i % 2, PP_LOOKUP_TRACE,
                        GUARD_TOKENS + i);
        s->face->tick(node, pp_world_now(w));
        pp_world_run(w, PP_SECOND);
    }
    pp_world_run(w, 2 * PP_MINUTE);
    REQUIRE(guard_open() == 0, RULE_ONCE, "%zu look-ups with a trace never came back",
            guard_open());
    pp_world_destroy(w);
}

/* Cancelled at once, under way, long after, twice, and never asked. */
static void cancelled(const struct substrate_suite *s)
{
    struct pp_world *w = kit_arranged(s, 5, 20);
    uint64_t token = GUARD_TOKENS;
    for (unsigned i = 0; i < 300; i++) {
        struct pp_id key = kit_key(w);
        struct pp_substrate_node *node = pp_world_instance(w, i % 20);
        token++;
        if (s->face->lookup(node, pp_world_now(w), &key, 1 + i % 5, 1 + i % 3, 0, token) == PP_OK) {
            for (unsigned step = 0; step < i % 7; step++) {
                s->face->tick(pp_world_instance(w, (i + 1) % 20), pp_world_now(w));
            }
            s->face->cancel(node, token);
        }
        s->face->cancel(node, token);
        s->face->cancel(node, token + 1000000);
        s->face->tick(node, pp_world_now(w)); /* nothing of it may come back here */
        pp_world_run(w, 50 * PP_MS);
    }
    pp_world_run(w, 2 * PP_MINUTE);
    pp_world_destroy(w);
}

/* rank: the same for the same key, another for another node, and it counts. */
static void rank(const struct substrate_suite *s)
{
    struct pp_world *w = kit_arranged(s, 6, 40);
    for (unsigned i = 0; i < 50; i++) {
        struct pp_id key = kit_key(w);
        uint8_t ranks[40][PP_RANK_LEN];
        for (size_t n = 0; n < 40; n++) {
            uint8_t again[PP_RANK_LEN];
            memset(again, 0x55, sizeof again);
            memset(ranks[n], 0xaa, PP_RANK_LEN);
            s->face->rank(pp_world_instance(w, n), &key, ranks[n]);
            s->face->rank(pp_world_instance(w, n), &key, again);
            REQUIRE(memcmp(ranks[n], again, PP_RANK_LEN) == 0, RULE_RANK,
                    "asked twice, the rank differs (or not all 40 octets are written)");
            for (size_t m = 0; m < n; m++) {
                REQUIRE(memcmp(ranks[n], ranks[m], PP_RANK_LEN) != 0, RULE_RANK,
                        "two nodes have the same rank; break ties by the id");
            }
        }
    }
    pp_world_destroy(w);
}

const struct substrate_case substrate_cases_alone[] = {
    {"alone", "a founder is active, finds itself and covers every key", alone},
    {"deadlines", "an idle node rests between its deadlines", deadlines},
    {"lookups", "every accepted look-up comes back once, with any k and paths", lookups},
    {"trace", "look-ups that ask for the path", traced},
    {"cancel", "no token comes back after cancel, however late or often", cancelled},
    {"rank", "a total order of the nodes for each key", rank},
    {NULL, NULL, NULL}};
