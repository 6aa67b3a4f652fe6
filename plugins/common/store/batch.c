/*
 * The one batch at a time: begin, commit, abort, and the writing of rows. A write that fails midway
 * dooms the whole batch (commit then undoes it and says so), so an operation need only ask for room
 * before its first write.
 */
#include "layout.h"

#include <peerpost/crash.h>

#include <stdlib.h>

#define SWEEP_A_BATCH 64 /* files looked at */

int rows_doom(struct pp_batch *b, int code)
{
    if (code == PP_FULL || code == PP_NOMEM) {
        b->failed = b->failed ? b->failed : PP_FULL;
        return PP_FULL;
    }
    b->failed = rows_broken(b->view.store);
    return PP_BROKEN;
}

int rows_ready(struct pp_batch *b)
{
    if (atomic_load(&b->view.store->broken)) {
        b->failed = PP_BROKEN;
    }
    return b->failed;
}

int rows_room(struct pp_batch *b, uint64_t octets)
{
    struct pp_usage u;
    int err = rows_ready(b);
    if (err) {
        return err;
    }
    rows_usage(&b->view, &u);
    b->adding = true;
    return u.octets > u.capacity || octets > u.capacity - u.octets ? PP_FULL : PP_OK;
}

int rows_set(struct pp_batch *b, const struct rows_key *key, struct pp_bytes value)
{
    int err = b->view.store->map->put(b->view.txn, rows_key_bytes(key), value, key->b[0] == 'Z');
    return err ? rows_doom(b, err) : PP_OK;
}

int rows_unset(struct pp_batch *b, const struct rows_key *key)
{
    int err = b->view.store->map->del(b->view.txn, rows_key_bytes(key));
    return err && err != PP_NOT_FOUND ? rows_doom(b, err) : PP_OK;
}

int rows_save(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
              const struct rows_head *head)
{
    struct pp_buf buf = {0};
    struct rows_key key = rows_key_head(kind, name);
    rows_head_encode(&buf, head);
    int err = buf.failed ? rows_doom(b, PP_NOMEM) : rows_set(b, &key, pp_buf_bytes(&buf));
    pp_buf_free(&buf);
    return err;
}

int rows_long_set(struct pp_batch *b, const struct rows_key *key, struct pp_bytes value)
{
    size_t max = b->view.store->map->value_max, first = value.len < max - 4 ? value.len : max - 4;
    struct pp_buf buf = {0};
    struct rows_key k = *key;
    uint8_t total[4];
    pp_put32(total, (uint32_t)value.len);
    pp_buf_add(&buf, total, sizeof total);
    pp_buf_add(&buf, value.data, first);
    int err = buf.failed ? rows_doom(b, PP_NOMEM) : rows_set(b, &k, pp_buf_bytes(&buf));
    pp_buf_free(&buf);
    for (uint16_t n = 1; !err && first < value.len; n++) {
        size_t len = value.len - first < max ? value.len - first : max;
        pp_put16(k.b + k.len - 2, n);
        err = rows_set(b, &k, pp_bytes(value.data + first, len));
        first += len;
    }
    return err;
}

int rows_long_unset(struct pp_batch *b, const struct rows_key *key)
{
    struct pp_bytes value;
    struct rows_key k = *key;
    int err = rows_get(&b->view, &k, &value);
    if (err) {
        return err == PP_NOT_FOUND ? PP_OK : rows_doom(b, err);
    }
    size_t max = b->view.store->map->value_max;
    size_t left = value.len >= 4 ? pp_get32(value.data) : 0;
    left -= left < max - 4 ? left : max - 4;
    err = rows_unset(b, &k);
    for (uint16_t n = 1; !err && left > 0; n++) {
        pp_put16(k.b + k.len - 2, n);
        err = rows_unset(b, &k);
        left -= left < max ? left : max;
    }
    return err;
}

struct pp_batch *rows_begin(struct pp_store *s)
{
    if (atomic_load(&s->broken) || s->batch) {
        return NULL;
    }
    rows_damage_mend(s);
    rows_files_reap(s, false);
    struct pp_batch *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->view.store = s;
    b->view.batch = b;
    b->meta = s->meta;
    int err = s->map->begin(s->env, true, &b->view.txn);
    if (err) {
        free(b);
        if (err == PP_BROKEN) {
            rows_broken(s);
        }
        return NULL;
    }
    s->batch = b;
    rows_sweep_on(b, SWEEP_A_BATCH);
    return b;
}

struct pp_view *rows_view(struct pp_batch *b)
{
    return &b->view;
}

/* Serials and sequences given in an undone batch stay spent while the store is open. */
static void over(struct pp_batch *b, bool committed)
{
    struct pp_store *s = b->view.store;
    rows_bodies_done(b, committed);
    if (committed) {
        s->meta = b->meta;
        pthread_mutex_lock(&s->lock);
        s->commits++;
        pthread_mutex_unlock(&s->lock);
    } else {
        s->meta.next_serial = b->meta.next_serial;
        s->meta.last_seq = b->meta.last_seq;
    }
    rows_files_settle(b, committed);
    rows_files_reap(s, false);
    rows_files_close(&b->view);
    rows_drop_held(&b->view);
    s->batch = NULL;
    free(b);
}

static int save_meta(struct pp_batch *b)
{
    struct pp_store *s = b->view.store;
    uint8_t row[ROWS_META_LEN];
    struct rows_key key = rows_key('A');
    if (memcmp(&b->meta, &s->meta, sizeof b->meta) == 0) {
        return PP_OK;
    }
    rows_meta_encode(row, &b->meta, s->epoch);
    return rows_set(b, &key, pp_bytes(row, sizeof row));
}

int rows_commit(struct pp_batch *b)
{
    struct pp_store *s = b->view.store;
    pp_crash("store-before-commit");
    int err = rows_ready(b);
    err = err ? err : rows_bodies_prepare(b);
    err = err ? err : save_meta(b);
    if (err) {
        rows_abort(b);
        return err;
    }
    err = s->map->commit(b->view.txn, b->adding);
    if (err && err != PP_FULL) {
        err = rows_broken(s);
    }
    if (!err) {
        pp_crash("store-committed");
    }
    over(b, err == PP_OK);
    return err;
}

void rows_abort(struct pp_batch *b)
{
    b->view.store->map->end(b->view.txn);
    over(b, false);
}
