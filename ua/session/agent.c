/*
 * A command's work in its own session, or asked of a serve (agent_serve.c); see agent.h. It must
 * not know how a command shows it.
 */
#include <session/agent_private.h>
#include <session/devices.h>

#include <mail/chat.h>
#include <stdio.h>
#include <stdlib.h>

#define DROP_TIME (60 * PP_SECOND)
#define LIST_TIME (25 * PP_SECOND) /* longer than the list may take */

int agent_open(struct agent **out, struct pp_config *config, pp_ns patience, void (*waiting)(void),
               struct pp_error *error)
{
    struct agent *a = calloc(1, sizeof *a);
    if (!a) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    a->config = config;
    int rc = control_open(&a->control, config) == PP_OK
                 ? PP_OK
                 : session_open(&a->session, config, patience, waiting, error);
    if (rc != PP_OK) {
        free(a);
        return rc;
    }
    *out = a;
    return PP_OK;
}

void agent_close(struct agent *a)
{
    if (a) {
        session_close(a->session);
        control_close(a->control);
        free(a);
    }
}

/* --- the queue ----------------------------------------------------------------------------- */

struct passing {
    const char *name;
    void (*changed)(void *ctx, const struct pp_job_progress *p);
    void *ctx;
};

static void on_changed(void *ctx, const char *name, const struct pp_job_progress *p)
{
    const struct passing *pass = ctx;
    if (pass->changed && strcmp(name, pass->name) == 0) {
        pass->changed(pass->ctx, p);
    }
}

int agent_pass(struct agent *a, const char *name, bool only, pp_ns time,
               void (*changed)(void *ctx, const struct pp_job_progress *p), void *ctx,
               struct runner_result *result)
{
    struct passing pass = {name, changed, ctx};
    struct runner r = {.changed = on_changed, .ctx = &pass};
    if (a->control) {
        return agent_serve_pass(a, name, time, changed, ctx, result);
    }
    runner_start(&r, a->session, a->config, name, only, false);
    int rc = session_run(a->session, &r.one_done, time) ? PP_OK : PP_TIMEOUT;
    const char *trouble = session_trouble(a->session);
    if (rc == PP_OK) {
        *result = r.last;
    } else {
        runner_progress(&r, &result->progress);
        snprintf(result->why, sizeof result->why, "not all nodes answered in time");
    }
    if (trouble && (rc != PP_OK || !result->progress.copies)) {
        snprintf(result->why, sizeof result->why, "%.299s", trouble);
    }
    runner_stop(&r);
    return rc;
}

static void on_idle(void *ctx)
{
    *(bool *)ctx = true;
}

static const struct pp_outbox_events outbox_events = {.idle = on_idle};

int agent_run(struct agent *a, pp_ns time,
              void (*told)(void *ctx, const struct runner_result *result), void *ctx)
{
    struct runner r = {.told = told, .ctx = ctx};
    if (a->control) {
        return agent_serve_run(a, time, told, ctx);
    }
    bool said = false;
    struct pp_outbox *lines = pp_outbox_open(session_mail(a->session), &outbox_events, &said);
    runner_start(&r, a->session, a->config, NULL, false, true);
    int rc = session_run(a->session, &r.idle, time) ? PP_OK : PP_TIMEOUT;
    session_run(a->session, &said, rc == PP_OK && lines ? time : 0);
    pp_outbox_close(lines);
    runner_stop(&r);
    return rc;
}

int agent_drop(struct agent *a, const char *name)
{
    struct runner r = {0};
    if (a->control) {
        return agent_serve_drop(a, name, DROP_TIME);
    }
    runner_drop(&r, a->session, a->config, name);
    int rc = session_run(a->session, &r.one_done, DROP_TIME) ? PP_OK : PP_TIMEOUT;
    runner_stop(&r);
    return rc;
}

int agent_recall(struct agent *a, const char *name, struct pp_job *job)
{
    return a->control ? agent_serve_recall(a, name, job)
                      : pp_send_recall(session_mail(a->session), name, job);
}

/* --- reading ------------------------------------------------------------------------------- */

struct fetching {
    void (*letter)(void *ctx, const struct pp_letter_info *info);
    void *ctx;
    struct pp_read_result *result;
    bool done;
};

static void on_letter(void *ctx, const struct pp_letter_info *info)
{
    struct fetching *f = ctx;
    f->letter(f->ctx, info);
}

static void on_done(void *ctx, const struct pp_read_result *result)
{
    struct fetching *f = ctx;
    *f->result = *result;
    f->done = true;
}

static const struct pp_read_events events = {on_letter, on_done};

/* What came is there for the user's other computers, and theirs is here. */
static void synchronise(struct agent *a)
{
    struct pp_sync_result result;
    if (!devices_on(a->config)) {
        return;
    }
    devices_round(a->session, a->config, false, &result);
    if (result.code != PP_OK) {
        fprintf(stderr, "peerpost: not the same yet as on your other computers: %s\n", result.why);
    }
}

void agent_fetch(struct agent *a, const struct pp_read_options *options,
                 void (*letter)(void *ctx, const struct pp_letter_info *info), void *ctx,
                 struct pp_read_result *result)
{
    struct fetching f = {letter, ctx, result, false};
    struct runner queue = {0};
    *result = (struct pp_read_result){.code = PP_NOMEM, .why = "out of memory"};
    if (a->control) {
        agent_serve_fetch(a, options, letter, ctx, result);
        return;
    }
    struct pp_mail *mail = session_mail(a->session);
    session_refresh_lists(a->session, LIST_TIME);
    pp_ns until = pp_mail_now(mail).mono + (pp_ns)pp_config_number(a->config, "send.wait");
    if (!pp_read_start(mail, options, &events, &f)) {
        return;
    }
    bool said = false;
    struct pp_outbox *lines = pp_outbox_open(mail, &outbox_events, &said);
    runner_start(&queue, a->session, a->config, NULL, false, false);
    session_run(a->session, &f.done, PP_NEVER);
    pp_ns now = pp_mail_now(mail).mono;
    session_run(a->session, &queue.idle, until > now ? until - now : 0); /* what waits to go */
    now = pp_mail_now(mail).mono;
    session_run(a->session, &said, lines && until > now ? until - now : 0);
    pp_outbox_close(lines);
    runner_stop(&queue);
    if (result->code == PP_OK && !options->headers_only) {
        synchronise(a);
    }
    session_await_lists(a->session, LIST_TIME);
    if ((result->code != PP_OK || !result->complete) && session_trouble(a->session)) {
        snprintf(result->why, sizeof result->why, "%s", session_trouble(a->session));
    }
}

int agent_notes(struct agent *a, const char *prefix,
                int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx)
{
    if (a->control) {
        return agent_serve_notes(a, prefix, fn, ctx);
    }
    const struct pp_mailnet *net = &pp_mail_is(session_mail(a->session))->net;
    return net->ops->replay(net->impl, pp_str(prefix), fn, ctx);
}

void agent_pause(struct agent *a, pp_ns time)
{
    const struct timespec t = {(time_t)(time / PP_SECOND), (long)(time % PP_SECOND)};
    bool never = false;
    if (a->control) {
        nanosleep(&t, NULL);
    } else {
        session_run(a->session, &never, time);
    }
}
