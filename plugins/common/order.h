/*
 * Distances of the id space as functions that a peer set or look-up can be ordered by, and what may
 * stand as a peer's address. Pure.
 */
#ifndef PP_COMMON_ORDER_H
#define PP_COMMON_ORDER_H

#include <peerpost/id.h>

struct pp_order {
    /* Smaller is nearer, as a 160-bit number. */
    struct pp_id (*distance)(const struct pp_id *origin, const struct pp_id *id);
    struct pp_id origin;
};

struct pp_id pp_distance_clockwise(const struct pp_id *origin, const struct pp_id *id);
struct pp_id pp_distance_counter(const struct pp_id *origin, const struct pp_id *id);
struct pp_id pp_distance_xor(const struct pp_id *origin, const struct pp_id *id);
/* Both ways round, the shorter. Ties are the caller's (Pastry: the smaller id). */
struct pp_id pp_distance_ring(const struct pp_id *origin, const struct pp_id *id);

/* The id that follows, on the ring. */
struct pp_id pp_id_after(const struct pp_id *id);

/* Surrogate routing (Zhao et al. 2004): digit by digit, how far the id's digit lies beyond the
 * origin's, round the digits. With digits of one bit it is the XOR distance. */
struct pp_id pp_distance_digits2(const struct pp_id *origin, const struct pp_id *id);
struct pp_id pp_distance_digits4(const struct pp_id *origin, const struct pp_id *id);
struct pp_id pp_distance_digits8(const struct pp_id *origin, const struct pp_id *id);

/* Place of the highest bit set, 0..159; -1 for zero. */
int pp_id_top_bit(const struct pp_id *id);
/* Digit `index` (0 = most significant) of an id in base 2^bits; bits is 1, 2, 4 or 8. */
unsigned pp_id_digit(const struct pp_id *id, unsigned index, unsigned bits);

/* Mean gap of the n ids that follow a key clockwise, in 2^-64 of the ring: from the key to the last
 * there are n. 0 when there are none. */
uint64_t pp_ring_spacing(const struct pp_id *key, const struct pp_peer *peers, size_t n);

/* May a peer told by someone at `teller` be asked? Never an unspecified, multicast or broadcast
 * address or port 0; from a public teller no private or loopback one either. */
bool pp_peer_plausible(const struct pp_peer *peer, const uint8_t teller[16]);

#endif
