/*
 * peerpost-rehome: what `peerpostd --rehome` runs. The same node, and beside its service the walk
 * that stores what it holds where the network now wants it. A program of its own, so that a node
 * that does not rehome carries no HTTP client.
 */
#include <node/rehome.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static int run(const char *config)
{
    struct pp_error error = {0};
    struct daemon *d = calloc(1, sizeof *d);
    struct rehome *r = calloc(1, sizeof *r);
    int status = EX_OSERR;
    if (d && r) {
        int code = daemon_load(d, config, &error);
        code = code ? code : daemon_open(d, &error);
        code = code ? code : rehome_start(r, d, &error);
        status = daemon_exit_code(code);
        if (code == PP_OK) {
            status = daemon_run(d);
        } else {
            fprintf(stderr, "peerpostd: %s\n", error.text);
        }
        rehome_stop(r);
        daemon_close(d);
    }
    free(r);
    free(d);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    const char *config = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        config = c == 'c' ? optarg : NULL;
    }
    if (!config || optind < argc) {
        fputs("peerpost-rehome is run by peerpostd --config FILE --rehome\n", stderr);
        return EX_USAGE;
    }
    return run(config);
}
