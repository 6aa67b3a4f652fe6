/* Whole files; see file.h. */
#include <base/file.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct pp_error *error, const char *verb, const char *path)
{
    return pp_fail(error, errno == ENOENT ? PP_NOT_FOUND : PP_IO, "cannot %s %s: %s", verb, path,
                   strerror(errno));
}

int pp_file_read(struct pp_buf *out, const char *path, size_t max, struct pp_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(error, "open", path);
    }
    int bad = PP_OK;
    size_t before = out->len;
    for (;;) {
        size_t room = 16384;
        if (pp_buf_reserve(out, room) != PP_OK) {
            bad = pp_fail(error, PP_NOMEM, "no memory to read %s", path);
            break;
        }
        ssize_t n = read(fd, out->data + out->len, room);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            bad = pp_fail(error, PP_IO, "cannot read %s: %s", path, strerror(errno));
            break;
        }
        out->len += (size_t)n;
        out->data[out->len] = 0;
        if (n == 0) {
            break;
        }
        if (out->len - before > max) {
            bad = pp_fail(error, PP_TOO_BIG, "%s is over %zu octets, no such file is that big",
                          path, max);
            break;
        }
    }
    close(fd);
    return bad;
}

/* The folder of `path`: "." for a bare name. */
static void folder_of(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (len == 0) {
        memcpy(out, ".", 2);
        return;
    }
    len = len < PATH_MAX ? len : PATH_MAX - 1;
    memcpy(out, path, len);
    out[len] = 0;
}

static int write_all(int fd, struct pp_bytes bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int bad = fsync(fd);
    close(fd);
    return bad;
}

int pp_file_write(const char *path, struct pp_bytes bytes, mode_t mode, struct pp_error *error)
{
    char aside[PATH_MAX], folder[PATH_MAX];
    int n = snprintf(aside, sizeof aside, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof aside) {
        errno = ENAMETOOLONG;
        return fail(error, "write", path);
    }
    folder_of(folder, path);
    int fd = mkstemp(aside);
    if (fd < 0) {
        return fail(error, "write a file beside", path);
    }
    int bad = write_all(fd, bytes) || fchmod(fd, mode) || fsync(fd);
    int saved = errno;
    bad = close(fd) || bad;
    errno = bad ? saved : errno;
    if (bad || rename(aside, path) || sync_folder(folder)) {
        int code = fail(error, "write", path);
        unlink(aside);
        return code;
    }
    return PP_OK;
}

int pp_folder_make(const char *path, mode_t mode, struct pp_error *error)
{
    struct stat st;
    if (mkdir(path, mode) == 0 ||
        (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))) {
        return PP_OK;
    }
    return fail(error, "make the folder", path);
}

static bool is_closed(const struct stat *st)
{
    return (st->st_mode & 077) == 0 && (st->st_uid == geteuid() || st->st_uid == 0);
}

int pp_file_is_private(int fd, const char *path, struct pp_error *error)
{
    char folder[PATH_MAX];
    struct stat st;
    if (fstat(fd, &st)) {
        return fail(error, "look at", path);
    }
    if (!is_closed(&st)) {
        return pp_fail(error, PP_DENIED,
                       "%s can be read by others (mode %03o): run chmod 600 on it, as its owner",
                       path, (unsigned)st.st_mode & 0777);
    }
    folder_of(folder, path);
    if (stat(folder, &st)) {
        return fail(error, "look at", folder);
    }
    if (!is_closed(&st)) {
        return pp_fail(error, PP_DENIED,
                       "the folder %s holds a private key and is open to others (mode %03o): run "
                       "chmod 700 on it, as its owner",
                       folder, (unsigned)st.st_mode & 0777);
    }
    return PP_OK;
}
