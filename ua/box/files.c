/*
 * Small steps on files that journal, spool and Maildir share; see files.h. It must not know what
 * the files hold.
 */
#include <box/files.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int pp_box_code(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? PP_FULL : PP_IO;
}

int pp_box_write(int fd, struct pp_bytes bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return pp_box_code(errno);
        }
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return PP_OK;
}

/* The folder part of a path, "." when it has none. */
static int parent_of(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= PATH_MAX) {
        return PP_IO;
    }
    if (!slash) {
        out[0] = '.';
    } else if (len == 0) {
        out[0] = '/';
        len = 1;
    } else {
        memcpy(out, path, len);
    }
    out[len] = '\0';
    return PP_OK;
}

int pp_box_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(folder, sizeof folder, "%s", path);
    } else if (parent_of(folder, path) != PP_OK) {
        return PP_IO;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return PP_IO;
    }
    int rc = fsync(fd) == 0 ? PP_OK : PP_IO;
    close(fd);
    return rc;
}

int pp_box_make_folder(const char *path, struct pp_error *error)
{
    char at[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof at) {
        return pp_fail(error, PP_IO, "folder name of %zu octets: use a shorter one", len);
    }
    memcpy(at, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (at[i] != '/' && at[i] != '\0') {
            continue;
        }
        char keep = at[i];
        at[i] = '\0';
        if (mkdir(at, 0700) != 0 && errno != EEXIST) {
            return pp_fail(error, PP_IO, "cannot make folder %s: %s", at, strerror(errno));
        }
        at[i] = keep;
    }
    return PP_OK;
}

int pp_box_lock(const char *path, struct pp_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_fail(error, PP_IO, "cannot open lock file %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        close(fd);
        if (number == EWOULDBLOCK) {
            return pp_fail(
                error, PP_BUSY,
                "another peerpost of this user is at work (it holds %s): try again later", path);
        }
        return pp_fail(error, PP_IO, "cannot lock %s: %s", path, strerror(number));
    }
    return fd;
}
