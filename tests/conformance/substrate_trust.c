/* Cases of whom a substrate believes: clients, unproved senders, hostile octets. */
#include "substrate_kit.h"

#define MEMBERS 16

struct watch {
    struct pp_world *w;
    size_t whom;
    size_t heard; /* datagrams sent to it */
};

static void watch(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct watch *v = ctx;
    (void)at, (void)from, (void)payload, (void)drop;
    v->heard += to == v->whom;
}

static void count(void *ctx, const struct pp_result *r)
{
    size_t *good = ctx;
    *good += r->code == PP_OK;
}

static struct pp_world *watched(const struct substrate_suite *s, unsigned number, struct watch *v)
{
    struct pp_world_options o = {.trace = watch, .trace_ctx = v};
    struct pp_world *w = kit_world_with(s, &o, number);
    v->w = w;
    v->whom = SIZE_MAX;
    kit_join(w, MEMBERS, 5 * PP_SECOND);
    kit_heal(w, RULE_JOIN, "16 members");
    return w;
}

/* A client asks, is answered, and is forgotten. */
static void client(const struct substrate_suite *s)
{
    struct watch v = {0};
    struct pp_world *w = watched(s, 70, &v);
    size_t contact = 3, node = pp_world_add(w, PP_CLIENT), asked = 0, good = 0;
    pp_world_meet(w, node, &contact, 1);
    pp_world_run(w, 30 * PP_SECOND);
    REQUIRE(pp_world_active(w, node), RULE_CLIENT, "a client is not active after 30 s (state %d)",
            (int)pp_world_state(w, node));
    for (int i = 0; i < 50; i++) {
        struct pp_id key = kit_key(w);
        REQUIRE(s->face->covers(pp_world_instance(w, node), &key, 5) != PP_COVERS_YES, RULE_COVERS,
                "a client says that it covers a key");
        asked += pp_world_lookup(w, node, &key, 5, 1, count, &good) == PP_OK;
        pp_world_run(w, PP_SECOND);
    }
    pp_world_run(w, PP_MINUTE);
    REQUIRE(asked == 50 && good == asked, RULE_CLIENT,
            "50 look-ups of a client: %zu taken, %zu found", asked, good);
    pp_world_kill(w, node);
    pp_world_run(w, PP_MINUTE);
    v.whom = node;
    pp_world_run(w, 20 * PP_MINUTE);
    REQUIRE(v.heard == 0, RULE_CLIENT,
            "a minute after a client died members still send to it (%zu datagrams)", v.heard);
    kit_exact(w, 40, "after a client");
    pp_world_destroy(w);
}

static void not_named(void *ctx, const struct pp_result *r)
{
    const struct pp_id *id = ctx;
    for (size_t i = 0; i < r->n_peers; i++) {
        REQUIRE(!pp_id_equal(&r->peers[i].id, id), RULE_PROVED,
                "a look-up names one whose id was never proved");
    }
}

/* A member whose id is never proved tries to join: nobody may name it or ask after it. */
static void unproved(const struct substrate_suite *s)
{
    struct watch v = {0};
    struct pp_world *w = watched(s, 71, &v);
    size_t contact = 2, node = pp_world_add(w, PP_MEMBER);
    struct pp_id id = pp_world_peer(w, node)->id;
    guard_doubt(&id);
    pp_world_meet(w, node, &contact, 1);
    pp_world_run(w, 5 * PP_MINUTE);
    for (size_t i = 0; i < MEMBERS; i++) {
        pp_world_lookup(w, i, &id, 3, 1, not_named, &id);
    }
    pp_world_run(w, PP_MINUTE);
    pp_world_kill(w, node);
    pp_world_run(w, PP_MINUTE);
    v.whom = node;
    kit_exact(w, 40, "beside one whose id was not proved");
    pp_world_run(w, 3 * PP_MINUTE);
    REQUIRE(v.heard < 4 * MEMBERS, RULE_PROVED,
            "members keep sending to one whose id was never proved (%zu datagrams)", v.heard);
    kit_heal(w, RULE_PROVED, "beside one whose id was not proved");
    pp_world_destroy(w);
}

/* ---- hostile octets ---- */

#define KEPT 1024

struct kept {
    size_t len;
    uint8_t octets[PP_PAYLOAD_MAX];
};
struct recorder {
    struct kept kept[KEPT];
    uint64_t seen;
};

static void keep(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct recorder *r = ctx;
    struct kept *k = &r->kept[r->seen++ % KEPT];
    (void)at, (void)from, (void)to, (void)drop;
    k->len = payload.len;
    if (k->len) {
        memcpy(k->octets, payload.data, k->len);
    }
}

static void make_bad(struct pp_prng *p, const struct recorder *r, struct kept *out)
{
    uint64_t have = r->seen < KEPT ? r->seen : KEPT;
    if (pp_prng_below(p, 3) == 0) {
        out->len = pp_prng_below(p, pp_prng_below(p, 10) ? 200 : PP_PAYLOAD_MAX + 1);
        pp_prng_fill(p, out->octets, out->len);
        if (out->len) {
            out->octets[0] = (uint8_t)(pp_prng_below(p, 32) | (pp_prng_below(p, 2) << 7));
        }
        return;
    }
    *out = r->kept[pp_prng_below(p, have)];
    for (uint64_t n = pp_prng_below(p, 4); n > 0 && out->len > 0; n--) {
        out->octets[pp_prng_below(p, out->len)] = (uint8_t)pp_prng_next(p);
    }
    if (pp_prng_below(p, 5) == 0) {
        out->len = pp_prng_below(p, out->len + 1);
    }
}

static void hostile(const struct substrate_suite *s)
{
    struct recorder *r = kit_need(calloc(1, sizeof *r));
    struct pp_world_options o = {.trace = keep, .trace_ctx = r};
    struct pp_world *w = kit_world_with(s, &o, 72);
    struct pp_prng p; /* of its own: the world's run does not depend on it */
    pp_prng_seed(&p, s->seed);
    kit_join(w, MEMBERS, 5 * PP_SECOND);
    size_t contact = 0, asker = pp_world_add(w, PP_CLIENT);
    pp_world_meet(w, asker, &contact, 1);
    for (unsigned i = 0; i < (s->lengthy ? 200000u : 20000u); i++) {
        struct kept bad;
        make_bad(&p, r, &bad);
        pp_world_inject(w, pp_prng_below(&p, MEMBERS), pp_prng_below(&p, MEMBERS + 1),
                        pp_bytes(bad.octets, bad.len));
        if (i % 40 == 0) {
            pp_world_run(w, PP_SECOND);
            kit_local(s, w, "among hostile datagrams");
        }
    }
    kit_heal(w, RULE_HOSTILE, "after hostile datagrams");
    pp_world_run(w, 2 * PP_MINUTE);
    kit_exact(w, 60, "after hostile datagrams");
    pp_world_destroy(w);
    free(r);
}

const struct substrate_case substrate_cases_trust[] = {
    {"client", "a client finds, covers nothing and is forgotten", client},
    {"proved", "one whose id was not proved enters no table", unproved},
    {"hostile", "random, changed and repeated datagrams do no harm", hostile},
    {NULL, NULL, NULL}};
