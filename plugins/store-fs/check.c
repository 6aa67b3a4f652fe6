/*
 * Looks at every file of objects and inboxes: does it parse, is its checksum right? A repair moves
 * those that do not into quarantine/, where they can be read by hand and nothing is ever deleted;
 * the rows' own repair then mends what counted on them.
 */
#include "fs_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void fs_say(const struct pp_sink *sink, const char *format, ...)
{
    char line[300];
    va_list args;
    if (!sink) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    sink->line(sink->ctx, line);
}

/* Another name where that one is taken: nothing set aside is ever written over. */
int fs_quarantine_link(struct fs_store *s, const char *file, const char *name)
{
    char to[160];
    if (mkdirat(s->path, "quarantine", 0700) < 0 && errno != EEXIST) {
        return fs_code(errno);
    }
    for (unsigned n = 1; n < 10000; n++) {
        snprintf(to, sizeof to, n > 1 ? "quarantine/%s.%u" : "quarantine/%s", name, n);
        if (linkat(s->path, file, s->path, to, 0) == 0) {
            return PP_OK;
        }
        if (errno != EEXIST) {
            return fs_code(errno);
        }
    }
    return PP_FULL;
}

int fs_quarantine(struct fs_store *s, const char *file, const char *name)
{
    if (faccessat(s->path, file, F_OK, 0) < 0 && errno == ENOENT) {
        return PP_OK;
    }
    int err = fs_quarantine_link(s, file, name);
    return err || unlinkat(s->path, file, 0) == 0 ? err : fs_code(errno);
}

static int set_aside(struct fs_store *s, enum pp_kind kind, const struct pp_name *name)
{
    char path[80], to[80];
    fs_group_path(path, kind, name);
    snprintf(to, sizeof to, "%s-%.64s", kind == PP_INBOX ? "inbox" : "object",
             strrchr(path, '/') + 1);
    return fs_quarantine(s, path, to);
}

int fs_set_aside(void *env, enum pp_kind kind, const struct pp_name *name)
{
    struct fs_store *s = env;
    struct fs_group *g;
    pthread_mutex_lock(&s->files);
    int err = fs_group_load(s, kind, name, &g);
    if (!err) {
        fs_group_free(g);
    }
    err = err == PP_BROKEN ? set_aside(s, kind, name) : PP_OK;
    fs_cache_drop(s);
    pthread_mutex_unlock(&s->files);
    return err;
}

struct verifier {
    struct fs_store *s;
    bool repair;
    const struct pp_sink *sink;
    int faults;
    uint64_t used;
};

static int verify_one(struct verifier *v, enum pp_kind kind, const struct pp_name *name)
{
    struct fs_group *g;
    char path[80];
    int err = fs_group_load(v->s, kind, name, &g);
    if (!err) {
        for (size_t i = 0; i < g->n; i++) {
            v->used += fs_row_cost(g->row[i].key, g->row[i].value.len);
        }
        fs_group_free(g);
    }
    if (err != PP_BROKEN) {
        return err;
    }
    fs_group_path(path, kind, name);
    fs_say(v->sink, "%s: the file is damaged%s", path, v->repair ? ", moved to quarantine/" : "");
    v->faults++;
    return v->repair ? set_aside(v->s, kind, name) : PP_OK;
}

int fs_files_verify(struct fs_store *s, bool repair, const struct pp_sink *sink, uint64_t *used)
{
    struct verifier v = {.s = s, .repair = repair, .sink = sink};
    int err = PP_OK;
    for (int kind = PP_OBJECT; !err && kind <= PP_INBOX; kind++) {
        struct pp_name *names = NULL;
        size_t n = 0;
        err = fs_folder_list(s, (enum pp_kind)kind, &names, &n);
        for (size_t i = 0; !err && i < n; i++) {
            err = verify_one(&v, (enum pp_kind)kind, &names[i]);
        }
        free(names);
    }
    if (!err && repair && v.faults > 0) {
        err = fs_sync_all(s);
    }
    *used = v.used;
    return err ? err : v.faults;
}

static bool is_named(struct fs_txn *t, uint64_t serial)
{
    struct rows_key key = rows_key_number('L', serial);
    struct pp_bytes value;
    return fs_get(t, rows_key_bytes(&key), &value) != PP_NOT_FOUND;
}

int fs_bodies_set_aside(struct fs_store *s, const struct pp_sink *sink)
{
    void *walk = rows_files_walk(&s->store), *txn = NULL;
    int err = walk ? fs_map.begin(s, false, &txn) : PP_BROKEN;
    uint64_t serial;
    while (!err && rows_files_next(walk, &serial)) {
        char file[40], name[40];
        snprintf(file, sizeof file, "bodies/%llu", (unsigned long long)serial);
        snprintf(name, sizeof name, "body-%llu", (unsigned long long)serial);
        if (!is_named(txn, serial)) {
            fs_say(sink, "%s: no object has it, moved to quarantine/", file);
            err = fs_quarantine(s, file, name);
        }
    }
    if (txn) {
        fs_map.end(txn);
    }
    rows_files_end(walk);
    return err;
}
