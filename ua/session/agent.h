/*
 * Who does the user's work for a command: a `peerpost serve` that runs already, asked over its
 * control socket, or else this process in a session of its own. The command does not know which.
 */
#ifndef PP_SESSION_AGENT_H
#define PP_SESSION_AGENT_H

#include <mail/read.h>
#include <session/runner.h>

struct agent;

/* As session_open. */
int agent_open(struct agent **agent, struct pp_config *config, pp_ns patience,
               void (*waiting)(void), struct pp_error *error);
void agent_close(struct agent *agent); /* accepts NULL */

/* One pass over a queued message (and, unless `only`, over the others that are due) for at most
 * `time`. changed may be NULL. ! PP_TIMEOUT: result holds how far it is */
int agent_pass(struct agent *agent, const char *name, bool only, pp_ns time,
               void (*changed)(void *ctx, const struct pp_job_progress *p), void *ctx,
               struct runner_result *result);
/* One pass over the whole queue, for at most `time`. ! PP_TIMEOUT, PP_IO */
int agent_run(struct agent *agent, pp_ns time,
              void (*told)(void *ctx, const struct runner_result *result), void *ctx);
/* Takes a message out of the queue. ! PP_BUSY, PP_TIMEOUT, PP_IO */
int agent_drop(struct agent *agent, const char *name);
/* The record of a queued message. ! PP_NOT_FOUND (no pass yet), PP_MALFORMED, PP_IO */
int agent_recall(struct agent *agent, const char *name, struct pp_job *job);
/* A fetch, with all that the queue has due beside it. */
void agent_fetch(struct agent *agent, const struct pp_read_options *options,
                 void (*letter)(void *ctx, const struct pp_letter_info *info), void *ctx,
                 struct pp_read_result *result);
/* The notes that begin with prefix; fn returns non-zero to stop. Returns its answer, or ! PP_IO */
int agent_notes(struct agent *agent, const char *prefix,
                int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);
/* Lets so much time pass; what is under way goes on. */
void agent_pause(struct agent *agent, pp_ns time);

#endif
