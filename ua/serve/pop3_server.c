/*
 * The POP3 machine on the loop: connections and their bounds, one session at a time, a fetch at
 * login so that new mail shows in that same session. It must not know the protocol.
 */
#include <serve/pop3_box.h>

#include <serve/parts.h>
#include <serve/talk.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS 32
#define LOGIN_TIME (60 * PP_SECOND) /* until the password is right */
#define IDLE_TIME (10 * PP_MINUTE)  /* RFC 1939 section 3 */
#define FETCH_TIME (10 * PP_SECOND) /* then the mailbox is shown as it is */
#define WRONG_PASSWORD_TIME PP_SECOND

struct session_of {
    struct session_of *next;
    struct pop3_port *port;
    struct talk *talk;
    struct pop3 pop3;
    struct pp_timer *timer; /* of a wrong password, or of the fetch */
    struct work_fetch fetch;
    bool fetching, holds; /* holds: the mailbox */
    int fd;               /* of the message that is sent */
};

struct pop3_port {
    struct serve *serve;
    struct pp_listener *listener;
    struct pop3_box *box;
    struct session_of *sessions;
    unsigned n;
    bool taken; /* a session has the mailbox */
};

static void stir(struct session_of *c)
{
    talk_hold(c->talk, c->pop3.state == POP3_WAITING);
    if (c->pop3.state == POP3_OVER) {
        talk_end(c->talk);
    }
    talk_stir(c->talk);
}

static void set_timer(struct session_of *c, pp_ns time)
{
    pp_timer_set(c->timer, pp_loop_now(serve_loop(c->port->serve)).mono + time);
}

/* --- the mailbox --------------------------------------------------------------------------- */

static void opened(struct session_of *c, int code)
{
    size_t n = 0;
    struct pop3_message *messages = NULL;
    if (code == PP_OK) {
        messages = pop3_box_messages(c->port->box, &n);
    } else if (c->holds) {
        c->holds = c->port->taken = false;
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
    pp_timer_set(c->timer, PP_NEVER);
    work_forget(serve_work(c->port->serve), &c->fetch);
    c->fetching = false;
    if (pop3_box_list(c->port->box, on_listed, c) != PP_OK) {
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
    struct session_of *c = ctx;
    bool right = serve_login(c->port->serve, user, password);
    if (right) {
        talk_patience(c->talk, IDLE_TIME, false);
    }
    return right;
}

static void wait(void *ctx)
{
    set_timer(ctx, WRONG_PASSWORD_TIME);
}

static void open_box(void *ctx)
{
    struct session_of *c = ctx;
    if (c->port->taken) {
        pop3_opened(&c->pop3, PP_BUSY, NULL, 0);
        return;
    }
    c->holds = c->port->taken = true;
    c->fetching = true;
    c->fetch = (struct work_fetch){.done = on_fetched};
    set_timer(c, FETCH_TIME);
    work_fetch(serve_work(c->port->serve), &c->fetch);
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
    c->fd = pop3_box_open(c->port->box, index);
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
    c->holds = c->port->taken = false;
    pop3_removed(&c->pop3, code);
    stir(c);
}

static void remove_messages(void *ctx)
{
    struct session_of *c = ctx;
    if (pop3_box_remove(c->port->box, on_removed, c) != PP_OK) {
        pop3_removed(&c->pop3, PP_BUSY);
    }
}

static const struct pop3_ops pop3_ops = {login, wait,         open_box,
                                         begin, read_message, remove_messages};

/* --- sessions ------------------------------------------------------------------------------ */

static void look(struct session_of *c)
{
    talk_hold(c->talk, c->pop3.state == POP3_WAITING);
    if (c->pop3.state == POP3_OVER) {
        talk_end(c->talk);
    }
}

static size_t take(void *ctx, struct pp_bytes in)
{
    struct session_of *c = ctx;
    size_t n = pop3_feed(&c->pop3, in);
    look(c);
    return n;
}

static void more(void *ctx)
{
    struct session_of *c = ctx;
    pop3_more(&c->pop3);
    look(c);
}

static void destroy(struct session_of *c)
{
    struct session_of **at = &c->port->sessions;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->port->n--;
    if (c->holds) { /* without QUIT nothing is removed */
        pop3_box_deafen(c->port->box);
        c->port->taken = false;
    }
    work_forget(serve_work(c->port->serve), &c->fetch);
    close_message(c);
    pp_timer_destroy(c->timer);
    pop3_finish(&c->pop3);
    free(c);
}

static void gone(void *ctx)
{
    destroy(ctx);
}

static const struct talk_ops talk_ops = {.take = take, .more = more, .gone = gone};

static void welcome(struct pop3_port *port, int fd)
{
    struct pp_loop *loop = serve_loop(port->serve);
    struct session_of *c = calloc(1, sizeof *c);
    struct talk *talk = c ? talk_open(loop, fd, &talk_ops, c) : (close(fd), NULL);
    if (!talk || !(c->timer = pp_timer_create(loop, on_timer, c))) {
        talk_close(talk);
        free(c);
        return;
    }
    c->port = port;
    c->talk = talk;
    c->fd = -1;
    c->next = port->sessions;
    port->sessions = c;
    port->n++;
    pop3_init(&c->pop3, &pop3_ops, c, talk_out(talk));
    talk_patience(talk, LOGIN_TIME, true);
}

static void on_connection(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    static const char busy[] = "-ERR [SYS/TEMP] too many connections\r\n";
    struct pop3_port *port = ctx;
    (void)listener;
    (void)from;
    if (fd >= 0 && port->n >= CONNECTIONS) {
        (void)!write(fd, busy, sizeof busy - 1);
        close(fd);
    } else if (fd >= 0) {
        welcome(port, fd);
    }
}

static int open_port(void **part, struct serve *s, struct pp_error *error)
{
    struct pop3_port *port = calloc(1, sizeof *port);
    if (!port) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    port->serve = s;
    int rc = serve_listen(&port->listener, s, "serve.pop3", on_connection, port, error);
    if (rc == PP_OK && port->listener) {
        port->box = pop3_box_create(serve_workers(s), serve_maildir(s));
        rc = port->box ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
    }
    if (rc != PP_OK || !port->listener) {
        pp_listener_close(port->listener);
        free(port);
        return rc;
    }
    *part = port;
    return PP_OK;
}

static uint16_t port_number(const void *part)
{
    const struct pop3_port *port = part;
    return pp_listener_port(port->listener);
}

static void close_port(void *part)
{
    struct pop3_port *port = part;
    pp_listener_close(port->listener);
    while (port->sessions) {
        talk_close(port->sessions->talk);
        destroy(port->sessions);
    }
    pop3_box_destroy(port->box);
    free(port);
}

const struct serve_part serve_pop3 = {"pop3", open_port, port_number, close_port};
