/*
 * The order of things on one connection: octets in, parser, handler, answer out, the next request.
 * It calls the handler only from the loop or from the end of a turn, never from inside a call of
 * the handler's.
 */
#include <http/server_private.h>

#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_TURN 4 /* others want it too */
#define PULLS_A_TURN 8
#define LINGER_TIME (2 * PP_SECOND)

static pp_ns after(const struct pp_exchange *x, pp_ns delay)
{
    return pp_loop_now(x->server->loop).mono + delay;
}

/* ---- life ---- */

static void on_stream(void *ctx, unsigned events);

static void turn_away(struct pp_server *server, int fd, bool tls)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                               "Retry-After: 5\r\nConnection: close\r\n\r\n";
    if (!tls) {
        (void)!send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    close(fd);
    server->counts.refused_busy++;
}

static void become_idle(struct pp_exchange *x)
{
    x->phase = PP_IDLE;
    pp_idle_enter(x);
    pp_deadline_set(x, after(x, x->server->options.idle_time));
}

void pp_connection_accepted(struct pp_server *server, const struct pp_port *port, int fd,
                            const uint8_t from[16])
{
    struct pp_source *source;
    server->counts.accepted++;
    if (pp_source_enter(server, from, &source)) {
        turn_away(server, fd, port->tls);
        return;
    }
    struct pp_exchange *x = calloc(1, sizeof *x);
    struct pp_stream *stream = x ? pp_stream_create(server->loop, fd, on_stream, x) : NULL;
    if (!stream) {
        free(x);
        pp_source_leave(server, source);
        turn_away(server, fd, port->tls);
        return;
    }
    x->server = server;
    x->stream = stream;
    x->source = source;
    x->port = port->port;
    memcpy(x->address, from, 16);
    pp_deadline_add(x, after(x, server->options.handshake_time));
    if (!port->tls) {
        become_idle(x);
        x->read_on = true;
        pp_stream_want(stream, PP_READABLE);
        return;
    }
    x->phase = PP_HANDSHAKE;
    if (pp_stream_accept_tls(stream, server->tls, server->workers)) {
        pp_connection_close(x);
    }
}

static void free_in(struct pp_exchange *x)
{
    x->server->buffered -= x->in_cap;
    free(x->in);
    x->in = NULL;
    x->in_len = x->in_cap = 0;
}

void pp_connection_close(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    if (x->dead) {
        return;
    }
    x->dead = true;
    if (x->phase == PP_ACTIVE) {
        server->handler.gone(server->ctx, x, false);
    } else if (x->phase == PP_IDLE) {
        pp_idle_leave(x);
    }
    pp_stream_close(x->stream);
    pp_out_release(x);
    free_in(x);
    OPENSSL_free(x->certificate);
    pp_deadline_remove(x);
    pp_source_leave(server, x->source);
    x->newer = server->graveyard;
    server->graveyard = x;
}

void pp_connection_schedule(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    if (!x->scheduled && !x->running) {
        x->scheduled = true;
        x->next_scheduled = NULL;
        *server->scheduled_last = x;
        server->scheduled_last = &x->next_scheduled;
        pp_loop_stir(server->loop);
    }
}

/* ---- an exchange ---- */

static void note_certificate(struct pp_exchange *x)
{
    X509 *peer = pp_stream_peer(x->stream);
    int len = peer ? i2d_X509(peer, &x->certificate) : 0;
    x->certificate_len = len > 0 ? (uint32_t)len : 0;
}

