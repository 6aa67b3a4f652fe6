/* Cases of what befalls a network: deaths, restarts, moves, leaving, loss; and the same again. */
#include "substrate_kit.h"

#define MEMBERS 24

static struct pp_world *grown(const struct substrate_suite *s, unsigned number)
{
    struct pp_world *w = kit_world(s, number);
    kit_join(w, MEMBERS, 5 * PP_SECOND);
    kit_heal(w, RULE_JOIN, "before anything befell it");
    pp_world_run(w, PP_MINUTE);
    return w;
}

static void deaths(const struct substrate_suite *s)
{
    struct pp_world *w = grown(s, 40);
    for (int i = 0; i < MEMBERS / 4; i++) {
        pp_world_kill(w, kit_active(w));
    }
    pp_world_run(w, 2 * PP_MINUTE);
    kit_heal(w, RULE_NEXT, "a quarter died at once");
    kit_exact(w, 60, "a quarter died at once");
    pp_world_destroy(w);
}

static void restarts(const struct substrate_suite *s)
{
    struct pp_world *w = grown(s, 41);
    for (int i = 0; i < 10; i++) {
        size_t node = kit_active(w);
        pp_world_restart(w, node);
        if (!pp_world_rejoin(w, node, 3)) {
            size_t contact = kit_active(w);
            pp_world_meet(w, node, &contact, 1);
        }
        pp_world_run(w, 5 * PP_SECOND);
    }
    kit_heal(w, RULE_JOIN, "members that died and joined again under their ids");
    pp_world_run(w, PP_MINUTE);
    kit_exact(w, 60, "after restarts");
    pp_world_destroy(w);
}

static void moves(const struct substrate_suite *s)
{
    struct pp_world *w = grown(s, 42);
    for (int i = 0; i < 8; i++) {
        pp_world_move(w, kit_active(w));
        pp_world_run(w, 20 * PP_SECOND);
    }
    kit_heal(w, RULE_MOVE, "members with new addresses");
    pp_world_run(w, 2 * PP_MINUTE);
    kit_exact(w, 60, "after members took new addresses");
    pp_world_destroy(w);
}

struct left {
    size_t came, found;
};

static void on_left(void *ctx, const struct pp_result *r)
{
    struct left *l = ctx;
    l->came++;
    l->found += r->code == PP_OK;
}

static void leaving(const struct substrate_suite *s)
{
    struct pp_world *w = grown(s, 43);
    for (int i = 0; i < 6; i++) {
        struct left left = {0};
        size_t node = kit_active(w), asked = 0;
        for (int q = 0; q < 8; q++) {
            struct pp_id key = kit_key(w);
            asked += pp_world_lookup(w, node, &key, 5, 1, on_left, &left) == PP_OK;
        }
        pp_world_leave(w, node, pp_world_now(w) + 5 * PP_SECOND);
        /* One whose answer was known before it left may still be told as found. */
        REQUIRE(left.came == asked && left.found < 8, RULE_LEAVE,
                "%zu look-ups ran, %zu ended at `leave`, %zu of them as if found", asked, left.came,
                left.found);
        pp_world_run(w, 5 * PP_SECOND + PP_MS);
        REQUIRE(pp_world_state(w, node) == PP_LEFT, RULE_LEFT, "state %d, not LEFT, at `until`",
                (int)pp_world_state(w, node));
        uint64_t sent = guard_sent(pp_world_instance(w, node));
        pp_world_run(w, PP_MINUTE);
        REQUIRE(guard_sent(pp_world_instance(w, node)) == sent, RULE_LEFT,
                "it still sends after it left");
        pp_world_kill(w, node);
    }
    kit_heal(w, RULE_LEAVE, "a quarter left, one by one");
    kit_exact(w, 60, "a quarter left, one by one");
    pp_world_destroy(w);
}

/* A member leaves that never was active, and one that is alone. */
static void leaving_early(const struct substrate_suite *s)
{
    struct pp_world *w = kit_world(s, 44);
    for (int i = 0; i < 3; i++) {
        size_t node = pp_world_add(w, PP_MEMBER), nobody = 0;
        if (i == 1) {
            pp_world_found(w, node);
        } else if (i == 2) {
            pp_world_meet(w, node, &nobody, 1);
        }
        pp_world_leave(w, node, pp_world_now(w) + PP_SECOND);
        pp_world_run(w, PP_SECOND + PP_MS);
        REQUIRE(pp_world_state(w, node) == PP_LEFT, RULE_LEFT, "%s: state %d, not LEFT, at `until`",
                i == 0   ? "it met nobody"
                : i == 1 ? "a founder alone"
                         : "it was joining",
                (int)pp_world_state(w, node));
        pp_world_kill(w, node);
    }
    pp_world_destroy(w);
}

