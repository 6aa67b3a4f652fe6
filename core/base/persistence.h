/*
 * How many copies a thing needs (Kangasharju et al. 2003, section 4): each of k nodes that hold a
 * copy is up with probability p, independently; an act of n operations succeeds at once when each
 * of them finds at least one copy. Pure.
 */
#ifndef PP_BASE_PERSISTENCE_H
#define PP_BASE_PERSISTENCE_H

#include <stdint.h>

/* p from samples: `good` of `asked` copies came back (the rule of succession, so that few samples
 * never give 0 or 1). */
double pp_up_share(uint64_t good, uint64_t asked);
/* Equation (5): (1 - (1-p)^k)^n. */
double pp_success(double p, unsigned k, double n);
/* Equation (6), rounded up: the least k with pp_success(p, k, n) >= target; 0 when more than `most`
 * would be needed. p and target within (0,1), n >= 1. */
unsigned pp_copies_needed(double p, double target, double n, unsigned most);

#endif
