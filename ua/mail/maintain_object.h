/*
 * One object in one round - asked for on its k nodes, taken from one that has it where another
 * lacks it, stored there, its life renewed everywhere when a third of it is over: for maintain.c
 * what is kept, for sent_check.c what a node lost.
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
/* An object that is on no list of what is kept: identifier, size, digest, life, copies of `what`,
 * which is copied. set: who may delete it, PEM; right: one of these, by which nodes are asked. It
 * is stored on `beyond` more nodes than it has copies. NULL: no memory. */
struct pp_keeper *pp_keeper_restore(struct pp_mail *mail, const struct pp_kept *what,
                                    struct pp_bytes set, struct pp_certificate *right,
                                    unsigned beyond, pp_keeper_done *done, void *ctx);
void pp_keeper_cancel(struct pp_keeper *keeper);

#endif
