/* Connections to scanners; see scan.h. It must not know their protocols. */
#include <box/scan.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(char text[PP_SCAN_TEXT], const char *address, const char *why)
{
    snprintf(text, PP_SCAN_TEXT, "no scanner answers at %.100s: %.60s", address, why);
    return -1;
}

static void set_times(int fd)
{
    const struct timeval time = {.tv_sec = PP_SCAN_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static int connect_unix(const char *address, char text[PP_SCAN_TEXT])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = address + 5;
    if (strlen(path) >= sizeof at.sun_path) {
        return fail(text, address, "the path is too long");
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        fail(text, address, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int connect_first(const struct addrinfo *all)
{
    for (const struct addrinfo *a = all; a; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            return fd;
        }
        if (fd >= 0) {
            int saved = errno;
            close(fd);
            errno = saved;
        }
    }
    return -1;
}

static int connect_tcp(const char *address, char text[PP_SCAN_TEXT])
{
    char host[256];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    if (!colon || (size_t)(colon - address) >= sizeof host) {
        return fail(text, address, "it must be unix:PATH or HOST:PORT");
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    int rc = getaddrinfo(host, colon + 1, &hints, &all);
    if (rc != 0) {
        return fail(text, address, gai_strerror(rc));
    }
    int fd = connect_first(all);
    freeaddrinfo(all);
    return fd < 0 ? fail(text, address, strerror(errno)) : fd;
}

int pp_scan_connect(const char *address, char text[PP_SCAN_TEXT])
{
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    int fd = (is_unix ? connect_unix : connect_tcp)(address, text);
    if (fd >= 0) {
        set_times(fd);
    }
    return fd;
}

int pp_scan_write(int fd, const void *data, size_t len)
{
    const char *p = data;
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}
