/*
 * Transactions over the store. A snapshot shares the two tables and the runs of its moment; a row
 * is looked for in the changes (of a write transaction), the active table, the frozen one, and
 * then in files or runs. A commit is one log record; then its rows join the active table.
 */
#include "fs_store.h"

#include <stdlib.h>

#define HEAD_COST 2560 /* octets a file takes beside its text, about: half a block, an inode */

/* Index rows are part of their head's cost. */
uint64_t fs_row_cost(struct pp_bytes key, size_t value)
{
    switch (fs_key_type(key)) {
    case 'H':
        return HEAD_COST + 2 * value;
    case 'C':
    case 'Z':
        return 80 + value + value / 3;
    case 'I':
        return 160;
    case 'O':
        return value;
    default:
        return 0;
    }
}

/* The most that filling a row into files can take: a file of its own, written aside. */
static uint64_t debt_of(struct pp_bytes key, size_t value)
{
    return (fs_key_type(key) == 'H' ? 8192 : 0) + 2 * value;
}

const struct node *fs_map_find(const struct map *m, struct pp_bytes key)
{
    const struct node *n = m->root ? map_at(m, key) : NULL;
    return n && pp_bytes_equal(map_key(n), key) ? n : NULL;
}

int fs_apply(struct fs_table *table, struct pp_bytes key, struct pp_bytes value, unsigned mark)
{
    if (fs_key_type(key) == 'H' && mark == FS_PLAIN) { /* once born here, so till it is filled */
        const struct node *old = fs_map_find(&table->map, key);
        mark = old && map_mark(old) == FS_BORN ? FS_BORN : mark;
    }
    table->debt += mark == FS_GONE ? 0 : debt_of(key, value.len);
    return map_put_marked(&table->map, key, value, mark);
}

static int txn_begin(void *env, bool write, void **out)
{
    struct fs_store *s = env;
    struct fs_txn *t = calloc(1, sizeof *t);
    if (!t) {
        return PP_NOMEM;
    }
    t->s = s;
    t->write = write;
    if (write) {
        t->loose = map_share(&s->loose);
    }
    pthread_mutex_lock(&s->lock);
    t->active = map_share(&s->active.map);
    t->frozen = map_share(&s->frozen.map);
    t->runs = fs_runs_share(s->runs);
    memcpy(t->meta, s->state.meta, sizeof t->meta);
    t->has_meta = s->state.has_meta;
    t->used = s->used + (write ? 0 : s->loose_used);
    t->freezes = s->freezes;
    t->generation = s->generation;
    if (!write) {
        t->next = s->snapshots;
        if (t->next) {
            t->next->prev = t;
        }
        s->snapshots = t;
    }
    pthread_mutex_unlock(&s->lock);
    *out = t;
    return PP_OK;
}

