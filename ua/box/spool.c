/*
 * The spool folder; see spool.h: write aside, sync, rename, sync the folder. It must not know what
 * a file holds.
 */
#include <box/spool.h>

#include <base/crash.h>
#include <box/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct pp_spool_file {
    char aside[PATH_MAX], path[PATH_MAX];
    int fd;
};

/* A full disk is for the user to mend, and only her message waits for it. */
static int fail(struct pp_error *error, int code, const char *what, const char *path)
{
    return pp_fail(error, code, "cannot %s %s: %s%s", what, path, strerror(errno),
                   code == PP_FULL ? "; make room on its disk and send again" : "");
}

int pp_spool_begin(struct pp_spool_file **out, const char *folder, const char *name,
                   struct pp_error *error)
{
    struct pp_spool_file *f = calloc(1, sizeof *f);
    if (!f) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    int a = snprintf(f->aside, sizeof f->aside, "%s/.%s.tmp", folder, name);
    int b = snprintf(f->path, sizeof f->path, "%s/%s", folder, name);
    f->fd = a < PATH_MAX && b < PATH_MAX
                ? open(f->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                : -1;
    if (f->fd < 0) {
        int rc = fail(error, pp_box_code(errno), "write into the spool", folder);
        free(f);
        return rc;
    }
    *out = f;
    return PP_OK;
}

int pp_spool_add(struct pp_spool_file *f, struct pp_bytes bytes, struct pp_error *error)
{
    int rc = pp_box_write(f->fd, bytes);
    return rc == PP_OK ? rc : fail(error, rc, "write", f->aside);
}

void pp_spool_abort(struct pp_spool_file *f)
{
    if (f) {
        close(f->fd);
        unlink(f->aside);
        free(f);
    }
}

int pp_spool_commit(struct pp_spool_file *f, struct pp_error *error)
{
    pp_crash("spool-written");
    if (fsync(f->fd) != 0) {
        int rc = fail(error, pp_box_code(errno), "sync", f->aside);
        pp_spool_abort(f);
        return rc;
    }
    pp_crash("spool-synced");
    if (rename(f->aside, f->path) != 0) {
        int rc = pp_fail(error, PP_IO, "cannot name %s: %s", f->path, strerror(errno));
        pp_spool_abort(f);
        return rc;
    }
    pp_crash("spool-renamed");
    int rc = pp_box_sync_folder(f->path);
    if (rc != PP_OK) {
        pp_fail(error, rc, "cannot sync the spool folder of %s", f->path);
        unlink(f->path);
    }
    pp_crash("spool-folder-synced");
    close(f->fd);
    free(f);
    return rc;
}

static void sweep(int folder, const char *name)
{
    struct stat st;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".tmp") == 0 && fstatat(folder, name, &st, 0) == 0 &&
        st.st_mtime < time(NULL) - 86400) {
        unlinkat(folder, name, 0);
    }
}

int pp_spool_each(const char *folder, int (*fn)(void *ctx, const char *name), void *ctx)
{
    DIR *d = opendir(folder);
    if (!d) {
        return PP_IO;
    }
    int rc = PP_OK;
    for (struct dirent *e = readdir(d); e && rc == PP_OK; e = readdir(d)) {
        if (e->d_name[0] == '.') {
            sweep(dirfd(d), e->d_name);
        } else {
            rc = fn(ctx, e->d_name);
        }
    }
    closedir(d);
    return rc;
}
