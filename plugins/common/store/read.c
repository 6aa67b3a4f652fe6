/*
 * Reading: views, heads, bodies, certificate sets, usage. Everything handed out is lent until the
 * view ends: a snapshot lends the map's own memory, a batch lends copies, because its next write
 * may move the row.
 */
#include "layout.h"

#include <peerpost/crash.h>

#include <stdlib.h>

struct rows_held {
    struct rows_held *next;
    uint8_t octets[];
};

void *rows_hold(struct pp_view *v, size_t len)
{
    struct rows_held *held = malloc(sizeof *held + len);
    if (!held) {
        return NULL;
    }
    held->next = v->held;
    v->held = held;
    return held->octets;
}

void rows_drop_held(struct pp_view *v)
{
    while (v->held) {
        struct rows_held *next = v->held->next;
        free(v->held);
        v->held = next;
    }
}

void rows_forget(struct pp_view *v)
{
    const struct rows_map *map = v->store->map;
    rows_drop_held(v);
    rows_files_close(v);
    if (map->forget) {
        map->forget(v->txn);
    }
}

int rows_lend(struct pp_view *v, struct pp_bytes *bytes)
{
    if (!v->batch || bytes->len == 0 || pp_mutant("store-lend-moving")) {
        return PP_OK;
    }
    void *copy = rows_hold(v, bytes->len);
    if (!copy) {
        return PP_NOMEM;
    }
    memcpy(copy, bytes->data, bytes->len);
    bytes->data = copy;
    return PP_OK;
}

int rows_broken(struct pp_store *s)
{
    atomic_store(&s->broken, !pp_mutant("store-not-broken"));
    return PP_BROKEN;
}

int rows_get(struct pp_view *v, const struct rows_key *key, struct pp_bytes *value)
{
    int err = v->store->map->get(v->txn, rows_key_bytes(key), value);
    return err == PP_BROKEN ? rows_broken(v->store) : err;
}

int rows_next(struct pp_view *v, const struct rows_key *from, size_t prefix, struct rows_key *key,
              struct pp_bytes *value)
{
    struct pp_bytes found;
    int err = v->store->map->seek(v->txn, rows_key_bytes(from), &found, value);
    if (err) {
        return err == PP_BROKEN ? rows_broken(v->store) : err;
    }
    if (found.len < prefix || memcmp(found.data, from->b, prefix) != 0) {
        return PP_NOT_FOUND;
    }
    if (found.len > sizeof key->b) {
        return rows_broken(v->store);
    }
    memcpy(key->b, found.data, found.len);
    key->len = found.len;
    return PP_OK;
}

int rows_load(struct pp_view *v, enum pp_kind kind, const struct pp_name *name,
              struct rows_head *head)
{
    struct rows_key key = rows_key_head(kind, name);
    struct pp_bytes value;
    int err = rows_get(v, &key, &value);
    if (err) {
        return err;
    }
    if (rows_head_decode(head, value) != PP_OK) {
        return rows_broken(v->store);
    }
    if ((err = rows_lend(v, &head->h.identifier)) != PP_OK) {
        return err;
    }
    return head->tombstone ? PP_GONE : PP_OK;
}

/* The chunks after the first, behind what the first held. */
static int gather(struct pp_view *v, const struct rows_key *key, uint8_t *out, size_t have,
                  size_t total)
{
    for (uint16_t n = 1; have < total; n++) {
        struct rows_key k = *key;
        struct pp_bytes chunk;
        pp_put16(k.b + k.len - 2, n);
        int err = rows_get(v, &k, &chunk);
        if (err == PP_NOT_FOUND || (!err && (chunk.len == 0 || chunk.len > total - have))) {
            return rows_broken(v->store);
        }
        if (err) {
            return err;
        }
        memcpy(out + have, chunk.data, chunk.len);
        have += chunk.len;
    }
    return PP_OK;
}

int rows_long_get(struct pp_view *v, const struct rows_key *key, struct pp_bytes *value)
{
    struct pp_bytes first;
    int err = rows_get(v, key, &first);
    if (err) {
        return err;
    }
    if (first.len < 4) {
        return rows_broken(v->store);
    }
    size_t total = pp_get32(first.data), have = first.len - 4;
    *value = pp_bytes(first.data + 4, have);
    if (have == total) {
        return rows_lend(v, value);
    }
    if (have > total) {
        return rows_broken(v->store);
    }
    uint8_t *whole = rows_hold(v, total);
    if (!whole) {
        return PP_NOMEM;
    }
    memcpy(whole, first.data + 4, have);
    *value = pp_bytes(whole, total);
    return gather(v, key, whole, have, total);
}

