/*
 * Files of large bodies, one a body, named by its serial. Space is preallocated ahead (so that a
 * full disk shows here and not at the commit), write-out begins with each piece and is awaited four
 * pieces back, so that the sync of a commit finds little left to do. A file is unlinked only after
 * the commit that removed it, and when no view can still want it.
 */
#include "layout.h"

#include <peerpost/crash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALLOCATE_MIN ((uint64_t)1024 * 1024)
#define ALLOCATE_MAX ((uint64_t)16 * 1024 * 1024)
#define BEHIND ((uint64_t)4 * PP_PIECE_MAX)

struct rows_file {
    struct rows_file *next;
    uint64_t serial;
    int fd;
};

static void file_name(char out[24], uint64_t serial)
{
    snprintf(out, 24, "%llu", (unsigned long long)serial);
}

static int code_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return PP_FULL;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return PP_NOMEM;
    default:
        return PP_BROKEN;
    }
}

int rows_file_create(struct pp_store *s, uint64_t serial, int *fd)
{
    char name[24];
    file_name(name, serial);
    *fd = openat(s->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*fd >= 0) {
        return PP_OK;
    }
    int code = code_of(errno);
    return code == PP_NOMEM ? PP_FULL : code;
}

static int allocate(int fd, uint64_t from, uint64_t len)
{
    int rc;
    do {
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)len);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? errno : 0;
}

/* Space up to `need`: a good deal ahead, or when the disk is nearly full just that. */
static int reach(int fd, uint64_t need, uint64_t *allocated)
{
    if (need <= *allocated) {
        return PP_OK;
    }
    uint64_t ahead = *allocated < ALLOCATE_MIN   ? ALLOCATE_MIN
                     : *allocated > ALLOCATE_MAX ? ALLOCATE_MAX
                                                 : *allocated;
    uint64_t least = need - *allocated, len = ahead > least ? ahead : least;
    int error = allocate(fd, *allocated, len);
    if (error == ENOSPC && len > least) {
        len = least;
        error = allocate(fd, *allocated, len);
    }
    if (error == EOPNOTSUPP || error == ENOSYS) {
        return PP_OK; /* the write itself will tell */
    }
    if (!error) {
        *allocated += len;
    }
    return error ? code_of(error) : PP_OK;
}

/* Begins the write-out of this piece and awaits the one four back. */
static int write_out(int fd, uint64_t offset, size_t len)
{
    const unsigned both =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    int rc = sync_file_range(fd, (off_t)offset, (off_t)len, SYNC_FILE_RANGE_WRITE);
    if (rc == 0 && offset >= BEHIND) {
        rc = sync_file_range(fd, (off_t)(offset - BEHIND), PP_PIECE_MAX, both);
    }
    return rc < 0 && (errno == EIO || errno == ENOSPC) ? PP_BROKEN : PP_OK;
}