static void begin(struct pp_exchange *x, bool body_follows)
{
    struct pp_server *server = x->server;
    const struct pp_request_head *head = &server->parsed.head;
    if (x->phase == PP_IDLE) {
        pp_idle_leave(x);
    }
    x->phase = PP_ACTIVE;
    x->requests++;
    server->counts.requests++;
    x->state = NULL;
    x->moved = 0;
    x->answer_left = 0;
    x->dropped = 0;
    x->minor = (uint8_t)head->minor;
    x->head_method = pp_bytes_is(head->method, "HEAD");
    x->expects = head->expect_continue && head->length != 0 && !body_follows;
    x->unwanted = x->paused = x->request_read = x->answered = x->finished = x->bodyless =
        x->want_pull = false;
    x->close_after =
        !x->parser.keep_alive || x->requests >= server->options.requests_per_connection;
    pp_deadline_set(x, after(x, server->options.request_time));
    server->handler.begin(server->ctx, x, head);
    if (x->expects && !x->answered && !x->unwanted) {
        x->expects = false;
        pp_exchange_put(x, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
}

/* The last answer of this connection is out, or on its way. */
static void linger(struct pp_exchange *x)
{
    if (x->phase == PP_IDLE) {
        pp_idle_leave(x);
    }
    x->phase = PP_LINGER;
    free_in(x);
    pp_deadline_set(x, after(x, LINGER_TIME));
}

static void refuse(struct pp_exchange *x, int status, const char *why)
{
    struct pp_server *server = x->server;
    bool cut = x->phase == PP_ACTIVE && x->answered;
    if (x->phase == PP_ACTIVE) {
        x->phase = PP_HEAD; /* no exchange any more */
        server->handler.gone(server->ctx, x, false);
    } else {
        x->head_method = false;
    }
    if (cut) {
        x->broken = true;
        return;
    }
    pp_exchange_refuse(x, status, why);
    linger(x);
}

static bool over(const struct pp_exchange *x)
{
    return x->phase == PP_ACTIVE && x->finished && (x->request_read || x->close_after);
}

static void end_exchange(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    bool clean = x->request_read;
    x->phase = PP_HEAD;
    server->handler.gone(server->ctx, x, true);
    if (x->close_after) {
        linger(x);
        x->eof |= clean && x->in_len == 0; /* nothing more is expected: no need to wait for it */
        return;
    }
    pp_parser_reset(&x->parser);
    become_idle(x);
}

/* ---- octets in ---- */

/* May the parser go on? Not while an answer is owed, a handler is full, or answers pile up. */
static bool may_take(struct pp_exchange *x)
{
    if (x->dead || x->broken || x->phase == PP_LINGER || x->phase == PP_HANDSHAKE) {
        return false;
    }
    if (x->phase == PP_ACTIVE) {
        return !x->request_read && !x->paused;
    }
    return !x->out || x->out->len <= PP_OUT_CAP / 2 || (pp_exchange_flush(x) && !x->broken);
}

static size_t take_body(struct pp_exchange *x, struct pp_bytes body)
{
    struct pp_server *server = x->server;
    if (x->answered || x->unwanted) {
        x->dropped += (uint32_t)body.len;
        if (x->answered && x->dropped > PP_DROP_MAX) {
            x->close_after = true;
        }
        return body.len;
    }
    size_t took = server->handler.body(server->ctx, x, body);
    x->moved += took;
    x->paused = took < body.len;
    return took;
}

static void request_ended(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    x->request_read = true;
    if (!x->answered && !x->unwanted) {
        server->handler.end(server->ctx, x);
    }
}

/* 503 while the whole server's buffers are full. */
static bool crowded(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    if (server->buffered <= server->options.buffers_all) {
        return false;
    }
    server->counts.refused_busy++;
    refuse(x, 503, "This node's buffers are full; try again later.");
    return true;
}

/* One event of the parser; *at moves on. False when nothing more can be done with these octets. */
static bool advance(struct pp_exchange *x, struct pp_bytes in, size_t *at)
{
    struct pp_server *server = x->server;
    struct pp_parsed *parsed = &server->parsed;
    size_t used = 0;
    int event = pp_parser_next(&x->parser, &server->limits, pp_bytes(in.data + *at, in.len - *at),
                               &used, parsed);
    *at += used;
    if (event < 0) {
        server->counts.bad_requests++;
        refuse(x, parsed->status, parsed->why);
        return false;
    }
    switch ((enum pp_parse)event) {
    case PP_PARSE_MORE:
        return false;
    case PP_PARSE_HEAD:
        if (crowded(x)) {
            return false;
        }
        begin(x, *at < in.len);
        return true;
    case PP_PARSE_BODY: {
        size_t took = take_body(x, parsed->body);
        pp_parser_took(&x->parser, took);
        *at += took;
        return true;
    }
    case PP_PARSE_END:
        request_ended(x);
        return true;
    }
    return false;
}

/* Returns how many octets were taken. */
static size_t feed(struct pp_exchange *x, struct pp_bytes in)
{
    size_t at = 0;
    for (;;) {
        if (over(x)) {
            end_exchange(x);
        }
        /* The end of a body is an event of its own and needs no octet. */
        bool at_end = x->phase == PP_ACTIVE && !x->request_read;
        if (!may_take(x) || (at == in.len && !at_end) || !advance(x, in, &at)) {
            return x->phase == PP_LINGER ? in.len : at;
        }
    }
}

static bool keep(struct pp_exchange *x, const uint8_t *data, size_t len)
{
    size_t need = x->in_len + len;
    if (need > x->in_cap) {
        size_t cap = x->in_cap ? x->in_cap : 1024;
        while (cap < need) {
            cap *= 2;
        }
        uint8_t *grown = realloc(x->in, cap);
        if (!grown) {
            return false;
        }
        x->server->buffered += cap - x->in_cap;
        x->in = grown;
        x->in_cap = (uint32_t)cap;
    }
    memcpy(x->in + x->in_len, data, len);
    x->in_len = (uint32_t)need;
    return true;
}

static bool feed_kept(struct pp_exchange *x)
{
    enum pp_phase phase = x->phase;
    uint32_t requests = x->requests;
    bool read = x->request_read;
    size_t taken = feed(x, pp_bytes(x->in, x->in_len));
    if (x->dead || x->phase == PP_LINGER) {
        return true;
    }
    if (taken == x->in_len) {
        free_in(x);
    } else if (taken > 0) {
        x->in_len -= (uint32_t)taken;
        memmove(x->in, x->in + taken, x->in_len);
    }
    return taken > 0 || phase != x->phase || requests != x->requests || read != x->request_read;
}

/* New octets: behind kept ones, else straight from the scratch. */
static bool take_new(struct pp_exchange *x, const uint8_t *data, size_t len)
{
    if (x->in_len > 0) {
        if (!keep(x, data, len)) {
            return false;
        }
        feed_kept(x);
        return true;
    }
    size_t taken = feed(x, pp_bytes(data, len));
    return x->dead || x->broken || taken == len || keep(x, data + taken, len - taken);
}

/* A part of a head waits for its rest. */
static void note_head(struct pp_exchange *x)
{
    if (x->phase == PP_IDLE && x->in_len > 0) {
        pp_idle_leave(x);
        x->phase = PP_HEAD;
        pp_deadline_set(x, after(x, x->server->options.header_time));
    }
}

static size_t read_cap(const struct pp_exchange *x)
{
    bool large = x->phase == PP_ACTIVE && pp_parser_left(&x->parser) > PP_LARGE_BODY;
    return large ? PP_READ_LARGE : PP_READ_PIECE;
}

static void read_some(struct pp_exchange *x)
{
    uint8_t *scratch = x->server->scratch;
    for (int i = 0; i < READS_A_TURN && (may_take(x) || x->phase == PP_LINGER); i++) {
        size_t cap = read_cap(x);
        int64_t n = pp_stream_read(x->stream, scratch, cap);
        if (n == PP_AGAIN) {
            return;
        }
        x->eof |= n == 0;
        x->broken |= n < 0;
        if (n <= 0) {
            return;
        }
        if (x->phase != PP_LINGER && !take_new(x, scratch, (size_t)n)) {
            x->broken = true;
        }
        if ((size_t)n < cap) {
            return;
        }
    }
}

/* ---- the driver ---- */

static bool may_pull(struct pp_exchange *x)
{
    return x->phase == PP_ACTIVE && x->want_pull && !x->finished && pp_exchange_flush(x) &&
           !x->broken;
}

/* The peer sends no more. What it asked for is still answered; what it left unfinished is not. */
static void note_eof(struct pp_exchange *x)
{
    if (x->phase == PP_IDLE || x->phase == PP_HEAD) {
        linger(x);
    } else if (x->phase == PP_ACTIVE && !x->request_read && !x->paused) {
        x->broken = true;
    }
}

/* Flushes, says what to wake for, closes when all is said. */
static void settle(struct pp_exchange *x)
{
    bool flushed = pp_exchange_flush(x);
    bool ended = x->phase == PP_LINGER && flushed;
    if (ended && !x->eof && !x->shut) {
        pp_stream_shutdown(x->stream);
        x->shut = true;
    }
    note_head(x);
    bool waiting = x->phase == PP_ACTIVE && (x->request_read || x->paused);
    if (!waiting) { /* while an answer is owed, interest stays as it is: see on_stream */
        x->read_on = x->phase == PP_LINGER || may_take(x);
    }
    if (x->broken || (ended && x->eof)) {
        pp_connection_close(x);
        return;
    }
    x->read_on &= !x->eof;
    pp_stream_want(x->stream, (x->read_on ? PP_READABLE : 0u) | (flushed ? 0u : PP_WRITABLE));
}

void pp_connection_run(struct pp_exchange *x)
{
    int pulls = 0;
    x->running = true;
    while (!x->dead && !x->broken) {
        if (over(x)) {
            end_exchange(x);
        } else if (x->in_len > 0 && may_take(x) && feed_kept(x)) {
            continue;
        } else if (may_pull(x) && pulls++ < PULLS_A_TURN) {
            x->want_pull = false;
            x->server->handler.pull(x->server->ctx, x);
        } else {
            break;
        }
    }
    if (!x->dead) {
        if (x->eof) {
            note_eof(x);
        }
        settle(x);
    }
    x->running = false;
    if (!x->dead && pulls > PULLS_A_TURN) {
        pp_connection_schedule(x);
    }
}

static void opened(struct pp_exchange *x)
{
    if (x->server->draining) {
        pp_connection_close(x);
        return;
    }
    note_certificate(x);
    become_idle(x);
    x->read_on = true;
    pp_stream_want(x->stream, PP_READABLE);
}

static void on_stream(void *ctx, unsigned events)
{
    struct pp_exchange *x = ctx;
    if (events & PP_STREAM_FAILED) {
        pp_connection_close(x);
        return;
    }
    if (events & PP_STREAM_OPEN) {
        opened(x);
        return;
    }
    if (events & PP_READABLE) {
        if (x->phase == PP_ACTIVE && (x->request_read || x->paused)) {
            x->read_on = false; /* pipelined octets wait in the kernel until the answer is out */
        } else {
            x->running = true;
            read_some(x);
        }
    }
    pp_connection_run(x);
}

void pp_connection_expired(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    bool asks = x->phase == PP_HEAD || (x->phase == PP_ACTIVE && !x->answered);
    if (x->phase == PP_IDLE || x->phase == PP_LINGER) {
        pp_connection_close(x);
        return;
    }
    server->counts.timeouts++;
    if (!asks) {
        pp_connection_close(x);
        return;
    }
    x->running = true;
    if (x->phase == PP_ACTIVE && x->request_read) {
        refuse(x, 503, "This node did not find an answer in time; try again later.");
    } else {
        refuse(x, 408, "The request did not come in time.");
    }
    pp_connection_run(x);
}
