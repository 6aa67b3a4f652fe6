/*
 * One substrate's trial: a network grows, is asked, stays idle, loses a part of itself at once, and
 * (if wanted) lives through churn. Gives figures; prints nothing and knows no other substrate.
 */
#ifndef PP_SIM_TRIAL_H
#define PP_SIM_TRIAL_H

#include <peerpost/substrate.h>

struct trial_setup {
    uint64_t seed;
    size_t nodes, lookups;
    unsigned k;
    pp_ns duration; /* of the idle time, and of the churn */
    pp_ns churn;    /* median session; 0: no churn */
    uint32_t loss;  /* per million datagrams */
    unsigned kill;  /* per cent that die at once */
    bool arranged;  /* tables as after long quiet, instead of joins */
};

/* What came out, ready to print; NAN where nothing was measured. */
struct trial_figures {
    double joined; /* seconds from the last join until all are active */
    double hops, messages, timeouts, latency, latency_99; /* a look-up in quiet; milliseconds */
    double exact, nearest, failed;                        /* per cent of the look-ups */
    double datagrams, octets, octets_enveloped;           /* an idle node sends a second */
    double memory;                                        /* octets of heap an instance */
    double recovery;    /* seconds after the deaths until every look-up is exact for a minute */
    double after_exact; /* per cent of the look-ups asked in that time */
    double churn_exact, churn_nearest, churn_failed, churn_latency, churn_datagrams;
    char first[160]; /* the first look-up in quiet, or under churn, that was not right */
};

/* `doing` names a phase, percent is of that phase. */
typedef void trial_progress_fn(void *ctx, const char *doing, unsigned percent);

/* settings: "option=value", NULL-terminated, or NULL. 0, or negative after a sentence in *error.
 * ! PP_INVALID (a setting), PP_TIMEOUT (a look-up that never comes back, a network that does not
 * form) */
int trial_run(const struct pp_substrate *plugin, const struct trial_setup *setup,
              const char *const *settings, trial_progress_fn *progress, void *ctx,
              struct trial_figures *figures, struct pp_error *error);

#endif
