/*
 * The filler: a thread that writes the frozen table into files. Removals first, so that a full
 * disk can get room; then new files in place and changed ones aside; a sync of all; renames; a
 * sync; then `state`. Whatever is cut short begins anew from the log, which is free only after
 * `state`.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ASIDE_MAX ((uint64_t)32 * 1024 * 1024)

struct id {
    enum pp_kind kind;
    struct pp_name name;
};

struct fill {
    struct fs_store *s;
    struct map table;
    struct id *id;
    size_t n, cap;
    struct id *aside; /* written as .new, to be renamed */
    size_t n_aside;
    uint64_t aside_octets;
    bool moved; /* renamed or unlinked since the last sync */
};

static int by_id(const void *a, const void *b)
{
    const struct id *x = a, *y = b;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1)
                              : memcmp(x->name.b, y->name.b, sizeof x->name.b);
}

static int add_id(struct fill *f, struct pp_bytes key)
{
    struct id id = {.kind = PP_OBJECT};
    if (!fs_key_group(key, &id.kind, &id.name) || (f->n > 0 && by_id(&f->id[f->n - 1], &id) == 0)) {
        return PP_OK;
    }
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 256;
        struct id *more = realloc(f->id, cap * sizeof *more);
        if (!more) {
            return PP_NOMEM;
        }
        f->id = more;
        f->cap = cap;
    }
    f->id[f->n++] = id;
    return PP_OK;
}

/* The files that the table changes, each once. */
static int collect(struct fill *f)
{
    struct rows_key from = {.len = 0};
    const struct node *row;
    int err = PP_OK;
    while (!err && (row = map_at(&f->table, rows_key_bytes(&from))) != NULL) {
        err = add_id(f, map_key(row));
        from.len = 0;
        rows_key_add(&from, map_key(row).data, map_key(row).len);
        rows_key_add(&from, "", 1);
    }
    if (err || f->n == 0) {
        return err;
    }
    qsort(f->id, f->n, sizeof *f->id, by_id);
    size_t n = 1;
    for (size_t i = 1; i < f->n; i++) {
        if (by_id(&f->id[i], &f->id[n - 1]) != 0) {
            f->id[n++] = f->id[i];
        }
    }
    f->n = n;
    f->aside = malloc(n * sizeof *f->aside);
    return f->aside ? PP_OK : PP_NOMEM;
}

static bool removed(const struct fill *f, const struct id *id)
{
    struct rows_key key = rows_key_head(id->kind, &id->name);
    const struct node *n = fs_map_find(&f->table, rows_key_bytes(&key));
    return n && map_mark(n) == FS_GONE;
}

static int unlink_file(struct fill *f, const struct id *id)
{
    char path[80];
    fs_group_path(path, id->kind, &id->name);
    pp_crash("store-fill-unlink");
    f->moved = true;
    return unlinkat(f->s->path, path, 0) < 0 && errno != ENOENT ? fs_code(errno) : PP_OK;
}

/* The table's rows of one type and name. */
static int add_table_rows(struct fill *f, struct fs_group *g, char type)
{
    struct rows_key from =
        type == 'H' ? rows_key_head(g->kind, &g->name) : rows_key_name(type, &g->name);
    const size_t prefix = from.len;
    const struct node *row;
    int err = PP_OK;
    while (!err && (row = map_at(&f->table, rows_key_bytes(&from))) != NULL) {
        struct pp_bytes key = map_key(row);
        if (key.len < prefix || memcmp(key.data, from.b, prefix) != 0) {
            break;
        }
        err = map_mark(row) == FS_GONE ? PP_OK : fs_group_add(g, key, map_value(row));
        from.len = 0;
        rows_key_add(&from, key.data, key.len);
        rows_key_add(&from, "", 1);
    }
    return err;
}

/* What the file shall hold: its rows that the table does not speak of, and the table's. */
static int merge(struct fill *f, struct fs_group *g)
{
    size_t n = 0;
    int err = PP_OK;
    for (size_t i = 0; i < g->n; i++) {
        if (!fs_map_find(&f->table, g->row[i].key)) {
            g->row[n++] = g->row[i];
        }
    }
    g->n = n;
    for (const char *type = g->kind == PP_OBJECT ? "HCO" : "HDIZ"; !err && *type; type++) {
        err = add_table_rows(f, g, *type);
    }
    fs_group_sort(g);
    return err;
}

