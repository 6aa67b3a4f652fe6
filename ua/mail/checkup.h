/*
 * How the network looks from here: the nodes closest to the own certificate are asked for it, and
 * for their time. For peerpost doctor.
 */
#ifndef PP_MAIL_CHECKUP_H
#define PP_MAIL_CHECKUP_H

#include <mail/mail.h>

struct pp_checkup;

struct pp_checkup_result {
    int code;         /* of the look-up: 0, PP_UNREACHABLE, PP_LOCAL */
    unsigned found;   /* nodes that shall hold it */
    unsigned have;    /* hold the current certificate .. */
    unsigned other;   /* .. hold another .. */
    unsigned missing; /* .. none .. */
    unsigned failed;  /* .. or did not answer as they should */
    unsigned clocks;  /* nodes that told their time .. */
    int64_t skew;     /* .. and how far the middle one is ahead of us, seconds */
    char why[200];    /* of a failed one */
};

typedef void pp_checkup_fn(void *ctx, const struct pp_checkup_result *result);

/* NULL: no memory. Freed after `done`. */
struct pp_checkup *pp_checkup_start(struct pp_mail *mail, pp_checkup_fn *done, void *ctx);
void pp_checkup_cancel(struct pp_checkup *checkup); /* accepts NULL */

#endif
