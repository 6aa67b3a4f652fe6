/*
 * TLS 1.3 on a stream through OpenSSL. Handshake steps run on a worker while the loop's side leaves
 * the connection alone; records are read and written on the loop. A record that the socket does not
 * take whole is kept here, so that the owner above may forget what it gave.
 */
#include <io/stream_private.h>

#include <io/post.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD 16384 /* octets of plain text in one record: RFC 8446 section 5.1 */

enum phase { HANDSHAKE, WORKING, OPEN, FAILED };

struct pp_tls {
    struct pp_post post; /* first: cast back; wakes an owner who wants octets already here */
    struct pp_stream *stream;
    SSL *ssl;
    struct pp_workers *workers;
    uint8_t *held; /* plain text of a record the socket has not taken whole */
    size_t held_len;
    enum phase phase;
    int result;   /* of the last handshake step */
    bool doomed;  /* closed while a worker held it */
    bool drained; /* what OpenSSL holds is part of a record: the socket must bring the rest */
};

static void tls_free(struct pp_tls *tls)
{
    SSL_free(tls->ssl);
    free(tls->held);
    free(tls);
}

/* ---- handshake ---- */

static void step(void *ctx)
{
    struct pp_tls *tls = ctx;
    ERR_clear_error();
    int done = SSL_accept(tls->ssl);
    tls->result = done == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, done);
    ERR_clear_error();
}

static void step_done(void *ctx, bool dropped)
{
    struct pp_tls *tls = ctx;
    struct pp_stream *s = tls->stream;
    if (tls->doomed) {
        tls_free(tls);
        pp_stream_free(s);
        return;
    }
    int result = dropped ? SSL_ERROR_SSL : tls->result;
    tls->phase = HANDSHAKE;
    if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE) {
        pp_watch_set(s->watch, result == SSL_ERROR_WANT_READ ? PP_READABLE : PP_WRITABLE);
        return;
    }
    tls->phase = result == SSL_ERROR_NONE ? OPEN : FAILED;
    s->fn(s->ctx, tls->phase == OPEN ? PP_STREAM_OPEN : PP_STREAM_FAILED);
}

static void next_step(struct pp_tls *tls)
{
    pp_watch_set(tls->stream->watch, 0);
    tls->phase = WORKING;
    if (!tls->workers) {
        step(tls);
        step_done(tls, false);
    } else if (pp_workers_submit(tls->workers, step, step_done, tls)) {
        step_done(tls, true);
    }
}

/* Octets that OpenSSL has read already make no descriptor readable. */
static void on_post(struct pp_post *post)
{
    struct pp_tls *tls = (struct pp_tls *)post;
    struct pp_stream *s = tls->stream;
    if (tls->phase == OPEN && (s->want & PP_READABLE) && !tls->drained) {
        s->fn(s->ctx, PP_READABLE);
    }
}

int pp_stream_accept_tls(struct pp_stream *s, SSL_CTX *context, struct pp_workers *workers)
{
    struct pp_tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        return PP_NOMEM;
    }
    tls->ssl = SSL_new(context);
    if (!tls->ssl || SSL_set_fd(tls->ssl, s->fd) != 1) {
        tls_free(tls);
        return PP_NOMEM;
    }
    SSL_set_accept_state(tls->ssl);
    SSL_set_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(tls->ssl, 1); /* header and body of a record in one read */
    (void)SSL_set_num_tickets(tls->ssl, 1);
    tls->post.fn = on_post;
    tls->stream = s;
    tls->workers = workers;
    s->tls = tls;
    pp_watch_set(s->watch, PP_READABLE);
    return 0;
}

/* ---- records ---- */

int64_t pp_tls_read(struct pp_stream *s, void *out, size_t cap)
{
    SSL *ssl = s->tls->ssl;
    size_t got = 0;
    do {
        size_t n = 0;
        ERR_clear_error();
        if (SSL_read_ex(ssl, (uint8_t *)out + got, cap - got, &n) != 1) {
            int why = SSL_get_error(ssl, 0);
            bool again = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
            s->tls->drained = true;
            return got > 0                        ? (int64_t)got
                   : again                        ? PP_AGAIN
                   : why == SSL_ERROR_ZERO_RETURN ? 0
                                                  : PP_IO;
        }
        got += n;
    } while (got < cap && SSL_has_pending(ssl));
    return (int64_t)got;
}

/* Returns octets taken, 0 when the socket is full, PP_IO. */
static int64_t put_record(struct pp_tls *tls, const uint8_t *data, size_t len)
{
    size_t n = 0;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, len, &n) == 1) {
        return (int64_t)n;
    }
    return SSL_get_error(tls->ssl, 0) == SSL_ERROR_WANT_WRITE ? 0 : PP_IO;
}

/* Gives what is held to the socket: 1 when nothing is left, 0 when it is full, PP_IO. */
static int flush_held(struct pp_tls *tls)
{
    size_t at = 0;
    while (at < tls->held_len) {
        int64_t n = put_record(tls, tls->held + at, tls->held_len - at);
        if (n <= 0) {
            tls->held_len -= at;
            memmove(tls->held, tls->held + at, tls->held_len);
            return (int)n;
        }
        at += (size_t)n;
    }
    free(tls->held);
    tls->held = NULL;
    tls->held_len = 0;
    return 1;
}

