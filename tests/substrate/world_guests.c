/*
 * Those who are not always there: nodes that come back after a week and know hardly anybody who
 * still lives, and clients that ask and go, with a word or without.
 */
#include "ring.h"

#include <stdio.h>

#define GUESTS 8
#define OTHERS 16

static const char *const *slowly(void)
{
    static const char *const chord[] = {"stabilise=2min", "refresh=24h", NULL};
    static const char *const pastry[] = {"heartbeat=1h", "refresh=24h", NULL};
    static const char *const tree[] = {"ping=1h", "refresh=24h", NULL};
    const char *name = getenv("PEERPOST_SUBSTRATE");
    if (!name || strcmp(name, "chord") == 0) {
        return chord;
    }
    return strcmp(name, "pastry") == 0 ? pastry : strcmp(name, "can") == 0 ? NULL : tree;
}

/* One of the others an hour dies, and somebody new comes, until only four are left. */
static void turn_over(struct pp_world *w)
{
    for (size_t i = 0; i + 4 < OTHERS; i++) {
        size_t contact = GUESTS + OTHERS - 1, fresh = pp_world_add(w, PP_MEMBER);
        pp_world_kill(w, GUESTS + i);
        pp_world_meet(w, fresh, &contact, 1);
        pp_world_run(w, PP_HOUR);
        ring_help(w);
    }
}

static void test_a_week_off(void)
{
    struct pp_world *w = ring_arranged(31, GUESTS + OTHERS, slowly());
    pp_world_run(w, 3 * PP_HOUR);
    for (size_t i = 0; i < GUESTS; i++) {
        pp_world_kill(w, i);
    }
    turn_over(w);
    pp_world_run(w, (slowly() ? 7 : 1) * PP_DAY - (OTHERS - 4) * PP_HOUR);
    CHECK_FATAL(ring_heals(w, 12 * PP_HOUR, "while they were away"));
    for (size_t i = 0; i < GUESTS; i++) {
        pp_world_restart(w, i);
        CU_ASSERT_TRUE(pp_world_rejoin(w, i, 8));
    }
    for (int i = 0; i < 20 && !pp_world_settle(w, PP_MINUTE); i++) {
        ring_help(w); /* all eight that it remembers may be dead */
    }
    for (size_t i = 0; i < GUESTS; i++) {
        CU_ASSERT_TRUE(pp_world_active(w, i));
    }
    CU_ASSERT_TRUE(ring_heals(w, 12 * PP_HOUR, "after they came back"));
    CU_ASSERT_TRUE(ring_exact(w, 20, "after a week off"));
    CU_ASSERT_EQUAL(pp_world_false_no(w, 50, 5), 0);
    ring_end(w);
}

#define MEMBERS 100
#define CLIENTS 10
#define ROUNDS 12

struct watch {
    pp_ns gone[MEMBERS + CLIENTS * ROUNDS]; /* 0: it is there */
    size_t found, exact, late;
    struct pp_world *w;
    struct pp_id key;
};

static void see(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct watch *watch = ctx;
    (void)from;
    (void)payload;
    (void)drop;
    if (to < sizeof watch->gone / sizeof *watch->gone && watch->gone[to]) {
        watch->late += at > watch->gone[to] + PP_SECOND;
    }
}

static void on_found(void *ctx, const struct pp_result *result)
{
    struct watch *watch = ctx;
    size_t right[PP_K_MAX], n = pp_world_closest(watch->w, &watch->key, 5, right);
    bool exact = result->code == PP_OK && result->n_peers == n;
    for (size_t i = 0; exact && i < n; i++) {
        exact = pp_id_equal(&result->peers[i].id, &pp_world_peer(watch->w, right[i])->id);
    }
    watch->found++;
    watch->exact += exact;
}

static void not_awaited(void *ctx, const struct pp_result *result)
{
    (void)ctx;
    (void)result;
}

/* Ten come, each asks twice, and goes: every second one without a word, in the midst of a third
 * question. */
static void visit(struct watch *watch)
{
    struct pp_world *w = watch->w;
    size_t first = pp_world_count(w);
    for (size_t i = 0; i < CLIENTS; i++) {
        size_t contact = pp_prng_below(pp_world_prng(w), MEMBERS);
        pp_world_add(w, PP_CLIENT);
        pp_world_meet(w, first + i, &contact, 1);
    }
    pp_world_run(w, 10 * PP_SECOND);
    for (int ask = 0; ask < 3; ask++) {
        pp_world_run(w, 5 * PP_SECOND);
        watch->key = pp_world_peer(w, pp_prng_below(pp_world_prng(w), MEMBERS))->id;
        watch->key.b[9] ^= 0x55;
        for (size_t i = 0; i < CLIENTS; i++) {
            CU_ASSERT_EQUAL(pp_world_lookup(w, first + i, &watch->key, 5, 1,
                                            ask < 2 ? on_found : not_awaited, watch),
                            PP_OK);
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        if (i % 2) {
            pp_world_leave(w, first + i, pp_world_now(w) + PP_SECOND);
            pp_world_run(w, PP_SECOND);
        }
        pp_world_kill(w, first + i);
        watch->gone[first + i] = pp_world_now(w);
    }
}

static void test_clients_come_and_go(void)
{
    static struct watch watch;
    struct pp_world_options options = {
        .plugin =
            pp_world_plugin(getenv("PEERPOST_SUBSTRATE") ? getenv("PEERPOST_SUBSTRATE") : "chord"),
        .seed = 41,
        .trace = see,
        .trace_ctx = &watch};
    CHECK_FATAL(options.plugin != NULL);
    struct pp_world *w = watch.w = pp_world_create(&options);
    for (size_t i = 0; i < MEMBERS; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    pp_world_run(w, PP_MINUTE);
    for (int i = 0; i < ROUNDS; i++) {
        visit(&watch);
    }
    pp_world_run(w, 5 * PP_MINUTE);
    printf("%zu answers, %zu exact; %zu datagrams to clients long gone\n", watch.found, watch.exact,
           watch.late);
    CU_ASSERT_EQUAL(watch.found, 2 * CLIENTS * ROUNDS);
    CU_ASSERT_EQUAL(watch.exact, watch.found);
    CU_ASSERT_EQUAL(watch.late, 0); /* they stood in nobody's tables */
    CU_ASSERT_EQUAL(pp_world_check(w, -1, NULL), 0);
    CU_ASSERT_TRUE(ring_exact(w, 50, "after all clients have gone"));
    ring_end(w);
}

CHECK_MAIN("world guests", CHECK(test_a_week_off), CHECK(test_clients_come_and_go))
