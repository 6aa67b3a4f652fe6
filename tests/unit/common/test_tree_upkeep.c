/* Upkeep of a tree: whom it pings and asks, which cells it looks into, and when. */
#include <check.h>

#include "wood.h"

#define NOW PP_HOUR

static struct wood wood;

/* How many datagrams of a kind went to the peer of these two octets; number 0: to anybody. */
static size_t sent(uint8_t kind, uint8_t number, uint8_t more)
{
    size_t count = 0;
    for (size_t i = 0; i < wood.f.n; i++) {
        const struct sent *s = &wood.f.sent[i];
        bool there = number == 0 || (s->to.id.b[0] == number && s->to.id.b[1] == more);
        count += s->octets[0] == kind && there;
    }
    return count;
}

static struct pp_tree *small_tree(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    wood_know(t, NOW, 0x81, 0, 0);
    wood_know(t, NOW, 0x82, 0, 0);
    wood_know(t, NOW, 0x10, 1, 0);
    pp_tree_activated(t, NOW);
    wood.f.n = 0;
    return t;
}

static void test_silent_siblings_are_pinged(void)
{
    struct pp_tree *t = small_tree();
    pp_ns age = wood.net.ping - wood.net.ping / 8;
    t->r.ask_at = PP_NEVER;
    t->upkeep_at = NOW + age - PP_SECOND;
    pp_tree_tick(t, t->upkeep_at);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0, 0), 0);
    CU_ASSERT_TRUE(t->upkeep_at > NOW + age);
    pp_tree_tick(t, t->upkeep_at);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x81, 0), 1);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x82, 0), 1);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x10, 1), 0); /* no sibling: later */
    pp_tree_tick(t, t->upkeep_at);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0, 0), 2); /* not again while a ping is out */
    wood_end(&wood);
}

static void test_far_ones_are_pinged_rarely(void)
{
    struct pp_tree *t = small_tree();
    t->r.ask_at = PP_NEVER;
    pp_tree_tick(t, t->upkeep_at = NOW + 9 * wood.net.ping);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x10, 1), 0);
    pp_tree_tick(t, t->upkeep_at = NOW + 10 * wood.net.ping + PP_SECOND);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x10, 1), 1);
    wood_end(&wood);
    t = small_tree();
    t->r.ask_at = PP_NEVER;
    t->r.m.trouble_until = NOW + PP_HOUR; /* somebody died: others may have */
    pp_tree_tick(t, t->upkeep_at = NOW + 2 * wood.net.ping + PP_SECOND);
    CU_ASSERT_EQUAL(sent(PP_WIRE_PING, 0x10, 1), 1);
    wood_end(&wood);
}

static void test_siblings_are_asked_ever_more_rarely(void)
{
    struct pp_tree *t = small_tree();
    pp_ns waits[12];
    t->upkeep_at = PP_NEVER;
    for (size_t i = 0; i < 12; i++) {
        pp_ns at = t->r.ask_at;
        pp_tree_tick(t, at);
        waits[i] = t->r.ask_at - at;
    }
    CU_ASSERT_TRUE(waits[0] < 6 * PP_SECOND);
    CU_ASSERT_TRUE(waits[11] > wood.net.ping && waits[11] < 3 * wood.net.ping);
    CU_ASSERT_EQUAL(sent(PP_WIRE_FIND, 0x10, 1), 0);
    CU_ASSERT_TRUE(sent(PP_WIRE_FIND, 0x81, 0) > 0 && sent(PP_WIRE_FIND, 0x82, 0) > 0);
    pp_roster_ask_soon(&t->r, NOW);
    CU_ASSERT_EQUAL(t->r.ask_wait, 2 * PP_SECOND);
    wood_end(&wood);
}

static void test_cells_wait_in_line_once(void)
{
    struct pp_tree *t = small_tree();
    for (uint8_t i = 0; i < 3; i++) {
        pp_tree_look_into(t, NOW, (struct pp_cell){0, 3, i});
    }
    CU_ASSERT_EQUAL(t->n_look, 1);
    CU_ASSERT_TRUE(t->look_at <= NOW + PP_SECOND);
    for (uint8_t row = 0; row < 20; row++) {
        pp_tree_look_into(t, NOW, (struct pp_cell){row, 1, 0});
        pp_tree_look_into(t, NOW, (struct pp_cell){row, 2, 0});
    }
    CU_ASSERT_EQUAL(t->n_look, PP_TREE_LOOK_MAX);
    CU_ASSERT_EQUAL(t->look[0].digit, 3);
    wood_end(&wood);
}

/* A cell in which nobody lives is looked into again, ever later, and then given up. */
static void test_an_empty_cell_is_given_up(void)
{
    struct pp_tree *t = small_tree();
    pp_ns now = NOW;
    size_t looks = 0;
    t->upkeep_at = t->r.ask_at = PP_NEVER;
    pp_tree_look_into(t, now, (struct pp_cell){0, 3, 0});
    for (int i = 0; i < 4000 && (t->n_look || t->looking); i++) {
        pp_ns next = pp_member_next(wood.n);
        now = next > now ? next : now;
        if (t->look_at <= now && t->n_look && !t->looking) {
            looks += t->look[0].row == 0 && t->look[0].digit == 3; /* not those of the dead */
        }
        pp_member_tick(wood.n, now); /* nobody answers: the look-up fails */
        CHECK_FATAL(now < NOW + PP_HOUR);
    }
    CU_ASSERT_TRUE(looks == 5);
    CU_ASSERT_EQUAL(t->n_look, 0);
    CU_ASSERT_EQUAL(t->look_at, PP_NEVER);
    wood_end(&wood);
}

static void test_outside_it_does_nothing(void)
{
    struct pp_tree *t = small_tree();
    t->r.m.phase = PP_PHASE_ENTER;
    CU_ASSERT_EQUAL(pp_tree_next(t), PP_NEVER);
    pp_tree_look_into(t, NOW, (struct pp_cell){0, 3, 0});
    pp_tree_tick(t, NOW + PP_HOUR);
    CU_ASSERT_EQUAL(wood.f.n, 0);
    wood_end(&wood);
}

CHECK_MAIN("tree upkeep", CHECK(test_silent_siblings_are_pinged),
           CHECK(test_far_ones_are_pinged_rarely), CHECK(test_siblings_are_asked_ever_more_rarely),
           CHECK(test_cells_wait_in_line_once), CHECK(test_an_empty_cell_is_given_up),
           CHECK(test_outside_it_does_nothing))
