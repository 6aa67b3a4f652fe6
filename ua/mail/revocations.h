/*
 * The newest revocation list that nodes serve: a few nodes of a random place are asked for theirs,
 * and the authority takes the highest number that its key signed (docs/security.md, Identities).
 */
#ifndef PP_MAIL_REVOCATIONS_H
#define PP_MAIL_REVOCATIONS_H

#include <mail/mail.h>

struct pp_revocations;

/* taken: the authority has a newer list now. The object is freed after the call. */
typedef void pp_revocations_fn(void *ctx, bool taken);

/* Is it time to ask? every: how long an answer is good enough; without one, ten minutes. */
bool pp_revocations_due(struct pp_mail *mail, pp_ns every);
struct pp_revocations *pp_revocations_start(struct pp_mail *mail, pp_revocations_fn *done,
                                            void *ctx); /* NULL: no memory */
void pp_revocations_cancel(struct pp_revocations *r);   /* accepts NULL */

#endif
