/*
 * What an agent asks of a running serve; see agent.h and control.h. It must not know how a serve
 * does it.
 */
#include <session/agent_private.h>

#include <stdio.h>

#define ANSWER_TIME (60 * PP_SECOND)

static pp_ns now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

/* Asks, and gives each answer to `each` until that returns non-zero, which is returned; an answer
 * "error" ends it with PP_BUSY. */
static int converse(struct agent *a, json_t *request, pp_ns time,
                    int (*each)(void *ctx, const json_t *answer), void *ctx)
{
    pp_ns until = time == PP_NEVER ? PP_NEVER : now() + time;
    int rc = control_ask(a->control, request);
    while (rc == PP_OK) {
        json_t *answer = NULL;
        pp_ns at = now();
        rc = control_answer(a->control, &answer,
                            until == PP_NEVER ? PP_NEVER
                            : until > at      ? until - at
                                              : 0);
        if (rc == PP_OK) {
            rc = json_object_get(answer, "error") ? PP_BUSY : each(ctx, answer);
        }
        json_decref(answer);
    }
    return rc;
}

#define OVER 1 /* the last answer came */

/* --- the queue ----------------------------------------------------------------------------- */

struct passing {
    void (*changed)(void *ctx, const struct pp_job_progress *p);
    void *ctx;
    struct runner_result *result;
};

static int on_pass(void *ctx, const json_t *answer)
{
    struct passing *p = ctx;
    const json_t *progress = json_object_get(answer, "progress");
    if (progress) {
        control_to_progress(&p->result->progress, progress);
        if (p->changed) {
            p->changed(p->ctx, &p->result->progress);
        }
        return 0;
    }
    control_to_runner_result(p->result, json_object_get(answer, "told"));
    return OVER;
}

int agent_serve_pass(struct agent *a, const char *name, pp_ns time,
                     void (*changed)(void *ctx, const struct pp_job_progress *p), void *ctx,
                     struct runner_result *result)
{
    struct passing p = {changed, ctx, result};
    int rc = converse(a, json_pack("{ss ss}", "command", "send", "name", name), time, on_pass, &p);
    if (rc == OVER) {
        return PP_OK;
    }
    snprintf(result->why, sizeof result->why, "%s",
             rc == PP_TIMEOUT ? "not all nodes answered in time" : "serve went away");
    return PP_TIMEOUT;
}

struct running {
    void (*told)(void *ctx, const struct runner_result *result);
    void *ctx;
};

static int on_run(void *ctx, const json_t *answer)
{
    struct running *run = ctx;
    const json_t *pass = json_object_get(answer, "pass");
    struct runner_result result;
    if (!pass) {
        return OVER;
    }
    control_to_runner_result(&result, pass);
    run->told(run->ctx, &result);
    return 0;
}

int agent_serve_run(struct agent *a, pp_ns time,
                    void (*told)(void *ctx, const struct runner_result *result), void *ctx)
{
    struct running run = {told, ctx};
    int rc = converse(a, json_pack("{ss}", "command", "run"), time, on_run, &run);
    return rc == OVER ? PP_OK : rc;
}

static int on_drop(void *ctx, const json_t *answer)
{
    (void)ctx;
    return json_object_get(answer, "told") ? OVER : 0;
}

int agent_serve_drop(struct agent *a, const char *name, pp_ns time)
{
    int rc =
        converse(a, json_pack("{ss ss}", "command", "drop", "name", name), time, on_drop, NULL);
    return rc == OVER ? PP_OK : rc;
}

/* --- notes --------------------------------------------------------------------------------- */

struct noting {
    int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value);
    void *ctx;
    int answer; /* fn's */
};

static int on_note(void *ctx, const json_t *answer)
{
    struct noting *n = ctx;
    const json_t *note = json_object_get(answer, "note");
    struct pp_buf key = {0}, value = {0};
    if (!note) {
        return OVER;
    }
    if (n->answer == 0 && control_to_octets(&key, note, "key") == PP_OK &&
        control_to_octets(&value, note, "value") == PP_OK) {
        n->answer = n->fn(n->ctx, pp_buf_bytes(&key), pp_buf_bytes(&value));
    }
    pp_buf_free(&key);
    pp_buf_wipe(&value);
    return 0;
}

int agent_serve_notes(struct agent *a, const char *prefix,
                      int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx)
{
    struct noting n = {fn, ctx, 0};
    int rc = converse(a, json_pack("{ss ss}", "command", "notes", "prefix", prefix), ANSWER_TIME,
                      on_note, &n);
    return rc == OVER ? n.answer : PP_IO;
}

struct recalling {
    struct pp_job *job;
    const char *key;
    int rc;
};

static int on_job(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct recalling *r = ctx;
    if (pp_bytes_is(key, r->key)) {
        r->rc = pp_job_read(r->job, value);
    }
    return 0;
}

int agent_serve_recall(struct agent *a, const char *name, struct pp_job *job)
{
    char key[84];
    struct recalling r = {job, key, PP_NOT_FOUND};
    *job = (struct pp_job){0};
    snprintf(key, sizeof key, "s:%s", name);
    int rc = agent_serve_notes(a, key, on_job, &r);
    return rc < 0 ? rc : r.rc;
}

/* --- fetch --------------------------------------------------------------------------------- */

struct fetching {
    void (*letter)(void *ctx, const struct pp_letter_info *info);
    void *ctx;
    struct pp_read_result *result;
};

static int on_fetch(void *ctx, const json_t *answer)
{
    struct fetching *f = ctx;
    const json_t *letter = json_object_get(answer, "letter");
    struct control_letter l;
    if (!letter) {
        control_to_read_result(f->result, json_object_get(answer, "done"));
        return OVER;
    }
    if (control_to_letter(&l, letter) == PP_OK) {
        f->letter(f->ctx, &l.info);
    }
    control_letter_finish(&l);
    return 0;
}

void agent_serve_fetch(struct agent *a, const struct pp_read_options *options,
                       void (*letter)(void *ctx, const struct pp_letter_info *info), void *ctx,
                       struct pp_read_result *result)
{
    struct fetching f = {letter, ctx, result};
    int rc = converse(a,
                      json_pack("{ss sb sb}", "command", "fetch", "headers_only",
                                options->headers_only, "keep", options->keep),
                      PP_NEVER, on_fetch, &f);
    if (rc != OVER) {
        *result = (struct pp_read_result){.code = PP_AGAIN, .why = "serve went away"};
    }
}
