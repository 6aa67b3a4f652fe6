/*
 * The conformance suite of stores: every rule of <peerpost/store.h>, run on any store plugin. Each
 * case prints one line; a broken rule prints the rule's sentence, what was seen, and where. The
 * same suite runs on our own plugins and, by `peerpost-plugin-check`, on anyone's.
 */
#ifndef STORE_SUITE_H
#define STORE_SUITE_H

#include <stdio.h>

#include <peerpost/store.h>

struct store_suite {
    const struct pp_store_plugin *p;
    const char *file;             /* of the plugin, for the workers that are started anew */
    const union pp_value *values; /* options; capacity ample */
    const union pp_value *tight;  /* the same with a capacity of TIGHT, or NULL: no such option */
    char scratch[200];            /* an empty folder of the suite's own */
    const char *disk;    /* an empty folder on a small file system, or NULL: try to mount */
    const char *program; /* this program's path, to start workers; NULL: no such cases */
    const char *preload; /* folder of the fault libraries, or NULL: no such cases */
    const char *only;    /* run cases whose name contains it; NULL: all */
    const char *one;     /* run the case of exactly this name; NULL: all */
    bool durable;        /* it must keep data over a close */
    bool lengthy;        /* many more random runs */
    uint64_t seed;
    FILE *out;
    /* While running: */
    bool keeps;      /* it does keep data over a close */
    unsigned broken; /* rules in this case */
    unsigned paths;
};

#define STORE_TIGHT (4 * 1024 * 1024)
#define STORE_AMPLE ((int64_t)1 << 30)

/* Runs the cases; returns how many failed. */
unsigned store_suite_run(struct store_suite *s);
/* Names of the cases, a line each. */
void store_suite_list(FILE *out);
/* What a started worker does: `kind` and its arguments as store_suite_run gave them. */
int store_suite_worker(struct store_suite *s, int argc, char **argv);

#endif