static int settle(struct fill *f);

/* A damaged file is put aside; what the table has of it is written. */
static int load_file(struct fill *f, const struct id *id, struct fs_group **g, bool *damaged)
{
    int err = fs_group_load(f->s, id->kind, &id->name, g);
    if (err == PP_BROKEN) {
        rows_damaged(&f->s->store, id->kind, &id->name);
        err = fs_set_aside(f->s, id->kind, &id->name);
        *g = err ? NULL : fs_group_empty(id->kind, &id->name);
        err = err || *g ? err : PP_NOMEM;
        if (!err) {
            (*g)->there = true; /* written aside, so that a crash leaves it whole */
            *damaged = true;
        }
    }
    return err;
}

/* Of a damaged inbox the notifications in the table stay, and the head counts those; of an object
 * too little is left. False: nothing is to be written. */
static bool salvage(struct fs_group *g)
{
    struct rows_head head;
    struct rows_entry line;
    struct fs_row *row = NULL;
    for (size_t i = 0; i < g->n; i++) {
        row = fs_key_type(g->row[i].key) == 'H' ? &g->row[i] : row;
    }
    if (g->kind == PP_OBJECT || !row || rows_head_decode(&head, row->value) != PP_OK) {
        return false;
    }
    head.h.size = 0;
    head.h.expires = PP_NEVER;
    memset(head.h.entries, 0, sizeof head.h.entries);
    memset(head.h.octets, 0, sizeof head.h.octets);
    for (size_t i = 0; i < g->n; i++) {
        if (fs_key_type(g->row[i].key) == 'I' &&
            rows_entry_decode(&line, g->row[i].value) == PP_OK) {
            rows_head_count(&head, &line);
        }
    }
    struct pp_buf text = {0};
    rows_head_encode(&text, &head);
    uint8_t *copy = text.failed ? NULL : fs_group_hold(g, text.len);
    if (copy) {
        memcpy(copy, text.data, text.len);
        row->value = pp_bytes(copy, text.len);
    }
    pp_buf_free(&text);
    return copy && head.h.size + head.h.entries[0] + head.h.entries[1] > 0;
}

static int write_file(struct fill *f, const struct id *id)
{
    struct fs_group *g = NULL;
    bool damaged = false;
    int err = PP_OK;
    if (fs_map_born(&f->table, id->kind, &id->name)) {
        g = fs_group_empty(id->kind, &id->name);
    } else {
        err = load_file(f, id, &g, &damaged);
    }
    if (!g) {
        return err ? err : PP_NOMEM;
    }
    bool aside = g->there;
    size_t size = g->memory.len;
    err = merge(f, g);
    if (!err && damaged && !salvage(g)) {
        fs_group_free(g);
        return PP_OK;
    }
    err = err ? err : fs_group_write(f->s, g, aside);
    if (err == PP_FULL && f->n_aside > 0) {
        err = settle(f);
        err = err ? err : fs_group_write(f->s, g, aside);
    }
    pp_crash("store-fill-written");
    fs_group_free(g);
    if (!err && aside) {
        f->aside[f->n_aside++] = *id;
        f->aside_octets += size;
    }
    return err || f->aside_octets < ASIDE_MAX ? err : settle(f);
}

/* All written so far is synced, then what lies aside takes its place. */
static int settle(struct fill *f)
{
    int err = fs_sync_all(f->s);
    pp_crash("store-fill-synced");
    f->moved = f->moved && err;
    for (size_t i = 0; !err && i < f->n_aside; i++) {
        char path[80], aside[90];
        fs_group_path(path, f->aside[i].kind, &f->aside[i].name);
        snprintf(aside, sizeof aside, "%s.new", path);
        pthread_mutex_lock(&f->s->files);
        err = renameat(f->s->path, aside, f->s->path, path) < 0 ? fs_code(errno) : PP_OK;
        pthread_mutex_unlock(&f->s->files);
        f->moved = true;
        pp_crash("store-fill-renamed");
    }
    f->n_aside = 0;
    f->aside_octets = 0;
    return err;
}