void rows_epoch(const struct pp_store *s, uint8_t epoch[16])
{
    memcpy(epoch, s->epoch, 16);
}

struct pp_view *rows_begin_view(struct pp_store *s)
{
    struct pp_view *v = atomic_load(&s->broken) ? NULL : calloc(1, sizeof *v);
    if (!v) {
        return NULL;
    }
    v->store = s;
    /* Counted before the snapshot begins, so that no file it can see is unlinked. */
    pthread_mutex_lock(&s->lock);
    v->commits = s->commits;
    v->next = s->views;
    if (v->next) {
        v->next->prev = v;
    }
    s->views = v;
    pthread_mutex_unlock(&s->lock);
    int err = s->map->begin(s->env, false, &v->txn);
    if (err) {
        v->txn = NULL;
        rows_end_view(v);
        if (err == PP_BROKEN) {
            rows_broken(s);
        }
        return NULL;
    }
    return v;
}

void rows_end_view(struct pp_view *v)
{
    struct pp_store *s = v->store;
    if (v->txn) {
        s->map->end(v->txn);
    }
    pthread_mutex_lock(&s->lock);
    if (v->prev) {
        v->prev->next = v->next;
    } else {
        s->views = v->next;
    }
    if (v->next) {
        v->next->prev = v->prev;
    }
    pthread_mutex_unlock(&s->lock);
    rows_files_close(v);
    rows_drop_held(v);
    free(v);
}

int rows_head(struct pp_view *v, enum pp_kind kind, const struct pp_name *name,
              struct pp_head *head)
{
    struct rows_head row;
    int err = rows_load(v, kind, name, &row);
    if (err == PP_OK || err == PP_GONE) {
        *head = row.h;
    }
    return err;
}

/* Records of a body in rows from an offset: up to PP_SPANS_MAX of them, up to PP_PIECE_MAX. */
static int read_records(struct pp_view *v, const struct pp_name *name, const struct pp_head *h,
                        uint64_t offset, struct pp_spans *spans)
{
    size_t max = v->store->map->value_max, room = PP_PIECE_MAX;
    while (offset < h->size && spans->n < PP_SPANS_MAX && room > 0) {
        uint32_t n = (uint32_t)(offset / max);
        struct rows_key key = rows_key_body(v->store, name, h->serial, n);
        struct pp_bytes record;
        uint64_t skip = offset % max, left = h->size - offset;
        int err = rows_get(v, &key, &record);
        if (err == PP_NOT_FOUND || (!err && (record.len <= skip || record.len - skip > left))) {
            return rows_lost(v, PP_OBJECT, name);
        }
        if (err) {
            return err;
        }
        struct pp_bytes span = pp_bytes(record.data + skip, record.len - (size_t)skip);
        span.len = span.len < room ? span.len : room;
        if ((err = rows_lend(v, &span)) != PP_OK) {
            return err;
        }
        spans->span[spans->n++] = span;
        offset += span.len;
        room -= span.len;
    }
    return PP_OK;
}

int rows_read(struct pp_view *v, const struct pp_name *name, uint64_t serial, uint64_t offset,
              struct pp_spans *spans)
{
    struct rows_head head;
    spans->n = 0;
    spans->fd = -1;
    spans->fd_offset = 0;
    spans->fd_len = 0;
    int err = rows_load(v, PP_OBJECT, name, &head);
    if (err == PP_GONE || (!err && head.h.serial != serial)) {
        return PP_NOT_FOUND;
    }
    if (err) {
        return err;
    }
    if (offset > head.h.size) {
        return PP_INVALID;
    }
    if (head.large && offset < head.h.size) {
        return rows_file_read(v, name, &head.h, offset, spans);
    }
    return read_records(v, name, &head.h, offset, spans);
}

