/*
 * The folder of an LMDB store. A new one is made aside: an LMDB whose first write was torn never
 * opens again. A store is opened once: its folder is locked, against this process too.
 */
#include "lmdb_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVE_MIN ((uint64_t)1024 * 1024)
#define RESERVE_MAX ((uint64_t)4 * 1024 * 1024)

static int open_env(struct lmdb_store *s, const char *path, unsigned readers)
{
    unsigned flags = MDB_NOTLS | (pp_mutant("store-nosync") ? MDB_NOSYNC : 0);
    uint64_t map = 2 * s->store.capacity + 64 * RESERVE_MAX;
    MDB_txn *txn = NULL;
    int rc = mdb_env_create(&s->env);
    /* Address space only: what is used of it the accounts decide. */
    rc = rc ? rc : mdb_env_set_mapsize(s->env, (size_t)(map & ~(uint64_t)(LMDB_PAGE - 1)));
    rc = rc ? rc : mdb_env_set_maxreaders(s->env, readers);
    rc = rc ? rc : mdb_env_open(s->env, path, flags, 0600);
    rc = rc ? rc : mdb_env_get_fd(s->env, &s->data);
    rc = rc ? rc : mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    rc = rc ? rc : mdb_dbi_open(txn, NULL, 0, &s->rows);
    return rc ? rc : mdb_txn_commit(txn);
}

static int env_failure(const char *path, int rc, struct pp_error *error)
{
    if (rc == MDB_VERSION_MISMATCH) {
        return pp_fail(error, PP_FORMAT,
                       "%s: data.mdb has another LMDB format than this LMDB reads (%d): %s", path,
                       MDB_VERSION_MAJOR, mdb_strerror(rc));
    }
    return pp_fail(error, PP_BROKEN,
                   "%s: LMDB cannot open the store: %s; restore it, or move the folder away and "
                   "start with an empty store",
                   path, mdb_strerror(rc));
}

static int take_lock(struct lmdb_store *s, const char *path, struct pp_error *error)
{
    struct stat st;
    int err = rows_folder_lock(&s->path, path, error);
    if (err) {
        return err;
    }
    if (fstatat(s->path, "data.mdb", &st, 0) < 0) {
        return pp_fail(error, PP_NOT_FOUND, "%s: the folder holds no store", path);
    }
    return PP_OK;
}

int lmdb_open_folder(struct lmdb_store *s, const char *path, unsigned readers,
                     struct pp_error *error)
{
    s->store.folder = -1;
    pthread_mutex_init(&s->lock_pool, NULL);
    int err = take_lock(s, path, error);
    if (err) {
        return err;
    }
    if (mkdirat(s->path, "bodies", 0700) < 0 && errno != EEXIST) {
        return pp_fail(error, PP_BROKEN, "%s/bodies: %s", path, strerror(errno));
    }
    s->store.folder = rows_folder_at(s->path, "bodies");
    if (s->store.folder < 0) {
        return pp_fail(error, PP_BROKEN, "%s/bodies: %s", path, strerror(errno));
    }
    int rc = open_env(s, path, readers);
    if (rc) {
        return env_failure(path, rc, error);
    }
    uint64_t reserve = s->store.capacity / 20;
    s->reserve = reserve < RESERVE_MIN   ? RESERVE_MIN
                 : reserve > RESERVE_MAX ? RESERVE_MAX
                                         : reserve;
    s->store.map = &lmdb_map;
    s->store.env = s;
    lmdb_room_open(s);
    return PP_OK;
}

void lmdb_close_folder(struct lmdb_store *s)
{
    lmdb_pool_free(s);
    if (s->env) {
        mdb_env_close(s->env);
    }
    if (s->store.folder >= 0) {
        close(s->store.folder);
    }
    if (s->path >= 0) {
        close(s->path); /* the lock goes with it */
    }
    pthread_mutex_destroy(&s->lock_pool);
}

struct creation {
    uint64_t capacity;
    const uint8_t *epoch;
};

static int make_empty(void *ctx, const char *aside, struct pp_error *error)
{
    const struct creation *c = ctx;
    struct lmdb_store s = {.store.capacity = c->capacity, .path = -1, .store.folder = -1};
    char file[PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/data.mdb", aside);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_fail(error, PP_BROKEN, "%s: %s", file, strerror(errno));
    }
    close(fd);
    int err = lmdb_open_folder(&s, aside, 8, error);
    if (!err) {
        err = rows_open(&s.store, c->epoch, true, error);
        rows_finish(&s.store);
    }
    if (!err && !pp_mutant("store-nosync") && (fsync(s.store.folder) < 0 || fsync(s.path) < 0)) {
        err = pp_fail(error, PP_BROKEN, "%s: cannot be synced: %s", aside, strerror(errno));
    }
    lmdb_close_folder(&s);
    return err;
}

int lmdb_create(const char *path, uint64_t capacity, const uint8_t epoch[16],
                struct pp_error *error)
{
    struct creation c = {capacity, epoch};
    return rows_folder_create(path, make_empty, &c, error);
}