/* Writes or keeps len <= RECORD octets; *full when some are kept. Returns 0 or an error. */
static int put_or_hold(struct pp_tls *tls, const uint8_t *data, size_t len, bool *full)
{
    int64_t n = put_record(tls, data, len);
    if (n < 0) {
        return PP_IO;
    }
    size_t left = len - (size_t)n;
    if (left > 0) {
        tls->held = malloc(left);
        if (!tls->held) {
            return PP_IO; /* the record has begun: the connection is past use */
        }
        memcpy(tls->held, data + n, left);
        tls->held_len = left;
        *full = true;
    }
    return 0;
}

/* Copies up to RECORD octets that stand `skip` octets into the spans. */
static size_t gather(uint8_t *out, const struct pp_bytes *spans, size_t n, size_t skip)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < RECORD; i++) {
        if (skip >= spans[i].len) {
            skip -= spans[i].len;
            continue;
        }
        size_t take = spans[i].len - skip;
        take = take < RECORD - len ? take : RECORD - len;
        memcpy(out + len, spans[i].data + skip, take);
        len += take;
        skip = 0;
    }
    return len;
}

/* May a further record go now? Else *out is what the caller returns. */
static bool writable(struct pp_stream *s, int64_t *out)
{
    int flushed = s->tls->held ? flush_held(s->tls) : 1;
    *out = flushed < 0 ? PP_IO : 0;
    pp_tls_want(s);
    return flushed == 1;
}

int64_t pp_tls_write(struct pp_stream *s, const struct pp_bytes *spans, size_t n)
{
    uint8_t record[RECORD];
    int64_t verdict;
    size_t taken = 0;
    bool full = false;
    if (!writable(s, &verdict)) {
        return verdict;
    }
    while (!full) {
        size_t len = gather(record, spans, n, taken);
        if (len == 0) {
            break;
        }
        if (put_or_hold(s->tls, record, len, &full)) {
            return PP_IO;
        }
        taken += len;
    }
    pp_tls_want(s);
    return (int64_t)taken;
}

int64_t pp_tls_send_file(struct pp_stream *s, int fd, uint64_t offset, size_t len)
{
    uint8_t record[RECORD];
    int64_t verdict;
    size_t taken = 0;
    bool full = false;
    if (!writable(s, &verdict)) {
        return verdict;
    }
    while (!full && taken < len) {
        size_t want = len - taken < RECORD ? len - taken : RECORD;
        ssize_t got = pread(fd, record, want, (off_t)(offset + taken));
        if (got <= 0 || put_or_hold(s->tls, record, (size_t)got, &full)) {
            return PP_IO;
        }
        taken += (size_t)got;
    }
    pp_tls_want(s);
    return (int64_t)taken;
}

bool pp_tls_unsent(const struct pp_tls *tls)
{
    return tls->held != NULL;
}

/* ---- events ---- */

void pp_tls_want(struct pp_stream *s)
{
    struct pp_tls *tls = s->tls;
    if (tls->phase != OPEN) {
        return;
    }
    pp_watch_set(s->watch, s->want | (tls->held ? PP_WRITABLE : 0u));
    if ((s->want & PP_READABLE) && !tls->drained && SSL_has_pending(tls->ssl)) {
        pp_loop_post_own(s->loop, &tls->post);
    }
}

void pp_tls_event(struct pp_stream *s, unsigned events)
{
    struct pp_tls *tls = s->tls;
    if (tls->phase == HANDSHAKE) {
        next_step(tls);
        return;
    }
    if (tls->phase != OPEN) {
        return;
    }
    tls->drained &= !(events & PP_READABLE);
    if ((events & PP_WRITABLE) && tls->held) {
        int flushed = flush_held(tls);
        if (flushed < 0) {
            pp_watch_set(s->watch, 0);
            tls->phase = FAILED;
            s->fn(s->ctx, PP_STREAM_FAILED);
            return;
        }
        pp_tls_want(s);
        events = flushed == 0 ? events & ~PP_WRITABLE : events;
    }
    events &= s->want;
    if (events) {
        s->fn(s->ctx, events);
    }
}

void pp_tls_shutdown(struct pp_stream *s)
{
    if (s->tls->phase == OPEN && !s->tls->held) {
        ERR_clear_error();
        (void)SSL_shutdown(s->tls->ssl);
    }
}

bool pp_tls_close(struct pp_stream *s)
{
    struct pp_tls *tls = s->tls;
    if (tls->phase == WORKING) {
        tls->doomed = true;
        return false;
    }
    pp_tls_shutdown(s);
    pp_loop_unpost(s->loop, &tls->post);
    tls_free(tls);
    s->tls = NULL;
    return true;
}

X509 *pp_stream_peer(const struct pp_stream *s)
{
    return s->tls && s->tls->phase == OPEN ? SSL_get0_peer_certificate(s->tls->ssl) : NULL;
}
