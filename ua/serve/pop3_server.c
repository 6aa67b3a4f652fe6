/*
 * The POP3 machine on the loop: connections and their bounds, one session at a time, a fetch at
 * login so that new mail shows in that same session. It must not know the protocol.
 */
#include <serve/pop3_box.h>

#include <serve/port.h>
#include <stdlib.h>
#include <unistd.h>

#define IDLE_TIME (10 * PP_MINUTE)  /* RFC 1939 section 3 */
#define FETCH_TIME (10 * PP_SECOND) /* then the mailbox is shown as it is */

struct session_of {
    struct line line; /* first; its timer: of a wrong password, or of the fetch */
    struct pop3 pop3;
    struct work_fetch fetch;
    bool fetching, holds; /* holds: the mailbox */
    int fd;               /* of the message that is sent */
};

struct pop3_port {
    struct port port; /* first */
    struct pop3_box *box;
    bool taken; /* a session has the mailbox */
};

static struct pop3_port *port_of(const struct session_of *c)
{
    return (struct pop3_port *)c->line.port;
}

static struct work *work_of(const struct session_of *c)
{
    return serve_work(c->line.port->serve);
}

static void follow(struct session_of *c)
{
    line_follow(&c->line, c->pop3.state == POP3_WAITING, c->pop3.state == POP3_OVER);
}

static void stir(struct session_of *c)
{
    follow(c);
    talk_stir(c->line.talk);
}

/* --- the mailbox --------------------------------------------------------------------------- */

static void opened(struct session_of *c, int code)
{
    size_t n = 0;
    struct pop3_message *messages = NULL;
    if (code == PP_OK) {
        messages = pop3_box_messages(port_of(c)->box, &n);
    } else if (c->holds) {
        c->holds = port_of(c)->taken = false;
    }
    pop3_opened(&c->pop3, code, messages, n);
    stir(c);
}

static void on_listed(void *ctx, int code)
{
    opened(ctx, code);
}

static void list(struct session_of *c)
{
    pp_timer_set(c->line.timer, PP_NEVER);
    work_forget(work_of(c), &c->fetch);
    c->fetching = false;
    if (pop3_box_list(port_of(c)->box, on_listed, c) != PP_OK) {
        opened(c, PP_BUSY);
    }
}

static void on_fetched(struct work_fetch *f, const struct pp_read_result *result)
{
    (void)result;
    list((struct session_of *)(void *)((char *)f - offsetof(struct session_of, fetch)));
}

static void on_timer(void *ctx)
{
    struct session_of *c = ctx;
    if (c->fetching) {
        list(c);
    } else {
        pop3_go_on(&c->pop3);
        stir(c);
    }
}

/* --- what the machine asks ----------------------------------------------------------------- */

static bool login(void *ctx, struct pp_bytes user, struct pp_bytes password)
{
    return line_login(ctx, user, password);
}

static void wait(void *ctx)
{
    line_set_timer(ctx, LINE_WRONG_PASSWORD);
}

static void open_box(void *ctx)
{
    struct session_of *c = ctx;
    if (port_of(c)->taken) {
        pop3_opened(&c->pop3, PP_BUSY, NULL, 0);
        return;
    }
    c->holds = port_of(c)->taken = true;
    c->fetching = true;
    c->fetch = (struct work_fetch){.done = on_fetched};
    line_set_timer(&c->line, FETCH_TIME);
    work_fetch(work_of(c), &c->fetch);
}

static void close_message(struct session_of *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

static int begin(void *ctx, size_t index)
{
    struct session_of *c = ctx;
    close_message(c);
    c->fd = pop3_box_open(port_of(c)->box, index);
    return c->fd >= 0 ? PP_OK : c->fd;
}

static int64_t read_message(void *ctx, void *out, size_t cap)
{
    struct session_of *c = ctx;
    ssize_t n = read(c->fd, out, cap);
    if (n <= 0) {
        close_message(c);
    }
    return n < 0 ? PP_IO : n;
}

static void on_removed(void *ctx, int code)
{
    struct session_of *c = ctx;
    c->holds = port_of(c)->taken = false;
    pop3_removed(&c->pop3, code);
    stir(c);
}

static void remove_messages(void *ctx)
{
    struct session_of *c = ctx;
    if (pop3_box_remove(port_of(c)->box, on_removed, c) != PP_OK) {
        pop3_removed(&c->pop3, PP_BUSY);
    }
}

static const struct pop3_ops pop3_ops = {login, wait,         open_box,
                                         begin, read_message, remove_messages};

/* --- sessions ------------------------------------------------------------------------------ */

static size_t take(void *ctx, struct pp_bytes in)
{
    struct session_of *c = ctx;
    size_t n = pop3_feed(&c->pop3, in);
    follow(c);
    return n;
}

static void more(void *ctx)
{
    struct session_of *c = ctx;
    pop3_more(&c->pop3);
    follow(c);
}

static void start(struct line *line)
{
    struct session_of *c = (struct session_of *)line;
    c->fd = -1;
    pop3_init(&c->pop3, &pop3_ops, c, talk_out(line->talk));
}

static void finish(struct line *line)
{
    struct session_of *c = (struct session_of *)line;
    if (c->holds) { /* without QUIT nothing is removed */
        pop3_box_deafen(port_of(c)->box);
        port_of(c)->taken = false;
    }
    work_forget(work_of(c), &c->fetch);
    close_message(c);
    pop3_finish(&c->pop3);
}

static const struct port_kind kind = {.option = "serve.pop3",
                                      .busy = "-ERR [SYS/TEMP] too many connections\r\n",
                                      .size = sizeof(struct session_of),
                                      .idle_time = IDLE_TIME,
                                      .talk = {.take = take, .more = more},
                                      .on_timer = on_timer,
                                      .start = start,
                                      .finish = finish};

static int open_port(void **part, struct serve *s, struct pp_error *error)
{
    struct pop3_port *p = calloc(1, sizeof *p);
    int rc = p ? port_open(&p->port, &kind, s, error) : pp_fail(error, PP_NOMEM, "out of memory");
    if (rc == PP_OK && p->port.listener) {
        p->box = pop3_box_create(serve_workers(s), serve_maildir(s));
        rc = p->box ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
    }
    if (rc != PP_OK || !p->port.listener) {
        pp_listener_close(p ? p->port.listener : NULL);
        free(p);
        return rc;
    }
    *part = p;
    return PP_OK;
}

static void close_port(void *part)
{
    struct pop3_port *p = part;
    port_close(&p->port);
    pop3_box_destroy(p->box);
    free(p);
}

const struct serve_part serve_pop3 = {"pop3", open_port, port_number, close_port};
