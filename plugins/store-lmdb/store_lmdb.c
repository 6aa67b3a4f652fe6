/*
 * The LMDB store: rows in one LMDB database, bodies over one piece in files beside
 * (docs/plugins.md, "Stores"). No value is longer than 4,080 octets, because longer ones need
 * pages in a row, which a map fragmented by random removals no longer has.
 */
#include "lmdb_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_CAPACITY, OPTION_READERS };
static const struct pp_option options[] = {
    [OPTION_CAPACITY] = {"capacity", PP_OPT_OCTETS, "8GiB", 1024 * 1024, (int64_t)1 << 44,
                         PP_SCOPE_NODE, "octets of disk that objects and inboxes may take"},
    [OPTION_READERS] = {"readers", PP_OPT_INT, "512", 16, 65536, PP_SCOPE_NODE,
                        "views open at once, at most"},
};

static void lmdb_close(struct pp_store *store)
{
    struct lmdb_store *s = (struct lmdb_store *)store;
    rows_finish(store);
    lmdb_close_folder(s);
    free(s);
}

/* Opens what is there. */
static int open_there(struct pp_store **store, const char *path, const union pp_value *values,
                      struct pp_error *error)
{
    struct lmdb_store *s = calloc(1, sizeof *s);
    if (!s) {
        return pp_fail(error, PP_NOMEM, "%s: no memory for the store", path);
    }
    s->path = -1;
    s->store.capacity = (uint64_t)values[OPTION_CAPACITY].number;
    int err = lmdb_open_folder(s, path, (unsigned)values[OPTION_READERS].number, error);
    if (err) {
        lmdb_close_folder(s);
        free(s);
        return err;
    }
    err = rows_open(&s->store, NULL, false, error);
    if (err) {
        lmdb_close(&s->store);
        return err;
    }
    *store = &s->store;
    return PP_OK;
}

static int lmdb_open(struct pp_store **store, const char *path, const union pp_value *values,
                     const uint8_t epoch[16], unsigned flags, struct pp_error *error)
{
    char clean[PATH_MAX];
    int err = rows_path_clean(clean, path, error);
    err = err ? err : open_there(store, clean, values, error);
    if (err != PP_NOT_FOUND || !(flags & PP_STORE_CREATE)) {
        return err;
    }
    err = lmdb_create(clean, (uint64_t)values[OPTION_CAPACITY].number, epoch, error);
    return err ? err : open_there(store, clean, values, error);
}

static int lmdb_check(const char *path, const union pp_value *values, bool repair,
                      const struct pp_sink *sink, struct pp_error *error)
{
    struct pp_store *s;
    int err = open_there(&s, path, values, error);
    if (err) {
        return err;
    }
    int faults = rows_verify(s, sink);
    if (faults > 0 && repair) {
        faults = rows_repair(s, sink);
    }
    lmdb_close(s);
    return faults < 0 ? pp_fail(error, faults, "%s: the store cannot be read", path) : faults;
}

PP_EXPORT extern const struct pp_store_plugin peerpost_plugin;
const struct pp_store_plugin peerpost_plugin = {
    .plugin = {PP_STORE_ABI, PP_KIND_STORE, "lmdb", "1.0", options,
               sizeof options / sizeof *options},
    .open = lmdb_open,
    .close = lmdb_close,
    .check = lmdb_check,
    ROWS_FUNCTIONS,
};
