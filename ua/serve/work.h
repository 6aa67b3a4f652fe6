/*
 * The work of `peerpost serve` on the network: fetches for whoever asks (and by the clock), the
 * queue. While a command has borrowed the journal nothing runs; what was asked for waits.
 */
#ifndef PP_SERVE_WORK_H
#define PP_SERVE_WORK_H

#include <mail/chat.h>
#include <mail/read.h>
#include <session/runner.h>

struct work;

/* Somebody who wants a fetch that begins after he asked. Embedded; the last two members are the
 * asker's to set. */
struct work_fetch {
    struct work_fetch *next;
    bool headers_only, keep;
    void (*letter)(struct work_fetch *f, const struct pp_letter_info *info); /* may be NULL */
    void (*done)(struct work_fetch *f, const struct pp_read_result *result);
};
void work_fetch(struct work *w, struct work_fetch *f);
/* He hears no more; accepts one that does not wait. */
void work_forget(struct work *w, struct work_fetch *f);

/* Somebody who watches the queue and the mailbox. Every member may be NULL. */
struct work_watch {
    struct work_watch *next;
    void (*told)(struct work_watch *w, const struct runner_result *result);
    void (*changed)(struct work_watch *w, const char *name, const struct pp_job_progress *p);
    void (*mail)(struct work_watch *w); /* new mail is in the Maildir */
};
void work_watch(struct work *w, struct work_watch *watch);
void work_unwatch(struct work *w, struct work_watch *watch);

/* A pass over one message of the queue now, if none is under way; over all of it. */
void work_send(struct work *w, const char *name);
void work_send_all(struct work *w);
/* Does anything of the queue wait for a pass now, or run? */
bool work_is_sending(const struct work *w);
/* Takes a message out of the queue; `told` says when. false: it is under way, or lent. */
bool work_drop(struct work *w, const char *name);

/* A chat that somebody has open. Embedded; the members but next and ear are the asker's to set. */
struct work_chat {
    struct work_chat *next;
    struct pp_ear ear;
    const char *with; /* normal form */
    void (*heard)(struct work_chat *c, const struct pp_heard *line);
    void (*line)(struct work_chat *c, const struct pp_line_info *info);
    void (*listens)(struct work_chat *c, unsigned nodes, unsigned of);
};
void work_chat_open(struct work *w, struct work_chat *c);
void work_chat_close(struct work *w, struct work_chat *c); /* accepts one that is not open */
/* ! PP_BUSY: another command has the journal; PP_INVALID, PP_NOMEM */
int work_say(struct work *w, const char *to, struct pp_bytes text);

/* NULL while it is lent. Not to be kept. */
struct session *work_session(const struct work *w);
/* Ends what is under way and lets go of the journal, until work_reclaim. false: it is lent. */
bool work_lend(struct work *w);
void work_reclaim(struct work *w);
/* The user's keys are others now: what is under way begins anew with them. From the loop only. */
void work_renew(struct work *w);

/* Takes the journal. ! as session_open */
int work_open(struct work **w, struct pp_config *config, struct pp_loop *loop,
              struct pp_error *error);
void work_close(struct work *w);

#endif