static void leave(struct fs_txn *t)
{
    struct fs_store *s = t->s;
    pthread_mutex_lock(&s->lock);
    if (t->prev) {
        t->prev->next = t->next;
    } else {
        s->snapshots = t->next;
    }
    if (t->next) {
        t->next->prev = t->prev;
    }
    if (s->waiting) {
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
}

static void txn_forget(void *txn)
{
    struct fs_txn *t = txn;
    while (t->groups > 0) {
        fs_group_free(t->group[--t->groups]);
    }
}

static void txn_end(void *txn)
{
    struct fs_txn *t = txn;
    if (!t->write) {
        leave(t);
    }
    map_release(&t->changes);
    map_release(&t->loose);
    map_release(&t->active);
    map_release(&t->frozen);
    fs_runs_release(t->runs);
    txn_forget(t);
    free(t->group);
    free(t->listed);
    free(t);
}

bool fs_map_born(const struct map *m, enum pp_kind kind, const struct pp_name *name)
{
    struct rows_key key = rows_key_head(kind, name);
    const struct node *n = fs_map_find(m, rows_key_bytes(&key));
    return n && map_mark(n) == FS_BORN;
}

/* The file's rows, or none when all there are lie in the tables. */
static int load(struct fs_txn *t, enum pp_kind kind, const struct pp_name *name,
                struct fs_group **out)
{
    if (fs_map_born(&t->changes, kind, name) || fs_map_born(&t->active, kind, name) ||
        fs_map_born(&t->frozen, kind, name)) {
        *out = fs_group_empty(kind, name);
        return *out ? PP_OK : PP_NOMEM;
    }
    *out = fs_cache_find(t->s, t->generation, kind, name);
    if (*out) {
        return PP_OK;
    }
    int err = fs_group_load(t->s, kind, name, out);
    if (err == PP_BROKEN) { /* this one is lost, the others are whole */
        rows_damaged(&t->s->store, kind, name);
        *out = fs_group_empty(kind, name);
        err = *out ? PP_OK : PP_NOMEM;
    } else if (!err) {
        fs_cache_add(t->s, t->generation, *out);
    }
    return err;
}

int fs_txn_group(struct fs_txn *t, enum pp_kind kind, const struct pp_name *name,
                 struct fs_group **out)
{
    for (size_t i = t->groups; i-- > 0;) {
        struct fs_group *g = t->group[i];
        if (g->kind == kind && memcmp(g->name.b, name->b, sizeof name->b) == 0) {
            *out = g;
            return PP_OK;
        }
    }
    if (t->groups == t->groups_cap) {
        size_t cap = t->groups_cap ? 2 * t->groups_cap : 16;
        struct fs_group **more = realloc(t->group, cap * sizeof(struct fs_group *));
        if (!more) {
            return PP_NOMEM;
        }
        t->group = more;
        t->groups_cap = cap;
    }
    int err = load(t, kind, name, out);
    if (!err) {
        t->group[t->groups++] = *out;
    }
    return err;
}

/* What lies below the tables. */
static int get_base(struct fs_txn *t, struct pp_bytes key, struct pp_bytes *value)
{
    enum pp_kind kind;
    struct pp_name name;
    struct fs_group *g;
    if (key.data[0] == 'A') {
        *value = pp_bytes(t->meta, sizeof t->meta);
        return t->has_meta ? PP_OK : PP_NOT_FOUND;
    }
    if (fs_is_index(key)) {
        const uint8_t *line = NULL;
        int err = fs_runs_seek(t->runs, key, &line);
        if (err) {
            return err;
        }
        if (memcmp(line, key.data, key.len < FS_LINE_KEY ? key.len : FS_LINE_KEY) != 0) {
            return PP_NOT_FOUND;
        }
        *value = pp_bytes(line + 10, key.data[0] == 'L' ? 32 : 0);
        return PP_OK;
    }
    if (!fs_key_group(key, &kind, &name)) {
        return PP_NOT_FOUND;
    }
    int err = fs_txn_group(t, kind, &name, &g);
    const struct fs_row *row = err ? NULL : fs_group_find(g, key);
    if (row && pp_bytes_equal(row->key, key)) {
        *value = row->value;
        return PP_OK;
    }
    return err ? err : PP_NOT_FOUND;
}

int fs_get(void *txn, struct pp_bytes key, struct pp_bytes *value)
{
    struct fs_txn *t = txn;
    const struct node *n;
    if (key.data[0] == 'P' || key.data[0] == 'B') {
        n = fs_map_find(&t->loose, key);
        *value = n ? map_value(n) : pp_bytes(NULL, 0);
        return n ? PP_OK : PP_NOT_FOUND;
    }
    n = fs_map_find(&t->changes, key);
    n = n ? n : fs_map_find(&t->active, key);
    n = n ? n : fs_map_find(&t->frozen, key);
    if (!n) {
        return get_base(t, key, value);
    }
    *value = map_value(n);
    return map_mark(n) == FS_GONE ? PP_NOT_FOUND : PP_OK;
}

/* Takes the old row out of the account. PP_NOT_FOUND when there is none. */
static int discount(struct fs_txn *t, struct pp_bytes key)
{
    struct pp_bytes old;
    if (fs_row_cost(key, 0) == 0 && fs_key_type(key) != 'O') {
        return PP_OK; /* free of charge, and no caller asks whether there was one */
    }
    int err = fs_get(t, key, &old);
    t->used -= err ? 0 : fs_row_cost(key, old.len);
    return err;
}

static int txn_put(void *txn, struct pp_bytes key, struct pp_bytes value, bool last)
{
    struct fs_txn *t = txn;
    (void)last;
    if (key.data[0] == 'P' || key.data[0] == 'B') {
        return map_put(&t->loose, key, value);
    }
    int err = discount(t, key);
    if (err && err != PP_NOT_FOUND) {
        return err;
    }
    unsigned mark = FS_PLAIN;
    if (fs_key_type(key) == 'H') {
        const struct node *old = fs_map_find(&t->changes, key);
        mark = err == PP_NOT_FOUND || (old && map_mark(old) == FS_BORN) ? FS_BORN : FS_PLAIN;
    }
    t->used += fs_row_cost(key, value.len);
    t->debt += debt_of(key, value.len);
    return map_put_marked(&t->changes, key, value, mark);
}

static int txn_del(void *txn, struct pp_bytes key)
{
    struct fs_txn *t = txn;
    if (key.data[0] == 'P' || key.data[0] == 'B') {
        return map_del(&t->loose, key);
    }
    int err = discount(t, key);
    return err ? err : map_put_marked(&t->changes, key, pp_bytes(NULL, 0), FS_GONE);
}

static uint64_t txn_used(void *txn)
{
    const struct fs_txn *t = txn;
    return t->used + (t->write ? t->loose.used : 0);
}

/* Calls for each row of a map, in order. */
static int each(const struct map *m, int (*fn)(void *ctx, const struct node *row), void *ctx)
{
    struct rows_key from = {.len = 0};
    const struct node *row;
    int err = PP_OK;
    while (!err && (row = map_at(m, rows_key_bytes(&from))) != NULL) {
        err = fn(ctx, row);
        from.len = 0;
        rows_key_add(&from, map_key(row).data, map_key(row).len);
        rows_key_add(&from, "", 1);
    }
    return err;
}

static int to_record(void *ctx, const struct node *row)
{
    struct pp_buf *record = ctx;
    fs_record_add(record, map_key(row), map_value(row), map_mark(row));
    return record->failed ? PP_NOMEM : PP_OK;
}

static int to_table(void *ctx, const struct node *row)
{
    return fs_apply(ctx, map_key(row), map_value(row), map_mark(row));
}

void fs_freeze(struct fs_store *s, uint64_t least)
{
    pthread_mutex_lock(&s->lock);
    struct fs_table grown = {.map = map_share(&s->frozen.map),
                             .octets = s->frozen.octets + s->active.octets,
                             .debt = s->frozen.debt};
    bool due = s->active.octets > 0 && s->active.octets >= (s->stuck ? least / 4 : least);
    bool freeze = due && (!s->filling || s->stuck);
    /* A filler that found the disk full tries again with all that came since, removals too. */
    if (freeze && s->filling && each(&s->active.map, to_table, &grown) != PP_OK) {
        freeze = false;
    }
    if (freeze) {
        struct fs_table *from = s->filling ? &grown : &s->active;
        struct fs_table next = {map_share(&from->map), from->octets, from->debt};
        map_release(&s->frozen.map);
        map_release(&s->active.map);
        s->frozen = next;
        s->active = (struct fs_table){.octets = 0};
        s->frozen_segment = s->segment;
        s->frozen_batch = s->batch;
        s->frozen_used = s->used;
        s->freezes++;
        s->filling = true;
        s->stuck = false;
        s->current = NULL;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    map_release(&grown.map);
}

/* The record is durable: its rows become what views see. */
static int publish(struct fs_txn *t, uint64_t octets)
{
    struct fs_store *s = t->s;
    struct fs_table next = {.map = map_share(&s->active.map),
                            .octets = s->active.octets + octets,
                            .debt = s->active.debt};
    int err = each(&t->changes, to_table, &next);
    pthread_mutex_lock(&s->lock);
    struct map old = s->active.map;
    if (!err) {
        s->active = next;
        s->used = t->used;
        s->reached = s->batch;
    }
    pthread_mutex_unlock(&s->lock);
    map_release(err ? &next.map : &old);
    return err ? PP_BROKEN : PP_OK; /* in the log, but not in memory */
}

static int log_changes(struct fs_txn *t, bool adding)
{
    struct fs_store *s = t->s;
    struct pp_buf record = {0};
    uint8_t head[FS_RECORD_HEAD] = {0};
    pp_buf_add(&record, head, sizeof head);
    int err = each(&t->changes, to_record, &record);
    fs_runs_release(t->runs); /* no reads from here on: room that old runs take comes back */
    t->runs = NULL;
    err = err ? PP_FULL : fs_log_room(s, record.len + 8, t->debt, adding);
    if (!err) {
        err = fs_log_append(s, &record, t->used);
        err = err ? PP_BROKEN : publish(t, record.len);
    }
    pp_buf_free(&record);
    return err;
}

static int txn_commit(void *txn, bool adding)
{
    struct fs_txn *t = txn;
    struct fs_store *s = t->s;
    int err = t->changes.root ? log_changes(t, adding) : PP_OK;
    if (!err) {
        struct map old = s->loose;
        s->loose = map_share(&t->loose);
        pthread_mutex_lock(&s->lock);
        s->loose_used = s->loose.used;
        pthread_mutex_unlock(&s->lock);
        map_release(&old);
    }
    txn_end(t);
    if (!err) {
        fs_freeze(s, fs_freeze_size(s));
    }
    return err;
}

const struct rows_map fs_map = {
    .value_max = FS_INLINE,
    .inline_max = FS_INLINE,
    .grouped = true,
    .begin = txn_begin,
    .end = txn_end,
    .commit = txn_commit,
    .get = fs_get,
    .seek = fs_seek,
    .put = txn_put,
    .del = txn_del,
    .used = txn_used,
    .forget = txn_forget,
    .set_aside = fs_set_aside,
    .index_of = fs_index_of,
};
