/*
 * The SMTP machine on the loop: connections and their bounds, time-outs, where messages go. It must
 * not know the protocol.
 */
#include <serve/smtp.h>

#include <serve/submit.h>
#include <serve/talk.h>
#include <session/input.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS 32
#define LOGIN_TIME (60 * PP_SECOND) /* until the password is right */
#define IDLE_TIME (5 * PP_MINUTE)   /* RFC 5321 section 4.5.3.2.7 */
#define WRONG_PASSWORD_TIME PP_SECOND

struct connection {
    struct connection *next;
    struct smtp_port *port;
    struct talk *talk;
    struct smtp smtp;
    struct submit *submit;
    struct pp_timer *wait;
};

struct smtp_port {
    struct serve *serve;
    struct pp_listener *listener;
    struct connection *connections;
    unsigned n;
};

static void stir(struct connection *c)
{
    talk_hold(c->talk, c->smtp.state == SMTP_WAITING);
    if (c->smtp.state == SMTP_OVER) {
        talk_end(c->talk);
    }
    talk_stir(c->talk);
}

/* --- what the machine asks ----------------------------------------------------------------- */

static bool login(void *ctx, struct pp_bytes user, struct pp_bytes password)
{
    struct connection *c = ctx;
    bool right = serve_login(c->port->serve, user, password);
    if (right) {
        talk_patience(c->talk, IDLE_TIME, false);
    }
    return right;
}

static bool is_own(void *ctx, struct pp_bytes address)
{
    struct connection *c = ctx;
    return serve_is_own(c->port->serve, address);
}

static void on_waited(void *ctx)
{
    struct connection *c = ctx;
    smtp_go_on(&c->smtp);
    stir(c);
}

static void wait(void *ctx)
{
    struct connection *c = ctx;
    pp_timer_set(c->wait, pp_loop_now(serve_loop(c->port->serve)).mono + WRONG_PASSWORD_TIME);
}

static int begin(void *ctx)
{
    struct connection *c = ctx;
    submit_drop(c->submit);
    c->submit = NULL;
    return submit_open(&c->submit, c->port->serve);
}

static int add(void *ctx, struct pp_bytes octets)
{
    struct connection *c = ctx;
    return submit_add(c->submit, octets);
}

static void on_taken(void *ctx, int code, const char *text)
{
    struct connection *c = ctx;
    c->submit = NULL;
    smtp_taken(&c->smtp, code, text);
    stir(c);
}

static void take_message(void *ctx, const struct pp_buf *recipients, size_t n)
{
    struct connection *c = ctx;
    submit_take(c->submit, recipients, n, false, on_taken, c);
}

static const struct smtp_ops smtp_ops = {login, is_own, wait, begin, add, take_message};

/* --- connections --------------------------------------------------------------------------- */

static size_t take(void *ctx, struct pp_bytes in)
{
    struct connection *c = ctx;
    size_t n = smtp_feed(&c->smtp, in);
    talk_hold(c->talk, c->smtp.state == SMTP_WAITING);
    if (c->smtp.state == SMTP_OVER) {
        talk_end(c->talk);
    }
    return n;
}

static void late(void *ctx)
{
    struct connection *c = ctx;
    smtp_late(&c->smtp);
}

static void destroy(struct connection *c)
{
    struct connection **at = &c->port->connections;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->port->n--;
    submit_drop(c->submit);
    pp_timer_destroy(c->wait);
    smtp_finish(&c->smtp);
    free(c);
}

static void gone(void *ctx)
{
    destroy(ctx);
}

static const struct talk_ops talk_ops = {.take = take, .late = late, .gone = gone};

static void welcome(struct smtp_port *port, int fd)
{
    struct pp_loop *loop = serve_loop(port->serve);
    struct connection *c = calloc(1, sizeof *c);
    struct talk *talk = c ? talk_open(loop, fd, &talk_ops, c) : (close(fd), NULL);
    if (!talk || !(c->wait = pp_timer_create(loop, on_waited, c))) {
        talk_close(talk);
        free(c);
        return;
    }
    c->port = port;
    c->talk = talk;
    c->next = port->connections;
    port->connections = c;
    port->n++;
    smtp_init(&c->smtp, &smtp_ops, c, talk_out(talk), INPUT_MESSAGE_MAX);
    talk_patience(talk, LOGIN_TIME, true);
}

static void on_connection(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    static const char busy[] = "421 4.3.2 Too many connections, try again later\r\n";
    struct smtp_port *port = ctx;
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
    struct smtp_port *port = calloc(1, sizeof *port);
    if (!port) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    port->serve = s;
    int rc = serve_listen(&port->listener, s, "serve.smtp", on_connection, port, error);
    if (rc != PP_OK || !port->listener) {
        free(port);
        return rc;
    }
    *part = port;
    return PP_OK;
}

static uint16_t port_number(const void *part)
{
    const struct smtp_port *port = part;
    return pp_listener_port(port->listener);
}

static void close_port(void *part)
{
    struct smtp_port *port = part;
    pp_listener_close(port->listener);
    while (port->connections) {
        talk_close(port->connections->talk);
        destroy(port->connections);
    }
    free(port);
}

const struct serve_part serve_smtp = {"smtp", open_port, port_number, close_port};
