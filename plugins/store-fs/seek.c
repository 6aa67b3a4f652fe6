/*
 * The first row at or after a key, over changes, tables and files. A search stays within what the
 * rows above ask for: one name's rows of a type, the heads, the bodies not yet put, or the index.
 */
#include "fs_store.h"

#include <stdlib.h>

bool fs_key_group(struct pp_bytes key, enum pp_kind *kind, struct pp_name *name)
{
    if (key.len < ROWS_OF_NAME || key.data[0] != 'N') {
        return false;
    }
    memcpy(name->b, key.data + 1, sizeof name->b);
    switch (fs_key_type(key)) {
    case 'C':
    case 'O':
        *kind = PP_OBJECT;
        return true;
    case 'D':
    case 'I':
    case 'Z':
        *kind = PP_INBOX;
        return true;
    case 'H':
        *kind = key.len > ROWS_OF_NAME && key.data[ROWS_OF_NAME] == PP_INBOX ? PP_INBOX : PP_OBJECT;
        return true;
    default:
        return false;
    }
}

/* A walk over all names asks for heads alone. */
static bool is_walk(struct pp_bytes from)
{
    return from.data[0] == 'N' && (from.len < ROWS_OF_NAME || fs_key_type(from) == 'H');
}

/* Does a row lie where a search from `from` may look? */
static bool within(struct pp_bytes from, struct pp_bytes key)
{
    if (is_walk(from)) {
        return key.data[0] == 'N' && fs_key_type(key) == 'H';
    }
    switch (from.data[0]) {
    case 'S':
    case 'T':
        return key.data[0] == 'S' || key.data[0] == 'T';
    case 'B':
    case 'L':
    case 'P':
        return key.data[0] == from.data[0];
    default:
        return key.len >= ROWS_OF_NAME && memcmp(key.data, from.data, ROWS_OF_NAME) == 0;
    }
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_name));
}

