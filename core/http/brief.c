/* One short request, blocking; see brief.h. */
#include <http/brief.h>

#include <errno.h>
#include <fcntl.h>
#include <http/message.h>
#include <io/sockaddr.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 16384u
#define SLICE (100 * PP_MS) /* between looks at `stop` */

struct run {
    struct pp_brief *b;
    int fd;
    SSL *ssl;
    pp_ns until;
    struct pp_buf in;
};

static pp_ns mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

/* Until the socket is ready, at most as long as there is time. */
static int await(const struct run *r, short events)
{
    struct pollfd p = {.fd = r->fd, .events = events};
    for (;;) {
        pp_ns now = mono();
        if (r->b->stop && atomic_load(r->b->stop)) {
            return PP_CANCELLED;
        }
        if (now >= r->until) {
            return PP_TIMEOUT;
        }
        pp_ns left = r->until - now;
        int n = poll(&p, 1, (int)((left < SLICE ? left : SLICE) / PP_MS) + 1);
        if (n > 0 || (n < 0 && errno != EINTR)) {
            return n > 0 ? PP_OK : PP_UNREACHABLE;
        }
    }
}

/* --- the connection ------------------------------------------------------------------------ */

static int open_socket(struct run *r)
{
    static const uint8_t any[16];
    union pp_sockaddr to, from;
    int error = 0;
    const struct pp_peer *peer = &r->b->peer;
    int family = pp_sockaddr_family(peer->address);
    socklen_t size = sizeof error, len = pp_sockaddr_put(&to, family, peer->address, peer->http);
    r->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (r->fd < 0) {
        return PP_UNREACHABLE;
    }
    if (memcmp(r->b->bind, any, sizeof any) != 0) {
        socklen_t n = pp_sockaddr_put(&from, pp_sockaddr_family(r->b->bind), r->b->bind, 0);
        if (from.any.sa_family == family && bind(r->fd, &from.any, n) != 0) {
            return PP_UNREACHABLE;
        }
    }
    if (connect(r->fd, &to.any, len) == 0) {
        return PP_OK;
    }
    int code = errno == EINPROGRESS ? await(r, POLLOUT) : PP_UNREACHABLE;
    if (code == PP_OK && (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error)) {
        code = PP_UNREACHABLE;
    }
    return code;
}

/* What OpenSSL waits for. */
static int await_tls(struct run *r, int result)
{
    switch (SSL_get_error(r->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return await(r, POLLIN);
    case SSL_ERROR_WANT_WRITE:
        return await(r, POLLOUT);
    default:
        return PP_UNREACHABLE;
    }
}

static int begin_tls(struct run *r)
{
    int n, code = PP_OK;
    if (!r->b->tls) {
        return PP_OK;
    }
    r->ssl = SSL_new(r->b->tls);
    if (!r->ssl || SSL_set_fd(r->ssl, r->fd) != 1) {
        return PP_NOMEM;
    }
    while (code == PP_OK && (n = SSL_connect(r->ssl)) != 1) {
        code = await_tls(r, n);
    }
    X509 *leaf = code == PP_OK ? SSL_get0_peer_certificate(r->ssl) : NULL;
    if (code == PP_OK && (!leaf || r->b->verify(r->b->verify_ctx, leaf, &r->b->peer.id) != PP_OK)) {
        code = PP_IDENTITY;
    }
    return code;
}

static int send_all(struct run *r, struct pp_bytes out)
{
    int code = PP_OK;
    while (code == PP_OK && out.len) {
        int some = out.len > INT32_MAX ? INT32_MAX : (int)out.len;
        int n = r->ssl ? SSL_write(r->ssl, out.data, some)
                       : (int)send(r->fd, out.data, (size_t)some, MSG_NOSIGNAL);
        if (n > 0) {
            out = pp_bytes(out.data + n, out.len - (size_t)n);
        } else if (r->ssl) {
            code = await_tls(r, n);
        } else {
            code = errno == EAGAIN ? await(r, POLLOUT) : PP_UNREACHABLE;
        }
    }
    return code;
}

/* Some more of the answer; PP_GONE at its end. */
static int receive(struct run *r)
{
    if (pp_buf_reserve(&r->in, 4097) != PP_OK) {
        return PP_NOMEM;
    }
    uint8_t *at = r->in.data + r->in.len;
    int n = r->ssl ? SSL_read(r->ssl, at, 4096) : (int)recv(r->fd, at, 4096, 0);
    if (n > 0) {
        r->in.len += (size_t)n;
        return PP_OK;
    }
    if (r->ssl) {
        return SSL_get_error(r->ssl, n) == SSL_ERROR_ZERO_RETURN ? PP_GONE : await_tls(r, n);
    }
    return n == 0 ? PP_GONE : errno == EAGAIN ? await(r, POLLIN) : PP_UNREACHABLE;
}

/* --- the answer ---------------------------------------------------------------------------- */

/* Octets of the head with its empty line; 0: not all here. */
static size_t head_length(const struct pp_buf *in)
{
    const uint8_t *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - in->data) + 4 : 0;
}

