/* The command `peerpost-sim compare`: its options, and what runs when they are read. */
#ifndef PP_SIM_COMPARE_H
#define PP_SIM_COMPARE_H

#include <sim/table.h>

struct compare_options {
    struct trial_setup setup;
    enum table_form form;
    unsigned jobs;                      /* 0: one a processor */
    const char *plugins;                /* folder, or NULL */
    const char *substrates;             /* "a,b", or NULL: all that are there */
    const char *settings[SETTINGS_MAX]; /* "substrate.option=value" */
    size_t n_settings;
};

/* argv[0] is the command. ! PP_INVALID */
int compare_parse(struct compare_options *o, int argc, char **argv, struct pp_error *error);
/* Prints the table on standard output, progress on a terminal at standard error. ! PP_INVALID,
 * PP_PLUGIN (one cannot be loaded), PP_BROKEN (a trial failed; the table was printed), PP_IO */
int compare_run(const struct compare_options *o, struct pp_error *error);

#endif
