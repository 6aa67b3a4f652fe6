/* Chord in the virtual-time world: small and middling rings join, stabilise, answer. */
#include <check.h>
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

CHECK_MAIN("chord", CHECK(test_small_rings), CHECK(test_ring_of_32), CHECK(test_ring_of_100),
           CHECK(test_client_looks_up_and_enters_no_table))
