/*
 * Sending (Kangasharju et al. 2003, section 3.1): one pass over one spooled message. Certificates,
 * encryption, the body on the k nodes closest to its fresh id, the notification on the k copies of
 * each recipient's inbox. Ids, keys and the encrypted octets are durable before the first store, so
 * that a rerun after a crash sends the same octets. A message is sent when body and notifications
 * are on min_copies nodes each; passes go on to all k'.
 */
#ifndef PP_MAIL_SEND_H
#define PP_MAIL_SEND_H

#include <mail/job.h>
#include <mail/mail.h>

struct pp_send;

struct pp_send_events {
    /* Something got further. May be NULL. */
    void (*changed)(void *ctx, const struct pp_job_progress *p);
    /* The pass is over: nothing of it is under way. code 0, or why it could not work at all
     * (PP_MALFORMED spool file, PP_IO, PP_FULL); why: one sentence while not complete. finished:
     * the message has left the queue. The send is freed after the call. */
    void (*done)(void *ctx, int code, bool finished, const struct pp_job_progress *p,
                 const char *why);
};

/* name: of the file in the spool, as envelope.h has it. NULL: no memory. */
struct pp_send *pp_send_start(struct pp_mail *mail, const char *name,
                              const struct pp_send_events *events, void *ctx);
void pp_send_cancel(struct pp_send *send); /* a later pass goes on; accepts NULL */
/* Where it stands now. */
void pp_send_progress(const struct pp_send *send, struct pp_job_progress *out);
/* Do all recipients not exist? Then, and when the user says so, the message is taken out. Ends in
 * `done` with finished. */
void pp_send_drop(struct pp_send *send);

/* When the next pass over a spooled message is due (seconds, wall; 0: now), from its note. */
int64_t pp_send_due(struct pp_mail *mail, const char *name);
/* Its record. ! PP_NOT_FOUND (no pass yet), PP_MALFORMED */
int pp_send_recall(struct pp_mail *mail, const char *name, struct pp_job *job);
/* Forgets records of messages that left the queue a week ago. Call at start. */
void pp_send_sweep(struct pp_mail *mail);

#endif
