/* Shared by agent.c and agent_serve.c: an agent, and what it asks of a serve. */
#ifndef PP_SESSION_AGENT_PRIVATE_H
#define PP_SESSION_AGENT_PRIVATE_H

#include <session/agent.h>
#include <session/control.h>
#include <time.h>

struct agent {
    struct pp_config *config;
    struct session *session; /* or .. */
    struct control *control; /* .. a serve */
};

/* The calls of the same names, asked of the serve. */
int agent_serve_pass(struct agent *a, const char *name, pp_ns time,
                     void (*changed)(void *ctx, const struct pp_job_progress *p), void *ctx,
                     struct runner_result *result);
int agent_serve_run(struct agent *a, pp_ns time,
                    void (*told)(void *ctx, const struct runner_result *result), void *ctx);
int agent_serve_drop(struct agent *a, const char *name, pp_ns time);
int agent_serve_recall(struct agent *a, const char *name, struct pp_job *job);
void agent_serve_fetch(struct agent *a, const struct pp_read_options *options,
                       void (*letter)(void *ctx, const struct pp_letter_info *info), void *ctx,
                       struct pp_read_result *result);
int agent_serve_notes(struct agent *a, const char *prefix,
                      int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);

#endif
