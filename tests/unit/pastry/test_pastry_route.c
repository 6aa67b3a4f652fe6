/* Numeric closeness, round zero and with ties; any k over any leaf set; what covers may say. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

static void scatter(unsigned bits, unsigned leaves, size_t n)
{
    uint64_t state = bits;
    pastry_start(&net, bits, leaves);
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = net_random_id(&state);
        net_add_at(&net, &id, PP_MEMBER);
    }
    net_arrange(&net);
    CU_ASSERT_EQUAL(net_check(&net), 0);
}

/* k up to 32 however small the leaf set, for every size of a digit. */
static void test_every_k_over_small_leaf_sets(void)
{
    static const unsigned bits[] = {1, 2, 4, 8}, leaves[] = {2, 4, 8, 32}, k[] = {1, 2, 5, 16, 32};
    for (size_t i = 0; i < 4; i++) {
        uint64_t state = 99;
        scatter(bits[i], leaves[i], 70);
        for (size_t j = 0; j < 60; j++) {
            struct pp_id key = net_random_id(&state);
            CU_ASSERT_TRUE(net_exact(&net, j, &key, k[j % 5]));
        }
        net_end(&net);
    }
}

/* Keys right at a node, at its neighbours and round zero. */
static void test_keys_at_the_seams(void)
{
    scatter(4, 4, 40);
    struct pp_id zero = {{0}}, one = pp_id_power(0), last = pp_id_sub(&zero, &one);
    CU_ASSERT_TRUE(net_exact(&net, 3, &zero, 7));
    CU_ASSERT_TRUE(net_exact(&net, 3, &last, 7));
    for (size_t i = 0; i < 40; i += 5) {
        struct pp_id at = net.self[i].id, after = pp_id_add(&at, &one), far = pp_id_power(159);
        struct pp_id across = pp_id_add(&at, &far);
        CU_ASSERT_TRUE(net_exact(&net, (i + 7) % 40, &at, 3));
        CU_ASSERT_TRUE(net_exact(&net, (i + 7) % 40, &after, 3));
        CU_ASSERT_TRUE(net_exact(&net, (i + 7) % 40, &across, 32));
    }
    net_end(&net);
}

/* Pairs of nodes at the same distance from the key on both sides: the smaller id is nearer, and
 * round zero that is the one clockwise of the key. */
static void ties_round(const struct pp_id *key)
{
    struct pp_id first, second;
    pastry_start(&net, 4, 4);
    for (unsigned i = 0; i < 20; i++) {
        struct pp_id away = pp_id_power(100 + i);
        first = pp_id_add(key, &away);
        second = pp_id_sub(key, &away);
        net_add_at(&net, &first, PP_MEMBER);
        net_add_at(&net, &second, PP_MEMBER);
    }
    net_arrange(&net);
    for (size_t asker = 0; asker < 40; asker += 3) {
        for (unsigned k = 1; k <= 8; k++) {
            CU_ASSERT_TRUE(net_exact(&net, asker, key, k));
        }
        for (size_t i = 0; i + 1 < 8; i += 2) {
            CU_ASSERT_TRUE(pp_id_compare(&net.peers[i].id, &net.peers[i + 1].id) < 0);
        }
    }
    for (size_t i = 0; i < 4; i++) { /* of the two nearest one is the root, and knows it */
        size_t right[PP_K_MAX];
        net_closest(&net, key, 1, right);
        enum pp_covers says = pastry_covers(net.node[i], key, 1);
        CU_ASSERT_NOT_EQUAL(says, i == right[0] ? PP_COVERS_NO : PP_COVERS_YES);
    }
    net_end(&net);
}

static void test_ties(void)
{
    struct pp_id zero = {{0}}, middle = pp_id_power(159), odd = {{0x35, 0x77}};
    ties_round(&zero);
    ties_round(&middle);
    ties_round(&odd);
}

/* With ties the root says "complete": no look-up has to go on in vain. */
static void test_the_root_of_a_tie_is_complete(void)
{
    struct pp_id key = {{0x40}}, away = pp_id_power(120);
    struct pp_id high = pp_id_add(&key, &away), low = pp_id_sub(&key, &away);
    struct pp_peer peers[4];
    pastry_start(&net, 4, 4);
    net_add_at(&net, &high, PP_MEMBER);
    net_add_at(&net, &low, PP_MEMBER);
    net_arrange(&net);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(pp_roster_nearest(&net.node[i]->r, &key, 4, peers), 2);
        CU_ASSERT_TRUE(pp_id_equal(&peers[0].id, &low));
    }
    net_end(&net);
}

static void test_covers_is_never_wrong(void)
{
    static const unsigned leaves[] = {2, 8, 32, 64};
    for (size_t i = 0; i < 4; i++) {
        size_t sure;
        scatter(4, leaves[i], 60);
        for (unsigned k = 1; k <= 32; k = 2 * k + 1) {
            CU_ASSERT_EQUAL(net_false_covers(&net, 40, k, &sure), 0);
            CU_ASSERT_TRUE(sure > 0);
            if (leaves[i] >= 2 * k) {
                CU_ASSERT_EQUAL(sure, 40 * 60); /* then every node knows */
            }
        }
        net_end(&net);
    }
}

/* Nobody who is suspected is counted as certain. */
static void test_covers_and_suspects(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 4, 0x1000);
    struct pp_id key = pastry_peer(0x2000).id;
    CU_ASSERT_EQUAL(pastry_covers(n, &key, 1), PP_COVERS_YES);
    pastry_know(&net, n, 0x2100, 0);
    CU_ASSERT_EQUAL(pastry_covers(n, &key, 1), PP_COVERS_NO);
    CU_ASSERT_EQUAL(pastry_covers(n, &key, 2), PP_COVERS_YES);
    pastry_known(n, 0x2100)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pastry_covers(n, &key, 1), PP_COVERS_UNKNOWN);
    n->r.m.a.active = false;
    CU_ASSERT_EQUAL(pastry_covers(n, &key, 2), PP_COVERS_UNKNOWN);
    net_end(&net);
}

static void test_the_next_hop_shares_one_digit_more(void)
{
    uint64_t state = 5;
    scatter(4, 8, 100);
    for (size_t i = 0; i < 100; i++) {
        struct pp_id key = net_random_id(&state);
        struct pp_substrate_node *n = net.node[i];
        const struct pp_entry *hop = pastry_next_hop(&n->r, &key);
        if (hop) {
            CU_ASSERT_TRUE(pp_id_shared_bits(&hop->peer.id, &key) / 4 >
                           pp_id_shared_bits(&n->r.m.a.self.id, &key) / 4);
        }
        CU_ASSERT_PTR_NULL(pastry_next_hop(&n->r, &n->r.m.a.self.id));
    }
    net_end(&net);
}

CHECK_MAIN("pastry route", CHECK(test_every_k_over_small_leaf_sets), CHECK(test_keys_at_the_seams),
           CHECK(test_ties), CHECK(test_the_root_of_a_tie_is_complete),
           CHECK(test_covers_is_never_wrong), CHECK(test_covers_and_suspects),
           CHECK(test_the_next_hop_shares_one_digit_more))
