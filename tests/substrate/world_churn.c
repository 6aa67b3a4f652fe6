/*
 * Nodes come and go for an hour while others ask: exponential sessions of a given median, absences
 * of a quarter of it, after which a node returns with the peers that it remembers. An answer is
 * judged by the oracle as it stands when it comes; whoever became a member or ceased to be one
 * while the look-up ran is right in it and out of it, for the asker cannot know; a look-up whose
 * asker died is not counted, one without an answer counts as wrong. PEERPOST_DEEP in the
 * environment: 1,000 nodes for an hour.
 */
#include "ring.h"

#include <sim/tally.h>
#include <stdio.h>

struct churn {
    pp_ns median;
    uint32_t loss;
    unsigned wanted; /* of a thousand answers so many must have the closest node right */
};

static void live(const struct churn *c, uint64_t seed)
{
    bool deep = getenv("PEERPOST_DEEP") != NULL;
    size_t nodes = deep ? 1000 : 200, lookups = deep ? 10000 : 1000;
    pp_ns duration = deep ? PP_HOUR : 10 * PP_MINUTE;
    struct player player = {.world = ring_arranged(seed, nodes, NULL), .k = 5};
    struct load_plan plan = {0};
    struct tally t = {0};
    pp_prng_stream(&player.help, seed, "help", 0);
    pp_world_set_loss(player.world, c->loss, c->loss / 10);
    player_run(&player, 6 * PP_MINUTE); /* hosts get to know peers */
    load_churn(&plan, seed, nodes, c->median, duration);
    load_lookups(&plan, seed, "look-ups", nodes, lookups, duration);
    load_sort(&plan);
    struct pp_world_counts before = pp_world_counts(player.world);
    CU_ASSERT_TRUE(player_play(&player, &plan, duration, &t));
    struct pp_world_counts after = pp_world_counts(player.world);
    printf("  median %.0f min, loss %.0f %%: closest right %zu of %zu (%.2f %%), all 5 %zu, failed "
           "%zu; %.2f datagrams a second and node %s\n",
           (double)c->median / (double)PP_MINUTE, c->loss / 1e4, t.nearest, t.asked,
           100.0 * (double)t.nearest / (double)t.asked, t.exact, t.failed,
           (double)(after.sent - before.sent) * 1e9 / (double)duration / (double)nodes, t.first);
    CU_ASSERT_TRUE(t.nearest * 1000 >= t.asked * c->wanted);
    load_finish(&plan);
    tally_finish(&t);
    pp_world_set_loss(player.world, 0, 0);
    CU_ASSERT_TRUE(ring_heals(player.world, 10 * PP_MINUTE, "the churn is over"));
    CU_ASSERT_TRUE(ring_exact(player.world, 100, "the churn is over"));
    player_run(&player, 5 * PP_MINUTE); /* who died last is known to be dead by now */
    CU_ASSERT_EQUAL(pp_world_false_no(player.world, 100, 5), 0);
    ring_end(player.world);
}

static void test_half_an_hour(void)
{
    live(&(struct churn){30 * PP_MINUTE, 0, 999}, 51);
}

static void test_half_an_hour_under_loss(void)
{
    live(&(struct churn){30 * PP_MINUTE, 100000, 999}, 52);
}

static void test_two_hours(void)
{
    live(&(struct churn){120 * PP_MINUTE, 0, 999}, 53);
}

static void test_five_minutes(void)
{
    live(&(struct churn){5 * PP_MINUTE, 0, 990}, 54);
}

CHECK_MAIN("churn", CHECK(test_half_an_hour), CHECK(test_half_an_hour_under_loss),
           CHECK(test_two_hours), CHECK(test_five_minutes))
