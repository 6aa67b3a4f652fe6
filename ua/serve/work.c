/*
 * Fetches, queue and daily maintenance in the background; see work.h. It must not know who asks,
 * nor how anybody is answered.
 */
#include <serve/work.h>

#include <base/log.h>
#include <box/spool.h>
#include <errno.h>
#include <io/loop.h>
#include <limits.h>
#include <mail/maintain.h>
#include <session/devices.h>
#include <session/listening.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define RECLAIM_PAUSE (100 * PP_MS) /* another process may still hold what it borrowed */

struct work {
    struct pp_config *config;
    struct pp_loop *loop;
    struct session *session; /* NULL: lent */
    struct pp_read *read;
    struct work_fetch *waiting, *served; /* for the next fetch; of the one under way */
    struct work_fetch poll;
    bool poll_waits;
    struct pp_timer *poll_timer, *queue_timer, *reclaim_timer;
    struct runner queue;
    struct work_watch *watches;
    struct pp_maintain *maintain;
    struct pp_sync *sync;
    pp_ns sync_due;
    char sync_why[256];
    struct listening listening; /* while a chat is open, or always (serve.wait) */
    struct pp_outbox *outbox;
    struct work_chat *chats;
    unsigned nodes, of; /* that listen for us */
    int spool_fd;       /* inotify */
    struct pp_watch *spool_watch;
    char why[200]; /* the last failure, logged once */
};

/* --- fetches ------------------------------------------------------------------------------- */

static void start_fetch(struct work *w);
static const struct pp_read_events read_events;

static void append(struct work_fetch **list, struct work_fetch *f)
{
    while (*list) {
        list = &(*list)->next;
    }
    f->next = NULL;
    *list = f;
}

static void take_out(struct work_fetch **list, struct work_fetch *f)
{
    for (; *list; list = &(*list)->next) {
        if (*list == f) {
            *list = f->next;
            return;
        }
    }
}

static void on_letter(void *ctx, const struct pp_letter_info *info)
{
    struct work *w = ctx;
    struct work_fetch *next;
    for (struct work_fetch *f = w->served; f; f = next) {
        next = f->next;
        if (f->letter) {
            f->letter(f, info);
        }
    }
    struct work_watch *after;
    for (struct work_watch *o = w->watches; info->end == PP_LETTER_DELIVERED && o; o = after) {
        after = o->next;
        if (o->mail) {
            o->mail(o);
        }
    }
}

static void say(struct work *w, const struct pp_read_result *r)
{
    bool well = r->code == PP_OK && r->complete;
    if (!well && strcmp(w->why, r->why) != 0) {
        pp_log(PP_LOG_WARN, "serve", "%s: %s",
               r->code == PP_OK ? "mail may be missing" : "cannot fetch", r->why);
    }
    snprintf(w->why, sizeof w->why, "%s", well ? "" : r->why);
    if (r->delivered) {
        pp_log(PP_LOG_INFO, "serve", "fetched %u", r->delivered);
    }
}

static void maintain_done(void *ctx, const struct pp_maintain_result *r)
{
    struct work *w = ctx;
    w->maintain = NULL;
    if (r->code != PP_OK) {
        pp_log(PP_LOG_WARN, "serve", "maintaining failed: %s", r->why);
    }
}

static void synchronised(void *ctx, const struct pp_sync_result *r)
{
    struct work *w = ctx;
    struct work_watch *after;
    w->sync = NULL;
    if (r->code != PP_OK && strcmp(w->sync_why, r->why) != 0) {
        pp_log(PP_LOG_WARN, "serve", "not the same yet as on your other computers: %s", r->why);
    }
    snprintf(w->sync_why, sizeof w->sync_why, "%s", r->code == PP_OK ? "" : r->why);
    for (struct work_watch *o = w->watches; r->delivered && o; o = after) {
        after = o->next;
        if (o->mail) {
            o->mail(o);
        }
    }
}

/* With the user's other computers: now and then, and once a day for all there is. */
static void synchronise_if_due(struct work *w)
{
    static const struct pp_sync_events events = {.done = synchronised};
    struct pp_mail *mail = session_mail(w->session);
    pp_ns now = pp_loop_now(w->loop).mono;
    bool full = pp_maintain_due(mail) <= pp_mail_seconds(mail);
    if (w->sync || !devices_on(w->config) || (now < w->sync_due && !full)) {
        return;
    }
    w->sync_due = now + (pp_ns)pp_config_number(w->config, "devices.period");
    w->sync = devices_start(w->session, w->config, full, false, &events, w);
}

