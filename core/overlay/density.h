/*
 * The routing failure test (Castro et al. 2002, section 5.2): colluders can name none but
 * themselves, and they lie farther apart than all nodes together. Keeps the mean gap between ids
 * that answers have shown lately, and doubts an answer whose ids are spread more thinly than one in
 * a hundred right ones. Pure arithmetic.
 */
#ifndef PP_OVERLAY_DENSITY_H
#define PP_OVERLAY_DENSITY_H

#include <stdbool.h>
#include <stdint.h>

#define PP_DENSITY_GAPS 64
#define PP_DENSITY_MIN 8 /* answers, before one can be doubted */
#define PP_DENSITY_K 3   /* fewer ids than this say nothing */

struct pp_density {
    uint64_t gaps[PP_DENSITY_GAPS]; /* each scaled to the median of its k */
    unsigned n;                     /* ever noted */
};

/* An answer of k ids held to be right, and its spacing (struct pp_result). Those of less than
 * PP_DENSITY_K ids or of no known spacing are passed over. */
void pp_density_note(struct pp_density *density, unsigned k, uint64_t spacing);
/* The mean gap between neighbouring ids, in 2^-64 of the space; 0: not known yet. */
uint64_t pp_density_gap(const struct pp_density *density);
/* Are these k ids too thinly spread? Never while the gap is not known. */
bool pp_density_doubts(const struct pp_density *density, unsigned k, uint64_t spacing);
/* How many times the mean gap the mean of k gaps exceeds once in a hundred; k 1..32. */
double pp_density_gamma(unsigned k);

#endif
