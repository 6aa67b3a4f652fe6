/* Arithmetic of zones; see zone.h. */
#include "zone.h"

#include <stdlib.h>

#define HOLD_SHIFT 6

struct can_space can_space(unsigned d)
{
    unsigned w = PP_ID_BITS / d;
    return (struct can_space){d, w < 30 ? w : 30};
}

static uint32_t mask(unsigned depth)
{
    return depth == 0 ? 0 : UINT32_MAX << (CAN_DEPTH_MAX - depth);
}

bool can_zone_equal(struct can_zone a, struct can_zone b)
{
    return a.prefix == b.prefix && a.depth == b.depth;
}

bool can_inside(struct can_zone a, struct can_zone b)
{
    return a.depth >= b.depth && ((a.prefix ^ b.prefix) & mask(b.depth)) == 0;
}

bool can_nested(struct can_zone a, struct can_zone b)
{
    return can_inside(a, b) || can_inside(b, a);
}

struct can_zone can_half(struct can_zone zone, unsigned bit)
{
    uint32_t last = (uint32_t)bit << (CAN_DEPTH_MAX - 1 - zone.depth);
    return (struct can_zone){zone.prefix | last, (uint8_t)(zone.depth + 1), zone.hold};
}

struct can_zone can_parent(struct can_zone zone)
{
    uint8_t depth = (uint8_t)(zone.depth - 1);
    return (struct can_zone){zone.prefix & mask(depth), depth, zone.hold};
}

struct can_zone can_sibling(struct can_zone zone)
{
    zone.prefix ^= zone.depth > 0 ? UINT32_C(1) << (CAN_DEPTH_MAX - zone.depth) : 0;
    return zone;
}

int can_zone_order(struct can_zone a, struct can_zone b)
{
    if (a.prefix != b.prefix) {
        return a.prefix < b.prefix ? -1 : 1;
    }
    return (a.depth > b.depth) - (a.depth < b.depth);
}

struct can_zone can_half_for(struct can_zone zone, struct can_zone owner, struct can_zone joiner)
{
    struct can_zone high = can_half(zone, 1);
    bool by_joiner = can_inside(joiner, zone) && !can_inside(owner, zone);
    bool takes_high = by_joiner ? can_inside(joiner, high) : !can_inside(owner, high);
    return takes_high ? high : can_half(zone, 0);
}

/* Bit i of a zone's prefix, counted in the bits of an id. */
static unsigned place_of(const struct can_space *space, unsigned i)
{
    return i % space->d * space->w + i / space->d;
}

struct can_zone can_point(const struct can_space *space, const struct pp_id *id)
{
    struct can_zone point = {0, CAN_DEPTH_MAX, CAN_HOME};
    for (unsigned i = 0; i < CAN_DEPTH_MAX; i++) {
        unsigned at = place_of(space, i);
        point.prefix = point.prefix << 1 | ((unsigned)id->b[at / 8] >> (7 - at % 8) & 1u);
    }
    return point;
}

struct pp_id can_middle(const struct can_space *space, struct can_zone zone)
{
    struct pp_id id = {{0}};
    for (unsigned i = 0; i < CAN_DEPTH_MAX; i++) {
        unsigned at = place_of(space, i); /* behind the zone's bits a one for each dimension */
        unsigned one = i < zone.depth ? zone.prefix >> (CAN_DEPTH_MAX - 1 - i) & 1u
                                      : i < zone.depth + space->d;
        id.b[at / 8] |= (uint8_t)(one << (7 - at % 8));
    }
    return id;
}

/* Middle of a zone and half its length in each dimension, in half units. */
struct box {
    uint64_t middle[CAN_D_MAX], half[CAN_D_MAX];
};

static void box_of(const struct can_space *space, struct can_zone zone, struct box *box)
{
    for (unsigned j = 0; j < space->d; j++) {
        box->middle[j] = box->half[j] = UINT64_C(1) << space->w;
    }
    for (unsigned i = 0, j = 0; i < zone.depth; i++, j = j + 1 == space->d ? 0 : j + 1) {
        bool high = zone.prefix >> (CAN_DEPTH_MAX - 1 - i) & 1u;
        box->half[j] /= 2;
        box->middle[j] += high ? box->half[j] : -box->half[j];
    }
}

/* The shorter way round. */
static uint64_t between(const struct can_space *space, uint64_t a, uint64_t b)
{
    uint64_t round = (UINT64_C(2) << space->w) - 1, there = (a - b) & round, back = (b - a) & round;
    return there < back ? there : back;
}

