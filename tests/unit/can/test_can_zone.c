/* Zones against their definition, cell by cell in a small torus, and the tree's arithmetic. */
#include <check.h>
#include <substrate-can/zone.h>

#include <common/random.h>

#define DEPTH 6 /* all zones down to here: 2 dimensions of 8 cells */
#define CELLS 8

static const uint8_t seed[16] = {1};

static struct can_zone nth_zone(uint32_t i)
{
    unsigned depth = 0;
    for (; i >= 1u << depth; depth++) {
        i -= 1u << depth;
    }
    return (struct can_zone){depth ? i << (CAN_DEPTH_MAX - depth) : 0, (uint8_t)depth, CAN_HOME};
}

/* The cells of a zone, of 8 x 8. */
static void cells_of(struct can_zone zone, bool in[CELLS][CELLS])
{
    for (unsigned x = 0; x < CELLS; x++) {
        for (unsigned y = 0; y < CELLS; y++) {
            uint32_t bits = 0;
            for (unsigned i = 0; i < 3; i++) {
                bits = bits << 2 | (x >> (2 - i) & 1u) << 1 | (y >> (2 - i) & 1u);
            }
            in[x][y] = can_inside(
                (struct can_zone){bits << (CAN_DEPTH_MAX - DEPTH), DEPTH, CAN_HOME}, zone);
        }
    }
}

static bool cells_touch(struct can_zone a, struct can_zone b)
{
    bool p[CELLS][CELLS], q[CELLS][CELLS], touch = false;
    cells_of(a, p);
    cells_of(b, q);
    for (unsigned x = 0; x < CELLS; x++) {
        for (unsigned y = 0; y < CELLS; y++) {
            bool beside = q[(x + 1) % CELLS][y] || q[(x + CELLS - 1) % CELLS][y] ||
                          q[x][(y + 1) % CELLS] || q[x][(y + CELLS - 1) % CELLS];
            touch = touch || (p[x][y] && beside);
        }
    }
    return touch && !can_nested(a, b);
}

