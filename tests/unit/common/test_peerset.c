/* Sorted sets of peers; round trips and time-outs as RFC 6298 has them. */
#include <check.h>
#include <common/peerset.h>

#include "peers.h"

static struct pp_order from_zero(void)
{
    return (struct pp_order){pp_distance_clockwise, {{0}}};
}

static int add(struct pp_peerset *set, uint8_t n, size_t max)
{
    struct pp_order order = from_zero();
    struct pp_peer peer = peer_number(n);
    struct pp_entry entry = pp_entry_now(&peer, PP_HOUR);
    return pp_peerset_insert(set, &order, max, &entry);
}

static void test_sorted_and_capped(void)
{
    struct pp_peerset set = {0};
    struct pp_order order = from_zero();
    CU_ASSERT_EQUAL(add(&set, 30, 3), 0);
    CU_ASSERT_EQUAL(add(&set, 10, 3), 0);
    CU_ASSERT_EQUAL(add(&set, 20, 3), 1);
    CU_ASSERT_EQUAL(add(&set, 20, 3), -1); /* stands there */
    CU_ASSERT_EQUAL(add(&set, 40, 3), -1); /* farther than a full set */
    CU_ASSERT_EQUAL(add(&set, 5, 3), 0);   /* 30 goes */
    CU_ASSERT_EQUAL(set.n, 3);
    struct pp_id gone = peer_number(30).id, here = peer_number(20).id;
    CU_ASSERT_EQUAL(pp_peerset_find(&set, &order, &gone), -1);
    CU_ASSERT_EQUAL(pp_peerset_find(&set, &order, &here), 2);
    pp_peerset_remove(&set, 0);
    pp_peerset_remove(&set, 0);
    pp_peerset_remove(&set, 0);
    CU_ASSERT_PTR_NULL(set.at); /* nothing allocated while empty */
}

static void test_suspects_are_not_passed_on(void)
{
    struct pp_peerset set = {0};
    struct pp_peer out[4];
    add(&set, 1, 4);
    add(&set, 2, 4);
    add(&set, 3, 4);
    set.at[1].flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pp_peerset_peers(&set, out, 4), 2);
    CU_ASSERT_EQUAL(out[1].id.b[0], 3);
    pp_entry_heard(&set.at[1], PP_HOUR, 0);
    CU_ASSERT_EQUAL(pp_peerset_peers(&set, out, 4), 3);
    pp_peerset_free(&set);
}

static void test_ages(void)
{
    struct pp_peerset set = {0};
    add(&set, 1, 4);
    add(&set, 2, 4);
    pp_entry_heard(&set.at[0], PP_HOUR + PP_MINUTE, 0);
    CU_ASSERT_EQUAL(pp_peerset_oldest(&set, PP_HOUR + PP_MINUTE), 1);
    pp_ns age = pp_entry_age(&set.at[1], PP_HOUR + PP_MINUTE);
    CU_ASSERT_TRUE(age > 59 * PP_SECOND && age < 61 * PP_SECOND);
    pp_peerset_free(&set);
}

static void test_time_out_follows_the_round_trips(void)
{
    struct pp_peer peer = peer_number(1);
    struct pp_entry entry = pp_entry_now(&peer, 0);
    CU_ASSERT_EQUAL(pp_entry_rto(NULL), PP_SECOND);
    CU_ASSERT_EQUAL(pp_entry_rto(&entry), PP_SECOND);
    pp_entry_heard(&entry, PP_SECOND, 100 * PP_MS); /* R + 4 * R/2 */
    CU_ASSERT_TRUE(pp_entry_rto(&entry) >= 300 * PP_MS && pp_entry_rto(&entry) <= 320 * PP_MS);
    for (int i = 0; i < 100; i++) {
        pp_entry_heard(&entry, PP_SECOND, 100 * PP_MS);
    }
    CU_ASSERT_EQUAL(pp_entry_rto(&entry), 200 * PP_MS); /* the floor */
    CU_ASSERT_TRUE(entry.rtt >= 790 && entry.rtt <= 810);
    pp_entry_heard(&entry, PP_SECOND, 0); /* no sample */
    CU_ASSERT_TRUE(entry.rtt >= 790 && entry.rtt <= 810);
    for (int i = 0; i < 100; i++) {
        pp_entry_heard(&entry, PP_SECOND, 60 * PP_SECOND);
    }
    CU_ASSERT_EQUAL(pp_entry_rto(&entry), 8 * PP_SECOND); /* the cap */
    for (int i = 0; i < 200; i++) {
        pp_entry_heard(&entry, PP_SECOND, 50 * PP_US);
    }
    CU_ASSERT_EQUAL(pp_entry_rto(&entry), 200 * PP_MS);
}

static void test_memory(void)
{
    struct pp_peerset set = {0};
    struct pp_order order = {pp_distance_clockwise, {{0}}};
    for (uint8_t i = 1; i <= 5; i++) {
        struct pp_peer peer = peer_number(i);
        pp_peerset_remember(&set, &order, 3, &peer, i * PP_MINUTE);
        pp_peerset_remember(&set, &order, 3, &peer, 9 * PP_MINUTE); /* known: as it was */
    }
    CU_ASSERT_EQUAL(set.n, 3);
    struct pp_id old = peer_number(3).id, gone = peer_number(2).id;
    CU_ASSERT_TRUE(pp_peerset_first_is(&set, &old)); /* the stalest gave way */
    CU_ASSERT_FALSE(pp_peerset_first_is(&set, &gone));
    pp_peerset_free(&set);
    CU_ASSERT_FALSE(pp_peerset_first_is(&set, &old));
}

static void test_nearer_and_digests(void)
{
    struct pp_peerset set = {0};
    struct pp_order order = {pp_distance_clockwise, peer_number(10).id};
    size_t sure;
    for (uint8_t i = 20; i <= 60; i = (uint8_t)(i + 10)) {
        struct pp_entry entry = pp_entry_now(&(struct pp_peer){.udp = 1}, 0);
        entry.peer = peer_number(i);
        pp_peerset_insert(&set, &order, 9, &entry);
    }
    struct pp_id limit = peer_number(40).id, head = peer_number(20).id, stop = peer_number(60).id;
    uint64_t all = pp_peerset_digest(&set, 9, NULL, NULL);
    CU_ASSERT_EQUAL(pp_peerset_nearer(&set, &order, &limit, &sure), 2);
    CU_ASSERT_EQUAL(sure, 2);
    CU_ASSERT_NOT_EQUAL(pp_peerset_digest(&set, 9, NULL, &stop), all);
    CU_ASSERT_EQUAL(pp_peerset_digest(&set, 4, NULL, NULL),
                    pp_peerset_digest(&set, 9, NULL, &stop));
    uint64_t first_four = pp_peerset_digest(&set, 4, NULL, NULL);
    set.at[1].flags = PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pp_peerset_nearer(&set, &order, &limit, &sure), 2);
    CU_ASSERT_EQUAL(sure, 1);
    CU_ASSERT_NOT_EQUAL(pp_peerset_digest(&set, 9, NULL, NULL), all); /* not passed on */
    set.at[1].flags = 0;
    pp_peerset_remove(&set, 0);
    CU_ASSERT_EQUAL(pp_peerset_digest(&set, 4, &head, NULL), first_four); /* as the next one sees */
    pp_peerset_free(&set);
}

CHECK_MAIN("peerset", CHECK(test_sorted_and_capped), CHECK(test_suspects_are_not_passed_on),
           CHECK(test_ages), CHECK(test_time_out_follows_the_round_trips), CHECK(test_memory),
           CHECK(test_nearer_and_digests))
