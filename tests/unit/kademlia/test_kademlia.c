/* Kademlia whole over a small network: the XOR order, every k, small buckets, joins, goodbyes. */
#include <check.h>
#include <small_net.h>
#include <stdio.h>
#include <substrate-kademlia/kademlia.h>

static struct net net;

static void start(unsigned bucket, unsigned siblings)
{
    char b[20], s[20];
    const char *const settings[] = {b, s, NULL};
    snprintf(b, sizeof b, "bucket=%u", bucket);
    snprintf(s, sizeof s, "siblings=%u", siblings);
    net_start(&net, settings, false);
}

static void scatter(unsigned bucket, unsigned siblings, size_t n)
{
    uint64_t state = bucket;
    start(bucket, siblings);
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = net_random_id(&state);
        net_add_at(&net, &id, PP_MEMBER);
    }
    net_arrange(&net);
    CU_ASSERT_EQUAL(net_check(&net), 0);
}

/* Exact with buckets of one and two siblings, and with all defaults. */
static void test_every_k_with_small_buckets(void)
{
    static const unsigned bucket[] = {1, 2, 8, 20}, siblings[] = {2, 4, 32, 64};
    static const unsigned k[] = {1, 2, 5, 16, 32};
    for (size_t i = 0; i < 4; i++) {
        uint64_t state = 77;
        scatter(bucket[i], siblings[i], 90);
        for (size_t j = 0; j < 60; j++) {
            struct pp_id key = net_random_id(&state);
            CU_ASSERT_TRUE(net_exact(&net, j, &key, k[j % 5]));
        }
        net_end(&net);
    }
}

static void test_rank_is_the_xor(void)
{
    uint8_t rank[PP_RANK_LEN];
    scatter(8, 32, 20);
    struct pp_id key = {{0x5a, 0x77}};
    for (size_t i = 0; i < 20; i++) {
        struct pp_id d = pp_id_xor(&key, &net.self[i].id);
        peerpost_plugin.rank(net.node[i], &key, rank);
        CU_ASSERT_EQUAL(memcmp(rank, d.b, PP_ID_LEN), 0);
        CU_ASSERT_TRUE(net_exact(&net, 3, &net.self[i].id, 1));
    }
    net_end(&net);
}

static void test_covers_is_never_wrong(void)
{
    static const unsigned siblings[] = {2, 8, 64};
    for (size_t i = 0; i < 3; i++) {
        size_t sure;
        scatter(siblings[i] / 2 < 20 ? siblings[i] / 2 : 20, siblings[i], 60);
        for (unsigned k = 1; k <= 32; k = 2 * k + 1) {
            CU_ASSERT_EQUAL(net_false_covers(&net, 40, k, &sure), 0);
            CU_ASSERT_TRUE(sure > 0);
            CU_ASSERT_TRUE(siblings[i] < 64 || sure == 40 * 60);
        }
        net_end(&net);
    }
}

static void test_joining_one_by_one_and_all_at_once(void)
{
    uint64_t state = 6;
    start(2, 8);
    struct pp_id id = net_random_id(&state);
    net_add_at(&net, &id, PP_MEMBER);
    peerpost_plugin.meet(net.node[0], net.now, NULL, 0);
    for (size_t i = 1; i < 50; i++) {
        id = net_random_id(&state);
        size_t node = net_add_at(&net, &id, PP_MEMBER);
        net_meet(&net, node, i < 20 ? i - 1 : 0);
        net_run(&net, i < 20 ? PP_SECOND : PP_MS);
    }
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    for (size_t i = 0; i < 50; i++) {
        CU_ASSERT_TRUE(net.node[i]->t.r.m.a.active);
        struct pp_id key = net_random_id(&state);
        CU_ASSERT_TRUE(net_exact(&net, i, &key, 5));
    }
    net_end(&net);
}

static void test_goodbye(void)
{
    struct pp_writer w;
    scatter(8, 8, 40);
    const struct pp_peer *near = &net.node[9]->t.r.table.at[0].peer;
    size_t leaver = 0;
    while (!pp_id_equal(&net.self[leaver].id, &near->id)) {
        leaver++;
    }
    pp_writer_begin(&w, KADEMLIA_LEAVE, 0, 1);
    net_inject(&net, &net.self[leaver], 9, &w, 0); /* who says so? */
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[9]->t.r.m, &net.self[leaver].id));
    uint64_t before = net.sent[KADEMLIA_LEAVE];
    peerpost_plugin.leave(net.node[leaver], net.now, net.now + PP_SECOND);
    CU_ASSERT_TRUE(net.sent[KADEMLIA_LEAVE] - before >= 8); /* the paper leaves silently */
    net_run(&net, 100 * PP_MS);
    CU_ASSERT_PTR_NULL(pp_roster_entry(&net.node[9]->t.r.m, &net.self[leaver].id));
    net_run(&net, PP_MINUTE);
    net_kill(&net, leaver);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_datagrams_in_words(void)
{
    struct pp_writer w;
    char text[120];
    pp_writer_begin(&w, KADEMLIA_LEAVE, PP_WIRE_ACTIVE, 0xabc);
    peerpost_plugin.describe(pp_bytes(w.data, w.len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "LEAVE active 0000000000000abc, 10 octets"));
    peerpost_plugin.describe(pp_bytes(w.data, 9), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed"));
}

/* Nothing of Kademlia's decides who is closest: two nodes may differ in all options. */
static void test_options_are_a_nodes_own(void)
{
    for (size_t i = 0; i < peerpost_plugin.plugin.n_options; i++) {
        CU_ASSERT_EQUAL(peerpost_plugin.plugin.options[i].scope, PP_SCOPE_NODE);
    }
}

CHECK_MAIN("kademlia", CHECK(test_every_k_with_small_buckets), CHECK(test_rank_is_the_xor),
           CHECK(test_covers_is_never_wrong), CHECK(test_joining_one_by_one_and_all_at_once),
           CHECK(test_goodbye), CHECK(test_datagrams_in_words), CHECK(test_options_are_a_nodes_own))
