/* Byte streams over sockets, the plain side; see stream.h. TLS is stream_tls.c's. */
#include <io/stream_private.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void on_ready(void *ctx, unsigned events)
{
    struct pp_stream *s = ctx;
    if (s->tls) {
        pp_tls_event(s, events);
    } else {
        s->fn(s->ctx, events);
    }
}

struct pp_stream *pp_stream_create(struct pp_loop *loop, int fd, pp_stream_fn *fn, void *ctx)
{
    struct pp_stream *s = malloc(sizeof *s);
    if (!s) {
        return NULL;
    }
    *s = (struct pp_stream){.loop = loop, .fn = fn, .ctx = ctx, .fd = fd};
    s->watch = pp_watch_create(loop, fd, on_ready, s);
    if (!s->watch) {
        free(s);
        return NULL;
    }
    return s;
}

void pp_stream_free(struct pp_stream *s)
{
    pp_watch_destroy(s->watch);
    close(s->fd);
    free(s);
}

void pp_stream_close(struct pp_stream *s)
{
    if (s && (!s->tls || pp_tls_close(s))) {
        pp_stream_free(s);
    }
}

void pp_stream_want(struct pp_stream *s, unsigned events)
{
    s->want = (uint8_t)events;
    if (s->tls) {
        pp_tls_want(s);
    } else {
        pp_watch_set(s->watch, events);
    }
}

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int64_t pp_stream_read(struct pp_stream *s, void *out, size_t cap)
{
    if (s->tls) {
        return pp_tls_read(s, out, cap);
    }
    ssize_t n = recv(s->fd, out, cap, 0);
    return n >= 0 ? n : would_block(errno) ? PP_AGAIN : PP_IO;
}

int64_t pp_stream_write(struct pp_stream *s, const struct pp_bytes *spans, size_t n, bool more)
{
    if (s->tls) {
        return pp_tls_write(s, spans, n);
    }
    struct iovec iov[PP_STREAM_SPANS];
    n = n < PP_STREAM_SPANS ? n : PP_STREAM_SPANS;
    for (size_t i = 0; i < n; i++) {
        iov[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].len};
    }
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t took = sendmsg(s->fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    return took >= 0 ? took : would_block(errno) ? 0 : PP_IO;
}

int64_t pp_stream_send_file(struct pp_stream *s, int fd, uint64_t offset, size_t len)
{
    if (s->tls) {
        return pp_tls_send_file(s, fd, offset, len);
    }
    off_t at = (off_t)offset;
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = sendfile(s->fd, fd, &at, len - sent);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (n < 0 && would_block(errno)) {
            break;
        }
        return PP_IO;
    }
    return (int64_t)sent;
}

bool pp_stream_unsent(const struct pp_stream *s)
{
    return s->tls && pp_tls_unsent(s->tls);
}

void pp_stream_shutdown(struct pp_stream *s)
{
    if (s->tls) {
        pp_tls_shutdown(s);
    }
    shutdown(s->fd, SHUT_WR);
}

bool pp_stream_is_tls(const struct pp_stream *s)
{
    return s->tls != NULL;
}