bool can_abut(const struct can_space *space, struct can_zone a, struct can_zone b)
{
    struct box p, q;
    bool touched = false;
    box_of(space, a, &p);
    box_of(space, b, &q);
    for (unsigned j = 0; j < space->d; j++) {
        uint64_t gap = between(space, p.middle[j], q.middle[j]), both = p.half[j] + q.half[j];
        if (gap > both || (gap == both && touched)) {
            return false;
        }
        touched = touched || gap == both;
    }
    return touched;
}

struct can_near can_near(const struct can_space *space, const struct pp_id *key,
                         struct can_zone zone)
{
    struct box box;
    struct can_near near = {0, 0};
    box_of(space, zone, &box);
    for (unsigned j = 0; j < space->d; j++) {
        uint64_t at = 0;
        for (unsigned bit = j * space->w; bit < (j + 1) * space->w; bit++) {
            at = at << 1 | ((unsigned)key->b[bit / 8] >> (7 - bit % 8) & 1u);
        }
        uint64_t centre = between(space, 2 * at + 1, box.middle[j]);
        uint64_t gap = centre > box.half[j] ? centre - box.half[j] : 0;
        near.zone += gap * gap;
        near.centre += centre * centre;
    }
    return near;
}

void can_zone_put(uint8_t out[CAN_ZONE_LEN], struct can_zone zone)
{
    out[0] = (uint8_t)((zone.depth + 1u) | (unsigned)zone.hold << HOLD_SHIFT);
    pp_put32(out + 1, zone.prefix);
}

bool can_zone_get(const uint8_t in[CAN_ZONE_LEN], struct can_zone *zone)
{
    unsigned depth = in[0] & ((1u << HOLD_SHIFT) - 1), hold = in[0] >> HOLD_SHIFT;
    *zone = (struct can_zone){pp_get32(in + 1), (uint8_t)(depth - 1), (uint8_t)hold};
    return depth >= 1 && depth - 1 <= CAN_DEPTH_MAX && hold <= CAN_OPEN &&
           (zone->prefix & ~mask(depth - 1)) == 0;
}

/* ---- several zones ---- */

void can_zones_free(struct can_zones *zones)
{
    free(zones->at);
    *zones = (struct can_zones){NULL, 0};
}

int can_zones_set(struct can_zones *zones, const struct can_zone *at, size_t n)
{
    struct can_zones made = {NULL, 0};
    for (size_t i = 0; i < n; i++) {
        int code = can_zones_add(&made, at[i]);
        if (code) {
            can_zones_free(&made);
            return code;
        }
    }
    can_zones_free(zones);
    *zones = made;
    return PP_OK;
}

int can_zones_add(struct can_zones *zones, struct can_zone zone)
{
    if (zones->n >= CAN_ZONES_MAX) {
        return PP_FULL;
    }
    struct can_zone *at = realloc(zones->at, (zones->n + 1u) * sizeof *at);
    if (!at) {
        return PP_NOMEM;
    }
    zones->at = at;
    zones->at[zones->n++] = zone;
    return PP_OK;
}

void can_zones_remove(struct can_zones *zones, size_t index)
{
    zones->n--;
    memmove(zones->at + index, zones->at + index + 1, (zones->n - index) * sizeof *zones->at);
    if (zones->n == 0) {
        can_zones_free(zones);
    }
}

int can_zones_find(const struct can_zones *zones, struct can_zone zone)
{
    for (size_t i = 0; i < zones->n; i++) {
        if (can_zone_equal(zones->at[i], zone)) {
            return (int)i;
        }
    }
    return -1;
}

bool can_zones_same(const struct can_zones *a, const struct can_zones *b)
{
    size_t i = 0;
    while (i < a->n && i < b->n && can_zone_equal(a->at[i], b->at[i]) &&
           a->at[i].hold == b->at[i].hold) {
        i++;
    }
    return i == a->n && i == b->n;
}

bool can_zones_join(struct can_zones *zones)
{
    for (size_t i = 0; i < zones->n; i++) {
        struct can_zone *zone = &zones->at[i];
        int other = can_zones_find(zones, can_sibling(*zone));
        if (other > (int)i && zone->hold != CAN_WARD && zones->at[other].hold != CAN_WARD) {
            *zone = can_parent(*zone);
            can_zones_remove(zones, (size_t)other);
            return true;
        }
    }
    return false;
}

bool can_zones_meet(const struct can_space *space, const struct can_zones *zones,
                    struct can_zone zone)
{
    size_t i = 0;
    while (i < zones->n && !can_nested(zones->at[i], zone) &&
           !can_abut(space, zones->at[i], zone)) {
        i++;
    }
    return i < zones->n;
}
