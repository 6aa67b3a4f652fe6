/*
 * All nodes of an overlay in the order of their ids, for the checks and arrangements that know the
 * whole: those that share a prefix stand together.
 */
#ifndef PP_COMMON_CENSUS_H
#define PP_COMMON_CENSUS_H

#include <common/member.h>

struct pp_census {
    struct pp_substrate_node **at;
    size_t n;
};

/* The caller frees with pp_census_free. false: out of memory. */
bool pp_census_take(struct pp_census *census, struct pp_substrate_node *const *nodes, size_t n);
void pp_census_free(struct pp_census *census);
const struct pp_peer *pp_census_peer(const struct pp_census *census, size_t index);
/* First index whose id is not below `id`; n when all are. */
size_t pp_census_lower(const struct pp_census *census, const struct pp_id *id);
/* Indices [*from, *to) of the ids in [low, high], which do not wrap around zero. */
void pp_census_range(const struct pp_census *census, const struct pp_id *low,
                     const struct pp_id *high, size_t *from, size_t *to);
/* A list of the next ids clockwise (step 1) or counter-clockwise (step n - 1) from the node at
 * `at`: filled as after long quiet, or checked (one line a breach; how many). */
void pp_census_fill(const struct pp_census *census, size_t at, size_t step,
                    const struct pp_table *table, pp_ns now);
size_t pp_census_check(const struct pp_census *census, size_t at, size_t step, const char *name,
                       const struct pp_table *table, const struct pp_sink *sink);
/* The descriptor's check: each node by itself, then, of several, each within the whole. */
size_t pp_census_check_all(struct pp_substrate_node *const *nodes, size_t n,
                           size_t (*alone)(const struct pp_substrate_node *node,
                                           const struct pp_sink *sink),
                           size_t (*within)(const struct pp_census *census, size_t at,
                                            const struct pp_sink *sink),
                           const struct pp_sink *sink);
/* The descriptor's arrange: each node within the whole. */
void pp_census_arrange_all(struct pp_substrate_node *const *nodes, size_t n, pp_ns now,
                           void (*within)(const struct pp_census *census, size_t at, pp_ns now));

#endif
