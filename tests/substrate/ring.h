/*
 * What the tests of substrates in the virtual-time world share: worlds of a given size, and checks
 * that print what was wrong. The substrate is the one named by PEERPOST_SUBSTRATE, else chord.
 */
#ifndef RING_H
#define RING_H

#include <check.h>
#include <sim/world/world.h>

const struct pp_substrate *ring_plugin(void);
/* A world of no nodes. settings: "name=value", NULL-terminated, or NULL. */
struct pp_world *ring_world(uint64_t seed, const char *const *settings);
/* n members as after long quiet. */
struct pp_world *ring_arranged(uint64_t seed, size_t n, const char *const *settings);
void ring_end(struct pp_world *w);

/* One founds; the others join through a random earlier one, `gap` apart. */
void ring_join(struct pp_world *w, size_t n, pp_ns gap);
/* n more members at once, each through a random one of the first `through`. */
void ring_join_at_once(struct pp_world *w, size_t n, size_t through);

/* What core does for a node that reaches nobody: other contacts; and when no member is left, the
 * smallest id founds. */
void ring_help(struct pp_world *w);

/* Runs at most `limit` until the invariants hold; prints how long it took, and what is wrong. */
bool ring_heals(struct pp_world *w, pp_ns limit, const char *what);
/* n look-ups for each of k = 1, 5, 16, 32: each must be the oracle's answer. Prints the means. */
bool ring_exact(struct pp_world *w, size_t n, const char *what);
/* The same while datagrams are lost: of 100 for each k one may differ, from whose member all tries
 * were lost. */
bool ring_nearly_exact(struct pp_world *w, size_t n, const char *what);
/* Mean hops of n look-ups. */
double ring_hops(struct pp_world *w, size_t n, unsigned k);
/* Kills a share of the living members, in thousandths; returns how many. */
size_t ring_kill(struct pp_world *w, unsigned thousandths);

#endif
