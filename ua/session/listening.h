/*
 * Mail as it comes, in a session: a vigil at the nodes of the inbox, and a read for each
 * notification that it brings. Whoever reads by other means too (serve) gives its reads to it. It
 * knows no chat and no mail reader.
 */
#ifndef PP_SESSION_LISTENING_H
#define PP_SESSION_LISTENING_H

#include <mail/read.h>
#include <mail/vigil.h>

struct listening {
    struct pp_mail *mail;
    struct pp_vigil *vigil;
    struct pp_read **read; /* the read under way, of whoever it is; set to NULL when it ends .. */
    struct pp_buf due;     /* .. notifications that wait for its end */
    const struct pp_read_events *events; /* of reads begun here; their done calls listening_next */
    void *ctx;
};

/* vigil: its `came` is listening_came with the listening as ctx. ! PP_NOMEM */
int listening_start(struct listening *l, const struct pp_vigil_events *vigil, void *vigil_ctx);
void listening_stop(struct listening *l); /* not the read, which is its owner's */
void listening_came(struct listening *l, const char *hash);
/* A read has ended: begins the next one when something waits. */
void listening_next(struct listening *l);

#endif
