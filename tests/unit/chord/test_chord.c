/* Chord in the virtual-time world: small and middling rings join, stabilise, answer. */
#include <check.h>
#include <malloc.h>
#include <sim/world/world.h>
#include <stdio.h>

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

static void verify(struct pp_world *w, size_t n, unsigned k)
{
    struct pp_world_verdict v;
    pp_world_verify(w, n, k, &v);
    CU_ASSERT_EQUAL(v.exact, n);
    if (v.exact != n) {
        printf("k %u: %zu exact, %zu wrong, %zu failed: %s\n", k, v.exact, v.wrong, v.failed,
               v.first);
    }
    printf("  k %2u: hops %.2f messages %.1f timeouts %.2f time %.3f s\n", k,
           (double)v.hops / (double)n, (double)v.messages / (double)n,
           (double)v.timeouts / (double)n, (double)v.elapsed / 1e9 / (double)n);
}

static void ring_of(size_t n)
{
    const struct pp_substrate *chord = pp_world_plugin("chord");
    CHECK_FATAL(chord != NULL);
    struct pp_world_options options = {.plugin = chord, .seed = n};
    struct pp_world *w = pp_world_create(&options);
    pp_world_found(w, pp_world_add(w, PP_MEMBER));
    for (size_t i = 1; i < n; i++) {
        size_t contact = pp_prng_below(pp_world_prng(w), i);
        pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
        pp_world_run(w, PP_SECOND);
    }
    CU_ASSERT_TRUE(pp_world_settle(w, PP_MINUTE));
    pp_world_run(w, 5 * PP_MINUTE);
    struct pp_sink sink = {print_line, NULL};
    CU_ASSERT_EQUAL(pp_world_check(w, -1, &sink), 0);
    printf("ring of %zu\n", n);
    verify(w, 100, 1);
    verify(w, 100, 5);
    verify(w, 100, 32);
    CU_ASSERT_EQUAL(pp_world_false_no(w, 100, 5), 0);
    pp_world_destroy(w);
}

static void test_small_rings(void)
{
    for (size_t n = 1; n <= 8; n++) {
        ring_of(n);
    }
}

static void test_ring_of_32(void)
{
    ring_of(32);
}

static void test_ring_of_100(void)
{
    ring_of(100);
}

struct heard {
    struct pp_result result;
    struct pp_id first;
    bool done;
};

static void note(void *ctx, const struct pp_result *result)
{
    struct heard *h = ctx;
    h->result = *result;
    h->first = result->n_peers ? result->peers[0].id : (struct pp_id){{0}};
    h->done = true;
}