int rows_member(struct pp_view *v, const struct pp_name *name, const uint8_t keyid[32],
                struct pp_bytes *der)
{
    struct rows_head head;
    int err = rows_load(v, PP_OBJECT, name, &head);
    if (err) {
        return err;
    }
    struct rows_key key = rows_key_name('C', name);
    rows_key_add(&key, keyid, 32);
    rows_key_add(&key, "\0", 2);
    err = rows_long_get(v, &key, der);
    return !err && der->len == 0 ? PP_TAKEN : err;
}

int rows_members(struct pp_view *v, const struct pp_name *name, pp_member_fn *fn, void *ctx)
{
    struct rows_head head;
    int err = rows_load(v, PP_OBJECT, name, &head);
    if (err) {
        return err;
    }
    struct rows_key from = rows_key_name('C', name), key;
    size_t prefix = from.len;
    struct pp_bytes value;
    while ((err = rows_next(v, &from, prefix, &key, &value)) == PP_OK) {
        uint8_t keyid[32];
        if (key.len != prefix + 34) {
            return rows_broken(v->store);
        }
        memcpy(keyid, key.b + prefix, 32);
        err = rows_long_get(v, &key, &value);
        err = err ? err : fn(ctx, keyid, value);
        if (err) {
            return err;
        }
        from = key;
        memset(from.b + prefix + 32, 0xff, 2); /* past this one's chunks */
        rows_key_add(&from, "", 1);
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

int rows_read_meta(struct pp_view *v, struct rows_meta *meta)
{
    struct rows_key key = rows_key('A');
    struct pp_bytes value;
    uint8_t epoch[16];
    uint32_t format;
    if (v->batch) {
        *meta = v->batch->meta;
        return PP_OK;
    }
    int err = rows_get(v, &key, &value);
    return err ? err : rows_meta_decode(meta, epoch, &format, value);
}

void rows_usage(struct pp_view *v, struct pp_usage *usage)
{
    struct rows_meta meta = {0};
    struct pp_store *s = v->store;
    memset(usage, 0, sizeof *usage);
    if (rows_read_meta(v, &meta) != PP_OK) {
        rows_broken(s);
    }
    usage->octets = s->map->used(v->txn) + meta.large + atomic_load(&s->pending) -
                    (v->batch ? v->batch->put_octets : 0);
    usage->capacity = s->capacity;
    usage->objects = meta.objects;
    usage->inboxes = meta.inboxes;
    usage->tombstones = meta.tombstones;
    usage->damaged = atomic_load(&s->damaged);
}

uint64_t rows_last_seq(struct pp_view *v)
{
    struct rows_meta meta = {0};
    return rows_read_meta(v, &meta) ? 0 : meta.last_seq;
}

/* One line of the access index or of the tombstones'. */
static int listed(struct pp_view *v, const struct rows_key *key, struct pp_listed *out)
{
    struct rows_head head;
    if (key->len != ROWS_INDEX_LEN) {
        return rows_broken(v->store);
    }
    out->kind = key->b[17] == PP_INBOX ? PP_INBOX : PP_OBJECT;
    memcpy(out->name.b, key->b + 18, 32);
    int err = rows_load(v, out->kind, &out->name, &head);
    if (err == PP_NOT_FOUND) {
        return rows_lost(v, out->kind, &out->name);
    }
    out->tombstone = err == PP_GONE;
    out->head = head.h;
    return err == PP_GONE ? PP_OK : err;
}

int rows_oldest(struct pp_view *v, struct pp_cursor *cursor, struct pp_listed *out)
{
    struct rows_key from = rows_key('S'), key;
    struct pp_bytes value;
    int n = 0, err = PP_OK;
    if (cursor->b[0] > 0 && cursor->b[0] <= ROWS_INDEX_LEN) {
        from.len = cursor->b[0];
        memcpy(from.b, cursor->b + 1, from.len);
        rows_key_add(&from, "", 1);
    }
    while (n < PP_OLDEST_MAX && (err = rows_next(v, &from, 0, &key, &value)) == PP_OK) {
        if (key.b[0] != 'S' && key.b[0] != 'T') {
            break;
        }
        err = listed(v, &key, &out[n]);
        if (err && err != PP_NOT_FOUND) {
            return err;
        }
        n += err == PP_OK;
        from = key;
        cursor->b[0] = (uint8_t)key.len;
        memcpy(cursor->b + 1, key.b, key.len);
        rows_key_add(&from, "", 1);
    }
    return err && err != PP_NOT_FOUND ? err : n;
}
