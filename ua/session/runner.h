/*
 * The queue at work: passes over spooled messages, one after another is due, some at a time. Used
 * by send, fetch and queue run; one process of a user at a time (the session).
 */
#ifndef PP_SESSION_RUNNER_H
#define PP_SESSION_RUNNER_H

#include <session/session.h>
#include <mail/send.h>

struct runner_result {
    char name[80];
    int code;
    bool finished;
    struct pp_job_progress progress;
    char why[300];
};

struct runner {
    struct session *session;
    struct pp_config *config;
    struct runner_slot *slots; /* passes under way */
    char **names;              /* waiting for a slot */
    size_t n_names, next_name;
    unsigned active;
    bool idle; /* nothing waits, nothing runs */

    bool one_done; /* the message named at start */
    const char *first;
    struct runner_result last;                                   /* of `first` */
    void (*told)(void *ctx, const struct runner_result *result); /* each that ended; may be NULL */
    /* A message got further; may be NULL. */
    void (*changed)(void *ctx, const char *name, const struct pp_job_progress *p);
    void *ctx;
};

/* Begins with `first` (NULL: none), then all that are due (all there are when `force`; none when
 * `only`). */
void runner_start(struct runner *r, struct session *session, struct pp_config *config,
                  const char *first, bool only, bool force);
/* Takes a message out of the queue. */
void runner_drop(struct runner *r, struct session *session, struct pp_config *config,
                 const char *name);
void runner_stop(struct runner *r);
/* One more message, unless it waits or is under way already. */
void runner_add(struct runner *r, const char *name);
/* Takes a message out of the queue; `told` follows. false: no pass can be begun now. */
bool runner_take_out(struct runner *r, const char *name);
/* Adds all that are due; returns when the next one of the others will be (seconds, wall;
 * INT64_MAX: none waits). */
int64_t runner_scan(struct runner *r);
/* Progress of `first` now; false when it is not under way. */
bool runner_progress(const struct runner *r, struct pp_job_progress *p);

#endif
