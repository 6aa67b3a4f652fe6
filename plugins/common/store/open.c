/* Opening and closing the rows: counters, format, epoch, the sweep of what was never put. */
#include "layout.h"

#include <peerpost/crash.h>

static int fresh_rows(struct pp_store *s, const uint8_t epoch[16])
{
    struct rows_key key = rows_key('A');
    uint8_t row[ROWS_META_LEN];
    memcpy(s->epoch, epoch, sizeof s->epoch);
    s->meta = (struct rows_meta){.next_serial = 1};
    rows_meta_encode(row, &s->meta, s->epoch);
    struct pp_batch *b = rows_begin(s);
    if (!b) {
        return PP_BROKEN;
    }
    int err = rows_set(b, &key, pp_bytes(row, sizeof row));
    if (err) {
        rows_abort(b);
        return err;
    }
    return rows_commit(b);
}

static int load_meta(struct pp_store *s, struct pp_error *error)
{
    struct rows_key key = rows_key('A');
    struct pp_bytes value;
    uint32_t format = 0;
    struct pp_view *v = rows_begin_view(s);
    int err = v ? rows_get(v, &key, &value) : PP_BROKEN;
    err = err ? err : rows_meta_decode(&s->meta, s->epoch, &format, value);
    if (v) {
        rows_end_view(v);
    }
    if (err == PP_FORMAT) {
        return pp_fail(error, err,
                       "the store has format %u, this version reads format %u: use the version "
                       "that wrote it, or migrate the store",
                       format, ROWS_FORMAT);
    }
    return err ? pp_fail(error, PP_BROKEN,
                         "the store's first row cannot be read: restore it, or move the folder "
                         "away and start with an empty store")
               : PP_OK;
}

int rows_open(struct pp_store *s, const uint8_t epoch[16], bool fresh, struct pp_error *error)
{
    pthread_mutex_init(&s->lock, NULL);
    int err = fresh ? fresh_rows(s, epoch) : load_meta(s, error);
    if (err && !fresh) {
        return err;
    }
    if (pp_mutant("store-forget-seq")) {
        s->meta.last_seq = 0;
    }
    if (!s->no_sweep && !pp_mutant("store-no-sweep")) {
        err = err ? err : rows_sweep(s);
    }
    return err ? pp_fail(error, err, "the store's first write failed: %s", pp_error_text(err)) : 0;
}

void rows_finish(struct pp_store *s)
{
    rows_bodies_free(s);
    rows_damage_free(s);
    rows_files_reap(s, true);
    pthread_mutex_destroy(&s->lock);
}
