/*
 * The store of flat files: every object and inbox a text file that `cat` shows, under a name that
 * is safe for any identifier; durable by a log with one sync a commit (fs_store.h has the
 * picture).
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPTION_CAPACITY, OPTION_LOG };
static const struct pp_option options[] = {
    [OPTION_CAPACITY] = {"capacity", PP_OPT_OCTETS, "8GiB", 1024 * 1024, (int64_t)1 << 44,
                         PP_SCOPE_NODE, "octets of disk that objects and inboxes may take"},
    [OPTION_LOG] = {"log", PP_OPT_OCTETS, "32MiB", 64 * 1024, (int64_t)1 << 30, PP_SCOPE_NODE,
                    "octets of one slot of the log, at most; about five are used"},
};

static void size_log(struct fs_store *s, const union pp_value *values)
{
    s->store.capacity = (uint64_t)values[OPTION_CAPACITY].number;
    s->log_max = (uint64_t)values[OPTION_LOG].number;
    uint64_t part = s->store.capacity / 16;
    s->log_max = s->log_max < part ? s->log_max : part;
    s->log_min = s->log_max < 1024 * 1024 ? s->log_max : 1024 * 1024;
}

static void fs_close(struct pp_store *store)
{
    struct fs_store *s = (struct fs_store *)store;
    if (s->started && !atomic_load(&store->broken)) {
        fs_fill_all(s); /* so that the next open has no log to replay */
    }
    fs_fill_stop(s);
    rows_finish(store);
    fs_log_close(s);
    map_release(&s->active.map);
    map_release(&s->frozen.map);
    map_release(&s->loose);
    fs_cache_free(s->cached);
    fs_runs_release(s->runs);
    fs_folder_close(s);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->files);
    pthread_mutex_destroy(&s->noting);
    free(s);
}

/* Everything below the rows. */
static int open_parts(struct fs_store *s, const char *path, struct pp_error *error)
{
    int err = fs_folder_open(s, path, error);
    if (err) {
        return err;
    }
    err = s->salvaging ? fs_salvage_slots(s) : fs_log_open(s);
    if (err) {
        return pp_fail(error, err, "%s/log/%zu: %s", path, s->slots, strerror(errno));
    }
    err = fs_runs_open(s, path, error);
    err = err ? err : fs_replay(s, path, error);
    if (!err && !s->salvaging) {
        fs_runs_sweep(s, &s->state);
    }
    if (!err && fs_fill_start(s) != PP_OK) {
        err = pp_fail(error, PP_NOMEM, "%s: no thread for the store", path);
    }
    return err;
}

static bool is_fresh(const struct fs_store *s)
{
    return !s->state.has_meta && !fs_map_find(&s->active.map, pp_str("A"));
}

/* salvage: where to tell what was damaged; NULL: damage is refused. */
static int open_there(struct pp_store **store, const char *path, const union pp_value *values,
                      const struct pp_sink *salvage, bool reindex, struct pp_error *error)
{
    struct fs_store *s = calloc(1, sizeof *s);
    uint8_t epoch[16];
    if (!s) {
        return pp_fail(error, PP_NOMEM, "%s: no memory for the store", path);
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->files, NULL);
    pthread_mutex_init(&s->noting, NULL);
    pthread_cond_init(&s->changed, NULL);
    pthread_mutex_init(&s->store.lock, NULL); /* again by rows_open; rows_finish needs one */
    size_log(s, values);
    s->say = salvage;
    s->salvaging = s->store.no_sweep = salvage != NULL;
    s->reindex = reindex;
    s->store.map = &fs_map;
    s->store.env = s;
    int err = open_parts(s, path, error);
    if (!err) {
        bool fresh = is_fresh(s);
        memcpy(epoch, s->store.epoch, sizeof epoch);
        memcpy(s->epoch, epoch, sizeof epoch);
        fs_freeze(s, fs_freeze_size(s));
        err = rows_open(&s->store, epoch, fresh, error);
        memcpy(s->store.epoch, epoch, sizeof epoch);
    }
    if (err) {
        fs_close(&s->store);
        return err;
    }
    *store = &s->store;
    return PP_OK;
}

