/*
 * When which of a node's far contacts has its turn: one after the other, the first round at once,
 * every later one spread over a period. Knows neither contacts nor network.
 */
#ifndef PP_COMMON_ROUNDS_H
#define PP_COMMON_ROUNDS_H

#include <common/random.h>
#include <stdbool.h>

struct pp_rounds {
    pp_ns at; /* when the next has its turn */
    uint8_t index;
    bool first; /* the first round runs */
    bool busy;  /* one is being looked after */
};

static inline struct pp_rounds pp_rounds_from(pp_ns at, bool first)
{
    return (struct pp_rounds){at, 0, first, false};
}

/* PP_NEVER while busy. */
static inline pp_ns pp_rounds_next(const struct pp_rounds *rounds)
{
    return rounds->busy ? PP_NEVER : rounds->at;
}

/* Looked after: on to the next of `count` (may be 0), of which each is due once in `period`. */
static inline void pp_rounds_done(struct pp_rounds *rounds, struct pp_random *random, pp_ns now,
                                  pp_ns period, unsigned count)
{
    rounds->busy = false;
    if (++rounds->index >= count) {
        rounds->index = 0;
        rounds->first = false;
    }
    pp_ns wait = pp_random_jitter(random, period) / (count ? count : 1);
    rounds->at = rounds->first ? now : now + wait;
}

#endif
