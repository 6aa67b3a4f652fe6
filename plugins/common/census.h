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

#endif
