/*
 * Runs trials side by side, each in a process of its own: a substrate that crashes spoils no
 * other's, and the heap of each is its own to measure. Knows what a trial is, and nothing of how it
 * is printed.
 */
#ifndef PP_SIM_CHILDREN_H
#define PP_SIM_CHILDREN_H

#include <sim/trial.h>

#define CHILDREN_MAX 32
#define SETTINGS_MAX 32

struct child {
    const struct pp_substrate *plugin;
    const char *settings[SETTINGS_MAX + 1]; /* "option=value", NULL-terminated */
    int code;                               /* of the trial; PP_BROKEN: its process died */
    struct pp_error error;
    struct trial_figures figures;
    char doing[40]; /* its phase; "done" after the end */
    unsigned percent;
    int pid, from; /* from: the pipe's reading end, -1 when it is closed */
};

/* Runs all, at most `jobs` at once, and fills in their results. `changed` (or NULL) hears of each
 * step. ! PP_IO: no process or pipe. */
int children_run(struct child *children, size_t n, unsigned jobs, const struct trial_setup *setup,
                 void (*changed)(void *ctx, const struct child *children, size_t n), void *ctx,
                 struct pp_error *error);

#endif
