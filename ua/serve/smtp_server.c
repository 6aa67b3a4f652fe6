/*
 * The SMTP machine on the loop: connections and their bounds, time-outs, where messages go. It must
 * not know the protocol.
 */
#include <serve/smtp.h>

#include <serve/port.h>
#include <serve/submit.h>
#include <session/input.h>
#include <stdlib.h>

#define IDLE_TIME (5 * PP_MINUTE) /* RFC 5321 section 4.5.3.2.7 */

struct connection {
    struct line line; /* first */
    struct smtp smtp;
    struct submit *submit;
};

static void follow(struct connection *c)
{
    line_follow(&c->line, c->smtp.state == SMTP_WAITING, c->smtp.state == SMTP_OVER);
}

static void stir(struct connection *c)
{
    follow(c);
    talk_stir(c->line.talk);
}

/* --- what the machine asks ----------------------------------------------------------------- */

static bool login(void *ctx, struct pp_bytes user, struct pp_bytes password)
{
    return line_login(ctx, user, password);
}

static bool is_own(void *ctx, struct pp_bytes address)
{
    struct connection *c = ctx;
    return serve_is_own(c->line.port->serve, address);
}

static void on_waited(void *ctx)
{
    struct connection *c = ctx;
    smtp_go_on(&c->smtp);
    stir(c);
}

static void wait(void *ctx)
{
    line_set_timer(ctx, LINE_WRONG_PASSWORD);
}

static int begin(void *ctx)
{
    struct connection *c = ctx;
    submit_drop(c->submit);
    c->submit = NULL;
    return submit_open(&c->submit, c->line.port->serve);
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
    follow(c);
    return n;
}

static void late(void *ctx)
{
    struct connection *c = ctx;
    smtp_late(&c->smtp);
}

static void start(struct line *line)
{
    struct connection *c = (struct connection *)line;
    smtp_init(&c->smtp, &smtp_ops, c, talk_out(line->talk), INPUT_MESSAGE_MAX);
}

static void finish(struct line *line)
{
    struct connection *c = (struct connection *)line;
    submit_drop(c->submit);
    smtp_finish(&c->smtp);
}

static const struct port_kind kind = {.option = "serve.smtp",
                                      .busy = "421 4.3.2 Too many connections, try again later\r\n",
                                      .size = sizeof(struct connection),
                                      .idle_time = IDLE_TIME,
                                      .talk = {.take = take, .late = late},
                                      .on_timer = on_waited,
                                      .start = start,
                                      .finish = finish};

static int open_port(void **part, struct serve *s, struct pp_error *error)
{
    struct port *port = calloc(1, sizeof *port);
    int rc = port ? port_open(port, &kind, s, error) : pp_fail(error, PP_NOMEM, "out of memory");
    if (rc != PP_OK || !port->listener) {
        free(port);
        return rc;
    }
    *part = port;
    return PP_OK;
}

static void close_port(void *part)
{
    port_close(part);
    free(part);
}

const struct serve_part serve_smtp = {"smtp", open_port, port_number, close_port};
