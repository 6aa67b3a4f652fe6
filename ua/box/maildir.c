/*
 * Delivery into a Maildir; see maildir.h (and docs/security.md, durability). It must not know what
 * a message is.
 */
#include <box/maildir.h>

#include <base/crash.h>
#include <box/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_in(char out[PATH_MAX], const char *path, const char *folder, const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s/%s/%s", path, folder, name);
    return n > 0 && n < PATH_MAX && !strchr(name, '/') && name[0] != '.' ? PP_OK : PP_IO;
}

int pp_maildir_make(const char *path, struct pp_error *error)
{
    static const char *const folders[] = {"cur", "new", "tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char at[PATH_MAX];
        if (snprintf(at, sizeof at, "%s/%s", path, folders[i]) >= PATH_MAX) {
            return pp_fail(error, PP_IO, "user.maildir: the name is too long");
        }
        int rc = pp_box_make_folder(at, error);
        if (rc != PP_OK) {
            return rc;
        }
    }
    return PP_OK;
}

static int copy(int fd, pp_maildir_read *read, void *ctx)
{
    uint8_t piece[65536];
    for (uint64_t offset = 0;;) {
        int64_t n = read(ctx, offset, piece, sizeof piece);
        if (n <= 0) {
            return (int)n;
        }
        int rc = pp_box_write(fd, pp_bytes(piece, (size_t)n));
        if (rc != PP_OK) {
            return rc;
        }
        offset += (uint64_t)n;
        pp_crash("maildir-tmp-part");
    }
}

static int write_tmp(const char *tmp, pp_maildir_read *read, void *ctx)
{
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_box_code(errno);
    }
    int rc = copy(fd, read, ctx);
    pp_crash("maildir-tmp-written");
    if (rc == PP_OK && fsync(fd) != 0) {
        rc = pp_box_code(errno);
    }
    if (close(fd) != 0 && rc == PP_OK) {
        rc = PP_IO;
    }
    if (rc == PP_OK) {
        rc = pp_box_sync_folder(tmp);
    }
    if (rc != PP_OK) {
        unlink(tmp);
    }
    return rc;
}

int pp_maildir_keep(const char *path, const char *name, pp_maildir_read *read, void *ctx)
{
    char tmp[PATH_MAX], new[PATH_MAX];
    if (path_in(tmp, path, "tmp", name) != PP_OK || path_in(new, path, "new", name) != PP_OK) {
        return PP_IO;
    }
    struct stat st;
    if (lstat(tmp, &st) == 0) {
        if (st.st_nlink > 1 && !pp_mutant("maildir-ignore-links")) {
            return pp_box_sync_folder(new) == PP_OK ? PP_EXISTS : PP_IO;
        }
        unlink(tmp); /* written by half, or never linked */
    }
    int rc = write_tmp(tmp, read, ctx);
    if (rc != PP_OK) {
        return rc;
    }
    pp_crash("maildir-tmp-synced");
    if (link(tmp, new) != 0) {
        rc = errno == EEXIST ? PP_EXISTS : pp_box_code(errno);
        unlink(tmp);
        return rc;
    }
    pp_crash("maildir-linked");
    rc = pp_box_sync_folder(new);
    pp_crash("maildir-folder-synced");
    return rc;
}

void pp_maildir_settle(const char *path, const char *name)
{
    char tmp[PATH_MAX];
    if (path_in(tmp, path, "tmp", name) == PP_OK) {
        unlink(tmp);
    }
}

void pp_maildir_held(const char *path, void (*fn)(void *ctx, const char *name), void *ctx)
{
    char tmp[PATH_MAX];
    struct stat st;
    DIR *d = snprintf(tmp, sizeof tmp, "%s/tmp", path) < PATH_MAX ? opendir(tmp) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode)) {
            fn(ctx, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
}
