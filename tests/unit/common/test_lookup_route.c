/*
 * How many a look-up asks, and at once: in rounds of a played network, in which whatever is out is
 * answered before the next is sent.
 */
#include "played.h"

static struct pp_agent agent;
static struct pp_lookup_ops ops;
static size_t rounds;

static bool all_fresh(const struct pp_agent *a, pp_ns now, const struct pp_id *id)
{
    (void)a;
    (void)now;
    (void)id;
    return true;
}

/* Our tables hold everybody. */
static void seed_all(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    for (size_t i = 0; i < PEERS; i++) {
        pp_lookup_seed(a, now, l, &net[i], NULL, false);
    }
    l->whole = true;
}

/* The k nearest but the best of them. */
static void seed_but_best(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    bool every[PEERS];
    size_t best[10];
    memset(every, 1, sizeof every);
    size_t n = closest(&l->key, 10, every, best);
    for (size_t i = 1; i < n; i++) {
        pp_lookup_seed(a, now, l, &net[best[i]], NULL, false);
    }
}

static void seed_best(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    bool every[PEERS];
    size_t best = 0;
    memset(every, 1, sizeof every);
    if (closest(&l->key, 1, every, &best) == 1) {
        pp_lookup_seed(a, now, l, &net[best], NULL, false);
    }
}

static void begin(bool client)
{
    make_net();
    ops = all_ops;
    fake_agent(&agent, &fake, &ops);
    if (client) {
        agent.self.id = (struct pp_id){{0}};
        ops.fresh = all_fresh;
    }
}

/* Requests sent for a look-up, and in how many rounds; its answer must be exact. */
static size_t ask(uint8_t number, unsigned k)
{
    struct pp_id key = {{number, 0x31}};
    struct pp_lookup_request request = {.key = &key, .k = k, .paths = 1, .token = 42};
    size_t done = 0;
    fake.n = fake.found = rounds = 0;
    CU_ASSERT_EQUAL(pp_lookup_start(&agent, 0, &request), PP_OK);
    for (; done < fake.n; rounds++) {
        for (size_t end = fake.n; done < end; done++) {
            struct sent sent = fake.sent[done];
            answer(&agent, 0, &sent);
        }
        pp_lookup_settle(&agent, 0);
    }
    CHECK_FATAL(fake.found == 1);
    exact(&key, k);
    return done;
}

static void test_a_client_is_content_when_two_agree(void)
{
    begin(true);
    ops.seed = seed_all;
    root_rule = true; /* the nearest says so */
    for (uint8_t i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(ask(i, 5), 1);
        CU_ASSERT_EQUAL(fake.result.hops, 1);
        CU_ASSERT_EQUAL(ask(i, 32), 1);
    }
    pp_agent_free(&agent);
}

/* The one that is asked is not the nearest, or knows one that we do not: all are asked. */
static void test_a_client_that_hears_of_others_asks_all(void)
{
    begin(true);
    ops.seed = seed_all;
    for (uint8_t i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(ask(i, 5), 5);
        CU_ASSERT_EQUAL(rounds, 2);
    }
    ops.seed = seed_but_best;
    root_rule = true;
    for (uint8_t i = 0; i < 20; i++) {
        CU_ASSERT_TRUE(ask(i, 5) >= 5);
    }
    pp_agent_free(&agent);
}

/* It names fewer of the k than we know. */
static void test_a_client_asks_all_when_one_is_not_named(void)
{
    struct pp_id key = {{0, 0x31}};
    bool every[PEERS];
    begin(true);
    ops.seed = seed_all;
    memset(every, 1, sizeof every);
    closest(&key, 1, every, &grave);
    misled = 1;
    CU_ASSERT_EQUAL(ask(0, 5), 5);
    pp_agent_free(&agent);
}

static void test_a_client_asks_whom_it_did_not_hear_lately(void)
{
    begin(true);
    ops.seed = seed_all;
    ops.fresh = fresh;
    root_rule = true;
    CU_ASSERT_EQUAL(ask(1, 5), 5);
    pp_agent_free(&agent);
}

static bool is_closed(const struct pp_agent *a, const struct pp_lookup *l)
{
    (void)a;
    (void)l;
    return true;
}

static void test_where_nearness_is_told_all_are_asked_by_turns(void)
{
    for (int client = 0; client < 2; client++) {
        begin(client);
        ops.seed = seed_all;
        ops.fresh = fresh;
        ops.closed = is_closed;
        root_rule = true;
        CU_ASSERT_EQUAL(ask(1, 5), 5);
        CU_ASSERT_EQUAL(rounds, 2);
        pp_agent_free(&agent);
    }
    begin(true);
    ops.seed = seed_all;
    ops.closed = is_closed;
    root_rule = true;
    CU_ASSERT_EQUAL(ask(1, 5), 5);
    pp_agent_free(&agent);
}

static void test_a_member_asks_all_itself(void)
{
    begin(false);
    ops.fresh = all_fresh;
    ops.seed = seed_all;
    root_rule = true;
    CU_ASSERT_EQUAL(ask(1, 5), 5);
    CU_ASSERT_EQUAL(rounds, 1); /* knowing the whole network, at once */
    CU_ASSERT_EQUAL(ask(1, 32), 32);
    CU_ASSERT_EQUAL(rounds, 1);
    pp_agent_free(&agent);
}

/* On the way three at a time; where the key lies, all. */
static void test_once_the_nearest_has_spoken_all_are_asked_at_once(void)
{
    size_t apart = 0, together = 0;
    for (uint8_t i = 0; i < 20; i++) {
        begin(false);
        ask(i, 32);
        apart += rounds;
        root_rule = true;
        ask(i, 32);
        together += rounds;
        pp_agent_free(&agent);
    }
    CU_ASSERT_TRUE(apart >= 20 * 10);
    CU_ASSERT_TRUE(together <= 20 * 5);
}

static struct pp_id doubted_id;

static bool doubts_one(const struct pp_agent *a, pp_ns now, const struct pp_id *id)
{
    (void)a;
    (void)now;
    return pp_id_equal(id, &doubted_id);
}

/* The root names one that we gave up. Does it live? The one behind it in the answer is asked,
 * though heard lately, and says so. */
static void test_the_neighbour_of_a_doubted_one_is_a_witness(void)
{
    struct pp_id key = {{9, 0x31}};
    bool every[PEERS];
    size_t best[6];
    memset(every, 1, sizeof every);
    for (size_t doubted = 1; doubted < 5; doubted++) { /* the nearest says what the answer is */
        begin(false);
        closest(&key, 6, every, best);
        ops = root_ops;
        ops.seed = seed_best;
        ops.fresh = all_fresh;
        ops.doubted = doubts_one;
        root_rule = true;
        doubted_id = net[best[doubted]].id;
        witness = best[doubted + 1];
        witnessed = best[doubted];
        ask(9, 5);
        pp_agent_free(&agent);
    }
    witness = SIZE_MAX;
}

CHECK_MAIN("lookup route", CHECK(test_a_client_is_content_when_two_agree),
           CHECK(test_a_client_that_hears_of_others_asks_all),
           CHECK(test_a_client_asks_all_when_one_is_not_named),
           CHECK(test_a_client_asks_whom_it_did_not_hear_lately),
           CHECK(test_where_nearness_is_told_all_are_asked_by_turns),
           CHECK(test_the_neighbour_of_a_doubted_one_is_a_witness),
           CHECK(test_a_member_asks_all_itself),
           CHECK(test_once_the_nearest_has_spoken_all_are_asked_at_once))