int rows_file_write(int fd, uint64_t offset, struct pp_bytes bytes, uint64_t *allocated)
{
    int err = reach(fd, offset + bytes.len, allocated);
    size_t done = 0;
    while (!err && done < bytes.len) {
        ssize_t n = pwrite(fd, bytes.data + done, bytes.len - done, (off_t)(offset + done));
        if (n < 0 && errno != EINTR) {
            err = code_of(errno);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return err || bytes.len == 0 ? err : write_out(fd, offset, bytes.len);
}

int rows_file_sync(int fd, uint64_t size)
{
    if (ftruncate(fd, (off_t)size) < 0) {
        return PP_BROKEN;
    }
    return !pp_mutant("store-nosync-body") && fdatasync(fd) < 0 ? PP_BROKEN : PP_OK;
}

int rows_folder_sync(struct pp_store *s)
{
    return !pp_mutant("store-nosync-body") && fsync(s->folder) < 0 ? PP_BROKEN : PP_OK;
}

static int open_file(struct pp_view *v, uint64_t serial, int *fd)
{
    char name[24];
    for (struct rows_file *f = v->files; f; f = f->next) {
        if (f->serial == serial) {
            *fd = f->fd;
            return PP_OK;
        }
    }
    struct rows_file *f = malloc(sizeof *f);
    if (!f) {
        return PP_NOMEM;
    }
    file_name(name, serial);
    f->fd = openat(v->store->folder, name, O_RDONLY | O_CLOEXEC);
    if (f->fd < 0) {
        int error = errno;
        free(f);
        /* One lost file is one lost copy, not a broken store: others hold the body. */
        return error == ENOENT ? PP_NOT_FOUND : code_of(error);
    }
    f->serial = serial;
    f->next = v->files;
    v->files = f;
    *fd = f->fd;
    return PP_OK;
}

int rows_file_read(struct pp_view *v, const struct pp_name *name, const struct pp_head *head,
                   uint64_t offset, struct pp_spans *spans)
{
    struct stat st;
    int fd = -1, err = v->store->folder < 0 ? PP_BROKEN : open_file(v, head->serial, &fd);
    if (err == PP_NOT_FOUND || (!err && fstat(fd, &st) == 0 && (uint64_t)st.st_size < head->size)) {
        rows_damaged(v->store, PP_OBJECT, name); /* gone, or cut short */
        return PP_NOT_FOUND;
    }
    if (err) {
        return err == PP_BROKEN ? rows_broken(v->store) : err;
    }
    uint64_t left = head->size - offset;
    spans->fd = fd;
    spans->fd_offset = offset;
    spans->fd_len = left < PP_PIECE_MAX ? (size_t)left : PP_PIECE_MAX;
    return PP_OK;
}

int rows_file_size(const struct pp_store *s, uint64_t serial, uint64_t *size)
{
    struct stat st;
    char name[24];
    file_name(name, serial);
    *size = 0;
    if (s->folder < 0 || fstatat(s->folder, name, &st, 0) < 0) {
        return PP_NOT_FOUND;
    }
    *size = (uint64_t)st.st_size;
    return PP_OK;
}

void rows_files_close(struct pp_view *v)
{
    while (v->files) {
        struct rows_file *next = v->files->next;
        close(v->files->fd);
        free(v->files);
        v->files = next;
    }
}

int rows_file_doom(struct pp_batch *b, uint64_t serial)
{
    struct rows_doomed *d = malloc(sizeof *d);
    if (!d) {
        return rows_doom(b, PP_NOMEM);
    }
    *d = (struct rows_doomed){.next = b->doomed, .serial = serial};
    b->doomed = d;
    return PP_OK;
}

bool rows_file_is_doomed(const struct pp_store *s, uint64_t serial)
{
    for (const struct rows_doomed *d = s->doomed; d; d = d->next) {
        if (d->serial == serial) {
            return true;
        }
    }
    return false;
}

void rows_file_unlink(struct pp_store *s, uint64_t serial)
{
    char name[24];
    file_name(name, serial);
    pp_crash("store-unlink");
    unlinkat(s->folder, name, 0); /* left over: the next open sweeps it */
}

void rows_files_settle(struct pp_batch *b, bool committed)
{
    struct pp_store *s = b->view.store;
    while (b->doomed) {
        struct rows_doomed *d = b->doomed;
        b->doomed = d->next;
        if (!committed) {
            free(d);
            continue;
        }
        d->commits = s->commits;
        d->next = s->doomed;
        s->doomed = d;
    }
}

void rows_files_reap(struct pp_store *s, bool all)
{
    uint64_t oldest = UINT64_MAX;
    if (!s->doomed) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    for (struct pp_view *v = s->views; v; v = v->next) {
        oldest = v->commits < oldest ? v->commits : oldest;
    }
    pthread_mutex_unlock(&s->lock);
    for (struct rows_doomed **at = &s->doomed, *d; (d = *at) != NULL;) {
        if (!all && d->commits > oldest && !pp_mutant("store-unlink-early")) {
            at = &d->next;
            continue;
        }
        rows_file_unlink(s, d->serial);
        *at = d->next;
        free(d);
    }
}

void *rows_files_walk(struct pp_store *s)
{
    int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder && fd >= 0) {
        close(fd);
    }
    return folder;
}

bool rows_files_next(void *walk, uint64_t *serial)
{
    const struct dirent *entry;
    while ((entry = readdir(walk)) != NULL) {
        char *end;
        *serial = strtoull(entry->d_name, &end, 10);
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9' && *end == '\0') {
            return true;
        }
    }
    return false;
}

void rows_files_end(void *walk)
{
    if (walk) {
        closedir(walk);
    }
}