static void test_touching_is_a_common_face(void)
{
    struct can_space space = can_space(2);
    size_t wrong = 0, touching = 0;
    for (uint32_t i = 0; i < (2u << DEPTH) - 1; i++) {
        for (uint32_t j = 0; j < (2u << DEPTH) - 1; j++) {
            struct can_zone a = nth_zone(i), b = nth_zone(j);
            bool touch = !can_nested(a, b) && can_abut(&space, a, b);
            wrong += touch != cells_touch(a, b);
            touching += touch;
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(touching > 1000);
}

static void test_tree(void)
{
    struct can_zone whole = {0}, low = can_half(whole, 0), high = can_half(whole, 1);
    CU_ASSERT_TRUE(can_zone_equal(can_sibling(low), high));
    CU_ASSERT_TRUE(can_zone_equal(can_parent(high), whole));
    CU_ASSERT_TRUE(can_inside(high, whole) && !can_inside(whole, high));
    CU_ASSERT_FALSE(can_nested(low, high));
    struct can_zone deep = whole;
    for (unsigned i = 0; i < CAN_DEPTH_MAX; i++) {
        deep = can_half(deep, 1);
    }
    CU_ASSERT_EQUAL(deep.prefix, UINT32_MAX);
    uint8_t octets[CAN_ZONE_LEN];
    struct can_zone read;
    can_zone_put(octets, deep);
    CU_ASSERT_TRUE(can_zone_get(octets, &read) && can_zone_equal(read, deep));
    can_zone_put(octets, low);
    octets[4] = 1; /* a bit beyond the depth */
    CU_ASSERT_FALSE(can_zone_get(octets, &read));
    octets[0] = 0;
    CU_ASSERT_FALSE(can_zone_get(octets, &read));
    for (uint8_t hold = CAN_HOME; hold <= CAN_OPEN; hold++) {
        deep.hold = hold;
        can_zone_put(octets, deep);
        CU_ASSERT_TRUE(can_zone_get(octets, &read) && can_zone_equal(read, deep));
        CU_ASSERT_EQUAL(read.hold, hold);
    }
    octets[0] |= 0xc0; /* held in no way */
    CU_ASSERT_FALSE(can_zone_get(octets, &read));
    octets[0] = CAN_DEPTH_MAX + 2;
    CU_ASSERT_FALSE(can_zone_get(octets, &read));
    CU_ASSERT_TRUE(can_zone_equal(can_sibling(whole), whole));
}

/* Zero exactly within; from outside the nearest of two halves is as near as their parent; the
 * middle of a zone lies in it. */
static void test_nearness(void)
{
    struct pp_random random;
    pp_random_init(&random, seed);
    for (unsigned round = 0; round < 20000; round++) {
        struct can_space space = can_space(2 + round % (CAN_D_MAX - 1));
        struct pp_id key;
        for (size_t i = 0; i < PP_ID_LEN; i++) {
            key.b[i] = (uint8_t)pp_random_next(&random);
        }
        struct can_zone zone = {0}, point = can_point(&space, &key);
        for (uint64_t depth = pp_random_below(&random, 20); depth > 0; depth--) {
            zone = can_half(zone, pp_random_next(&random) & 1);
        }
        struct can_near near = can_near(&space, &key, zone);
        struct can_near a = can_near(&space, &key, can_half(zone, 0));
        struct can_near b = can_near(&space, &key, can_half(zone, 1));
        struct pp_id middle = can_middle(&space, zone);
        CU_ASSERT_EQUAL_FATAL(near.zone == 0, can_inside(point, zone));
        CU_ASSERT_EQUAL_FATAL(near.zone, a.zone < b.zone ? a.zone : b.zone);
        CU_ASSERT_TRUE_FATAL(near.centre >= near.zone);
        CU_ASSERT_TRUE_FATAL(can_inside(can_point(&space, &middle), zone));
    }
}

static void test_several(void)
{
    struct can_zones zones = {NULL, 0}, other = {NULL, 0};
    struct can_zone whole = {0}, low = can_half(whole, 0), high = can_half(whole, 1);
    struct can_space space = can_space(2);
    CU_ASSERT_EQUAL(can_zones_add(&zones, can_half(low, 1)), PP_OK);
    high.hold = CAN_OPEN;
    CU_ASSERT_EQUAL(can_zones_add(&zones, high), PP_OK);
    CU_ASSERT_FALSE(can_zones_join(&zones));
    CU_ASSERT_EQUAL(can_zones_find(&zones, can_half(whole, 1)), 1);
    CU_ASSERT_EQUAL(can_zones_find(&zones, low), -1);
    CU_ASSERT_EQUAL(can_zones_set(&other, zones.at, zones.n), PP_OK);
    CU_ASSERT_TRUE(can_zones_same(&zones, &other));
    other.at[1].hold = CAN_WARD;
    CU_ASSERT_FALSE(can_zones_same(&zones, &other));
    CU_ASSERT_EQUAL(can_zones_add(&zones, can_half(low, 0)), PP_OK);
    CU_ASSERT_FALSE(can_zones_same(&zones, &other));
    zones.at[2].hold = CAN_WARD; /* kept for a dead one */
    CU_ASSERT_FALSE(can_zones_join(&zones));
    zones.at[2].hold = CAN_OPEN;
    CU_ASSERT_TRUE(can_zones_join(&zones) && can_zones_join(&zones));
    CU_ASSERT_TRUE(zones.n == 1 && can_zone_equal(zones.at[0], whole));
    CU_ASSERT_EQUAL(zones.at[0].hold, CAN_HOME);
    can_zones_remove(&zones, 0);
    CU_ASSERT_TRUE(zones.n == 0 && zones.at == NULL);
    CU_ASSERT_FALSE(can_zones_meet(&space, &zones, low));
    for (unsigned i = 0; i < CAN_ZONES_MAX; i++) {
        CU_ASSERT_EQUAL(can_zones_add(&zones, can_half(low, 0)), PP_OK);
    }
    CU_ASSERT_EQUAL(can_zones_add(&zones, low), PP_FULL);
    CU_ASSERT_TRUE(can_zones_meet(&space, &zones, low));
    CU_ASSERT_TRUE(can_zones_meet(&space, &zones, can_half(low, 1)));
    can_zones_free(&zones);
    can_zones_free(&other);
}

CHECK_MAIN("can zones", CHECK(test_touching_is_a_common_face), CHECK(test_tree),
           CHECK(test_nearness), CHECK(test_several))
