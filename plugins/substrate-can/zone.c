/* Arithmetic of zones; see zone.h. */
#include "zone.h"

#include <stdlib.h>

#define WARD 0x80u

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
    return (struct can_zone){zone.prefix | last, (uint8_t)(zone.depth + 1), zone.ward};
}

struct can_zone can_parent(struct can_zone zone)
{
    uint8_t depth = (uint8_t)(zone.depth - 1);
    return (struct can_zone){zone.prefix & mask(depth), depth, zone.ward};
}

struct can_zone can_sibling(struct can_zone zone)
{
    zone.prefix ^= UINT32_C(1) << (CAN_DEPTH_MAX - zone.depth);
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

static uint32_t coordinate(const struct can_space *space, const struct pp_id *id, unsigned j)
{
    uint32_t value = 0;
    for (unsigned bit = j * space->w; bit < (j + 1) * space->w; bit++) {
        value = value << 1 | ((unsigned)id->b[bit / 8] >> (7 - bit % 8) & 1u);
    }
    return value;
}

struct can_zone can_point(const struct can_space *space, const struct pp_id *id)
{
    struct can_zone point = {0, CAN_DEPTH_MAX, false};
    for (unsigned i = 0; i < CAN_DEPTH_MAX; i++) {
        unsigned bit = i % space->d * space->w + i / space->d;
        point.prefix = point.prefix << 1 | ((unsigned)id->b[bit / 8] >> (7 - bit % 8) & 1u);
    }
    return point;
}

/* Where a zone begins in each dimension, and how long it is. */
struct box {
    uint32_t from[CAN_D_MAX], len[CAN_D_MAX];
};

static void box_of(const struct can_space *space, struct can_zone zone, struct box *box)
{
    for (unsigned j = 0; j < space->d; j++) {
        box->from[j] = 0;
        box->len[j] = UINT32_C(1) << space->w;
    }
    for (unsigned i = 0, j = 0; i < zone.depth; i++, j = j + 1 == space->d ? 0 : j + 1) {
        box->len[j] >>= 1;
        if (zone.prefix >> (CAN_DEPTH_MAX - 1 - i) & 1u) {
            box->from[j] += box->len[j];
        }
    }
}

struct pp_id can_middle(const struct can_space *space, struct can_zone zone)
{
    struct pp_id id = {{0}};
    struct box box;
    box_of(space, zone, &box);
    for (unsigned j = 0; j < space->d; j++) {
        uint32_t middle = box.from[j] + box.len[j] / 2;
        for (unsigned i = 0; i < space->w; i++) {
            unsigned bit = j * space->w + i;
            uint32_t one = middle >> (space->w - 1 - i) & 1u;
            id.b[bit / 8] |= (uint8_t)(one << (7 - bit % 8));
        }
    }
    return id;
}

bool can_abut(const struct can_space *space, struct can_zone a, struct can_zone b)
{
    struct box p, q;
    uint32_t round = (UINT32_C(1) << space->w) - 1;
    bool touched = false;
    box_of(space, a, &p);
    box_of(space, b, &q);
    for (unsigned j = 0; j < space->d; j++) {
        bool overlap = ((q.from[j] - p.from[j]) & round) < p.len[j] ||
                       ((p.from[j] - q.from[j]) & round) < q.len[j];
        bool touch = ((p.from[j] + p.len[j] - q.from[j]) & round) == 0 ||
                     ((q.from[j] + q.len[j] - p.from[j]) & round) == 0;
        if (!overlap && (!touch || touched)) {
            return false;
        }
        touched = touched || !overlap;
    }
    return touched;
}

struct can_near can_near(const struct can_space *space, const struct pp_id *key,
                         struct can_zone zone)
{
    struct box box;
    struct can_near near = {0, 0};
    uint64_t round = (UINT64_C(2) << space->w) - 1; /* half units */
    box_of(space, zone, &box);
    for (unsigned j = 0; j < space->d; j++) {
        uint64_t at = 2 * (uint64_t)coordinate(space, key, j) + 1;
        uint64_t from = 2 * (uint64_t)box.from[j], len = 2 * (uint64_t)box.len[j];
        uint64_t after = (at - from) & round, before = (from - at) & round;
        uint64_t over = after - len;
        if (after > len) {
            uint64_t gap = over < before ? over : before;
            near.zone += gap * gap;
        }
        uint64_t ahead = (at - from - len / 2) & round, back = (from + len / 2 - at) & round;
        uint64_t centre = ahead < back ? ahead : back;
        near.centre += centre * centre;
    }
    return near;
}

void can_zone_put(uint8_t out[CAN_ZONE_LEN], struct can_zone zone)
{
    out[0] = (uint8_t)(zone.depth + 1u) | (zone.ward ? WARD : 0);
    pp_put32(out + 1, zone.prefix);
}

bool can_zone_get(const uint8_t in[CAN_ZONE_LEN], struct can_zone *zone)
{
    unsigned depth = in[0] & (WARD - 1);
    *zone = (struct can_zone){pp_get32(in + 1), (uint8_t)(depth - 1), in[0] & WARD};
    return depth >= 1 && depth - 1 <= CAN_DEPTH_MAX && (zone->prefix & ~mask(depth - 1)) == 0;
}

/* ---- several zones ---- */

void can_zones_free(struct can_zones *zones)
{
    free(zones->at);
    *zones = (struct can_zones){NULL, 0};
}

int can_zones_set(struct can_zones *zones, const struct can_zone *at, size_t n)
{
    struct can_zone *made = NULL;
    if (n > 0) {
        made = malloc(n * sizeof *made);
        if (!made) {
            return PP_NOMEM;
        }
        memcpy(made, at, n * sizeof *made);
    }
    can_zones_free(zones);
    *zones = (struct can_zones){made, (uint16_t)n};
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

size_t can_zones_home(const struct can_zones *zones)
{
    size_t i = 0;
    while (i < zones->n && zones->at[i].ward) {
        i++;
    }
    return i < zones->n ? i : 0;
}

bool can_zones_join(struct can_zones *zones)
{
    for (size_t i = 0; i < zones->n; i++) {
        int other = zones->at[i].depth > 0 ? can_zones_find(zones, can_sibling(zones->at[i])) : -1;
        if (other >= 0) {
            bool ward = zones->at[i].ward && zones->at[other].ward;
            zones->at[i] = can_parent(zones->at[i]);
            zones->at[i].ward = ward;
            can_zones_remove(zones, (size_t)other);
            can_zones_join(zones); /* the parent may have a sibling too */
            return true;
        }
    }
    return false;
}

bool can_zones_overlap(const struct can_zones *zones, struct can_zone zone)
{
    for (size_t i = 0; i < zones->n; i++) {
        if (can_nested(zone, zones->at[i])) {
            return true;
        }
    }
    return false;
}

bool can_zones_meet(const struct can_space *space, const struct can_zones *zones,
                    struct can_zone zone)
{
    for (size_t i = 0; i < zones->n; i++) {
        if (can_nested(zones->at[i], zone) || can_abut(space, zones->at[i], zone)) {
            return true;
        }
    }
    return false;
}