static void test_client_looks_up_and_enters_no_table(void)
{
    const struct pp_substrate *chord = pp_world_plugin("chord");
    CHECK_FATAL(chord != NULL);
    struct pp_world_options options = {.plugin = chord, .seed = 7};
    struct pp_world *w = pp_world_create(&options);
    for (size_t i = 0; i < 50; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    size_t client = pp_world_add(w, PP_CLIENT), contact = 3;
    pp_world_meet(w, client, &contact, 1);
    pp_world_run(w, 2 * PP_SECOND);
    CU_ASSERT_EQUAL(pp_world_state(w, client), PP_ACTIVE);
    for (int i = 0; i < 20; i++) {
        struct pp_id key;
        struct heard h = {0};
        size_t right[PP_K_MAX];
        pp_prng_fill(pp_world_prng(w), key.b, sizeof key.b);
        CU_ASSERT_EQUAL(pp_world_lookup(w, client, &key, 5, 1, note, &h), PP_OK);
        pp_world_run(w, 10 * PP_SECOND);
        CHECK_FATAL(h.done);
        CU_ASSERT_EQUAL(h.result.code, PP_OK);
        CU_ASSERT_EQUAL(h.result.n_peers, 5);
        pp_world_closest(w, &key, 5, right);
        CU_ASSERT_TRUE(pp_id_equal(&h.first, &pp_world_peer(w, right[0])->id));
    }
    pp_world_run(w, 3 * PP_MINUTE);
    struct pp_sink sink = {print_line, NULL};
    CU_ASSERT_EQUAL(pp_world_check(w, -1, &sink), 0);
    pp_world_destroy(w);
}

struct trace {
    uint64_t digest, datagrams;
};

static void fold(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct trace *t = ctx;
    t->datagrams++;
    t->digest = (t->digest ^ at ^ from ^ (to << 20) ^ drop) * 0x100000001b3u;
    for (size_t i = 0; i < payload.len; i++) {
        t->digest = (t->digest ^ payload.data[i]) * 0x100000001b3u;
    }
}

static struct trace run_with(uint64_t seed)
{
    struct trace t = {0, 0};
    const struct pp_substrate *chord = pp_world_plugin("chord");
    CHECK_FATAL(chord != NULL);
    struct pp_world_options options = {
        .plugin = chord, .seed = seed, .loss = 50000, .trace = fold, .trace_ctx = &t};
    struct pp_world *w = pp_world_create(&options);
    pp_world_found(w, pp_world_add(w, PP_MEMBER));
    for (size_t i = 1; i < 40; i++) {
        size_t contact = i / 2;
        pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
        pp_world_run(w, PP_SECOND / 3);
    }
    pp_world_kill(w, 11);
    pp_world_run(w, 3 * PP_MINUTE);
    pp_world_destroy(w);
    return t;
}

static void test_same_seed_same_datagrams(void)
{
    struct trace a = run_with(9), b = run_with(9), c = run_with(10);
    CU_ASSERT_TRUE(a.datagrams > 1000);
    CU_ASSERT_EQUAL(a.datagrams, b.datagrams);
    CU_ASSERT_EQUAL(a.digest, b.digest);
    CU_ASSERT_NOT_EQUAL(a.digest, c.digest);
}

static void test_disjoint_paths_agree(void)
{
    const struct pp_substrate *chord = pp_world_plugin("chord");
    CHECK_FATAL(chord != NULL);
    struct pp_world_options options = {.plugin = chord, .seed = 17};
    struct pp_world *w = pp_world_create(&options);
    for (size_t i = 0; i < 300; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    for (size_t i = 0; i < 20; i++) {
        struct pp_id key;
        struct heard h = {0};
        size_t right[PP_K_MAX];
        pp_prng_fill(pp_world_prng(w), key.b, sizeof key.b);
        CU_ASSERT_EQUAL(pp_world_lookup(w, i, &key, 5, 4, note, &h), PP_OK);
        pp_world_run(w, 10 * PP_SECOND);
        CHECK_FATAL(h.done);
        CU_ASSERT_EQUAL(h.result.code, PP_OK);
        CU_ASSERT_EQUAL(h.result.n_peers, 5);
        CU_ASSERT_TRUE(h.result.spacing > 0);
        pp_world_closest(w, &key, 5, right);
        CU_ASSERT_TRUE(pp_id_equal(&h.first, &pp_world_peer(w, right[0])->id));
    }
    pp_world_destroy(w);
}

/* What a million nodes must fit in: an instance's memory, quiet, in a ring that is large enough for
 * full lists. */
static void test_memory_of_a_quiet_node(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    printf("  not measured under a sanitizer ");
#else
    enum { NODES = 5000 };
    const struct pp_substrate *chord = pp_world_plugin("chord");
    CHECK_FATAL(chord != NULL);
    struct pp_world_options options = {.plugin = chord, .seed = 18, .no_memory = true};
    struct pp_world *w = pp_world_create(&options);
    for (size_t i = 0; i < NODES; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    size_t before = mallinfo2().uordblks;
    pp_world_arrange(w);
    size_t tables = (mallinfo2().uordblks - before) / NODES;
    printf("  tables %zu octets a node at %d nodes ", tables, NODES);
    CU_ASSERT_TRUE(tables > 3000 && tables < 4600);
    pp_world_destroy(w);
#endif
}

CHECK_MAIN("chord", CHECK(test_small_rings), CHECK(test_ring_of_32), CHECK(test_ring_of_100),
           CHECK(test_client_looks_up_and_enters_no_table), CHECK(test_same_seed_same_datagrams),
           CHECK(test_disjoint_paths_agree), CHECK(test_memory_of_a_quiet_node))