static void maintain_if_due(struct work *w)
{
    static const struct pp_maintain_events events = {.done = maintain_done};
    struct pp_mail *mail = session_mail(w->session);
    if (!w->maintain && pp_maintain_due(mail) <= pp_mail_seconds(mail)) {
        w->maintain = pp_maintain_start(mail, &events, w);
    }
}

static void on_done(void *ctx, const struct pp_read_result *result)
{
    struct work *w = ctx;
    struct pp_read_result r = *result;
    bool well = r.code == PP_OK && r.complete;
    const char *trouble = well ? NULL : session_trouble(w->session);
    if (trouble) {
        snprintf(r.why, sizeof r.why, "%s", trouble);
    }
    w->read = NULL;
    say(w, &r);
    while (w->served) {
        struct work_fetch *f = w->served;
        w->served = f->next;
        f->done(f, &r);
    }
    synchronise_if_due(w);
    maintain_if_due(w);
    listening_next(&w->listening);
    start_fetch(w);
}

static const struct pp_read_events read_events = {on_letter, on_done};

/* All who want the same as the first are served together. */
static void start_fetch(struct work *w)
{
    if (w->read || !w->session || !w->waiting) {
        return;
    }
    struct pp_read_options o = {.headers_only = w->waiting->headers_only, .keep = w->waiting->keep};
    for (struct work_fetch *f = w->waiting, *next; f; f = next) {
        next = f->next;
        if (f->headers_only == o.headers_only && f->keep == o.keep) {
            take_out(&w->waiting, f);
            append(&w->served, f);
        }
    }
    session_refresh(w->session, 0);
    session_refresh_lists(w->session, 0);
    w->read = pp_read_start(session_mail(w->session), &o, &read_events, w);
    if (!w->read) {
        const struct pp_read_result r = {.code = PP_NOMEM, .why = "out of memory"};
        while (w->served) {
            struct work_fetch *f = w->served;
            w->served = f->next;
            f->done(f, &r);
        }
    }
}

void work_fetch(struct work *w, struct work_fetch *f)
{
    append(&w->waiting, f);
    start_fetch(w);
}

void work_forget(struct work *w, struct work_fetch *f)
{
    take_out(&w->waiting, f);
    take_out(&w->served, f);
}

static void poll_again(struct work *w)
{
    pp_ns pause = (pp_ns)pp_config_number(w->config, "serve.poll");
    pp_timer_set(w->poll_timer, pause ? pp_loop_now(w->loop).mono + pause : PP_NEVER);
}

static void poll_done(struct work_fetch *f, const struct pp_read_result *result)
{
    struct work *w = (struct work *)(void *)((char *)f - offsetof(struct work, poll));
    (void)result;
    w->poll_waits = false;
    poll_again(w);
}

static void on_poll(void *ctx)
{
    struct work *w = ctx;
    if (!w->poll_waits) {
        w->poll_waits = true;
        w->poll = (struct work_fetch){.done = poll_done};
        work_fetch(w, &w->poll);
    }
}

/* --- the queue ----------------------------------------------------------------------------- */

static void scan_queue(void *ctx)
{
    struct work *w = ctx;
    if (!w->session) {
        return;
    }
    int64_t next = runner_scan(&w->queue), now = pp_mail_seconds(session_mail(w->session));
    pp_ns wait = next > now ? (pp_ns)(next - now) * PP_SECOND : PP_SECOND;
    pp_timer_set(w->queue_timer, next == INT64_MAX ? PP_NEVER : pp_loop_now(w->loop).mono + wait);
}

static void scan_soon(struct work *w)
{
    pp_timer_set(w->queue_timer, pp_loop_now(w->loop).mono);
}

static void on_told(void *ctx, const struct runner_result *result)
{
    struct work *w = ctx;
    struct work_watch *next;
    for (struct work_watch *o = w->watches; o; o = next) {
        next = o->next;
        if (o->told) {
            o->told(o, result);
        }
    }
    if (!w->queue.active && w->queue.next_name == w->queue.n_names) {
        scan_soon(w); /* when is the next one due? */
    }
}

static void on_changed(void *ctx, const char *name, const struct pp_job_progress *p)
{
    struct work *w = ctx;
    struct work_watch *next;
    for (struct work_watch *o = w->watches; o; o = next) {
        next = o->next;
        if (o->changed) {
            o->changed(o, name, p);
        }
    }
}

