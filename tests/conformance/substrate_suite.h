/*
 * The conformance suite of substrates: the rules of <peerpost/substrate.h>, run on any substrate in
 * the virtual-time world. Each case runs in a process of its own, so that a plugin that dies or
 * never returns is a line of the report and not its end.
 */
#ifndef SUBSTRATE_SUITE_H
#define SUBSTRATE_SUITE_H

#include <stdio.h>

#include <peerpost/substrate.h>

struct substrate_suite {
    const struct pp_substrate *p;
    const char *file;             /* of the plugin: its symbols are read there */
    const union pp_value *values; /* of its options */
    const char *only;             /* run cases whose name contains it; NULL: all */
    const char *one;              /* run the case of exactly this name; NULL: all */
    bool lengthy;                 /* larger networks, more random runs */
    uint64_t seed;
    FILE *out;
    /* While running: */
    const struct pp_substrate *face; /* the plugin behind the guard */
};

/* Runs the cases; returns how many failed, or 1 when none was chosen. */
unsigned substrate_suite_run(struct substrate_suite *s);
/* Names and sentences of the cases; the rules with the header's words. */
void substrate_suite_list(FILE *out);
void substrate_suite_rules(FILE *out);

#endif
