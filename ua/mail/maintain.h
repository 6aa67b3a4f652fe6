/*
 * Persistence (Kangasharju et al. 2003, sections 4 and 7): one round that makes sure that the
 * owner's certificate, and every object that is to stay (kept.h), lie on the k nodes closest to
 * them now, and that their lives do not run out. A copy that is missing is taken from a node that
 * has one. Then the nodes are asked what became of sent mail, and what expired unread is reported
 * (sent.h), and a canary goes into her own inbox (canary.h). To be run about once a day.
 */
#ifndef PP_MAIL_MAINTAIN_H
#define PP_MAIL_MAINTAIN_H

#include <mail/kept.h>

struct pp_maintain;

enum pp_maintained {
    PP_MAINTAIN_WHOLE,    /* all copies were there, and their lives are long enough */
    PP_MAINTAIN_RESTORED, /* missing copies were stored, or lives renewed; all are there now */
    PP_MAINTAIN_PARTLY,   /* some nodes failed: a later round goes on */
    PP_MAINTAIN_DELETED,  /* its owner deleted it: no longer kept */
    PP_MAINTAIN_LOST      /* no node asked has a good copy (kept on the list: nodes may return) */
};

struct pp_maintain_result {
    int code;                /* 0; PP_UNREACHABLE, PP_LOCAL, or what publishing said */
    unsigned copies, wanted; /* of the certificate */
    unsigned whole, restored, partly, deleted, lost; /* kept objects */
    char why[256];
};

struct pp_maintain_events {
    /* One kept object is done. May be NULL. */
    void (*object)(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                   unsigned copies, unsigned wanted, const char *why);
    void (*done)(void *ctx, const struct pp_maintain_result *result); /* it is freed after */
};

/* NULL: no memory. */
struct pp_maintain *pp_maintain_start(struct pp_mail *mail, const struct pp_maintain_events *events,
                                      void *ctx);
void pp_maintain_cancel(struct pp_maintain *m); /* accepts NULL */
/* When the next round is due (seconds, wall): a day after the last, give or take two hours. */
int64_t pp_maintain_due(struct pp_mail *mail);

/* The object shall stay no longer: forgotten, and deleted on its nodes by the next fetch. */
int pp_maintain_drop(struct pp_mail *mail, struct pp_bytes identifier);

#endif
