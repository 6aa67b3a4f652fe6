/*
 * The world's randomness: xoshiro256** seeded by splitmix64 (Blackman and Vigna 2018). Integer
 * arithmetic only, so that a seed means the same on every machine. Not for secrets.
 */
#ifndef PP_SIM_WORLD_PRNG_H
#define PP_SIM_WORLD_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct pp_prng {
    uint64_t s[4];
};

void pp_prng_seed(struct pp_prng *r, uint64_t seed);
uint64_t pp_prng_next(struct pp_prng *r);
/* Uniform in [0, bound); 0 when bound is 0. */
uint64_t pp_prng_below(struct pp_prng *r, uint64_t bound);
/* True with probability ppm / 1,000,000. */
int pp_prng_chance(struct pp_prng *r, uint32_t ppm);
void pp_prng_fill(struct pp_prng *r, void *out, size_t len);

/* A stream of its own for each purpose and index of one seed: drawing from one moves no other. */
void pp_prng_stream(struct pp_prng *r, uint64_t seed, const char *purpose, uint64_t index);
/* Exponentially distributed with this median, in integers alone; at most 64 medians. Source: von
 * Neumann's method in Ahrens and Dieter 1972 (algorithm SA): whole medians are geometric, the part
 * of one has density 2^-x. */
uint64_t pp_prng_exponential(struct pp_prng *r, uint64_t median);

#endif
