/*
 * Blobs of the live pp_net: in memory while small, then in an unnamed file of mode 0600, so that
 * plain text leaves nothing behind when the process dies. Reading is safe beside other readers, on
 * any thread, once nobody writes any more.
 */
#include <net_live_internal.h>

#include <box/files.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL (64 * 1024)

struct pp_blob {
    atomic_uint refs;
    struct pp_buf octets; /* while fd < 0 */
    int fd;
    bool linkable; /* opened unnamed: it may yet get a name */
    uint64_t size;
    bool failed; /* a write went wrong: what is there is not all */
};

static struct pp_blob *make(void)
{
    struct pp_blob *b = calloc(1, sizeof *b);
    if (b) {
        atomic_init(&b->refs, 1);
        b->fd = -1;
    }
    return b;
}

struct pp_blob *pp_live_blob_new(struct pp_net_impl *net)
{
    (void)net;
    return make();
}

struct pp_blob *pp_live_blob_from(int fd)
{
    struct stat st;
    struct pp_blob *b = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? make() : NULL;
    if (!b) {
        close(fd);
        return NULL;
    }
    b->fd = fd;
    b->size = (uint64_t)st.st_size;
    return b;
}

struct pp_blob *pp_net_live_blob(int fd)
{
    return fd < 0 ? NULL : pp_live_blob_from(fd);
}

struct pp_blob *pp_live_blob_ref(struct pp_blob *b)
{
    atomic_fetch_add(&b->refs, 1);
    return b;
}

void pp_live_blob_free(struct pp_net_impl *net, struct pp_blob *b)
{
    (void)net;
    if (!b || atomic_fetch_sub(&b->refs, 1) > 1) {
        return;
    }
    pp_buf_wipe(&b->octets);
    if (b->fd >= 0) {
        close(b->fd);
    }
    free(b);
}

/* An unnamed file in the folder; where the file system has none, a file that loses its name. */
static int open_unnamed(const char *folder, bool *linkable)
{
    int fd = folder ? open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    *linkable = fd >= 0;
    if (fd >= 0 || !folder || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
        return fd;
    }
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/.blob-XXXXXX", folder);
    fd = n > 0 && (size_t)n < sizeof path ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

static int write_at(int fd, uint64_t offset, struct pp_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(fd, bytes.data, bytes.len, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return pp_box_code(n < 0 ? errno : ENOSPC);
        }
        offset += (uint64_t)n;
        bytes = pp_bytes(bytes.data + n, bytes.len - (size_t)n);
    }
    return PP_OK;
}

static int spill(struct pp_net_impl *net, struct pp_blob *b)
{
    int fd = open_unnamed(net->blobs, &b->linkable);
    if (fd < 0) {
        return net->blobs ? pp_box_code(errno) : PP_IO;
    }
    int code = write_at(fd, 0, pp_buf_bytes(&b->octets));
    if (code != PP_OK) {
        close(fd);
        return code;
    }
    b->fd = fd;
    pp_buf_wipe(&b->octets);
    return PP_OK;
}

int pp_live_blob_write(struct pp_net_impl *net, struct pp_blob *b, struct pp_bytes bytes)
{
    int code = b->failed ? PP_IO : PP_OK;
    if (code == PP_OK && b->fd < 0 && b->octets.len + bytes.len > SMALL) {
        code = spill(net, b);
    }
    if (code == PP_OK && bytes.len > 0) {
        code = b->fd < 0 ? pp_buf_add(&b->octets, bytes.data, bytes.len)
                         : write_at(b->fd, b->size, bytes);
    }
    if (code == PP_OK) {
        b->size += bytes.len;
    } else {
        b->failed = true;
    }
    return code;
}

int64_t pp_live_blob_read(struct pp_net_impl *net, struct pp_blob *b, uint64_t offset, void *out,
                          size_t cap)
{
    (void)net;
    if (b->failed) {
        return PP_IO;
    }
    size_t n = offset >= b->size ? 0 : b->size - offset < cap ? (size_t)(b->size - offset) : cap;
    if (n == 0) {
        return 0;
    }
    if (b->fd < 0) {
        memcpy(out, b->octets.data + offset, n);
        return (int64_t)n;
    }
    ssize_t got;
    do {
        got = pread(b->fd, out, n, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got > 0 ? got : PP_IO; /* never short of its size */
}

uint64_t pp_live_blob_size(struct pp_net_impl *net, struct pp_blob *b)
{
    (void)net;
    return b->size;
}

/* ---- getting a name ---- */

static int link_fd(int fd, const char *path)
{
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

static int copy_into(struct pp_blob *b, int fd)
{
    uint8_t piece[65536];
    for (uint64_t at = 0; at < b->size;) {
        int64_t n = pp_live_blob_read(NULL, b, at, piece, sizeof piece);
        int code = n > 0 ? write_at(fd, at, pp_bytes(piece, (size_t)n)) : PP_IO;
        if (code != PP_OK) {
            return code;
        }
        at += (uint64_t)n;
    }
    return PP_OK;
}

/* Where nothing unnamed can get a name: a named file beside, then a link, never a rename, which
 * would go over what is there. */
static int link_by_name(struct pp_blob *b, const char *path)
{
    char aside[4200];
    snprintf(aside, sizeof aside, "%.4000s.%d.part", path, (int)getpid());
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return pp_box_code(errno);
    }
    int code = copy_into(b, fd);
    if (code == PP_OK && fsync(fd) != 0) {
        code = pp_box_code(errno);
    }
    close(fd);
    if (code == PP_OK && link(aside, path) != 0) {
        code = errno == EEXIST ? PP_EXISTS : pp_box_code(errno);
    }
    unlink(aside);
    return code;
}

int pp_live_blob_link(struct pp_blob *b, const char *folder, const char *path)
{
    bool linkable = b->linkable && b->fd >= 0;
    int fd = linkable ? b->fd : open_unnamed(folder, &linkable);
    if (fd < 0) {
        return pp_box_code(errno);
    }
    int code = PP_OK;
    if (fd != b->fd) {
        code = linkable ? copy_into(b, fd) : PP_OK;
    }
    int why = EXDEV;
    if (code == PP_OK && linkable) {
        code = fsync(fd) == 0 ? PP_OK : pp_box_code(errno);
        why = code == PP_OK ? link_fd(fd, path) : 0;
    }
    if (fd != b->fd) {
        close(fd);
    }
    if (code == PP_OK && why == EEXIST) {
        code = PP_EXISTS;
    } else if (code == PP_OK && why != 0) {
        code = link_by_name(b, path); /* another file system, or no /proc */
    }
    int synced = code == PP_OK || code == PP_EXISTS ? pp_box_sync_folder(folder) : PP_OK;
    return synced == PP_OK ? code : synced;
}