/* The names of all files, listed once a transaction; an object and an inbox may share one. */
static int list(struct fs_txn *t)
{
    struct pp_name *names[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    if (t->listed) {
        return PP_OK;
    }
    int err = fs_folder_list(t->s, PP_OBJECT, &names[0], &n[0]);
    err = err ? err : fs_folder_list(t->s, PP_INBOX, &names[1], &n[1]);
    t->listed = err ? NULL : malloc((n[0] + n[1] + 1) * sizeof *t->listed);
    if (t->listed) {
        memcpy(t->listed, names[0] ? names[0] : t->listed, n[0] * sizeof *t->listed);
        memcpy(t->listed + n[0], names[1] ? names[1] : t->listed, n[1] * sizeof *t->listed);
        t->n_listed = n[0] + n[1];
        qsort(t->listed, t->n_listed, sizeof *t->listed, by_name);
    }
    free(names[0]);
    free(names[1]);
    return err ? err : t->listed ? PP_OK : PP_NOMEM;
}

/* The first listed name at or after. */
static size_t first_listed(const struct fs_txn *t, const uint8_t name[32])
{
    size_t low = 0, high = t->n_listed;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp(t->listed[mid].b, name, 32) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The next head in files, names in order, the object's before the inbox's. */
static int seek_heads(struct fs_txn *t, struct pp_bytes from, struct pp_bytes *key,
                      struct pp_bytes *value)
{
    static const enum pp_kind kinds[] = {PP_OBJECT, PP_INBOX};
    uint8_t name[32] = {0};
    memcpy(name, from.data + 1, from.len - 1 < sizeof name ? from.len - 1 : sizeof name);
    int err = list(t);
    for (size_t i = first_listed(t, name); !err && i < t->n_listed; i++) {
        for (size_t k = 0; !err && k < 2; k++) {
            struct rows_key head = rows_key_head(kinds[k], &t->listed[i]);
            struct fs_group *g;
            if (pp_bytes_compare(rows_key_bytes(&head), from) < 0) {
                continue;
            }
            err = fs_txn_group(t, kinds[k], &t->listed[i], &g);
            const struct fs_row *row = err ? NULL : fs_group_find(g, rows_key_bytes(&head));
            if (row && pp_bytes_equal(row->key, rows_key_bytes(&head))) {
                *key = row->key;
                *value = row->value;
                return PP_OK;
            }
        }
    }
    return err ? err : PP_NOT_FOUND;
}

/* An L row's line is longer than its key: behind a key means from the next number on. */
static int seek_index(struct fs_txn *t, struct pp_bytes from, struct pp_bytes *key,
                      struct pp_bytes *value)
{
    const uint8_t *line = NULL;
    struct rows_key next;
    if (from.data[0] == 'L' && from.len > 9) {
        next = rows_key_number('L', pp_get64(from.data + 1) + 1);
        from = rows_key_bytes(&next);
    }
    int err = fs_runs_seek(t->runs, from, &line);
    if (!err) {
        bool file = line[0] == 'L';
        *key = pp_bytes(line, file ? 9 : FS_LINE_KEY);
        *value = pp_bytes(line + 10, file ? 32 : 0);
    }
    return err;
}

static int seek_base(struct fs_txn *t, struct pp_bytes from, struct pp_bytes *key,
                     struct pp_bytes *value)
{
    enum pp_kind kind;
    struct pp_name name;
    struct fs_group *g;
    if (is_walk(from)) {
        return seek_heads(t, from, key, value);
    }
    if (fs_is_index(from)) {
        return seek_index(t, from, key, value);
    }
    if (!fs_key_group(from, &kind, &name)) {
        return PP_NOT_FOUND;
    }
    int err = fs_txn_group(t, kind, &name, &g);
    const struct fs_row *row = err ? NULL : fs_group_find(g, from);
    if (!row) {
        return err ? err : PP_NOT_FOUND;
    }
    *key = row->key;
    *value = row->value;
    return PP_OK;
}

struct found {
    struct pp_bytes key, value;
    bool there, gone;
};

/* A map's first row that a search may find. */
static const struct node *first_within(const struct map *m, struct pp_bytes from)
{
    struct rows_key at = {.len = 0};
    const struct node *n = m->root ? map_at(m, from) : NULL;
    while (n && is_walk(from) && map_key(n).data[0] == 'N' && !within(from, map_key(n))) {
        at.len = 0;
        rows_key_add(&at, map_key(n).data, map_key(n).len);
        rows_key_add(&at, "", 1);
        n = map_at(m, rows_key_bytes(&at));
    }
    return n && within(from, map_key(n)) ? n : NULL;
}

/* Takes a layer's row when it comes before what is found; layers come youngest first. */
static void consider(struct found *f, const struct map *m, struct pp_bytes from)
{
    const struct node *n = first_within(m, from);
    if (n && (!f->there || pp_bytes_compare(map_key(n), f->key) < 0)) {
        *f = (struct found){map_key(n), map_value(n), true, map_mark(n) == FS_GONE};
    }
}

static int seek_once(struct fs_txn *t, struct pp_bytes from, struct found *f)
{
    struct pp_bytes key, value;
    consider(f, &t->changes, from);
    consider(f, &t->active, from);
    consider(f, &t->frozen, from);
    int err = seek_base(t, from, &key, &value);
    if (!err && within(from, key) && (!f->there || pp_bytes_compare(key, f->key) < 0)) {
        *f = (struct found){key, value, true, false};
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

int fs_seek(void *txn, struct pp_bytes from, struct pp_bytes *key, struct pp_bytes *value)
{
    struct fs_txn *t = txn;
    struct rows_key at = {.len = 0};
    struct found f;
    if (from.data[0] == 'B' || from.data[0] == 'P') {
        f = (struct found){.there = false};
        consider(&f, &t->loose, from);
        *key = f.key;
        *value = f.value;
        return f.there ? PP_OK : PP_NOT_FOUND;
    }
    rows_key_add(&at, from.data, from.len);
    for (;;) {
        f = (struct found){.there = false};
        int err = seek_once(t, rows_key_bytes(&at), &f);
        if (err || !f.there) {
            return err ? err : PP_NOT_FOUND;
        }
        if (!f.gone) {
            *key = f.key;
            *value = f.value;
            return PP_OK;
        }
        at.len = 0;
        rows_key_add(&at, f.key.data, f.key.len);
        rows_key_add(&at, "", 1);
    }
}

/* A search for index rows that lead to a name. */
struct leads {
    struct fs_txn *t;
    enum pp_kind kind;
    const struct pp_name *name;
    const struct rows_key *but;
};

/* Does this one, and does it stand? It becomes *key. */
static bool leads(const struct leads *l, const uint8_t *line, struct rows_key *key)
{
    struct pp_bytes value;
    if (line[0] == 'L' || line[17] != (uint8_t)l->kind ||
        memcmp(line + 18, l->name->b, sizeof l->name->b) != 0 ||
        (l->but && memcmp(line, l->but->b, FS_LINE_KEY) == 0)) {
        return false;
    }
    key->len = 0;
    rows_key_add(key, line, FS_LINE_KEY);
    return fs_get(l->t, rows_key_bytes(key), &value) == PP_OK;
}

static bool leads_in_map(const struct leads *l, const struct map *m, struct rows_key *key)
{
    struct rows_key from = rows_key('S');
    const struct node *row;
    while ((row = map_at(m, rows_key_bytes(&from))) != NULL && fs_is_index(map_key(row))) {
        struct pp_bytes found = map_key(row);
        if (found.len == FS_LINE_KEY && leads(l, found.data, key)) {
            return true;
        }
        from.len = 0;
        rows_key_add(&from, found.data, found.len);
        rows_key_add(&from, "", 1);
    }
    return false;
}

int fs_index_of(void *txn, enum pp_kind kind, const struct pp_name *name,
                const struct rows_key *but, struct rows_key *key)
{
    struct fs_txn *t = txn;
    const struct leads l = {t, kind, name, but};
    if (leads_in_map(&l, &t->active, key) || leads_in_map(&l, &t->frozen, key)) {
        return PP_OK;
    }
    for (size_t i = 0; i < t->runs->n; i++) {
        const struct fs_run *run = t->runs->run[i];
        for (size_t k = 0; k < run->n; k++) {
            if (leads(&l, run->lines + k * FS_LINE, key)) {
                return PP_OK;
            }
        }
    }
    return PP_NOT_FOUND;
}
