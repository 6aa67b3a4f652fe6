/* The look-up engine against an oracle in a played network: no substrate and no world. */
#include "played.h"

static void test_all_rule_is_exact(void)
{
    struct pp_agent agent;
    make_net();
    fake_agent(&agent, &fake, &all_ops);
    for (uint8_t i = 0; i < 50; i++) {
        struct pp_id key = {{(uint8_t)(i * 5), i}};
        look_up(&agent, &key, 5, 1);
        exact(&key, 5);
        look_up(&agent, &key, 32, 1);
        exact(&key, 32);
    }
    pp_agent_free(&agent);
}

static void test_the_dead_are_gone_round(void)
{
    struct pp_agent agent;
    make_net();
    for (size_t i = 1; i < PEERS; i += 4) {
        dead[i] = true;
    }
    for (size_t i = 3; i < PEERS; i += 16) {
        inactive[i] = true;
    }
    fake_agent(&agent, &fake, &all_ops);
    for (uint8_t i = 0; i < 20; i++) {
        struct pp_id key = {{(uint8_t)(i * 11), i}};
        look_up(&agent, &key, 5, 1);
        exact(&key, 5);
    }
    CU_ASSERT_TRUE(asked_dead > 0);
    pp_agent_free(&agent);
}

static void test_whom_a_member_of_the_answer_names_is_asked_again(void)
{
    struct pp_agent agent;
    bool all[PEERS];
    make_net();
    fake_agent(&agent, &fake, &all_ops);
    memset(all, 1, sizeof all);
    for (uint8_t i = 0; i < 20; i++) {
        struct pp_id key = {{(uint8_t)(i * 11), i}};
        closest(&key, 1, all, &deaf_node);
        deaf_tries = PP_RPC_TRIES + 1; /* lives, but so many datagrams are lost */
        look_up(&agent, &key, 5, 1);
        if (deaf_node % 25 != 0) { /* our own contacts are named by nobody */
            exact(&key, 5);
        }
    }
    deaf_tries = 0;
    pp_agent_free(&agent);
}

static bool doubt_all(const struct pp_agent *agent, pp_ns now, const struct pp_id *id)
{
    (void)agent;
    (void)now;
    (void)id;
    return true;
}

static void test_the_doubted_need_a_voucher(void)
{
    struct pp_agent agent;
    struct pp_lookup_ops doubting = all_ops;
    doubting.doubted = doubt_all;
    make_net();
    fake_agent(&agent, &fake, &doubting);
    for (uint8_t i = 0; i < 20; i++) {
        struct pp_id key = {{(uint8_t)(i * 11), i}};
        look_up(&agent, &key, 5, 1);
        exact(&key, 5); /* all live: every one of the answer is named by another of it */
    }
    pp_agent_free(&agent);
}

static void test_root_rule_pings_the_answer(void)
{
    struct pp_agent agent;
    make_net();
    root_rule = true;
    fake_agent(&agent, &fake, &root_ops);
    for (uint8_t i = 0; i < 20; i++) {
        struct pp_id key = {{(uint8_t)(i * 11), i}};
        look_up(&agent, &key, 5, 1);
        exact(&key, 5);
        CU_ASSERT_TRUE(fake.result.n_path == fake.result.hops);
        CU_ASSERT_TRUE(fake.result.hops >= 1);
    }
    pp_agent_free(&agent);
}

static void test_an_answer_of_the_dead_is_none(void)
{
    struct pp_agent agent;
    make_net();
    root_rule = true;
    grave = 7;
    dead[grave] = true;
    fake_agent(&agent, &fake, &root_ops);
    for (uint8_t i = 0; i < 10; i++) {
        struct pp_id key = {{(uint8_t)(i * 21), i}};
        misled = 1;
        look_up(&agent, &key, 5, 1);
        exact(&key, 5);
    }
    for (size_t i = 0; i < PEERS; i++) {
        dead[i] = i % 25 != 0 || i == 0; /* whoever is asked says so, and nobody else lives */
    }
    misled = SIZE_MAX;
    look_up(&agent, &(struct pp_id){{3}}, 5, 1);
    misled = 0;
    CU_ASSERT_EQUAL(fake.result.code, PP_UNREACHABLE);
    pp_agent_free(&agent);
}