static int fs_open(struct pp_store **store, const char *path, const union pp_value *values,
                   const uint8_t epoch[16], unsigned flags, struct pp_error *error)
{
    char clean[PATH_MAX];
    struct fs_store sizes;
    int err = rows_path_clean(clean, path, error);
    err = err ? err : open_there(store, clean, values, NULL, false, error);
    if (err != PP_NOT_FOUND || !(flags & PP_STORE_CREATE)) {
        return err;
    }
    size_log(&sizes, values);
    err = fs_folder_create(clean, sizes.log_min, epoch, error);
    return err ? err : open_there(store, clean, values, NULL, false, error);
}

/* Nothing to sweep, free or replay is left: `state` says so, and what all rows take. */
static int settle(struct fs_store *s, uint64_t used)
{
    pthread_mutex_lock(&s->lock);
    struct fs_state state = s->state;
    s->used = state.used = used;
    state.segment = s->segment + 1;
    state.batch = s->reached = s->batch;
    state.repairing = false;
    pthread_mutex_unlock(&s->lock);
    int err = fs_state_note(s, &state);
    if (!err) {
        fs_runs_sweep(s, &state);
        err = fs_salvage_end(s);
    }
    return err;
}

/* The faults left of an open store. */
static int verify(struct fs_store *s, const struct pp_sink *sink)
{
    uint64_t used;
    int faults = fs_runs_verify(s, sink), files = 0, rows = 0;
    if (faults == 0) {
        files = fs_files_verify(s, false, sink, &used);
        rows = files < 0 ? files : rows_verify(&s->store, sink);
    }
    if (faults == 0 && files == 0 && rows == 0 && used > s->used) { /* more: damage was mended */
        fs_say(sink, "the octets of all rows are %llu, not %llu", (unsigned long long)used,
               (unsigned long long)s->used);
        faults++;
    }
    return rows < 0 ? rows : faults + files + rows;
}

static int repair(struct fs_store *s, const struct pp_sink *sink)
{
    uint64_t used = 0;
    bool filled = fs_fill_all(s);
    int err = filled ? fs_files_verify(s, true, sink, &used) : PP_FULL;
    err = err < 0 ? err : rows_repair(&s->store, sink);
    if (err) {
        return err;
    }
    err = fs_bodies_set_aside(s, sink);
    err = err || fs_fill_all(s) ? err : PP_FULL;
    err = err ? err : fs_files_verify(s, false, NULL, &used);
    err = err ? err : settle(s, used);
    return err ? err : verify(s, sink);
}

static void nobody(void *ctx, const char *text)
{
    (void)ctx, (void)text;
}

/* Opens again, this time going on where something is damaged. */
static int fs_repair(const char *path, const union pp_value *values, bool reindex,
                     const struct pp_sink *sink, struct pp_error *error)
{
    static const struct pp_sink none = {nobody, NULL};
    struct pp_store *store;
    int err = open_there(&store, path, values, sink ? sink : &none, reindex, error);
    if (err) {
        return err;
    }
    int faults = repair((struct fs_store *)store, sink);
    if (faults == PP_FULL) {
        pp_fail(error, PP_FULL, "%s: the disk is too full to repair the store: make room first",
                path);
    } else if (faults < 0) {
        pp_fail(error, faults, "%s: the store cannot be read", path);
    }
    fs_close(store);
    return faults;
}

static int fs_check(const char *path, const union pp_value *values, bool wanted,
                    const struct pp_sink *sink, struct pp_error *error)
{
    struct pp_store *store;
    int err = open_there(&store, path, values, NULL, false, error);
    if (err) {
        return err == PP_BROKEN && wanted ? fs_repair(path, values, false, sink, error) : err;
    }
    struct fs_store *s = (struct fs_store *)store;
    fs_fill_all(s); /* so that files are looked at */
    fs_foreign_name(s, sink);
    bool reindex = wanted && fs_runs_verify(s, NULL) > 0;
    int faults = verify(s, sink);
    fs_close(store);
    if (wanted && faults != 0) {
        return fs_repair(path, values, reindex, sink, error);
    }
    return faults < 0 ? pp_fail(error, faults, "%s: the store cannot be read", path) : faults;
}

PP_EXPORT extern const struct pp_store_plugin peerpost_plugin;
const struct pp_store_plugin peerpost_plugin = {
    .plugin = {PP_STORE_ABI, PP_KIND_STORE, "fs", "1.0", options, sizeof options / sizeof *options},
    .open = fs_open,
    .close = fs_close,
    .check = fs_check,
    ROWS_FUNCTIONS,
};