static void loss(const struct substrate_suite *s)
{
    struct pp_world *w = grown(s, 45);
    struct pp_world_verdict v;
    pp_world_set_loss(w, 100000, 50000);
    pp_world_run(w, 5 * PP_MINUTE);
    pp_world_verify(w, 100, 5, &v);
    REQUIRE(v.exact + 2 >= v.asked, RULE_CLOSEST,
            "a tenth of all datagrams lost: %zu of %zu look-ups exact; %s", v.exact, v.asked,
            v.first);
    kit_join(w, 6, 20 * PP_SECOND);
    pp_world_set_loss(w, 0, 0);
    kit_heal(w, RULE_JOIN, "joins while a tenth was lost");
    kit_exact(w, 60, "after an hour of loss");
    pp_world_destroy(w);
}

/* Random acts, and at each moment somebody is destroyed, look-ups and all. */
static void destroyed(const struct substrate_suite *s)
{
    struct left ignored = {0};
    for (unsigned round = 0; round < (s->lengthy ? 20 : 3); round++) {
        struct pp_world *w = kit_world(s, 50 + round);
        kit_join(w, 8, 200 * PP_MS);
        for (unsigned i = 0; i < 200; i++) {
            size_t node = kit_active(w), contact = kit_active(w);
            struct pp_id key = kit_key(w);
            if (node == SIZE_MAX) {
                node = pp_world_add(w, PP_MEMBER);
                pp_world_found(w, node);
            }
            pp_world_lookup(w, node, &key, 5, 2, on_left, &ignored);
            for (uint64_t n = pp_prng_below(pp_world_prng(w), 40); n > 0; n--) {
                pp_world_step(w);
            }
            pp_world_kill(w, pp_prng_below(pp_world_prng(w), pp_world_count(w)));
            size_t new = pp_world_add(w, i % 5 ? PP_MEMBER : PP_CLIENT);
            if (contact != SIZE_MAX && pp_world_alive(w, contact)) {
                pp_world_meet(w, new, &contact, 1);
            }
        }
        pp_world_destroy(w);
    }
}

/* ---- the same seed, the same octets ---- */

struct tape {
    uint64_t hash[200000];
    size_t n;
};

static void record(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct tape *t = ctx;
    uint64_t h = 14695981039346656037u ^ at ^ from << 40 ^ to << 50 ^ (uint64_t)drop;
    for (size_t i = 0; i < payload.len; i++) {
        h = (h ^ payload.data[i]) * 1099511628211u;
    }
    if (t->n < sizeof t->hash / sizeof *t->hash) {
        t->hash[t->n++] = h;
    }
}

static struct pp_world *play(const struct substrate_suite *s, struct tape *tape)
{
    struct pp_world_options o = {.trace = record, .trace_ctx = tape, .loss = 20000};
    struct pp_world *w = kit_world_with(s, &o, 60);
    kit_join(w, 12, 3 * PP_SECOND);
    return w;
}

static void act(struct pp_world *w, struct left *ignored)
{
    for (int i = 0; i < 40; i++) {
        struct pp_id key = kit_key(w);
        pp_world_lookup(w, kit_active(w), &key, 5, 1, on_left, ignored);
        pp_world_run(w, PP_SECOND);
    }
    pp_world_kill(w, kit_active(w));
    pp_world_run(w, 2 * PP_MINUTE);
}

static void same(const struct substrate_suite *s)
{
    struct tape *a = kit_need(calloc(1, sizeof *a)), *b = kit_need(calloc(1, sizeof *b));
    struct tape *c = kit_need(calloc(1, sizeof *c));
    struct left ignored = {0};
    struct pp_world *first = play(s, a);
    act(first, &ignored);
    void *elsewhere = kit_need(malloc(12345)); /* so that the heap lies otherwise */
    struct pp_world *other = play(s, c), *second = play(s, b);
    pp_world_run(other, PP_MINUTE);
    act(second, &ignored);
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        REQUIRE(i < a->n && i < b->n && a->hash[i] == b->hash[i], RULE_SAME,
                "two runs of the same seed part at datagram %zu", i);
    }
    REQUIRE(a->n > 100, RULE_SAME, "only %zu datagrams in a network of 12", a->n);
    pp_world_destroy(first);
    pp_world_destroy(second);
    pp_world_destroy(other);
    free(elsewhere);
    free(a);
    free(b);
    free(c);
}

const struct substrate_case substrate_cases_fate[] = {
    {"deaths", "a quarter dies at once; the rest is whole and exact", deaths},
    {"restarts", "members come back under their ids", restarts},
    {"moves", "members take new addresses", moves},
    {"leave", "leaving ends look-ups at once and itself by `until`", leaving},
    {"leave-early", "leaving before the first member is met", leaving_early},
    {"loss", "a tenth of all datagrams lost, some doubled", loss},
    {"destroy", "destroyed at any moment, with look-ups under way", destroyed},
    {"same", "the same calls with the same seed, the same octets", same},
    {NULL, NULL, NULL}};
