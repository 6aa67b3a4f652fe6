/*
 * Preloaded into a worker: makes one write or sync fail (PP_FAIL=call:n, with EIO), or records
 * what reaches the disk under PP_RECORD_UNDER into the file PP_RECORD, for powercut.py to replay.
 * Record: one octet of kind, 4 octets of path length, 8 of offset, 8 of data length, path, data.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, #name))

/* Is this the call that fails? */
static bool fails(const char *call)
{
    static int passed;
    const char *wanted = getenv("PP_FAIL");
    size_t len = strlen(call);
    if (!wanted || strncmp(wanted, call, len) != 0 || wanted[len] != ':') {
        return false;
    }
    pthread_mutex_lock(&lock);
    bool hit = ++passed == atoi(wanted + len + 1);
    pthread_mutex_unlock(&lock);
    errno = hit ? EIO : errno;
    return hit;
}

static void put(uint8_t *at, uint64_t v, int octets)
{
    while (octets-- > 0) {
        at[octets] = (uint8_t)v;
        v >>= 8;
    }
}

static bool watched(const char *path)
{
    const char *under = getenv("PP_RECORD_UNDER"), *acks = getenv("PP_ACKS");
    return getenv("PP_RECORD") && ((under && strncmp(path, under, strlen(under)) == 0) ||
                                   (acks && strcmp(path, acks) == 0));
}

