/*
 * A migration from beginning to end; see migrate.h. The copy grows in PATH.migrating and takes its
 * place by one rename (where the original stands there: by one exchange of both), so a run killed
 * anywhere leaves the original as it was, or the whole copy; another run begins anew, or does what
 * was left to do.
 */
#include <node/migrate.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <peerpost/crash.h>

#define ASIDE ".migrating"

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int remove_tree(const char *path, struct pp_error *error)
{
    if (is_there(path) && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        return pp_fail(error, PP_IO, "%s, left by an earlier run, cannot be removed: %s", path,
                       strerror(errno));
    }
    return PP_OK;
}

/* A rename is durable when the folder around it is. */
static int sync_around(const char *path, struct pp_error *error)
{
    char folder[MIGRATE_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder] = '\0';
    }
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (rc < 0) {
        pp_fail(error, PP_IO, "the folder around %s cannot be synced: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc < 0 ? PP_IO : PP_OK;
}

static int rename_to(const char *from, const char *to, struct pp_error *error)
{
    return rename(from, to) == 0
               ? PP_OK
               : pp_fail(error, PP_IO, "%s cannot be renamed to %s: %s", from, to, strerror(errno));
}

static int open_store(struct migrate_store *m, const char *path, const uint8_t *epoch,
                      struct pp_error *error)
{
    uint8_t none[16] = {0};
    m->path = path;
    return m->api->open(&m->store, path, m->options, epoch ? epoch : none,
                        epoch ? PP_STORE_CREATE : 0, error);
}

static void close_store(struct migrate_store *m)
{
    if (m->store) {
        m->api->close(m->store);
        m->store = NULL;
    }
}

/* ---- before ---- */

/* Both at one path, and a run was killed between the exchange and the last rename: the original,
 * and nothing else, is then aside. */
static bool was_exchanged(struct migration *m, const char *aside)
{
    struct pp_error ignored;
    bool both = open_store(&m->from, aside, NULL, &ignored) == PP_OK &&
                open_store(&m->to, m->to_path, NULL, &ignored) == PP_OK;
    close_store(&m->to);
    close_store(&m->from);
    return both;
}

static int open_original(struct migration *m, struct pp_error *error)
{
    int err = open_store(&m->from, m->from_path, NULL, error);
    if (err == PP_BUSY) {
        return pp_fail(
            error, err,
            "%s is in use by a running node: stop it, then migrate (nothing was changed)",
            m->from_path);
    }
    if (err == PP_NOT_FOUND) {
        return pp_fail(error, err,
                       "%s holds no store of plugin %s: name the old one as "
                       "--migrate-store PLUGIN:PATH",
                       m->from_path, m->from.api->plugin.name);
    }
    return err;
}

static bool is_free(const char *path)
{
    return !is_there(path) || rmdir(path) == 0; /* an empty folder is as good as none */
}

static int check_places(const struct migration *m, bool same, struct pp_error *error)
{
    if (same && is_there(m->kept)) {
        return pp_fail(error, PP_EXISTS,
                       "%s, where the old store is to be kept, is there already (an earlier "
                       "migration's?): remove it or move it away",
                       m->kept);
    }
    if (!same && !is_free(m->to_path)) {
        return pp_fail(error, PP_EXISTS,
                       "%s, where the new store is to be, is there already: remove it or move it "
                       "away, or give another store.path",
                       m->to_path);
    }
    return PP_OK;
}

/* ---- copy, check ---- */

static int copy_aside(struct migration *m, const char *aside, struct pp_error *error)
{
    uint8_t epoch[16];
    m->from.api->epoch(m->from.store, epoch);
    int err = open_store(&m->to, aside, epoch, error);
    err = err ? err : migrate_copy(&m->from, &m->to, &m->progress, error);
    close_store(&m->to);
    return err;
}

/* Read back after a close, as the next node will read it. */
static int check_aside(struct migration *m, const char *aside, struct pp_error *error)
{
    struct migrate_sum copied;
    int err = open_store(&m->to, aside, NULL, error);
    if (err == PP_NOT_FOUND) {
        err =
            pp_fail(error, PP_CONFIG, "store plugin %s keeps nothing over a restart: take another",
                    m->to.api->plugin.name);
    }
    err =
        err ? err : migrate_sum_of(&m->from, &m->progress, "reading the old store", &m->sum, error);
    err = err ? err : migrate_sum_of(&m->to, &m->progress, "reading the new store", &copied, error);
    if (!err && !migrate_sum_equal(&m->sum, &copied, error)) {
        err = PP_BROKEN;
    }
    close_store(&m->to);
    return err;
}

/* ---- into place ---- */

static int keep_original(const struct migration *m, const char *aside, struct pp_error *error)
{
    int err = rename_to(aside, m->kept, error);
    return err ? err : sync_around(m->kept, error);
}

static int exchange(const struct migration *m, const char *aside, struct pp_error *error)
{
    if (renameat2(AT_FDCWD, aside, AT_FDCWD, m->to_path, RENAME_EXCHANGE) == 0) {
        pp_crash("migrate-exchanged");
        int err = sync_around(m->to_path, error);
        return err ? err : keep_original(m, aside, error);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return pp_fail(error, PP_IO, "%s and %s cannot be exchanged: %s", aside, m->to_path,
                       strerror(errno));
    }
    /* No exchange on this file system: two renames. Between them a rerun is to be told where the
     * old store is (PLUGIN:PATH). */
    int err = rename_to(m->to_path, m->kept, error);
    err = err ? err : rename_to(aside, m->to_path, error);
    return err ? err : sync_around(m->to_path, error);
}

static int put_in_place(const struct migration *m, const char *aside, bool same,
                        struct pp_error *error)
{
    pp_crash("migrate-checked");
    if (same) {
        return exchange(m, aside, error);
    }
    int err = rename_to(aside, m->to_path, error);
    return err ? err : sync_around(m->to_path, error);
}

int migrate_run(struct migration *m, struct pp_error *error)
{
    char aside[MIGRATE_PATH_MAX + sizeof ASIDE];
    bool same = strcmp(m->from_path, m->to_path) == 0;
    snprintf(aside, sizeof aside, "%s" ASIDE, m->to_path);
    snprintf(m->kept, sizeof m->kept, "%s", m->from_path);
    if (same && snprintf(m->kept, sizeof m->kept, "%s.%s", m->from_path,
                         m->from.api->plugin.name) >= (int)sizeof m->kept) {
        return pp_fail(error, PP_CONFIG, "%s: the path is too long", m->from_path);
    }
    int err = open_original(m, error);
    if (err == PP_NOT_FOUND && same && was_exchanged(m, aside)) {
        m->finished_only = true;
        return keep_original(m, aside, error);
    }
    err = err ? err : check_places(m, same, error);
    err = err ? err : remove_tree(aside, error);
    err = err ? err : copy_aside(m, aside, error);
    err = err ? err : check_aside(m, aside, error);
    err = err ? err : put_in_place(m, aside, same, error);
    close_store(&m->from); /* only now: no node may begin on it meanwhile */
    return err;
}
