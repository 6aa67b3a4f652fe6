/*
 * Time as every entry gets it. Peerpost's logic owns no clock: it is told the time (contracts,
 * "Common"). Units: nanoseconds.
 */
#ifndef PEERPOST_NOW_H
#define PEERPOST_NOW_H

#include <stdint.h>

typedef uint64_t pp_ns;

#define PP_NEVER UINT64_MAX
#define PP_US ((pp_ns)1000)
#define PP_MS ((pp_ns)1000000)
#define PP_SECOND ((pp_ns)1000000000)
#define PP_MINUTE (60 * PP_SECOND)
#define PP_HOUR (60 * PP_MINUTE)
#define PP_DAY (24 * PP_HOUR)

/* mono never falls, its zero is arbitrary; wall is since 1970-01-01 UTC and may jump. */
struct pp_now {
    pp_ns mono, wall;
};

#endif
