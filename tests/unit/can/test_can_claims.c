/* Views of the space: who counts, gaps against a partition cut at random, the richest claim. */
#include <check.h>

#include "can_net.h"

#include <stdlib.h>

static const uint8_t seed[16] = {3};
static struct net net;
static struct pp_random dice;

/* Leaves of a random partition, every fifth of them left out. */
static size_t cut(struct can_zone zone, struct can_claim *kept, size_t *n, struct can_zone *lost,
                  size_t *n_lost)
{
    if (zone.depth < 3 || (zone.depth < 9 && pp_random_below(&dice, 4) > 0)) {
        return cut(can_half(zone, 0), kept, n, lost, n_lost) +
               cut(can_half(zone, 1), kept, n, lost, n_lost);
    }
    if (pp_random_below(&dice, 5) == 0) {
        lost[(*n_lost)++] = zone;
    } else {
        kept[(*n)++] = (struct can_claim){zone, CAN_TABLE, NULL};
    }
    return 1;
}

static bool within_one(struct can_zone zone, const struct can_zone *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (can_nested(zone, all[i])) {
            return true;
        }
    }
    return false;
}

static void test_gaps_are_what_was_left_out(void)
{
    struct can_claim kept[512];
    struct can_zone lost[512], gap;
    size_t found = 0;
    pp_random_init(&dice, seed);
    for (unsigned round = 0; round < 400; round++) {
        struct can_space space = can_space(2 + round % 3);
        struct can_view view = {kept, 0};
        size_t n_lost = 0, beside = 0;
        cut((struct can_zone){0}, kept, &view.n, lost, &n_lost);
        if (view.n == 0) {
            continue;
        }
        can_view_sort(&view);
        struct can_region faces = {.space = &space,
                                   .zone = kept[pp_random_below(&dice, view.n)].zone};
        for (size_t i = 0; i < n_lost; i++) {
            beside += can_abut(&space, faces.zone, lost[i]);
        }
        bool gaps = can_gap(&view, &faces, (uint32_t)pp_random_next(&dice), &gap);
        CU_ASSERT_EQUAL_FATAL(gaps, beside > 0);
        CU_ASSERT_TRUE_FATAL(!gaps ||
                             (within_one(gap, lost, n_lost) && can_abut(&space, faces.zone, gap)));
        struct pp_id key = can_middle(&space, faces.zone);
        uint64_t reach = UINT64_C(1) << (2 * space.w - 2), nearest = UINT64_MAX;
        for (size_t i = 0; i < n_lost; i++) {
            uint64_t distance = can_near(&space, &key, lost[i]).zone;
            nearest = distance < nearest ? distance : nearest;
        }
        struct can_region ball = {.space = &space, .key = &key, .distance = reach};
        CU_ASSERT_EQUAL_FATAL(can_gap(&view, &ball, 0, &gap), nearest <= reach);
        found += gaps;
    }
    CU_ASSERT_TRUE(found > 100);
}

/* Which of two gaps is told first is the caller's choice. */
static void test_turns(void)
{
    struct can_space space = can_space(2);
    struct can_claim claims[] = {{can_bits("01", CAN_HOME), CAN_OWN, NULL},
                                 {can_bits("10", CAN_HOME), CAN_TABLE, NULL}};
    struct can_view view = {claims, 2};
    struct can_region faces = {.space = &space, .zone = claims[0].zone};
    struct can_zone gap;
    CU_ASSERT_TRUE(can_gap(&view, &faces, 0, &gap));
    CU_ASSERT_TRUE(can_zone_equal(gap, can_bits("00", CAN_HOME)));
    CU_ASSERT_TRUE(can_gap(&view, &faces, UINT32_MAX, &gap));
    CU_ASSERT_TRUE(can_zone_equal(gap, can_bits("11", CAN_HOME)));
}

static size_t count(const struct pp_substrate_node *n, enum can_source least,
                    enum can_source source)
{
    struct can_view view;
    size_t found = 0;
    CU_ASSERT_TRUE_FATAL(can_view_take(n, net.now, least, &view));
    for (size_t i = 0; i < view.n; i++) {
        found += view.at[i].source == source;
        CU_ASSERT_TRUE(i == 0 || can_zone_order(view.at[i - 1].zone, view.at[i].zone) <= 0);
    }
    free(view.at);
    return found;
}

/* Ourselves, who told us, and whom they told of, unless we know better or gave them up. */
static void test_who_counts(void)
{
    struct pp_substrate_node *n = can_lone(&net, "000 001");
    struct pp_peer beside = can_peer("01", 1), other = can_peer("10", 2), third = can_peer("11", 3);
    can_tell_home(&net, &beside, "01");
    can_tell_home(&net, &other, "10");
    struct can_facts *facts = can_find(n, &beside.id);
    CU_ASSERT_PTR_NOT_NULL_FATAL(facts);
    facts->list = malloc(3 * sizeof *facts->list);
    facts->list[facts->n_list++] = (struct can_heard){other, can_bits("10", CAN_HOME)};
    facts->list[facts->n_list++] = (struct can_heard){third, can_bits("11", CAN_HOME)};
    facts->list[facts->n_list++] = (struct can_heard){n->m.a.self, can_bits("00", CAN_HOME)};
    CU_ASSERT_EQUAL(count(n, CAN_HEARSAY, CAN_OWN), 2);
    CU_ASSERT_EQUAL(count(n, CAN_HEARSAY, CAN_TABLE), 2);
    CU_ASSERT_EQUAL(count(n, CAN_HEARSAY, CAN_HEARSAY), 1);
    CU_ASSERT_EQUAL(count(n, CAN_TABLE, CAN_HEARSAY), 0);
    pp_quarantine_add(&n->m.quarantine, &third.id, net.now);
    CU_ASSERT_EQUAL(count(n, CAN_HEARSAY, CAN_HEARSAY), 0);
    net_end(&net);
}

static void test_the_richest(void)
{
    struct pp_random random;
    struct can_claim own = {can_bits("00", CAN_HOME), CAN_OWN, NULL};
    struct can_claim others[] = {{can_bits("01", CAN_HOME), CAN_TABLE, NULL},
                                 {can_bits("100", CAN_HOME), CAN_TABLE, NULL},
                                 {can_bits("11", CAN_HOME), CAN_TABLE, NULL},
                                 {can_bits("1010", CAN_WARD), CAN_TABLE, NULL}};
    size_t times[3] = {0};
    pp_random_init(&random, seed);
    for (size_t i = 0; i < 100; i++) { /* of equals the teller */
        CU_ASSERT_PTR_EQUAL(can_richest(&own, others, 3, &random), &own);
    }
    own.zone = can_bits("000", CAN_HOME);
    for (size_t i = 0; i < 300; i++) { /* else any of the largest */
        times[can_richest(&own, others, 3, &random) - others]++;
    }
    CU_ASSERT_TRUE(times[0] > 100 && times[1] == 0 && times[2] > 100);
    CU_ASSERT_PTR_EQUAL(can_richest(&own, others, 4, &random), &others[3]); /* a ward first */
    CU_ASSERT_PTR_EQUAL(can_richest(&own, others, 0, &random), &own);
}

CHECK_MAIN("can claims", CHECK(test_gaps_are_what_was_left_out), CHECK(test_turns),
           CHECK(test_who_counts), CHECK(test_the_richest))
