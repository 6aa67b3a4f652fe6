/*
 * A chat in this process's own session, or through a serve; see chat.h. It must not know how lines
 * are typed or shown.
 */
#include <session/chat.h>

#include <io/loop.h>
#include <session/agent_private.h>
#include <session/listening.h>
#include <stdlib.h>

#define QUEUE_PERIOD (10 * PP_SECOND)

struct chat {
    struct agent *agent;
    char with[256];
    struct chat_events events;
    void *ctx;
    struct pp_loop *loop;
    /* in the own session */
    struct pp_ear ear;
    struct listening listening;
    struct pp_read *read;
    struct pp_outbox *box;
    struct runner queue; /* what other commands spool meanwhile goes too */
    struct pp_timer *timer;
    /* through a serve */
    struct pp_watch *watch;
    bool is_lost;
};

struct pp_loop *chat_loop(struct chat *c)
{
    return c->loop;
}

/* --- in the own session -------------------------------------------------------------------- */

static void on_heard(struct pp_ear *ear, const struct pp_heard *line)
{
    struct chat *c = (struct chat *)(void *)((char *)ear - offsetof(struct chat, ear));
    c->events.heard(c->ctx, line);
}

static void on_line(void *ctx, const struct pp_line_info *info)
{
    struct chat *c = ctx;
    if (strcmp(info->to, c->with) == 0) {
        c->events.line(c->ctx, info);
    }
}

static void on_came(void *ctx, const char *hash)
{
    listening_came(&((struct chat *)ctx)->listening, hash);
}

static void on_listens(void *ctx, unsigned nodes, unsigned of)
{
    struct chat *c = ctx;
    c->events.listens(c->ctx, nodes, of);
}

static void on_read(void *ctx, const struct pp_read_result *result)
{
    struct chat *c = ctx;
    (void)result; /* what failed is journaled, and tried again by the next fetch */
    c->read = NULL;
    listening_next(&c->listening);
}

static void on_timer(void *ctx)
{
    struct chat *c = ctx;
    runner_scan(&c->queue);
    pp_timer_set(c->timer, pp_loop_now(c->loop).mono + QUEUE_PERIOD);
}

static int open_own(struct chat *c)
{
    static const struct pp_vigil_events vigil = {on_came, on_listens};
    static const struct pp_outbox_events outbox = {.line = on_line};
    static const struct pp_read_events read = {.done = on_read};
    static const struct pp_read_options journaled = {.no_inbox = true};
    struct pp_mail *mail = session_mail(c->agent->session);
    c->loop = session_loop(c->agent->session);
    c->ear = (struct pp_ear){.with = c->with, .heard = on_heard};
    c->listening = (struct listening){.mail = mail, .read = &c->read, .events = &read, .ctx = c};
    pp_chat_open(mail, &c->ear);
    c->read = pp_read_start(mail, &journaled, &read, c); /* what an earlier run left */
    c->box = pp_outbox_open(mail, &outbox, c);
    c->timer = pp_timer_create(c->loop, on_timer, c);
    if (!c->box || !c->timer || listening_start(&c->listening, &vigil, c) != PP_OK) {
        return PP_NOMEM;
    }
    runner_start(&c->queue, c->agent->session, c->agent->config, NULL, false, false);
    pp_timer_set(c->timer, pp_loop_now(c->loop).mono + QUEUE_PERIOD);
    return PP_OK;
}

static void close_own(struct chat *c)
{
    runner_stop(&c->queue);
    pp_timer_destroy(c->timer);
    listening_stop(&c->listening);
    pp_read_cancel(c->read);
    pp_outbox_close(c->box);
    pp_chat_close(session_mail(c->agent->session), &c->ear);
}

/* --- through a serve ----------------------------------------------------------------------- */

static void told(struct chat *c, const json_t *answer)
{
    const json_t *heard = json_object_get(answer, "heard"), *line = json_object_get(answer, "line");
    const json_t *listens = json_object_get(answer, "listens");
    struct control_line l;
    if (control_to_line(&l, heard ? heard : line) == PP_OK && heard) {
        const struct pp_heard said = {.file = l.file,
                                      .from = c->with,
                                      .id = l.info.id,
                                      .moment = l.info.moment,
                                      .text = l.info.text};
        c->events.heard(c->ctx, &said);
    } else if (line) {
        l.info.to = c->with;
        c->events.line(c->ctx, &l.info);
    } else if (listens) {
        c->events.listens(c->ctx, (unsigned)json_integer_value(json_object_get(listens, "nodes")),
                          (unsigned)json_integer_value(json_object_get(listens, "of")));
    }
    control_line_finish(&l);
}

static void on_control(void *ctx, unsigned events)
{
    struct chat *c = ctx;
    int rc = PP_OK;
    (void)events;
    while (rc == PP_OK && !c->is_lost) {
        json_t *answer = NULL;
        rc = control_answer(c->agent->control, &answer, 0);
        if (rc == PP_OK) {
            told(c, answer);
        }
        json_decref(answer);
    }
    if (rc != PP_TIMEOUT && !c->is_lost) {
        c->is_lost = true;
        pp_watch_set(c->watch, 0);
        c->events.lost(c->ctx);
    }
}

static int open_serve(struct chat *c)
{
    c->loop = pp_loop_create();
    c->watch =
        c->loop ? pp_watch_create(c->loop, control_fd(c->agent->control), on_control, c) : NULL;
    if (!c->watch) {
        return PP_NOMEM;
    }
    pp_watch_set(c->watch, PP_READABLE);
    return control_ask(c->agent->control, json_pack("{ss ss}", "command", "chat", "with", c->with));
}

static void close_serve(struct chat *c)
{
    pp_watch_destroy(c->watch);
    if (c->loop) {
        pp_loop_destroy(c->loop);
    }
}

/* --- both ---------------------------------------------------------------------------------- */

int chat_open(struct chat **out, struct agent *agent, const char *with,
              const struct chat_events *events, void *ctx)
{
    struct chat *c = calloc(1, sizeof *c);
    if (!c) {
        return PP_NOMEM;
    }
    c->agent = agent;
    c->events = *events;
    c->ctx = ctx;
    size_t len = strlen(with);
    len = len < sizeof c->with ? len : sizeof c->with - 1;
    memcpy(c->with, with, len);
    int rc = agent->control ? open_serve(c) : open_own(c);
    if (rc != PP_OK) {
        chat_close(c);
        return rc;
    }
    *out = c;
    return PP_OK;
}

void chat_close(struct chat *c)
{
    if (!c) {
        return;
    }
    if (c->agent->control) {
        close_serve(c);
    } else {
        close_own(c);
    }
    free(c);
}

int chat_say(struct chat *c, struct pp_bytes text)
{
    char id[64];
    if (!text.len || text.len > PP_CHAT_MAX) {
        return PP_INVALID;
    }
    if (c->agent->control) {
        return c->is_lost ? PP_IO
                          : control_ask(c->agent->control, json_pack("{ss so}", "command", "say",
                                                                     "text", control_octets(text)));
    }
    return pp_outbox_say(c->box, pp_str(c->with), text, id);
}