static void record(char kind, const char *path, uint64_t offset, const void *data, size_t len)
{
    static int out = -1;
    uint8_t head[21] = {(uint8_t)kind};
    ssize_t (*real)(int, const struct iovec *, int) =
        REAL(ssize_t(*)(int, const struct iovec *, int), writev);
    if (!watched(path)) {
        return;
    }
    pthread_mutex_lock(&lock);
    if (out < 0) {
        int (*real_open)(const char *, int, ...) = REAL(int (*)(const char *, int, ...), open);
        out = real_open(getenv("PP_RECORD"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    put(head + 1, strlen(path), 4);
    put(head + 5, offset, 8);
    put(head + 13, len, 8);
    struct iovec parts[3] = {{head, sizeof head},
                             {(void *)(uintptr_t)path, strlen(path)},
                             {(void *)(uintptr_t)data, len}};
    if (real(out, parts, 3) < 0) {
        _exit(70);
    }
    pthread_mutex_unlock(&lock);
}

static bool path_of(int fd, char path[4096])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void record_fd(char kind, int fd, uint64_t offset, const void *data, size_t len)
{
    char path[4096];
    if (getenv("PP_RECORD") && path_of(fd, path)) {
        record(kind, path, offset, data, len);
        if (kind == 'W' && (fcntl(fd, F_GETFL) & O_DSYNC)) {
            record('D', path, offset, NULL, len); /* this write alone is on the disk */
        }
    }
}

static void record_at(char kind, int at, const char *path)
{
    char whole[8300], folder[4096] = "";
    if (!getenv("PP_RECORD")) {
        return;
    }
    if (path[0] != '/') {
        if (at == AT_FDCWD ? !getcwd(folder, sizeof folder) : !path_of(at, folder)) {
            return;
        }
    }
    snprintf(whole, sizeof whole, "%s%s%s", folder, folder[0] ? "/" : "", path);
    record(kind, whole, 0, NULL, 0);
}

static int opened(int fd, int at, const char *path, int flags)
{
    if (fd >= 0 && (flags & O_CREAT)) {
        record_at(flags & O_TRUNC ? 'T' : 'C', at, path);
    }
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(REAL(int (*)(const char *, int, ...), open)(path, flags, mode), AT_FDCWD, path,
                  flags);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(REAL(int (*)(const char *, int, ...), open64)(path, flags, mode), AT_FDCWD, path,
                  flags);
}

int openat(int at, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return opened(REAL(int (*)(int, const char *, int, ...), openat)(at, path, flags, mode), at,
                  path, flags);
}

#define PWRITE(name)                                                                               \
    ssize_t name(int fd, const void *data, size_t len, off_t offset)                               \
    {                                                                                              \
        if (fails("pwrite")) {                                                                     \
            return -1;                                                                             \
        }                                                                                          \
        ssize_t n =                                                                                \
            REAL(ssize_t(*)(int, const void *, size_t, off_t), name)(fd, data, len, offset);       \
        if (n > 0) {                                                                               \
            record_fd('W', fd, (uint64_t)offset, data, (size_t)n);                                 \
        }                                                                                          \
        return n;                                                                                  \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name)                                                                              \
    ssize_t name(int fd, const struct iovec *parts, int n_parts, off_t offset)                     \
    {                                                                                              \
        if (fails("pwrite")) {                                                                     \
            return -1;                                                                             \
        }                                                                                          \
        ssize_t n = REAL(ssize_t(*)(int, const struct iovec *, int, off_t),                        \
                         name)(fd, parts, n_parts, offset);                                        \
        ssize_t left = n;                                                                          \
        for (int i = 0; i < n_parts && left > 0; i++) {                                            \
            size_t len = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;        \
            record_fd('W', fd, (uint64_t)(offset + n - left), parts[i].iov_base, len);             \
            left -= (ssize_t)len;                                                                  \
        }                                                                                          \
        return n;                                                                                  \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

/* LMDB seeks, then writes pages in a row by this. */
ssize_t writev(int fd, const struct iovec *parts, int n_parts)
{
    char path[4096];
    if (fails("pwrite")) {
        return -1;
    }
    ssize_t n = REAL(ssize_t(*)(int, const struct iovec *, int), writev)(fd, parts, n_parts);
    ssize_t left = n;
    if (n > 0 && getenv("PP_RECORD") && path_of(fd, path) && watched(path)) {
        off_t end = lseek(fd, 0, SEEK_CUR);
        for (int i = 0; i < n_parts && left > 0; i++) {
            size_t len = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
            record_fd('W', fd, (uint64_t)(end - left), parts[i].iov_base, len);
            left -= (ssize_t)len;
        }
    }
    return n;
}

ssize_t write(int fd, const void *data, size_t len)
{
    char path[4096];
    ssize_t n = REAL(ssize_t(*)(int, const void *, size_t), write)(fd, data, len);
    const char *acks = getenv("PP_ACKS");
    if (n > 0 && getenv("PP_RECORD") && path_of(fd, path)) {
        bool ack = acks && strcmp(path, acks) == 0;
        off_t end = ack ? 0 : lseek(fd, 0, SEEK_CUR);
        record(ack ? 'A' : 'W', path, ack ? 0 : (uint64_t)(end - n), data, (size_t)n);
    }
    return n;
}

int fdatasync(int fd)
{
    if (fails("fdatasync")) {
        return -1;
    }
    int rc = REAL(int (*)(int), fdatasync)(fd);
    record_fd('S', fd, 0, NULL, 0);
    return rc;
}

int fsync(int fd)
{
    if (fails("fsync")) {
        return -1;
    }
    int rc = REAL(int (*)(int), fsync)(fd);
    record_fd('S', fd, 0, NULL, 0);
    return rc;
}

int syncfs(int fd)
{
    if (fails("syncfs")) {
        return -1;
    }
    int rc = REAL(int (*)(int), syncfs)(fd);
    record_fd('Y', fd, 0, NULL, 0);
    return rc;
}

#define TRUNCATE(name)                                                                             \
    int name(int fd, off_t size)                                                                   \
    {                                                                                              \
        int rc = REAL(int (*)(int, off_t), name)(fd, size);                                        \
        if (rc == 0) {                                                                             \
            record_fd('Z', fd, (uint64_t)size, NULL, 0);                                           \
        }                                                                                          \
        return rc;                                                                                 \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define FALLOCATE(name)                                                                            \
    int name(int fd, int mode, off_t offset, off_t len)                                            \
    {                                                                                              \
        int rc = REAL(int (*)(int, int, off_t, off_t), name)(fd, mode, offset, len);               \
        if (rc == 0 && mode == 0) {                                                                \
            record_fd('F', fd, (uint64_t)(offset + len), NULL, 0);                                 \
        }                                                                                          \
        return rc;                                                                                 \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

int mkdir(const char *path, mode_t mode)
{
    int rc = REAL(int (*)(const char *, mode_t), mkdir)(path, mode);
    if (rc == 0) {
        record_at('M', AT_FDCWD, path);
    }
    return rc;
}

int mkdirat(int at, const char *path, mode_t mode)
{
    int rc = REAL(int (*)(int, const char *, mode_t), mkdirat)(at, path, mode);
    if (rc == 0) {
        record_at('M', at, path);
    }
    return rc;
}

int unlinkat(int at, const char *path, int flags)
{
    int rc = REAL(int (*)(int, const char *, int), unlinkat)(at, path, flags);
    if (rc == 0) {
        record_at('U', at, path);
    }
    return rc;
}

int unlink(const char *path)
{
    int rc = REAL(int (*)(const char *), unlink)(path);
    if (rc == 0) {
        record_at('U', AT_FDCWD, path);
    }
    return rc;
}

int rename(const char *from, const char *to)
{
    int rc = REAL(int (*)(const char *, const char *), rename)(from, to);
    if (rc == 0) {
        record('R', from, 0, to, strlen(to));
    }
    return rc;
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    char whole_from[8300], whole_to[8300];
    int rc =
        REAL(int (*)(int, const char *, int, const char *), renameat)(from_at, from, to_at, to);
    if (rc == 0 && getenv("PP_RECORD") && path_of(from_at, whole_from) &&
        path_of(to_at, whole_to)) {
        size_t n = strlen(whole_from), m = strlen(whole_to);
        snprintf(whole_from + n, sizeof whole_from - n, "/%s", from);
        snprintf(whole_to + m, sizeof whole_to - m, "/%s", to);
        record('R', whole_from, 0, whole_to, strlen(whole_to));
    }
    return rc;
}
