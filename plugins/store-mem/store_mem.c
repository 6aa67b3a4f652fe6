/*
 * A store in memory: nothing outlives the close. It is the fake of the node's tests, the store of
 * the simulator, and the template of a store plugin: an ordered map with snapshots, and the
 * descriptor. A map that lies on a disk is all that another store has to bring.
 */
#include <common/store/map.h>
#include <common/store/rows.h>

#include <stdlib.h>

struct mem {
    struct pp_store store;
    pthread_mutex_t lock; /* of `now`, for the moment of sharing */
    struct map now;       /* as committed */
};

struct txn {
    struct mem *mem;
    struct map map;
};

static int txn_begin(void *env, bool write, void **out)
{
    struct mem *mem = env;
    struct txn *t = malloc(sizeof *t);
    (void)write;
    if (!t) {
        return PP_NOMEM;
    }
    t->mem = mem;
    pthread_mutex_lock(&mem->lock);
    t->map = map_share(&mem->now);
    pthread_mutex_unlock(&mem->lock);
    *out = t;
    return PP_OK;
}

static void txn_end(void *txn)
{
    struct txn *t = txn;
    map_release(&t->map);
    free(t);
}

static int txn_commit(void *txn, bool adding)
{
    struct txn *t = txn;
    (void)adding;
    pthread_mutex_lock(&t->mem->lock);
    struct map old = t->mem->now;
    t->mem->now = t->map;
    pthread_mutex_unlock(&t->mem->lock);
    map_release(&old);
    free(t);
    return PP_OK;
}

static int txn_seek(void *txn, struct pp_bytes from, struct pp_bytes *key, struct pp_bytes *value)
{
    const struct node *n = map_at(&((struct txn *)txn)->map, from);
    if (!n) {
        return PP_NOT_FOUND;
    }
    *key = map_key(n);
    *value = map_value(n);
    return PP_OK;
}

static int txn_get(void *txn, struct pp_bytes key, struct pp_bytes *value)
{
    struct pp_bytes found;
    int err = txn_seek(txn, key, &found, value);
    return err ? err : pp_bytes_equal(found, key) ? PP_OK : PP_NOT_FOUND;
}

static int txn_put(void *txn, struct pp_bytes key, struct pp_bytes value, bool last)
{
    (void)last;
    return map_put(&((struct txn *)txn)->map, key, value);
}

static int txn_del(void *txn, struct pp_bytes key)
{
    return map_del(&((struct txn *)txn)->map, key);
}

static uint64_t txn_used(void *txn)
{
    return ((struct txn *)txn)->map.used;
}

static const struct rows_map memory = {
    .value_max = 16 * 1024,
    .inline_max = UINT64_MAX,
    .begin = txn_begin,
    .end = txn_end,
    .commit = txn_commit,
    .get = txn_get,
    .seek = txn_seek,
    .put = txn_put,
    .del = txn_del,
    .used = txn_used,
};

enum { OPTION_CAPACITY };
static const struct pp_option options[] = {
    [OPTION_CAPACITY] = {"capacity", PP_OPT_OCTETS, "256MiB", 64 * 1024, INT64_MAX, PP_SCOPE_NODE,
                         "octets of memory that objects and inboxes may take"},
};

static void mem_close(struct pp_store *store)
{
    struct mem *mem = (struct mem *)store;
    rows_finish(store);
    map_release(&mem->now);
    pthread_mutex_destroy(&mem->lock);
    free(mem);
}

static int mem_open(struct pp_store **store, const char *path, const union pp_value *values,
                    const uint8_t epoch[16], unsigned flags, struct pp_error *error)
{
    if (!(flags & PP_STORE_CREATE)) {
        return pp_fail(error, PP_NOT_FOUND, "%s: a store in memory does not outlive its close",
                       path);
    }
    struct mem *mem = calloc(1, sizeof *mem);
    if (!mem) {
        return pp_fail(error, PP_NOMEM, "%s: no memory for the store", path);
    }
    pthread_mutex_init(&mem->lock, NULL);
    mem->store.map = &memory;
    mem->store.env = mem;
    mem->store.folder = -1;
    mem->store.capacity = (uint64_t)values[OPTION_CAPACITY].number;
    int err = rows_open(&mem->store, epoch, true, error);
    if (err) {
        mem_close(&mem->store);
        return err;
    }
    *store = &mem->store;
    return PP_OK;
}

static int mem_check(const char *path, const union pp_value *values, bool repair,
                     const struct pp_sink *sink, struct pp_error *error)
{
    (void)path, (void)values, (void)repair, (void)sink, (void)error;
    return 0; /* a closed store in memory is none */
}

PP_EXPORT extern const struct pp_store_plugin peerpost_plugin;
const struct pp_store_plugin peerpost_plugin = {
    .plugin = {PP_STORE_ABI, PP_KIND_STORE, "mem", "1.0", options,
               sizeof options / sizeof *options},
    .open = mem_open,
    .close = mem_close,
    .check = mem_check,
    ROWS_FUNCTIONS,
};