void work_send(struct work *w, const char *name)
{
    if (w->session) {
        runner_add(&w->queue, name);
    } /* else: the scan after the return finds it */
}

static int add_one(void *ctx, const char *name)
{
    if (!strchr(name, '.')) {
        work_send(ctx, name);
    }
    return 0;
}

void work_send_all(struct work *w)
{
    pp_spool_each(session_spool(w->config), add_one, w);
}

bool work_is_sending(const struct work *w)
{
    return !w->session || w->queue.active || w->queue.next_name < w->queue.n_names;
}

bool work_drop(struct work *w, const char *name)
{
    return w->session && runner_take_out(&w->queue, name);
}

/* Somebody spooled: names that appear whole come by a rename. */
static void on_spool(void *ctx, unsigned events)
{
    struct work *w = ctx;
    union {
        struct inotify_event event;
        char octets[16384];
    } in;
    (void)events;
    for (ssize_t n; (n = read(w->spool_fd, &in, sizeof in)) > 0;) {
        for (size_t at = 0; at < (size_t)n;) {
            struct inotify_event e;
            memcpy(&e, in.octets + at, sizeof e);
            const char *name = in.octets + at + sizeof e;
            at += sizeof e + e.len;
            if (e.mask & IN_Q_OVERFLOW) {
                scan_soon(w);
            } else if (e.len && !strchr(name, '.')) {
                work_send(w, name);
            }
        }
    }
}

static int watch_spool(struct work *w, struct pp_error *error)
{
    w->spool_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->spool_fd < 0 ||
        inotify_add_watch(w->spool_fd, session_spool(w->config), IN_MOVED_TO) < 0) {
        return pp_fail(error, PP_IO, "cannot watch the spool %s: %s", session_spool(w->config),
                       strerror(errno));
    }
    w->spool_watch = pp_watch_create(w->loop, w->spool_fd, on_spool, w);
    if (!w->spool_watch) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    pp_watch_set(w->spool_watch, PP_READABLE);
    return PP_OK;
}

void work_watch(struct work *w, struct work_watch *watch)
{
    watch->next = w->watches;
    w->watches = watch;
}

void work_unwatch(struct work *w, struct work_watch *watch)
{
    for (struct work_watch **at = &w->watches; *at; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            return;
        }
    }
}

/* --- mail as it comes, and chats ------------------------------------------------------------ */

static void on_came(void *ctx, const char *hash)
{
    listening_came(&((struct work *)ctx)->listening, hash);
}

static void on_listens(void *ctx, unsigned nodes, unsigned of)
{
    struct work *w = ctx;
    struct work_chat *next;
    w->nodes = nodes;
    w->of = of;
    for (struct work_chat *c = w->chats; c; c = next) {
        next = c->next;
        c->listens(c, nodes, of);
    }
}

static void on_line(void *ctx, const struct pp_line_info *info)
{
    struct work *w = ctx;
    struct work_chat *next;
    for (struct work_chat *c = w->chats; c; c = next) {
        next = c->next;
        if (strcmp(c->with, info->to) == 0) {
            c->line(c, info);
        }
    }
}

static void on_heard(struct pp_ear *ear, const struct pp_heard *line)
{
    struct work_chat *c =
        (struct work_chat *)(void *)((char *)ear - offsetof(struct work_chat, ear));
    c->heard(c, line);
}

static void listen_if_wanted(struct work *w)
{
    static const struct pp_vigil_events vigil = {on_came, on_listens};
    bool wanted = w->session && (w->chats || pp_config_flag(w->config, "serve.wait"));
    if (wanted && !w->listening.vigil) {
        w->listening = (struct listening){
            .mail = session_mail(w->session), .read = &w->read, .events = &read_events, .ctx = w};
        listening_start(&w->listening, &vigil, w);
    } else if (!wanted) {
        listening_stop(&w->listening);
    }
}

void work_chat_open(struct work *w, struct work_chat *c)
{
    c->ear = (struct pp_ear){.with = c->with, .heard = on_heard};
    c->next = w->chats;
    w->chats = c;
    if (w->session) {
        pp_chat_open(session_mail(w->session), &c->ear);
    }
    listen_if_wanted(w);
    c->listens(c, w->nodes, w->of);
}

void work_chat_close(struct work *w, struct work_chat *c)
{
    struct work_chat **at = &w->chats;
    while (*at && *at != c) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = c->next;
        if (w->session) {
            pp_chat_close(session_mail(w->session), &c->ear);
        }
        listen_if_wanted(w);
    }
}

