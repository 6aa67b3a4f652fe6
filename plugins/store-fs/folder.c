/*
 * The folder of a flat-file store: locking, creation (aside, synced, renamed, the folder around it
 * synced), listing, syncing. Knows no rows.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = {"log", "index", "objects", "inboxes", "bodies", "quarantine"};
#define FOLDERS (sizeof folders / sizeof *folders)

int fs_code(int error)
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

static int open_dir(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int take_lock(struct fs_store *s, const char *path, struct pp_error *error)
{
    s->path = open_dir(AT_FDCWD, path);
    if (s->path < 0) {
        return errno == ENOENT ? pp_fail(error, PP_NOT_FOUND, "%s: there is no store", path)
                               : pp_fail(error, PP_BROKEN, "%s: %s", path, strerror(errno));
    }
    if (flock(s->path, LOCK_EX | LOCK_NB) < 0) {
        return pp_fail(error, PP_BUSY,
                       "%s: the store is open already: stop the other peerpostd, or give this one "
                       "a store.path of its own",
                       path);
    }
    return PP_OK;
}

int fs_folder_open(struct fs_store *s, const char *path, struct pp_error *error)
{
    s->path = s->log = s->index = s->store.folder = -1;
    int err = take_lock(s, path, error);
    err = err ? err : fs_state_read(s, path, error);
    if (err) {
        return err;
    }
    s->log = open_dir(s->path, "log");
    s->index = open_dir(s->path, "index");
    s->store.folder = open_dir(s->path, "bodies");
    if (s->log < 0 || s->index < 0 || s->store.folder < 0) {
        return pp_fail(error, PP_BROKEN, "%s: a folder of the store is missing: %s", path,
                       strerror(errno));
    }
    return PP_OK;
}

void fs_folder_close(struct fs_store *s)
{
    const int fds[] = {s->store.folder, s->index, s->log, s->path}; /* the lock goes last */
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

int fs_sync_all(struct fs_store *s)
{
    return !pp_mutant("store-nosync-body") && syncfs(s->path) < 0 ? fs_code(errno) : PP_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void clear_aside(const char *aside)
{
    nftw(aside, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int make_parts(int aside, uint64_t slot, const uint8_t epoch[16])
{
    const struct fs_state state = {.segment = 1};
    int fd, log, err = PP_OK;
    for (size_t i = 0; i < FOLDERS; i++) {
        if (mkdirat(aside, folders[i], 0700) < 0) {
            return fs_code(errno);
        }
    }
    log = open_dir(aside, "log");
    for (size_t n = 0; !err && n < 2; n++) {
        err = fs_slot_create(log, n, slot, &fd);
        if (!err) {
            close(fd);
        }
    }
    if (log >= 0) {
        close(log);
    }
    return err ? err : fs_state_write(aside, epoch, &state);
}

static int make_empty(const char *aside, uint64_t slot, const uint8_t epoch[16],
                      struct pp_error *error)
{
    int fd = mkdir(aside, 0700) < 0 ? -1 : open_dir(AT_FDCWD, aside);
    if (fd < 0) {
        return pp_fail(error, PP_BROKEN,
                       "%s: the store's folder cannot be made: %s; make the folder around it and "
                       "let this user write there",
                       aside, strerror(errno));
    }
    int err = make_parts(fd, slot, epoch);
    close(fd);
    return err ? pp_fail(error, err, "%s: cannot be written: %s", aside, strerror(errno)) : PP_OK;
}

static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        slash[slash == parent] = '\0';
    }
    int fd = open_dir(AT_FDCWD, slash ? parent : ".");
    int rc = fd < 0 ? -1 : pp_mutant("store-nosync") ? 0 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

int fs_folder_create(const char *path, uint64_t slot, const uint8_t epoch[16],
                     struct pp_error *error)
{
    char aside[PATH_MAX];
    if (snprintf(aside, sizeof aside, "%s.creating", path) >= (int)sizeof aside - 16) {
        return pp_fail(error, PP_BROKEN, "%s: the path is too long", path);
    }
    clear_aside(aside);
    int err = make_empty(aside, slot, epoch, error);
    if (err) {
        clear_aside(aside);
        return err;
    }
    pp_crash("store-create-synced");
    if (rename(aside, path) < 0) {
        err = pp_fail(error, PP_BROKEN,
                      "%s: a new store cannot be put there: %s; give store.path an empty or a new "
                      "folder, or move the store that is there by peerpostd --migrate-store",
                      path, strerror(errno));
        clear_aside(aside);
        return err;
    }
    pp_crash("store-create-renamed");
    return sync_parent(path) < 0
               ? pp_fail(error, PP_BROKEN, "%s: the folder around it cannot be synced: %s", path,
                         strerror(errno))
               : PP_OK;
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_name));
}

static int list_folder(int fd, struct pp_buf *names)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *entry;
    if (!folder) {
        close(fd);
        return PP_BROKEN;
    }
    while ((entry = readdir(folder)) != NULL) {
        struct pp_name name;
        if (pp_unhex(name.b, sizeof name.b, pp_str(entry->d_name)) == PP_OK) {
            pp_buf_add(names, name.b, sizeof name.b);
        }
    }
    closedir(folder);
    return names->failed ? PP_NOMEM : PP_OK;
}

int fs_folder_list(struct fs_store *s, enum pp_kind kind, struct pp_name **names, size_t *n)
{
    struct pp_buf all = {0};
    int err = PP_OK;
    for (unsigned i = 0; !err && i < 256; i++) {
        char path[16];
        snprintf(path, sizeof path, "%s/%02x", kind == PP_INBOX ? "inboxes" : "objects", i);
        int fd = open_dir(s->path, path);
        if (fd >= 0) {
            err = list_folder(fd, &all);
        } else if (errno != ENOENT) {
            err = fs_code(errno);
        }
    }
    if (err) {
        pp_buf_free(&all);
        return err;
    }
    *n = all.len / sizeof **names;
    *names = (struct pp_name *)(void *)all.data; /* octets: no alignment asked for */
    if (*n > 1) {
        qsort(*names, *n, sizeof **names, by_name);
    }
    return PP_OK;
}