static bool is_fresh(const struct pp_agent *agent, pp_ns now, const struct pp_id *id)
{
    return !fresh(agent, now, id);
}

/* It pings nobody. */
static void test_a_client_trusts_the_root_about_whom_it_heard_lately(void)
{
    struct pp_id key = {{0x31}};
    struct pp_agent agent;
    struct pp_lookup_ops ops = root_ops;
    ops.fresh = is_fresh;
    make_net();
    root_rule = true;
    fake_agent(&agent, &fake, &ops);
    agent.self.id = (struct pp_id){{0}};
    look_up(&agent, &key, 5, 1);
    exact(&key, 5);
    CU_ASSERT_EQUAL(fake.n, fake.result.hops);
    pp_agent_free(&agent);
}

static void test_paths_share_no_peer(void)
{
    struct pp_agent agent;
    struct pp_id key = {{0x77}};
    make_net();
    fake_agent(&agent, &fake, &all_ops);
    look_up(&agent, &key, 5, 4);
    exact(&key, 5);
    for (size_t i = 0; i < fake.n; i++) {
        for (size_t j = i + 1; j < fake.n; j++) {
            CU_ASSERT_FALSE(pp_peer_same_endpoint(&fake.sent[i].to, &fake.sent[j].to));
        }
    }
    pp_agent_free(&agent);
}

static void test_nobody_answers(void)
{
    struct pp_agent agent;
    struct pp_id key = {{0x77}};
    make_net();
    memset(dead, 1, sizeof dead);
    fake_agent(&agent, &fake, &all_ops);
    look_up(&agent, &key, 5, 1);
    CU_ASSERT_EQUAL(fake.result.code, PP_UNREACHABLE);
    CU_ASSERT_PTR_NOT_NULL(fake.result.reason);
    CU_ASSERT_EQUAL(fake.result.n_peers, 0);
    pp_agent_free(&agent);
}

static void test_cancelled_and_failed(void)
{
    struct pp_agent agent;
    struct pp_id key = {{0x77}};
    struct pp_lookup_request request = {.key = &key, .k = 5, .paths = 1, .token = 9};
    make_net();
    fake_agent(&agent, &fake, &all_ops);
    fake.n = fake.found = 0;
    CU_ASSERT_EQUAL(pp_lookup_start(&agent, 0, &request), PP_OK);
    pp_lookup_cancel(&agent, 9);
    CU_ASSERT_EQUAL(agent.rpcs.n, 0);
    pp_lookup_settle(&agent, 0);
    CU_ASSERT_EQUAL(fake.found, 0);
    CU_ASSERT_EQUAL(pp_lookup_start(&agent, 0, &request), PP_OK);
    pp_lookup_fail_all(&agent, PP_OFFLINE, "going");
    CU_ASSERT_EQUAL(pp_lookup_deadline(&agent), 0);
    pp_lookup_settle(&agent, 0);
    CU_ASSERT_EQUAL(fake.found, 1);
    CU_ASSERT_EQUAL(fake.result.code, PP_OFFLINE);
    for (size_t i = 0; i < PP_LOOKUPS_MAX; i++) {
        CU_ASSERT_EQUAL(pp_lookup_start(&agent, 0, &request), PP_OK);
    }
    CU_ASSERT_EQUAL(pp_lookup_start(&agent, 0, &request), PP_BUSY);
    pp_agent_free(&agent);
}

CHECK_MAIN("lookup", CHECK(test_all_rule_is_exact), CHECK(test_the_dead_are_gone_round),
           CHECK(test_whom_a_member_of_the_answer_names_is_asked_again),
           CHECK(test_the_doubted_need_a_voucher), CHECK(test_root_rule_pings_the_answer),
           CHECK(test_an_answer_of_the_dead_is_none),
           CHECK(test_a_client_trusts_the_root_about_whom_it_heard_lately),
           CHECK(test_paths_share_no_peer), CHECK(test_nobody_answers),
           CHECK(test_cancelled_and_failed))
