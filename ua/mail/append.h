/*
 * Append-inbox as a sender asks for it: the request to one node, signed or with proof of work where
 * a node is busy, and what its answers mean (docs/protocol.md). Shared by what sends notifications;
 * it must not know what they announce.
 */
#ifndef PP_MAIL_APPEND_H
#define PP_MAIL_APPEND_H

#include <mail/spread.h>

struct pp_append {
    struct pp_bytes inbox;  /* whose; lent */
    struct pp_bytes sealed; /* the notification; lent */
    unsigned work;          /* bits that a node wants; 0: none did */
    char stamp[64];         /* the work done for it */
};

/* For the functions of a spread's kind. */
int pp_append_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask,
                      const struct pp_append *a);
void pp_append_head(struct pp_append *a, const struct pp_target *t,
                    const struct pp_net_field *fields, size_t n);
/* DONE: durable there. */
enum pp_verdict pp_append_judge(struct pp_spread *s, struct pp_target *t, struct pp_append *a);

#endif
