/*
 * What a network is put through: who is in it, who joins through whom, when nodes die and return,
 * who asks for which key and when. All of it comes from the seed alone, each kind from a stream of
 * its own, so that every substrate gets the same and none can disturb another's. Knows no world.
 */
#ifndef PP_SIM_LOAD_H
#define PP_SIM_LOAD_H

#include <sim/world/prng.h>
#include <peerpost/id.h>
#include <peerpost/now.h>
#include <stdbool.h>

enum load_kind { LOAD_LOOKUP, LOAD_DOWN, LOAD_UP };

struct load_event {
    pp_ns at; /* since the plan's start */
    uint32_t node;
    uint32_t order; /* among equals in time */
    enum load_kind kind;
    struct pp_id key; /* of a look-up */
};

struct load_plan {
    struct load_event *events;
    size_t n, cap;
};

struct pp_id load_id(uint64_t seed, size_t node);
/* The earlier node through which `node` joins; node > 0. */
size_t load_contact(uint64_t seed, size_t node);
/* Marks share per cent of the nodes, rounded down. The array of `nodes` is malloc'ed. */
bool *load_victims(uint64_t seed, size_t nodes, unsigned share);

/* Adds n look-ups of uniform keys by uniform nodes at uniform times; `purpose` names the stream. */
void load_lookups(struct load_plan *p, uint64_t seed, const char *purpose, size_t nodes, size_t n,
                  pp_ns duration);
/* Adds each node's sessions (exponential, this median) and absences (exponential, a quarter of
 * it); at the start all are there. */
void load_churn(struct load_plan *p, uint64_t seed, size_t nodes, pp_ns median, pp_ns duration);
void load_sort(struct load_plan *p); /* by time; equals as they were added */
void load_finish(struct load_plan *p);

#endif
