/* Who stands in the table, and who gives way to whose word. */
#include <check.h>

#include "can_net.h"

#include <stdlib.h>

static struct net net;

static uint32_t version(const struct pp_substrate_node *n)
{
    return n->version;
}

/* Node 0 (its id begins with 80) holds `ours`, somebody tells of `theirs`; how many remain. */
static size_t dispute(const char *ours, const char *theirs, bool smaller_id)
{
    struct pp_substrate_node *n = can_lone(&net, ours);
    struct pp_peer rival = can_peer(smaller_id ? "0" : "1111", 1);
    can_tell_home(&net, &rival, theirs);
    return n->zones.n;
}

static void test_the_deeper_home_stays(void)
{
    CU_ASSERT_EQUAL(dispute("0", "010", true), 2); /* in pieces, the largest our home */
    CU_ASSERT_TRUE(can_holds(net.node[0], 0, "00", CAN_HOME));
    CU_ASSERT_TRUE(can_holds(net.node[0], 1, "011", CAN_WARD));
    CU_ASSERT_EQUAL(net.node[0]->near.n, 1);
    net_end(&net);
    CU_ASSERT_EQUAL(dispute("010", "0", true), 1); /* it will give way */
    CU_ASSERT_TRUE(can_holds(net.node[0], 0, "010", CAN_HOME));
    net_end(&net);
}

static void test_of_equals_the_smaller_id(void)
{
    CU_ASSERT_EQUAL(dispute("01", "01", false), 1);
    CU_ASSERT_TRUE(net.node[0]->m.a.active);
    net_end(&net);
    CU_ASSERT_EQUAL(dispute("01", "01", true), 0); /* all is lost: it enters anew */
    CU_ASSERT_FALSE(net.node[0]->m.a.active);
    CU_ASSERT_EQUAL(net.node[0]->m.phase, PP_PHASE_SEEK);
    net_end(&net);
}

static void test_a_ward_yields_to_a_home(void)
{
    CU_ASSERT_EQUAL(dispute("000 010", "01", false), 1);
    CU_ASSERT_TRUE(can_holds(net.node[0], 0, "000", CAN_HOME));
    net_end(&net);
    CU_ASSERT_EQUAL(dispute("000 01 10", "0111", false), 4); /* 010 and 0110 are kept */
    CU_ASSERT_TRUE(can_zones_find(&net.node[0]->zones, can_bits("010", CAN_WARD)) > 0);
    CU_ASSERT_TRUE(can_zones_find(&net.node[0]->zones, can_bits("0110", CAN_WARD)) > 0);
    net_end(&net);
}

