/*
 * What the checks of peerpost doctor share: how one says what it found. A check is one function; it
 * says `ok`, or what is wrong and what to do.
 */
#ifndef PP_CLI_DOCTOR_H
#define PP_CLI_DOCTOR_H

#include <cli/cli.h>
#include <session/session.h>

enum finding { FINE, WARNING, FAILURE };

struct doctor {
    struct cli *cli;
    size_t said, warnings, failures;
    struct identity who; /* n_keys 0: could not be opened */
};

/* name: of the check, one word. cure: what to do; "" when fine, or when the cause says it. */
void doctor_say(struct doctor *d, enum finding finding, const char *name, const char *cure,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_local.c: this computer. */
void doctor_identity(struct doctor *d);
void doctor_certificate(struct doctor *d);
void doctor_folders(struct doctor *d);
void doctor_spool(struct doctor *d);
void doctor_helpers(struct doctor *d); /* proxy and scanners */
/* doctor_network.c */
void doctor_network(struct doctor *d);

#endif
