/*
 * The rows' map over LMDB: one unnamed database. Snapshots come from a pool of reset transactions,
 * so that a view costs no lock of LMDB's; each has one cursor, which finds the next key of a walk
 * on the page it stands on.
 */
#include "lmdb_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <stdlib.h>

struct lmdb_txn {
    struct lmdb_txn *next;
    struct lmdb_store *s;
    MDB_txn *txn;
    MDB_cursor *cursor;
    bool write;
    struct lmdb_work work;
};

int lmdb_code(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return PP_OK;
    case MDB_NOTFOUND:
        return PP_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
        return PP_FULL;
    case MDB_BAD_TXN: /* doomed by an earlier MAP_FULL */
    case MDB_READERS_FULL:
    case ENOMEM:
        return PP_NOMEM;
    default:
        return PP_BROKEN;
    }
}

static MDB_val val(struct pp_bytes b)
{
    return (MDB_val){b.len, (void *)(uintptr_t)b.data};
}

static struct lmdb_txn *pooled(struct lmdb_store *s)
{
    pthread_mutex_lock(&s->lock_pool);
    struct lmdb_txn *t = s->pool;
    if (t) {
        s->pool = t->next;
        s->pooled--;
    }
    pthread_mutex_unlock(&s->lock_pool);
    return t;
}

static void txn_free(struct lmdb_txn *t)
{
    if (t->cursor) {
        mdb_cursor_close(t->cursor);
    }
    mdb_txn_abort(t->txn);
    free(t);
}

static int begin_read(struct lmdb_store *s, struct lmdb_txn **out)
{
    struct lmdb_txn *t = pooled(s);
    if (t) {
        int rc = mdb_txn_renew(t->txn);
        rc = rc || !t->cursor ? rc : mdb_cursor_renew(t->txn, t->cursor);
        if (rc) {
            txn_free(t);
            return lmdb_code(rc);
        }
        *out = t;
        return PP_OK;
    }
    t = calloc(1, sizeof *t);
    int rc = t ? mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->txn) : ENOMEM;
    if (rc) {
        free(t);
        return lmdb_code(rc);
    }
    t->s = s;
    *out = t;
    return PP_OK;
}

static int map_begin(void *env, bool write, void **out)
{
    struct lmdb_store *s = env;
    struct lmdb_txn *t = NULL;
    if (!write) {
        int err = begin_read(s, &t);
        *out = t;
        return err;
    }
    t = calloc(1, sizeof *t);
    int rc = t ? mdb_txn_begin(s->env, NULL, 0, &t->txn) : ENOMEM;
    if (rc) {
        free(t);
        return lmdb_code(rc);
    }
    t->s = s;
    t->write = true;
    *out = t;
    return PP_OK;
}

static void map_end(void *txn)
{
    struct lmdb_txn *t = txn;
    struct lmdb_store *s = t->s;
    if (t->write) {
        txn_free(t);
        return;
    }
    mdb_txn_reset(t->txn);
    pthread_mutex_lock(&s->lock_pool);
    bool keep = s->pooled < LMDB_POOL;
    if (keep) {
        t->next = s->pool;
        s->pool = t;
        s->pooled++;
    }
    pthread_mutex_unlock(&s->lock_pool);
    if (!keep) {
        txn_free(t);
    }
}

void lmdb_pool_free(struct lmdb_store *s)
{
    for (struct lmdb_txn *t; (t = pooled(s)) != NULL;) {
        txn_free(t);
    }
}

static int map_commit(void *txn, bool adding)
{
    struct lmdb_txn *t = txn;
    int err = t->work.rows && !pp_mutant("store-no-room")
                  ? lmdb_room_ensure(t->s, t->txn, &t->work, adding)
                  : PP_OK;
    if (err) {
        txn_free(t);
        return err;
    }
    if (t->cursor) {
        mdb_cursor_close(t->cursor);
    }
    int rc = mdb_txn_commit(t->txn);
    free(t);
    err = lmdb_code(rc);
    return err == PP_NOMEM ? PP_FULL : err;
}

static int map_get(void *txn, struct pp_bytes key, struct pp_bytes *value)
{
    struct lmdb_txn *t = txn;
    MDB_val k = val(key), v;
    int rc = mdb_get(t->txn, t->s->rows, &k, &v);
    if (rc == 0) {
        *value = pp_bytes(v.mv_data, v.mv_size);
    }
    return lmdb_code(rc);
}

static int map_seek(void *txn, struct pp_bytes from, struct pp_bytes *key, struct pp_bytes *value)
{
    struct lmdb_txn *t = txn;
    MDB_val k = val(from), v;
    int rc = t->cursor ? 0 : mdb_cursor_open(t->txn, t->s->rows, &t->cursor);
    rc = rc ? rc : mdb_cursor_get(t->cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0) {
        *key = pp_bytes(k.mv_data, k.mv_size);
        *value = pp_bytes(v.mv_data, v.mv_size);
    }
    return lmdb_code(rc);
}

static void worked(struct lmdb_txn *t, size_t value)
{
    t->work.rows++;
    t->work.pages += value > LMDB_PAGE / 2 - 256;
}

static int map_put(void *txn, struct pp_bytes key, struct pp_bytes value, bool last)
{
    struct lmdb_txn *t = txn;
    MDB_val k = val(key), v = val(value);
    int rc = mdb_put(t->txn, t->s->rows, &k, &v, last ? MDB_APPEND : 0);
    if (rc == MDB_KEYEXIST) {
        rc = mdb_put(t->txn, t->s->rows, &k, &v, 0);
    }
    worked(t, value.len);
    return lmdb_code(rc);
}

static int map_del(void *txn, struct pp_bytes key)
{
    struct lmdb_txn *t = txn;
    MDB_val k = val(key);
    int rc = mdb_del(t->txn, t->s->rows, &k, NULL);
    worked(t, 0);
    return lmdb_code(rc);
}

static uint64_t map_used(void *txn)
{
    struct lmdb_txn *t = txn;
    return lmdb_room_used(t->s, t->txn);
}

const struct rows_map lmdb_map = {
    .value_max = 4080, /* one page with its header: any free page will do */
    .inline_max = PP_PIECE_MAX,
    .begin = map_begin,
    .end = map_end,
    .commit = map_commit,
    .get = map_get,
    .seek = map_seek,
    .put = map_put,
    .del = map_del,
    .used = map_used,
};
