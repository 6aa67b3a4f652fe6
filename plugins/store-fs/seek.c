/*
 * The first row at or after a key, over changes, tables and files. A search stays within what the
 * rows above ask for: one name's rows of a type, the heads, the bodies not yet put, or the index.
 */
#include "fs_store.h"

#include <stdlib.h>

bool fs_key_group(struct pp_bytes key, enum pp_kind *kind, struct pp_name *name)
{
    size_t skip = 1;
    switch (key.data[0]) {
    case 'C':
    case 'O':
        *kind = PP_OBJECT;
        break;
    case 'D':
    case 'I':
    case 'Z':
        *kind = PP_INBOX;
        break;
    case 'H':
        *kind = key.len > 1 && key.data[1] == PP_INBOX ? PP_INBOX : PP_OBJECT;
        skip = 2;
        break;
    default:
        return false;
    }
    if (key.len < skip + sizeof name->b) {
        return false;
    }
    memcpy(name->b, key.data + skip, sizeof name->b);
    return true;
}

/* Does a row lie where a search from `from` may look? */
static bool within(struct pp_bytes from, struct pp_bytes key)
{
    switch (from.data[0]) {
    case 'S':
    case 'T':
        return key.data[0] == 'S' || key.data[0] == 'T';
    case 'H':
    case 'B':
    case 'P':
        return key.data[0] == from.data[0];
    default:
        return key.len >= 33 && from.len >= 33 && memcmp(key.data, from.data, 33) == 0;
    }
}

static bool at_least(const struct fs_txn *t, size_t i, struct pp_bytes from)
{
    return memcmp(t->listed[i].b, from.data + 2, sizeof t->listed[i].b) >= 0;
}

/* The names of one kind, listed once a transaction. */
static int list(struct fs_txn *t, enum pp_kind kind)
{
    if (t->listed && t->listed_kind == kind) {
        return PP_OK;
    }
    free(t->listed);
    t->listed = NULL;
    t->n_listed = 0;
    t->listed_kind = kind;
    return fs_folder_list(t->s, kind, &t->listed, &t->n_listed);
}

/* The first file of a kind at or after padded `from` (or, after: behind it). */
static int next_file(struct fs_txn *t, enum pp_kind kind, struct pp_bytes from, bool after,
                     struct pp_name *name)
{
    size_t low = 0;
    int err = list(t, kind);
    size_t high = t->n_listed;
    while (!err && low < high) {
        size_t mid = low + (high - low) / 2;
        if (at_least(t, mid, from)) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    if (!err && after && low < t->n_listed &&
        memcmp(t->listed[low].b, from.data + 2, sizeof name->b) == 0) {
        low++;
    }
    if (err || low == t->n_listed) {
        return err ? err : PP_NOT_FOUND;
    }
    *name = t->listed[low];
    return PP_OK;
}

/* Heads: through the names of the files, objects before inboxes. */
static int seek_heads(struct fs_txn *t, struct pp_bytes from, struct pp_bytes *key,
                      struct pp_bytes *value)
{
    uint8_t padded[34] = {'H', PP_OBJECT};
    memcpy(padded, from.data, from.len < sizeof padded ? from.len : sizeof padded);
    bool after = from.len > sizeof padded;
    for (;;) {
        enum pp_kind kind = padded[1] == PP_INBOX ? PP_INBOX : PP_OBJECT;
        struct pp_name name;
        struct fs_group *g;
        int err = next_file(t, kind, pp_bytes(padded, sizeof padded), after, &name);
        if (err == PP_NOT_FOUND && kind == PP_OBJECT) {
            memset(padded + 2, 0, 32);
            padded[1] = PP_INBOX;
            after = false;
            continue;
        }
        err = err ? err : fs_txn_group(t, kind, &name, &g);
        if (err) {
            return err;
        }
        memcpy(padded + 2, name.b, sizeof name.b);
        const struct fs_row *row = fs_group_find(g, pp_bytes(padded, sizeof padded));
        if (row && row->key.data[0] == 'H') {
            *key = row->key;
            *value = row->value;
            return PP_OK;
        }
        after = true; /* the file went meanwhile: a table tells of it */
    }
}

static int seek_base(struct fs_txn *t, struct pp_bytes from, struct pp_bytes *key,
                     struct pp_bytes *value)
{
    enum pp_kind kind;
    struct pp_name name;
    struct fs_group *g;
    if (from.data[0] == 'H') {
        return seek_heads(t, from, key, value);
    }
    if (fs_is_index(from)) {
        const uint8_t *line = fs_runs_seek(t->runs, from);
        *key = pp_bytes(line, line ? FS_LINE_KEY : 0);
        *value = pp_bytes(NULL, 0);
        return line ? PP_OK : PP_NOT_FOUND;
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

/* Takes a layer's row when it comes before what is found; layers come youngest first. */
static void consider(struct found *f, const struct map *m, struct pp_bytes from)
{
    const struct node *n = m->root ? map_at(m, from) : NULL;
    if (n && within(from, map_key(n)) && (!f->there || pp_bytes_compare(map_key(n), f->key) < 0)) {
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
