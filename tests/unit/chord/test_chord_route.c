/* The next step, the k closest, covers and rank, against the ring itself. */
#include <check.h>

#include "chord_net.h"

#include <common/find.h>

static struct net net;

/* Index of the first node at or after the key; nodes are in the order of their ids. */
static size_t first_after(uint16_t key)
{
    struct pp_id id = {{0}};
    pp_put16(id.b, key);
    for (size_t i = 0; i < net.n; i++) {
        if (pp_id_compare(&net.self[i].id, &id) >= 0) {
            return i;
        }
    }
    return 0;
}

static void test_closest_within_the_arc(void)
{
    struct pp_peer out[PP_K_MAX];
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    struct pp_substrate_node *n = net.node[10];
    for (size_t i = 6; i < 14; i++) {
        struct pp_id key = net.self[i].id;
        key.b[19] = 2; /* just after node i */
        size_t got = chord_closest(n, &key, 3, out);
        size_t there = 14 - i; /* up to the last successor */
        CU_ASSERT_EQUAL(got, there < 3 ? there : 3);
        for (size_t j = 0; j < got; j++) {
            CU_ASSERT_TRUE(pp_id_equal(&out[j].id, &net.self[i + 1 + j].id));
        }
    }
    CU_ASSERT_EQUAL(chord_closest(n, &net.self[20].id, 3, out), 0);
    CU_ASSERT_EQUAL(chord_closest(n, &net.self[5].id, 3, out), 0);
    net_end(&net);
}

static void test_every_node_answers_every_key_alike(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    for (uint16_t key = 5; key < 60000; key = (uint16_t)(key + 4999)) {
        for (size_t asker = 0; asker < 30; asker += 7) {
            CU_ASSERT_EQUAL(net_lookup(&net, asker, key, 7), PP_OK);
            CHECK_FATAL(net.result.n_peers == 7); /* more than a list holds */
            for (size_t j = 0; j < 7; j++) {
                size_t right = (first_after(key) + j) % 30;
                CU_ASSERT_TRUE(pp_id_equal(&net.peers[j].id, &net.self[right].id));
            }
        }
    }
    net_end(&net);
}

static void test_covers_says_no_only_when_sure(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    struct pp_substrate_node *n = net.node[10];
    struct pp_id key = net.self[7].id;
    key.b[19] = 2; /* 8, 9, 10: we are the third */
    CU_ASSERT_EQUAL(chord_covers(n, &key, 3), PP_COVERS_YES);
    CU_ASSERT_EQUAL(chord_covers(n, &key, 2), PP_COVERS_NO);
    CU_ASSERT_EQUAL(chord_covers(n, &net.self[2].id, 32), PP_COVERS_UNKNOWN);
    CU_ASSERT_EQUAL(chord_covers(n, &net.self[2].id, 3), PP_COVERS_NO);
    pp_member_late(&n->m, &net.self[9].id);
    CU_ASSERT_EQUAL(chord_covers(n, &key, 2), PP_COVERS_UNKNOWN);
    net_end(&net);
}

static void test_a_missing_member_is_found_by_its_successor(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    for (size_t i = 0; i < 30; i++) { /* nobody but its successor knows node 12 */
        if (i != 12 && i != 13) {
            chord_forget(&net.node[i]->m, net.now, &net.self[12].id);
        }
    }
    uint16_t key = (uint16_t)(pp_get16(net.self[11].id.b) + 1);
    CU_ASSERT_EQUAL(net_lookup(&net, 25, key, 3), PP_OK);
    CHECK_FATAL(net.result.n_peers == 3);
    CU_ASSERT_TRUE(pp_id_equal(&net.peers[0].id, &net.self[12].id));
    CU_ASSERT_TRUE(pp_id_equal(&net.peers[1].id, &net.self[13].id));
    net_end(&net);
}

/* Our own list ends with the only one of the answer that we know, and that one is dead. */
static void test_a_dead_end_of_the_own_list_is_gone_round(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    uint16_t key = (uint16_t)(pp_get16(net.self[13].id.b) + 1);
    net_kill(&net, 14); /* node 10 knows 11 to 14 */
    CU_ASSERT_EQUAL(net_lookup(&net, 10, key, 5), PP_OK);
    CHECK_FATAL(net.result.n_peers == 5);
    CU_ASSERT_TRUE(pp_id_equal(&net.peers[0].id, &net.self[15].id));
    net_end(&net);
}

static void test_rank_orders_like_the_clock(void)
{
    uint8_t near[PP_RANK_LEN], far[PP_RANK_LEN];
    chord_start(&net, 4, false);
    net_ring(&net, 5);
    struct pp_id key = net.self[3].id;
    chord_rank(net.node[3], &key, near);
    chord_rank(net.node[2], &key, far); /* just before the key: the farthest */
    CU_ASSERT_TRUE(memcmp(near, far, PP_RANK_LEN) < 0);
    chord_rank(net.node[4], &key, far);
    CU_ASSERT_TRUE(memcmp(near, far, PP_RANK_LEN) < 0);
    net_end(&net);
}

/* Whoever is far from the key names nodes before it, the nearest first: none beyond. */
static void test_referrals_lie_before_the_key(void)
{
    struct pp_find find = {.k = 3};
    struct pp_find_reply reply;
    struct pp_header header;
    struct pp_writer w;
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    find.key = net.self[25].id;
    find.key.b[19] = 2;
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 7);
    pp_write_find(&w, &find);
    net_inject(&net, &net.self[0], 10, &w, PP_ID_PROVED);
    const struct flight *f = &net.flights[net.n_flights - 1];
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK && header.id == 7);
    CHECK_FATAL(pp_read_find_reply(&r, &reply, 0) == PP_OK);
    CU_ASSERT_TRUE(!reply.complete && reply.page.n > 0);
    for (size_t i = 0; i < reply.page.n; i++) {
        CU_ASSERT_TRUE(pp_id_in(&reply.page.peers[i].id, &net.self[10].id, &find.key));
    }
    net_end(&net);
}

CHECK_MAIN("chord route", CHECK(test_closest_within_the_arc),
           CHECK(test_every_node_answers_every_key_alike),
           CHECK(test_covers_says_no_only_when_sure),
           CHECK(test_a_missing_member_is_found_by_its_successor),
           CHECK(test_a_dead_end_of_the_own_list_is_gone_round),
           CHECK(test_rank_orders_like_the_clock), CHECK(test_referrals_lie_before_the_key))
