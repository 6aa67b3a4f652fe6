/*
 * The folder of a store: its path, its lock, and its creation: aside (PATH.creating), synced,
 * renamed to PATH, the folder around it synced, so that half a store is none. Knows nothing of what
 * lies in it.
 */
#include "layout.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int rows_folder_at(int at, const char *path)
{
    return openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int rows_path_clean(char clean[PATH_MAX], const char *path, struct pp_error *error)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0 || len >= PATH_MAX - 32) { /* room for names below and beside it */
        return pp_fail(error, PP_BROKEN, "%s: no path of a store", path);
    }
    memcpy(clean, path, len);
    clean[len] = '\0';
    return PP_OK;
}

int rows_folder_lock(int *fd, const char *path, struct pp_error *error)
{
    *fd = rows_folder_at(AT_FDCWD, path);
    if (*fd < 0) {
        return errno == ENOENT ? pp_fail(error, PP_NOT_FOUND, "%s: there is no store", path)
                               : pp_fail(error, PP_BROKEN, "%s: %s", path, strerror(errno));
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        return pp_fail(error, PP_BUSY,
                       "%s: the store is open already: stop the other peerpostd, or give this one "
                       "a store.path of its own",
                       path);
    }
    return PP_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* What an interrupted creation left, or this one. */
static void clear(const char *aside)
{
    nftw(aside, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        slash[slash == parent] = '\0';
    }
    int fd = rows_folder_at(AT_FDCWD, slash ? parent : ".");
    int rc = fd < 0 ? -1 : pp_mutant("store-nosync") ? 0 : fsync(fd);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int move_in(const char *aside, const char *path, struct pp_error *error)
{
    pp_crash("store-create-synced");
    if (rename(aside, path) < 0) {
        return pp_fail(error, PP_BROKEN,
                       "%s: a new store cannot be put there: %s; give store.path an empty or a new "
                       "folder, or move the store that is there by peerpostd --migrate-store",
                       path, strerror(errno));
    }
    pp_crash("store-create-renamed");
    return sync_parent(path) < 0
               ? pp_fail(error, PP_BROKEN, "%s: the folder around it cannot be synced: %s", path,
                         strerror(errno))
               : PP_OK;
}

int rows_folder_create(const char *path, rows_make_fn *make, void *ctx, struct pp_error *error)
{
    char aside[PATH_MAX];
    if (snprintf(aside, sizeof aside, "%s.creating", path) >= (int)sizeof aside - 16) {
        return pp_fail(error, PP_BROKEN, "%s: the path is too long", path);
    }
    clear(aside);
    if (mkdir(aside, 0700) < 0) {
        return pp_fail(error, PP_BROKEN,
                       "%s: the store's folder cannot be made: %s; make the folder around it and "
                       "let this user write there",
                       aside, strerror(errno));
    }
    int err = make(ctx, aside, error);
    err = err ? err : move_in(aside, path, error);
    if (err) {
        clear(aside);
    }
    return err;
}