/* Status, and the body's length; negative: no answer that can be taken. */
static int64_t read_head(struct pp_brief *b, const char *head, size_t len)
{
    static const char name[] = "\r\nContent-Length:";
    const char *end = head + len;
    if (len < 13 || memcmp(head, "HTTP/1.1 ", 9) != 0) {
        return PP_MALFORMED;
    }
    b->status = 0;
    for (const char *p = head + 9; p < head + 12; p++) {
        b->status = b->status * 10 + (*p >= '0' && *p <= '9' ? *p - '0' : 1000);
    }
    int64_t length = b->status == 204 || b->status == 304 ? 0 : PP_MALFORMED;
    for (const char *p = head; p + sizeof name - 1 < end; p++) {
        if (strncasecmp(p, name, sizeof name - 1) == 0) {
            length = 0;
            for (p += sizeof name - 1; *p == ' '; p++) {
            }
            for (; *p >= '0' && *p <= '9' && length < INT32_MAX; p++) {
                length = length * 10 + (*p - '0');
            }
            break;
        }
    }
    return b->status < 1000 ? length : PP_MALFORMED;
}

static int read_answer(struct run *r)
{
    struct pp_brief *b = r->b;
    size_t head = 0;
    int64_t length = 0;
    int code = PP_OK;
    while (code == PP_OK && (!head || r->in.len - head < (size_t)length)) {
        code = receive(r);
        if (code == PP_OK && !head && (head = head_length(&r->in)) != 0) {
            length = read_head(b, (const char *)r->in.data, head);
            code = length < 0                         ? PP_MALFORMED
                   : (uint64_t)length > b->answer_max ? PP_TOO_BIG
                                                      : PP_OK;
        }
        code = code == PP_OK && !head && r->in.len > HEAD_MAX ? PP_TOO_BIG : code;
    }
    if (code == PP_OK && strcmp(b->method, "HEAD") != 0) {
        code = pp_buf_add(&b->answer, r->in.data + head, (size_t)length);
    }
    return code == PP_GONE ? PP_UNREACHABLE : code;
}

static int write_request(struct run *r)
{
    struct pp_brief *b = r->b;
    struct pp_buf out = {0};
    char id[2 * PP_ID_LEN + 1];
    pp_hex(id, b->peer.id.b, PP_ID_LEN);
    pp_buf_printf(&out, "%s ", b->method);
    pp_buf_add(&out, b->target.data, b->target.len);
    pp_buf_printf(&out, " HTTP/1.1\r\nHost: %s.peerpost.alt\r\nConnection: close\r\n", id);
    pp_buf_add(&out, b->fields.data, b->fields.len);
    if (b->body.len) {
        pp_buf_printf(&out, "Content-Length: %zu\r\n", b->body.len);
    }
    pp_buf_add_str(&out, "\r\n");
    pp_buf_add(&out, b->body.data, b->body.len);
    int code = out.failed ? PP_NOMEM : send_all(r, pp_buf_bytes(&out));
    pp_buf_free(&out);
    return code;
}

void pp_brief_run(struct pp_brief *b)
{
    struct run r = {.b = b, .fd = -1, .until = mono() + b->time};
    b->status = 0;
    b->answer.len = 0;
    b->code = open_socket(&r);
    b->code = b->code ? b->code : begin_tls(&r);
    b->code = b->code ? b->code : write_request(&r);
    b->code = b->code ? b->code : read_answer(&r);
    SSL_free(r.ssl);
    ERR_clear_error();
    if (r.fd >= 0) {
        close(r.fd);
    }
    pp_buf_free(&r.in);
}

void pp_brief_finish(struct pp_brief *b)
{
    pp_buf_free(&b->target);
    pp_buf_free(&b->fields);
    pp_buf_free(&b->body);
    pp_buf_free(&b->answer);
}
