/* What the cases of the substrate suite share: worlds, and core's part of living in them. */
#ifndef SUBSTRATE_KIT_H
#define SUBSTRATE_KIT_H

#include "substrate_guard.h"
#include "substrate_rules.h"
#include "substrate_suite.h"

#include <sim/world/world.h>
#include <stdlib.h>

struct substrate_case {
    const char *name, *sentence;
    void (*run)(const struct substrate_suite *s);
};
extern const struct substrate_case substrate_cases_static[], substrate_cases_alone[],
    substrate_cases_network[], substrate_cases_fate[], substrate_cases_trust[];

void *kit_need(void *p); /* aborts without memory */
/* An empty world of the substrate under test. */
struct pp_world *kit_world(const struct substrate_suite *s, unsigned number);
/* The same with `loss` per million and a watcher of datagrams. */
struct pp_world *kit_world_with(const struct substrate_suite *s,
                                const struct pp_world_options *options, unsigned number);
/* n more members, `gap` apart, each through a random earlier one; the first of all founds. */
void kit_join(struct pp_world *w, size_t n, pp_ns gap);
/* n members as after long quiet. */
struct pp_world *kit_arranged(const struct substrate_suite *s, unsigned number, size_t n);
/* Runs until all living members are active and the invariants hold, at most 15 virtual minutes, and
 * does what core does for whom nobody answers; else `rule` is broken. */
void kit_heal(struct pp_world *w, enum substrate_rule rule, const char *what);
/* Look-ups with several k, each exactly the oracle's, and no false NO of `covers`. */
void kit_exact(struct pp_world *w, size_t n, const char *what);
/* A random living active member. */
size_t kit_active(struct pp_world *w);
struct pp_id kit_key(struct pp_world *w);
/* Local breaches of one node must be none. */
void kit_local(const struct substrate_suite *s, struct pp_world *w, const char *what);

#endif
