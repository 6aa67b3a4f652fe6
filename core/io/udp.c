/*
 * The UDP socket; see udp.h. The one file of recvmmsg and sendmmsg. What the socket does not take
 * waits in a small ring, and beyond that is lost, as datagrams may be. Knows no contents.
 */
#include <io/udp.h>

#include <errno.h>
#include <io/sockaddr.h>
#include <peerpost/id.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 16
#define ROUNDS 4 /* batches read in one turn: others want it too */
#define QUEUE 64 /* datagrams waiting to go out */
#define SLACK 8  /* a datagram longer than PP_DATAGRAM_MAX is seen to be so */
#define BUFFER_OCTETS (512 * 1024)

struct outgoing {
    union pp_sockaddr to;
    socklen_t to_len;
    uint16_t len;
    uint8_t data[PP_DATAGRAM_MAX];
};

struct pp_udp {
    int fd;
    int family;
    uint16_t port;
    struct pp_loop *loop;
    struct pp_watch *watch;
    struct pp_hook *hook;
    pp_udp_fn *fn;
    void *ctx;
    size_t first, n; /* of the ring */
    struct outgoing queue[QUEUE];
    uint8_t in[BATCH][PP_DATAGRAM_MAX + SLACK];
};

/* ---- in ---- */

static int read_batch(struct pp_udp *udp)
{
    struct mmsghdr messages[BATCH];
    struct iovec spans[BATCH];
    union pp_sockaddr from[BATCH];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        spans[i] = (struct iovec){udp->in[i], sizeof udp->in[i]};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i],
            .msg_namelen = sizeof from[i],
            .msg_iov = &spans[i],
            .msg_iovlen = 1,
        };
    }
    int n = recvmmsg(udp->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        uint8_t address[16];
        uint16_t port = pp_sockaddr_get(&from[i], address);
        if (messages[i].msg_len <= PP_DATAGRAM_MAX && port != 0) {
            udp->fn(udp->ctx, address, port, pp_bytes(udp->in[i], messages[i].msg_len));
        }
    }
    return n;
}

/* ---- out ---- */

static int write_batch(struct pp_udp *udp)
{
    struct mmsghdr messages[BATCH];
    struct iovec spans[BATCH];
    memset(messages, 0, sizeof messages);
    size_t n = udp->n < BATCH ? udp->n : BATCH;
    for (size_t i = 0; i < n; i++) {
        struct outgoing *o = &udp->queue[(udp->first + i) % QUEUE];
        spans[i] = (struct iovec){o->data, o->len};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &o->to,
            .msg_namelen = o->to_len,
            .msg_iov = &spans[i],
            .msg_iovlen = 1,
        };
    }
    return sendmmsg(udp->fd, messages, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flush(struct pp_udp *udp)
{
    bool blocked = false;
    while (udp->n > 0 && !blocked) {
        int sent = write_batch(udp);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        blocked = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS);
        if (sent < 0 && !blocked) {
            sent = 1; /* this one cannot go (no route, refused): lost, the others go on */
        }
        if (!blocked) {
            udp->first = (udp->first + (size_t)sent) % QUEUE;
            udp->n -= (size_t)sent;
        }
    }
    pp_watch_set(udp->watch, (udp->fn ? PP_READABLE : 0) | (blocked ? PP_WRITABLE : 0));
}

static void on_hook(void *ctx)
{
    struct pp_udp *udp = ctx;
    if (udp->n > 0) {
        flush(udp);
    }
}

void pp_udp_send(struct pp_udp *udp, const uint8_t address[16], uint16_t port,
                 struct pp_bytes bytes)
{
    bool v4 = pp_address_is_v4(address);
    if (bytes.len > PP_DATAGRAM_MAX || port == 0 || (udp->family == AF_INET && !v4)) {
        return;
    }
    if (udp->n == QUEUE) {
        flush(udp);
    }
    if (udp->n == QUEUE) {
        return;
    }
    struct outgoing *o = &udp->queue[(udp->first + udp->n++) % QUEUE];
    o->to_len = pp_sockaddr_put(&o->to, udp->family, address, port);
    o->len = (uint16_t)bytes.len;
    memcpy(o->data, bytes.data, bytes.len);
    pp_loop_stir(udp->loop);
}

static void on_events(void *ctx, unsigned events)
{
    struct pp_udp *udp = ctx;
    if (events & PP_READABLE) {
        for (int i = 0; i < ROUNDS && read_batch(udp) == BATCH; i++) {
        }
    }
    if (events & PP_WRITABLE) {
        flush(udp);
    }
}

/* ---- life ---- */

static int bind_socket(struct pp_udp *udp, const uint8_t address[16], uint16_t port)
{
    udp->family = pp_address_is_v4(address) ? AF_INET : AF_INET6;
    udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) {
        return -1;
    }
    int size = BUFFER_OCTETS, off = 0;
    setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (udp->family == AF_INET6) {
        setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    union pp_sockaddr at;
    socklen_t len = pp_sockaddr_put(&at, udp->family, address, port);
    if (bind(udp->fd, &at.any, len) != 0) {
        return -1;
    }
    len = sizeof at;
    if (getsockname(udp->fd, &at.any, &len) != 0) {
        return -1;
    }
    uint8_t bound[16];
    udp->port = pp_sockaddr_get(&at, bound);
    return 0;
}

static int bind_failure(const uint8_t address[16], uint16_t port, struct pp_error *error)
{
    int reason = errno;
    char text[46];
    pp_address_text(text, address);
    const char *cure = "check the address and the permission to bind it";
    if (reason == EADDRINUSE) {
        cure = "another program (perhaps another peerpostd) has this port: stop it or choose "
               "another port";
    } else if (reason == EADDRNOTAVAIL) {
        cure = "no interface of this machine has that address: correct it";
    }
    return pp_fail(error, PP_IO, "cannot bind UDP %s port %u: %s; %s", text, port, strerror(reason),
                   cure);
}

int pp_udp_open(struct pp_udp **out, struct pp_loop *loop, const uint8_t address[16], uint16_t port,
                pp_udp_fn *fn, void *ctx, struct pp_error *error)
{
    struct pp_udp *udp = calloc(1, sizeof *udp);
    if (!udp) {
        return pp_fail(error, PP_NOMEM, "out of memory for a UDP socket");
    }
    udp->loop = loop;
    udp->fn = fn;
    udp->ctx = ctx;
    if (bind_socket(udp, address, port) != 0) {
        int code = bind_failure(address, port, error);
        pp_udp_close(udp);
        return code;
    }
    udp->watch = pp_watch_create(loop, udp->fd, on_events, udp);
    udp->hook = pp_hook_create(loop, on_hook, udp);
    if (!udp->watch || !udp->hook) {
        pp_udp_close(udp);
        return pp_fail(error, PP_NOMEM, "out of memory for a UDP socket");
    }
    pp_watch_set(udp->watch, fn ? PP_READABLE : 0);
    *out = udp;
    return PP_OK;
}

uint16_t pp_udp_port(const struct pp_udp *udp)
{
    return udp->port;
}

void pp_udp_close(struct pp_udp *udp)
{
    if (!udp) {
        return;
    }
    if (udp->watch && udp->hook) {
        flush(udp); /* the last words of a node that leaves */
    }
    pp_watch_destroy(udp->watch);
    pp_hook_destroy(udp->hook);
    if (udp->fd >= 0) {
        close(udp->fd);
    }
    free(udp);
}
