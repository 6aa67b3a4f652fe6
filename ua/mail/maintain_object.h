/*
 * Private to maintain.c: one kept object in one round - asked for on its k nodes, taken from one
 * that has it where another lacks it, stored there, its life renewed everywhere when a third of it
 * is over.
 */
#ifndef PP_MAIL_MAINTAIN_OBJECT_H
#define PP_MAIL_MAINTAIN_OBJECT_H

#include <mail/maintain.h>

struct pp_keeper;

/* Freed after the call. */
typedef void pp_keeper_done(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                            unsigned copies, unsigned wanted, int code, const char *why);

/* NULL: no memory, or not kept any more. */
struct pp_keeper *pp_keeper_start(struct pp_mail *mail, struct pp_bytes identifier,
                                  pp_keeper_done *done, void *ctx);
void pp_keeper_cancel(struct pp_keeper *keeper);

#endif
