/*
 * Plays a plan of look-ups and churn into a world and judges every answer by the world's oracle, as
 * it stands when the answer comes. Knows no phases and prints nothing.
 */
#ifndef PP_SIM_TALLY_H
#define PP_SIM_TALLY_H

#include <sim/load.h>
#include <sim/world/world.h>

struct tally {
    size_t asked, exact, nearest, failed; /* nearest: the first peer is right, others may not be */
    uint64_t hops, messages, timeouts;    /* sums over those answered */
    pp_ns elapsed;
    pp_ns last_bad; /* when the last look-up was asked that failed or was not exact; 0: none */
    size_t open;
    char first[160]; /* the first bad one in words */
    pp_ns *times;    /* of those answered, malloc'ed */
    size_t n_times, cap_times;
};

struct player {
    struct pp_world *world;
    unsigned k;
    struct pp_prng help; /* whom a node without contacts asks */
    /* Told now and then how far the plan is, in per cent; or NULL. */
    void (*progress)(void *ctx, unsigned percent);
    void *ctx;
};

/* Plays the plan from now on for `duration`, then until every look-up is back. False: some never
 * came back. */
bool player_play(struct player *p, const struct load_plan *plan, pp_ns duration, struct tally *t);
/* Runs, and every five seconds gives contacts to those that reach nobody, as core does. */
void player_run(struct player *p, pp_ns duration);
/* The same until all living members are active, at most `limit`; false: some are not. */
bool player_settle(struct player *p, pp_ns limit);
/* A node comes back with the peers it remembers, else with any living one. */
void player_return(struct player *p, size_t node);
/* The time that `thousandths` of the answers took at most; 0 without answers. */
pp_ns tally_quantile(struct tally *t, unsigned thousandths);
void tally_finish(struct tally *t);

#endif
