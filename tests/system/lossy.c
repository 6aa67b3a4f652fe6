/*
 * Preloaded (LD_PRELOAD) into real programs: of the datagrams that they send over IP, LOSSY percent
 * are lost, though the sender is told otherwise, as on a bad line. Streams are left alone.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>

static bool is_lost(int fd)
{
    int type = 0;
    struct sockaddr_storage own = {0};
    socklen_t type_len = sizeof type, own_len = sizeof own;
    const char *percent = getenv("LOSSY");
    unsigned char dice = 255;
    if (!percent || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 ||
        type != SOCK_DGRAM || getsockname(fd, (struct sockaddr *)&own, &own_len) != 0 ||
        (own.ss_family != AF_INET && own.ss_family != AF_INET6) ||
        getrandom(&dice, sizeof dice, 0) != sizeof dice) {
        return false;
    }
    return dice * 100 < atoi(percent) * 256;
}

ssize_t sendto(int fd, const void *octets, size_t n, int flags,
               __CONST_SOCKADDR_ARG to /* the C library's own type for it */, socklen_t len)
{
    static ssize_t (*real)(int, const void *, size_t, int, __CONST_SOCKADDR_ARG, socklen_t);
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "sendto");
    }
    return is_lost(fd) ? (ssize_t)n : real(fd, octets, n, flags, to, len);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    size_t n = 0;
    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    }
    if (!is_lost(fd)) {
        return real(fd, m, flags);
    }
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        n += m->msg_iov[i].iov_len;
    }
    return (ssize_t)n;
}

int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
    for (unsigned i = 0; i < n; i++) {
        ssize_t sent = sendmsg(fd, &m[i].msg_hdr, flags);
        if (sent < 0) {
            return i ? (int)i : -1;
        }
        m[i].msg_len = (unsigned)sent;
    }
    return (int)n;
}