static void test_a_home_does_not_yield_to_a_ward(void)
{
    struct pp_substrate_node *n = can_lone(&net, "00");
    struct can_zone theirs[] = {can_bits("10", CAN_HOME), can_bits("0011", CAN_WARD)};
    struct pp_peer rival = can_peer("10", 1);
    can_tell(&net, &rival, (struct can_zones){theirs, 2}, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_TRUE(n->zones.n == 1 && can_holds(n, 0, "00", CAN_HOME));
    net_end(&net);
}

/* The home is lost, wards are not: the largest is lived in. */
static void test_a_new_home(void)
{
    CU_ASSERT_EQUAL(dispute("000 0110 10 0111", "000", true), 3);
    CU_ASSERT_TRUE(can_holds(net.node[0], 0, "10", CAN_HOME));
    CU_ASSERT_TRUE(net.node[0]->m.a.active);
    net_end(&net);
}

static void test_only_a_proved_members_word_is_heard(void)
{
    struct pp_substrate_node *n = can_lone(&net, "00");
    struct can_zone zone = can_bits("01", CAN_HOME);
    struct can_zones zones = {&zone, 1};
    struct pp_peer peer = can_peer("01", 1);
    can_tell(&net, &peer, zones, 1, 0, PP_ID_PROVED);
    can_tell(&net, &peer, zones, 1, PP_WIRE_ACTIVE, 0);
    CU_ASSERT_EQUAL(n->near.n, 0);
    can_tell(&net, &peer, zones, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_EQUAL(n->near.n, 1);
    net_end(&net);
}

static void test_an_older_word_told_unasked_is_ignored(void)
{
    struct pp_substrate_node *n = can_lone(&net, "00");
    struct can_zone wide = can_bits("01", CAN_HOME), narrow = can_bits("011", CAN_HOME);
    struct pp_peer peer = can_peer("01", 1);
    can_tell(&net, &peer, (struct can_zones){&wide, 1}, 9, PP_WIRE_ACTIVE, PP_ID_PROVED);
    can_tell(&net, &peer, (struct can_zones){&narrow, 1}, 8, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_TRUE(can_zone_equal(can_find(n, &peer.id)->zones.at[0], wide));
    can_tell(&net, &peer, (struct can_zones){&narrow, 1}, 10, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_TRUE(can_zone_equal(can_find(n, &peer.id)->zones.at[0], narrow));
    net_end(&net);
}

/* A wrong word, whatever its version, holds until the peer is asked. */
static void test_replies_are_right(void)
{
    can_start(&net, NULL);
    net_ring(&net, 8);
    struct pp_substrate_node *n = net.node[0];
    struct can_facts *facts = &n->facts[0];
    struct can_zone right = facts->zones.at[0];
    facts->zones.at[0] = can_half(right, 0);
    facts->version += 1000;
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_TRUE(can_zone_equal(n->facts[0].zones.at[0], right));
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_who_does_not_touch_is_no_neighbour(void)
{
    struct pp_substrate_node *n = can_lone(&net, "0000");
    struct pp_peer far = can_peer("0011", 1), beside = can_peer("01", 2);
    can_tell_home(&net, &far, "0011"); /* a corner */
    CU_ASSERT_EQUAL(n->near.n, 0);
    can_tell_home(&net, &beside, "01");
    CU_ASSERT_EQUAL(n->near.n, 1);
    uint32_t before = version(n);
    n->zones.at[0] = can_bits("0010", CAN_HOME);
    can_changed(n, net.now);
    CU_ASSERT_TRUE(version(n) > before);
    CU_ASSERT_EQUAL(n->near.n, can_abut(&n->net->space, n->zones.at[0], can_bits("01", 0)));
    net_end(&net);
}

static bool asked(const struct pp_peer *peer)
{
    return pp_rpc_pending(&net.node[0]->m.a, peer, CAN_STATE);
}

/* Hearsay of a new neighbour is asked, not believed; of a far one not even asked. */
static void test_hearsay(void)
{
    struct pp_substrate_node *n = can_lone(&net, "0000");
    struct pp_peer teller = can_peer("01", 1), new = can_peer("10", 2), far = can_peer("0011", 3);
    can_tell_home(&net, &teller, "01");
    can_hear(n, net.now, &new, can_bits("10", CAN_HOME), &teller);
    can_hear(n, net.now, &far, can_bits("0011", CAN_HOME), &teller);
    CU_ASSERT_TRUE(asked(&new) && !asked(&far));
    CU_ASSERT_EQUAL(n->near.n, 1);
    net_end(&net);
}

/* Who loses its last neighbour asks whom that one told of. */
static void test_the_last_neighbour(void)
{
    struct pp_substrate_node *n = can_lone(&net, "00");
    struct pp_peer last = can_peer("01", 1), behind = can_peer("11", 2);
    can_tell_home(&net, &last, "01");
    struct can_facts *facts = can_find(n, &last.id);
    facts->list = malloc(sizeof *facts->list);
    facts->list[facts->n_list++] = (struct can_heard){behind, can_bits("11", CAN_HOME)};
    can_forget(&n->m, net.now, &last.id);
    CU_ASSERT_EQUAL(n->near.n, 0);
    CU_ASSERT_TRUE(asked(&behind));
    CU_ASSERT_EQUAL(n->m.state, PP_ALONE);
    net_end(&net);
}

/* Who has lost its place still knows neighbours: what is known of each goes with it. */
static void test_no_member_forgets_too(void)
{
    struct pp_substrate_node *n = can_lone(&net, "00");
    struct pp_peer first = can_peer("01", 1), second = can_peer("10", 2);
    can_tell_home(&net, &first, "01");
    can_tell_home(&net, &second, "10");
    n->m.phase = PP_PHASE_SEEK;
    can_forget(&n->m, net.now, &first.id);
    CU_ASSERT_EQUAL(n->near.n, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(can_find(n, &second.id));
    CU_ASSERT_TRUE(can_zone_equal(can_find(n, &second.id)->zones.at[0], can_bits("10", 0)));
    net_end(&net);
}

CHECK_MAIN("can state", CHECK(test_the_deeper_home_stays), CHECK(test_of_equals_the_smaller_id),
           CHECK(test_a_ward_yields_to_a_home), CHECK(test_a_home_does_not_yield_to_a_ward),
           CHECK(test_a_new_home), CHECK(test_only_a_proved_members_word_is_heard),
           CHECK(test_an_older_word_told_unasked_is_ignored), CHECK(test_replies_are_right),
           CHECK(test_who_does_not_touch_is_no_neighbour), CHECK(test_hearsay),
           CHECK(test_the_last_neighbour), CHECK(test_no_member_forgets_too))
