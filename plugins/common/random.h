/*
 * A substrate's only randomness: SipHash-2-4 in counter mode under the seed its host gave. What it
 * puts out does not tell what comes next. 24 octets an instance; knows nothing of the network.
 */
#ifndef PP_COMMON_RANDOM_H
#define PP_COMMON_RANDOM_H

#include <peerpost/now.h>
#include <stddef.h>
#include <stdint.h>

struct pp_random {
    uint8_t key[16];
    uint64_t counter;
};

/* Aumasson, Bernstein 2012: SipHash-2-4. Also the digest of a list, where a keyed hash is asked. */
uint64_t pp_siphash(const uint8_t key[16], const void *data, size_t len);

void pp_random_init(struct pp_random *random, const uint8_t seed[16]);
uint64_t pp_random_next(struct pp_random *random);
/* 0 <= result < bound; bound > 0. */
uint64_t pp_random_below(struct pp_random *random, uint64_t bound);
/* A period with +-25 %, so that nodes which started together do not act together. */
pp_ns pp_random_jitter(struct pp_random *random, pp_ns period);

#endif