static bool given_up(struct fs_store *s)
{
    pthread_mutex_lock(&s->lock);
    bool closing = s->closing;
    pthread_mutex_unlock(&s->lock);
    return closing || atomic_load(&s->store.broken);
}

/* All files of the table. PP_LIMIT: given up, the store closes. */
static int write_files(struct fill *f)
{
    int err = collect(f);
    for (size_t i = 0; !err && i < f->n; i++) {
        err = removed(f, &f->id[i]) ? unlink_file(f, &f->id[i]) : PP_OK;
    }
    for (size_t i = 0; !err && i < f->n; i++) {
        if (given_up(f->s)) {
            return PP_LIMIT;
        }
        err = removed(f, &f->id[i]) ? PP_OK : write_file(f, &f->id[i]);
    }
    return err;
}

static void note_meta(struct fs_state *st, const struct map *table)
{
    const struct node *n = fs_map_find(table, pp_str("A"));
    if (n && map_value(n).len == sizeof st->meta) {
        memcpy(st->meta, map_value(n).data, sizeof st->meta);
        st->has_meta = true;
    }
}

/* The frozen table into files, synced, noted. *runs: the new index. */
static int fill_table(struct fs_store *s, struct fs_state *next, struct fs_runs **runs)
{
    struct fill f = {.s = s, .table = s->frozen.map};
    *runs = NULL;
    int err = write_files(&f);
    err = err ? err : fs_runs_add(s, s->runs, &f.table, runs);
    err = err ? err : settle(&f);
    err = err || !f.moved ? err : fs_sync_all(s);
    pp_crash("store-fill-folder");
    if (!err) {
        pthread_mutex_lock(&s->lock); /* the writer notes new slots there */
        *next = s->state;
        pthread_mutex_unlock(&s->lock);
        next->segment = s->frozen_segment + 1;
        next->batch = s->frozen_batch;
        next->used = s->frozen_used;
        note_meta(next, &f.table);
        next->runs = (*runs)->n;
        for (size_t i = 0; i < (*runs)->n; i++) {
            next->run[i] = (*runs)->run[i]->number;
        }
        err = fs_state_note(s, next);
    }
    if (err && *runs) {
        fs_runs_release(*runs);
    }
    free(f.id);
    free(f.aside);
    return err;
}

static bool has_run(const struct fs_state *st, uint64_t number)
{
    for (size_t i = 0; i < st->runs; i++) {
        if (st->run[i] == number) {
            return true;
        }
    }
    return false;
}

void fs_runs_sweep(struct fs_store *s, const struct fs_state *st)
{
    int fd = rows_folder_at(s->index, ".");
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!folder) {
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        const char *at = entry->d_name;
        uint64_t number;
        if (fs_number(&at, 10, &number) && strcmp(at, ".run") == 0 && !has_run(st, number)) {
            unlinkat(s->index, entry->d_name, 0);
        }
    }
    closedir(folder);
}

static void lose_run(struct fs_store *s, uint64_t number, const char *what)
{
    char file[40], name[40];
    snprintf(file, sizeof file, "index/%llu.run", (unsigned long long)number);
    snprintf(name, sizeof name, "index-%llu.run", (unsigned long long)number);
    fs_say(s->say, "%s: %s; the index is made anew", file, what);
    (void)fs_quarantine(s, file, name);
    s->reindex = true;
}

int fs_runs_open(struct fs_store *s, const char *path, struct pp_error *error)
{
    char what[120] = "";
    s->runs = calloc(1, sizeof *s->runs);
    if (!s->runs) {
        return pp_fail(error, PP_NOMEM, "%s: no memory for the index", path);
    }
    atomic_init(&s->runs->refs, 1);
    for (size_t i = 0; i < s->state.runs && !s->reindex; i++) {
        int err = fs_run_open(s, s->state.run[i], &s->runs->run[s->runs->n], what);
        if (err == PP_BROKEN && s->salvaging) {
            lose_run(s, s->state.run[i], what);
        } else if (err) {
            return err == PP_NOMEM ? pp_fail(error, err, "%s: no memory for the index", path)
                                   : pp_fail(error, err, "%s/index/%llu.run %s: " FS_ADVICE, path,
                                             (unsigned long long)s->state.run[i], what);
        } else {
            s->runs->n++;
        }
    }
    if (s->reindex) { /* the others would bring back what the lost one took away */
        while (s->runs->n > 0) {
            fs_run_release(s->runs->run[--s->runs->n]);
        }
        s->state.runs = 0;
    }
    return PP_OK;
}

