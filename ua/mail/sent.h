/*
 * What became of the messages that the user sent: the note "t:<name>". For each recipient: stored m
 * of k, fetched, expired, unknown. It never goes backwards. sent.c keeps the record, sent_check.c
 * asks the nodes (HEAD with the recipient's key id; 410: he deleted it, so he has it).
 */
#ifndef PP_MAIL_SENT_H
#define PP_MAIL_SENT_H

#include <mail/job.h>
#include <mail/mail.h>

/* In the order in which they may follow each other. */
enum pp_sent_state {
    PP_SENT_QUEUED,  /* not on enough nodes yet */
    PP_SENT_STORED,  /* body and notification on min_copies nodes at least */
    PP_SENT_FAILED,  /* given up before that: no certificate, too old */
    PP_SENT_EXPIRED, /* its life ended unread */
    PP_SENT_FETCHED
};

struct pp_sent_recipient {
    struct pp_buf address;
    char object[64];     /* the body's identifier; "" while there is none */
    uint8_t keyid[32];   /* of his right to delete it .. */
    struct pp_buf right; /* .. and its certificate, DER; empty in records of earlier versions */
    enum pp_sent_state state;
    uint32_t copies, wanted; /* of body or notification, whichever has fewer; the most ever seen */
    bool unknown; /* the last look found no node that knows of it, though its life is not over */
    char why[200];
};

/* A body on the nodes: enough to see that one lost it, and to store it there again. */
struct pp_sent_object {
    char id[64];
    uint64_t size;
    uint8_t digest[32];
    struct pp_buf have; /* ids of the nodes that acknowledged it */
    unsigned lost;      /* so many of them lack it: of this look, not of the record */
};

struct pp_sent {
    int64_t created; /* seconds, wall */
    uint64_t life;   /* seconds, of body and notifications */
    int64_t looked;  /* when the nodes were last asked; 0: never */
    bool reported;   /* that it expired unread */
    struct pp_buf subject;
    struct pp_sent_recipient *recipients;
    size_t n;
    struct pp_sent_object *objects;
    size_t n_objects;
};

const char *pp_sent_state_name(enum pp_sent_state state);
/* sent zeroed; to be finished. ! PP_NOT_FOUND, PP_MALFORMED, PP_NOMEM */
int pp_sent_recall(struct pp_mail *mail, const char *name, struct pp_sent *sent);
/* act (may be NULL) hears `noted` with the token when it is synced. ! PP_NOMEM */
int pp_sent_note(struct pp_mail *mail, const char *name, const struct pp_sent *sent,
                 struct pp_act *act, uint64_t token);

/* All that was sent, the newest first. */
struct pp_sent_entry {
    char name[112];
    struct pp_sent sent;
};
struct pp_sent_list {
    struct pp_sent_entry *entries;
    size_t n;
};
int pp_sent_list(struct pp_mail *mail, struct pp_sent_list *list); /* ! PP_NOMEM (list is empty) */
void pp_sent_list_finish(struct pp_sent_list *list);
void pp_sent_finish(struct pp_sent *sent);
/* After a pass: what it achieved goes into the record; states only move on. gave_up: nothing more
 * will be tried. */
void pp_sent_update(struct pp_mail *mail, const char *name, struct pp_job *job,
                    struct pp_bytes subject, bool gave_up);
/* Are its nodes worth asking: somebody's copy is stored, and nobody said that it is over? */
bool pp_sent_is_open(const struct pp_sent *sent);
/* Forgets what was sent more than 90 days ago, and tidies up behind reports. Call at start. */
void pp_sent_sweep(struct pp_mail *mail);

/* --- asking the nodes ------------------------------------------------------------------------ */

struct pp_sent_check;
typedef void pp_sent_checked_fn(void *ctx, int code, unsigned asked); /* messages; freed after */

/* The body of a recipient; NULL: the record knows only its id. */
struct pp_sent_object *pp_sent_object(const struct pp_sent *sent, const char *id);

/* One message (its name), or with NULL every open one, the oldest look first, at most `most`. What
 * expired is reported into the user's own mailbox, once. A node that lost what it had acknowledged
 * is named in the log, and the body, while somebody has yet to fetch it, stored again from one that
 * has it, on a farther node when it is lost again. NULL: no memory. */
struct pp_sent_check *pp_sent_check_start(struct pp_mail *mail, const char *name, unsigned most,
                                          pp_sent_checked_fn *done, void *ctx);
void pp_sent_check_cancel(struct pp_sent_check *check); /* accepts NULL */

#endif