int work_say(struct work *w, const char *to, struct pp_bytes text)
{
    char id[64];
    return w->outbox ? pp_outbox_say(w->outbox, pp_str(to), text, id) : PP_BUSY;
}

/* --- the journal, held and lent ------------------------------------------------------------ */

struct session *work_session(const struct work *w)
{
    return w->session;
}

static int take_journal(struct work *w, pp_ns patience, struct pp_error *error)
{
    int rc = session_open_on(&w->session, w->config, w->loop, patience, NULL, error);
    if (rc == PP_OK) {
        w->queue = (struct runner){.told = on_told, .changed = on_changed, .ctx = w};
        runner_start(&w->queue, w->session, w->config, NULL, true, false);
        static const struct pp_outbox_events outbox = {.line = on_line};
        w->outbox = pp_outbox_open(session_mail(w->session), &outbox, w);
        for (struct work_chat *c = w->chats; c; c = c->next) {
            pp_chat_open(session_mail(w->session), &c->ear);
        }
        listen_if_wanted(w);
        scan_soon(w);
        start_fetch(w);
    }
    return rc;
}

static void let_go(struct work *w)
{
    pp_read_cancel(w->read);
    w->read = NULL;
    pp_maintain_cancel(w->maintain);
    w->maintain = NULL;
    pp_sync_cancel(w->sync);
    w->sync = NULL;
    listening_stop(&w->listening);
    pp_outbox_close(w->outbox);
    w->outbox = NULL;
    w->nodes = 0;
    for (struct work_chat *c = w->chats; c && w->session; c = c->next) {
        pp_chat_close(session_mail(w->session), &c->ear);
    }
    runner_stop(&w->queue);
    session_close(w->session);
    w->session = NULL;
    while (w->served) { /* they wait on, for a fetch of their own */
        struct work_fetch *f = w->served;
        w->served = f->next;
        f->next = w->waiting;
        w->waiting = f;
    }
}

bool work_lend(struct work *w)
{
    if (!w->session) {
        return false;
    }
    let_go(w);
    pp_timer_set(w->reclaim_timer, PP_NEVER);
    return true;
}

static void reclaim(void *ctx)
{
    struct work *w = ctx;
    struct pp_error error = {0};
    int rc = w->session ? PP_OK : take_journal(w, 0, &error);
    if (rc != PP_OK) {
        if (rc != PP_BUSY && strcmp(w->why, error.text) != 0) {
            pp_log(PP_LOG_ERROR, "serve", "%s", error.text);
            snprintf(w->why, sizeof w->why, "%.199s", error.text);
        }
        pp_timer_set(w->reclaim_timer,
                     pp_loop_now(w->loop).mono + (rc == PP_BUSY ? RECLAIM_PAUSE : PP_SECOND));
    }
}

void work_reclaim(struct work *w)
{
    reclaim(w);
}

void work_renew(struct work *w)
{
    if (w && w->session) { /* lent: it comes back with the new ones */
        let_go(w);
        reclaim(w);
    }
}

int work_open(struct work **out, struct pp_config *config, struct pp_loop *loop,
              struct pp_error *error)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    w->config = config;
    w->loop = loop;
    w->spool_fd = -1;
    w->poll_timer = pp_timer_create(loop, on_poll, w);
    w->queue_timer = pp_timer_create(loop, scan_queue, w);
    w->reclaim_timer = pp_timer_create(loop, reclaim, w);
    int rc = w->poll_timer && w->queue_timer && w->reclaim_timer
                 ? take_journal(w, 10 * PP_SECOND, error)
                 : pp_fail(error, PP_NOMEM, "out of memory");
    rc = rc == PP_OK ? watch_spool(w, error) : rc;
    if (rc != PP_OK) {
        work_close(w);
        return rc;
    }
    if (pp_config_number(config, "serve.poll")) {
        on_poll(w);
    }
    *out = w;
    return PP_OK;
}

void work_close(struct work *w)
{
    if (!w) {
        return;
    }
    let_go(w);
    pp_watch_destroy(w->spool_watch);
    if (w->spool_fd >= 0) {
        close(w->spool_fd);
    }
    pp_timer_destroy(w->poll_timer);
    pp_timer_destroy(w->queue_timer);
    pp_timer_destroy(w->reclaim_timer);
    free(w);
}
