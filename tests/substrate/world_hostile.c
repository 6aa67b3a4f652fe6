/*
 * Hostile datagrams at live nodes: random octets, valid datagrams with a few octets changed, old
 * ones again, all in the name of members (the worst case: a member gone bad). Nothing may crash,
 * the local invariants hold throughout, and once it is over the ring is whole and exact.
 */
#include "ring.h"

#include <stdio.h>

#define KEPT 4096
#define NODES 60

struct recorder {
    struct kept {
        size_t len;
        uint8_t octets[PP_PAYLOAD_MAX];
    } * kept;
    uint64_t seen;
};

static void record(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct recorder *r = ctx;
    struct kept *k = &r->kept[r->seen++ % KEPT];
    (void)at;
    (void)from;
    (void)to;
    (void)drop;
    k->len = payload.len < PP_PAYLOAD_MAX ? payload.len : PP_PAYLOAD_MAX;
    if (k->len) {
        memcpy(k->octets, payload.data, k->len);
    }
}

static void random_octets(struct pp_prng *p, struct kept *out)
{
    out->len = pp_prng_below(p, 200);
    pp_prng_fill(p, out->octets, out->len);
    if (out->len > 0 && pp_prng_chance(p, 800000)) {
        out->octets[0] = (uint8_t)(pp_prng_below(p, 24) | (pp_prng_chance(p, 500000) ? 0x80 : 0));
    }
}

static void mutated(struct pp_prng *p, const struct recorder *r, struct kept *out)
{
    uint64_t have = r->seen < KEPT ? r->seen : KEPT;
    *out = r->kept[pp_prng_below(p, have)];
    for (uint64_t n = pp_prng_below(p, 4); n > 0 && out->len > 0; n--) {
        out->octets[pp_prng_below(p, out->len)] = (uint8_t)pp_prng_next(p);
    }
    if (pp_prng_chance(p, 200000)) {
        out->len = pp_prng_below(p, out->len + 1);
    }
}

static size_t local_breaches(struct pp_world *w, const struct pp_substrate *plugin)
{
    struct pp_sink quiet = {NULL, NULL};
    size_t breaches = 0;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        struct pp_substrate_node *one = pp_world_instance(w, i);
        breaches += one ? plugin->check(&one, 1, &quiet) : 0;
    }
    return breaches;
}

static void test_garbage_breaks_nothing(void)
{
    const char *name = getenv("PEERPOST_SUBSTRATE");
    const struct pp_substrate *plugin = pp_world_plugin(name ? name : "chord");
    CHECK_FATAL(plugin != NULL);
    struct recorder recorder = {calloc(KEPT, sizeof *recorder.kept), 0};
    CHECK_FATAL(recorder.kept != NULL);
    struct pp_world_options options = {
        .plugin = plugin, .seed = 31, .trace = record, .trace_ctx = &recorder};
    struct pp_world *w = pp_world_create(&options);
    struct pp_prng *p = pp_world_prng(w);
    ring_join(w, NODES, PP_SECOND / 2);
    size_t contact = 0, client = pp_world_add(w, PP_CLIENT);
    pp_world_meet(w, client, &contact, 1);
    for (size_t i = 0; i < 40000; i++) {
        struct kept bad;
        if (i % 2) {
            mutated(p, &recorder, &bad);
        } else {
            random_octets(p, &bad);
        }
        pp_world_inject(w, pp_prng_below(p, NODES), pp_prng_below(p, NODES + 1),
                        pp_bytes(bad.octets, bad.len));
        if (i % 50 == 0) {
            pp_world_run(w, PP_SECOND);
            CU_ASSERT_EQUAL(local_breaches(w, plugin), 0);
        }
    }
    CU_ASSERT_TRUE(ring_heals(w, 15 * PP_MINUTE, "after garbage"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "after garbage"));
    ring_end(w);
    free(recorder.kept);
}

static void test_describe_survives_anything(void)
{
    const char *name = getenv("PEERPOST_SUBSTRATE");
    const struct pp_substrate *plugin = pp_world_plugin(name ? name : "chord");
    CHECK_FATAL(plugin != NULL);
    struct pp_prng p;
    pp_prng_seed(&p, 7);
    for (int i = 0; i < 100000; i++) {
        struct kept bad;
        char text[64];
        random_octets(&p, &bad);
        size_t cap = pp_prng_below(&p, sizeof text) + 1;
        memset(text, 'x', sizeof text);
        plugin->describe(pp_bytes(bad.octets, bad.len), text, cap);
        CU_ASSERT_TRUE_FATAL(memchr(text, 0, cap) != NULL);
    }
}

CHECK_MAIN("hostile", CHECK(test_garbage_breaks_nothing), CHECK(test_describe_survives_anything))
