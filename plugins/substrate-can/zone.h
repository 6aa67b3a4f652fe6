/*
 * The space of CAN: a d-torus of integer coordinates, and zones as bit strings of its binary
 * partition tree, where bit i halves dimension i mod d. Two zones are nested or disjoint; the
 * sibling flips the last bit. Pure integer arithmetic; knows no peers.
 */
#ifndef CAN_ZONE_H
#define CAN_ZONE_H

#include <common/wire.h>

#define CAN_D_MAX 10
#define CAN_DEPTH_MAX 32
#define CAN_ZONE_LEN 5   /* on the wire: depth + 1 (0: no zone is known) and hold, prefix */
#define CAN_ZONES_MAX 64 /* of one node */

/* How a zone is held: a node lives there, or it is kept for a dead one, or for whoever can use it.
 */
enum can_hold { CAN_HOME, CAN_WARD, CAN_OPEN };

/* The first `depth` bits of prefix, the highest first; the others are zero. */
struct can_zone {
    uint32_t prefix;
    uint8_t depth, hold;
};

/* Coordinate j of an id is its bits [j*w, (j+1)*w). */
struct can_space {
    unsigned d, w;
};

struct can_space can_space(unsigned d);
bool can_zone_equal(struct can_zone a, struct can_zone b); /* however held */
/* Is a within b, or b itself? */
bool can_inside(struct can_zone a, struct can_zone b);
bool can_nested(struct can_zone a, struct can_zone b);
struct can_zone can_half(struct can_zone zone, unsigned bit); /* depth < CAN_DEPTH_MAX */
struct can_zone can_parent(struct can_zone zone);             /* depth > 0 */
struct can_zone can_sibling(struct can_zone zone);            /* of the whole: itself */
/* By prefix, then depth: whatever is within a zone follows it. <0, 0, >0 */
int can_zone_order(struct can_zone a, struct can_zone b);
/* The half that a joiner gets: the one with its point, unless the owner's lies there. */
struct can_zone can_half_for(struct can_zone zone, struct can_zone owner, struct can_zone joiner);

/* The zone of depth CAN_DEPTH_MAX that an id's point lies in. */
struct can_zone can_point(const struct can_space *space, const struct pp_id *id);
/* An id whose point is the middle of a zone. */
struct pp_id can_middle(const struct can_space *space, struct can_zone zone);
/* Do they touch with a face? */
bool can_abut(const struct can_space *space, struct can_zone a, struct can_zone b);
/* Squared torus distances of the key, taken at the middle of its unit cell, to the closed zone and
 * to the zone's centre, in half units. */
struct can_near {
    uint64_t zone, centre;
};
struct can_near can_near(const struct can_space *space, const struct pp_id *key,
                         struct can_zone zone);

void can_zone_put(uint8_t out[CAN_ZONE_LEN], struct can_zone zone);
/* false: none is known, or it is malformed. */
bool can_zone_get(const uint8_t in[CAN_ZONE_LEN], struct can_zone *zone);

/* Zones of one node: its home, and then what else it holds. */
struct can_zones {
    struct can_zone *at;
    uint16_t n;
};

void can_zones_free(struct can_zones *zones);
/* ! PP_NOMEM, PP_FULL */
int can_zones_add(struct can_zones *zones, struct can_zone zone);
int can_zones_set(struct can_zones *zones, const struct can_zone *at, size_t n);
void can_zones_remove(struct can_zones *zones, size_t index);
/* Index of a zone, however held, or -1. */
int can_zones_find(const struct can_zones *zones, struct can_zone zone);
/* The same zones, held in the same way, in the same order? */
bool can_zones_same(const struct can_zones *a, const struct can_zones *b);
/* Makes one of two siblings, unless one is kept for a dead node; true when something changed. */
bool can_zones_join(struct can_zones *zones);
/* Does one of them touch `zone` or overlap it? */
bool can_zones_meet(const struct can_space *space, const struct can_zones *zones,
                    struct can_zone zone);

#endif
