/* Sockets that listen, TCP and unix; see stream.h. Knows nothing of what comes over them. */
#include <io/stream.h>

#include <errno.h>
#include <io/sockaddr.h>
#include <netinet/tcp.h>
#include <peerpost/id.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define REST (100 * PP_MS) /* when descriptors ran out: some may be closed by then */

union address {
    struct sockaddr any;
    union pp_sockaddr ip;
    struct sockaddr_un un;
};

struct pp_listener {
    struct pp_loop *loop;
    struct pp_watch *watch;
    struct pp_timer *rest;
    pp_accepted_fn *fn;
    void *ctx;
    char *path; /* of a unix socket */
    int fd;
    uint16_t port;
    bool accepting, closed;
};

static void release(struct pp_listener *l)
{
    free(l->path);
    free(l);
}

static bool out_of_descriptors(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* One connection; false when none is left for now. */
static bool accept_one(struct pp_listener *l)
{
    union address a = {0};
    uint8_t from[16] = {0};
    socklen_t len = sizeof a;
    int fd = accept4(l->fd, &a.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (out_of_descriptors(errno)) {
            pp_watch_set(l->watch, 0);
            pp_timer_set(l->rest, pp_loop_now(l->loop).mono + REST);
            l->fn(l->ctx, l, -1, from);
        }
        return errno == EINTR || errno == ECONNABORTED;
    }
    pp_sockaddr_get(&a.ip, from);
    if (!l->path) {
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    l->fn(l->ctx, l, fd, from);
    return true;
}

static void on_incoming(void *ctx, unsigned events)
{
    (void)events;
    struct pp_listener *l = ctx;
    l->accepting = true;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->closed && accept_one(l); i++) {
    }
    l->accepting = false;
    if (l->closed) {
        release(l);
    }
}

static void on_rested(void *ctx)
{
    struct pp_listener *l = ctx;
    pp_watch_set(l->watch, PP_READABLE);
}

void pp_listener_close(struct pp_listener *l)
{
    if (!l || l->closed) {
        return;
    }
    l->closed = true;
    pp_watch_destroy(l->watch);
    pp_timer_destroy(l->rest);
    close(l->fd);
    if (l->path) {
        unlink(l->path);
    }
    if (!l->accepting) {
        release(l);
    }
}

uint16_t pp_listener_port(const struct pp_listener *l)
{
    return l->port;
}

/* OpenSSL and sendfile write without MSG_NOSIGNAL; a peer that went must not end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        (void)sigaction(SIGPIPE, &ignore, NULL);
    }
}

static int start(struct pp_listener **out, struct pp_loop *loop, int fd, const char *path,
                 pp_accepted_fn *fn, void *ctx)
{
    struct pp_listener *l = calloc(1, sizeof *l);
    if (!l) {
        return PP_NOMEM;
    }
    *l = (struct pp_listener){.loop = loop, .fn = fn, .ctx = ctx, .fd = fd};
    l->path = path ? strdup(path) : NULL;
    l->watch = pp_watch_create(loop, fd, on_incoming, l);
    l->rest = pp_timer_create(loop, on_rested, l);
    if (!l->watch || !l->rest || (path && !l->path)) {
        pp_watch_destroy(l->watch);
        pp_timer_destroy(l->rest);
        release(l);
        return PP_NOMEM;
    }
    ignore_sigpipe();
    pp_watch_set(l->watch, PP_READABLE);
    *out = l;
    return 0;
}

static int tcp_failed(struct pp_error *error, const uint8_t address[16], uint16_t port)
{
    char text[46];
    int why = errno;
    pp_address_text(text, address);
    const char *cure =
        why == EADDRINUSE      ? "another program listens there; stop it or choose another port"
        : why == EADDRNOTAVAIL ? "this machine has no such address; choose one that it has"
        : why == EACCES        ? "ports below 1024 need a privilege; choose a higher one"
                               : "check the address and the limit of open files";
    return pp_fail(error, PP_IO, "Cannot listen at TCP address %s port %u: %s: %s.", text, port,
                   strerror(why), cure);
}

static uint16_t bound_port(int fd)
{
    union pp_sockaddr a = {0};
    uint8_t address[16];
    socklen_t len = sizeof a;
    return getsockname(fd, &a.any, &len) == 0 ? pp_sockaddr_get(&a, address) : 0;
}

int pp_listener_open(struct pp_listener **listener, struct pp_loop *loop, const uint8_t address[16],
                     uint16_t port, pp_accepted_fn *fn, void *ctx, struct pp_error *error)
{
    union pp_sockaddr a;
    int one = 1;
    socklen_t len = pp_sockaddr_put(&a, pp_sockaddr_family(address), address, port);
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return tcp_failed(error, address, port);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &a.any, len) != 0 || listen(fd, SOMAXCONN) != 0) {
        tcp_failed(error, address, port);
        close(fd);
        return PP_IO;
    }
    int err = start(listener, loop, fd, NULL, fn, ctx);
    if (err) {
        close(fd);
        return pp_fail(error, err, "Out of memory while opening a TCP listener.");
    }
    (*listener)->port = bound_port(fd);
    return 0;
}

/* Is the socket file one whose server is gone? Then another may take its place. */
static bool dead_socket(const union address *a, socklen_t len)
{
    struct stat st;
    if (lstat(a->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, &a->any, len) != 0 && errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return dead;
}

static int bind_unix(int fd, const union address *a, socklen_t len)
{
    mode_t mask = umask(0177);
    int err = bind(fd, &a->any, len);
    if (err != 0 && errno == EADDRINUSE) {
        if (dead_socket(a, len) && unlink(a->un.sun_path) == 0) {
            err = bind(fd, &a->any, len);
        } else {
            errno = EADDRINUSE;
        }
    }
    umask(mask);
    return err;
}

int pp_listener_open_unix(struct pp_listener **listener, struct pp_loop *loop, const char *path,
                          pp_accepted_fn *fn, void *ctx, struct pp_error *error)
{
    union address a = {0};
    if (strlen(path) >= sizeof a.un.sun_path) {
        return pp_fail(error, PP_IO,
                       "Cannot listen at \"%s\": a socket's path has at most %zu "
                       "octets; choose a shorter one.",
                       path, sizeof a.un.sun_path - 1);
    }
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_unix(fd, &a, sizeof a.un) != 0 || listen(fd, SOMAXCONN) != 0) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return pp_fail(error, PP_IO, "Cannot listen at the unix socket \"%s\": %s: %s.", path,
                       strerror(why),
                       why == EADDRINUSE ? "another program serves it, or it is no socket"
                                         : "check the folder and its permissions");
    }
    int err = start(listener, loop, fd, path, fn, ctx);
    if (err) {
        close(fd);
        unlink(path);
        return pp_fail(error, err, "Out of memory while opening a unix socket.");
    }
    return 0;
}