/* The table is in files: views from now on look there. */
static void install(struct fs_store *s, const struct fs_state *next, struct fs_runs *runs)
{
    struct fs_group *cached[FS_CACHED];
    pthread_mutex_lock(&s->lock);
    struct fs_runs *old = s->runs;
    struct map filled = s->frozen.map;
    s->runs = runs;
    fs_cache_take(s, cached);
    s->freed = next->segment - 1;
    s->frozen = (struct fs_table){.octets = 0};
    pthread_mutex_unlock(&s->lock);
    fs_cache_free(cached);
    fs_runs_release(old);
    fs_runs_sweep(s, next); /* before the writer asks again what room there is */
    pthread_mutex_lock(&s->lock);
    s->filling = false;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    map_release(&filled);
}

/* Did a snapshot begin before the freeze? It may want files as they were. */
static bool old_views(const struct fs_store *s)
{
    for (const struct fs_txn *t = s->snapshots; t; t = t->next) {
        if (t->freezes < s->freezes && !pp_mutant("store-fill-early")) {
            return true;
        }
    }
    return false;
}

/* Waits for a table to fill; false: the store closes. */
static bool await_work(struct fs_store *s)
{
    pthread_mutex_lock(&s->lock);
    for (;;) {
        bool work = s->filling && !s->stuck && !atomic_load(&s->store.broken);
        s->waiting = work && old_views(s);
        if (s->closing || (work && !s->waiting)) {
            break;
        }
        if (s->waiting) {
            pthread_cond_broadcast(&s->changed);
        }
        pthread_cond_wait(&s->changed, &s->lock);
    }
    s->waiting = false;
    bool go_on = !s->closing;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

static void *filler(void *ctx)
{
    struct fs_store *s = ctx;
    struct fs_state next;
    struct fs_runs *runs;
    while (await_work(s)) {
        int err = fill_table(s, &next, &runs);
        if (!err) {
            install(s, &next, runs);
            continue;
        }
        pthread_mutex_lock(&s->lock);
        s->stuck = err == PP_FULL || err == PP_NOMEM;
        if (!s->stuck && err != PP_LIMIT) {
            atomic_store(&s->store.broken, true);
        }
        pthread_cond_broadcast(&s->changed);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

int fs_fill_start(struct fs_store *s)
{
    s->started = pthread_create(&s->thread, NULL, filler, s) == 0;
    return s->started ? PP_OK : PP_NOMEM;
}

void fs_fill_stop(struct fs_store *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->started) {
        pthread_join(s->thread, NULL);
        s->started = false;
    }
}

/* Until nothing is being filled; false: a view or the disk stands in the way. */
static bool await_filled(struct fs_store *s)
{
    struct timespec until;
    int late = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1; /* a view lasts a few milliseconds */
    pthread_mutex_lock(&s->lock);
    while (s->filling && !s->stuck && !atomic_load(&s->store.broken) && !(late && s->waiting)) {
        if (late) {
            pthread_cond_wait(&s->changed, &s->lock);
        } else {
            late = pthread_cond_timedwait(&s->changed, &s->lock, &until) == ETIMEDOUT;
        }
    }
    bool filled = !s->filling;
    pthread_mutex_unlock(&s->lock);
    return filled;
}

bool fs_fill_all(struct fs_store *s)
{
    if (!await_filled(s)) {
        fs_freeze(s, 1); /* stuck: once more, with what came since */
    }
    if (!await_filled(s)) {
        return false;
    }
    fs_freeze(s, 1);
    return await_filled(s);
}
