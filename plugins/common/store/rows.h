/*
 * A whole Peerpost store over any ordered map of octet strings with snapshots: heads, certificate
 * sets, inboxes, bodies, tombstones, the access index and their accounts, as rows. A backend gives
 * the map (struct rows_map) and, where bodies over `inline_max` shall lie in files, a folder; then
 * every function below stands in the plugin's descriptor as it is. Knows no library and no policy.
 */
#ifndef PP_STORE_ROWS_H
#define PP_STORE_ROWS_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include <peerpost/store.h>

struct rows_key;

/* What a backend gives. A txn is a snapshot or the one write transaction. Values handed out of a
 * snapshot live until it ends, those of a write transaction until its next write. Errors of reads:
 * PP_NOT_FOUND, PP_BROKEN; of writes: PP_FULL, PP_NOMEM (both doom the transaction), PP_BROKEN. */
struct rows_map {
    size_t value_max;    /* octets of the longest value; at least 2,048 */
    uint64_t inline_max; /* octets of a body kept in rows; longer ones go to files */
    /* Rows lie together by name: a named body's records and an entry's octets carry the name in
     * their key. A `seek` from a row of a name need not leave name and type; from a head, or from
     * before all names, it may find heads alone. */
    bool grouped;
    int (*begin)(void *env, bool write, void **txn);
    void (*end)(void *txn); /* ends a snapshot, undoes a write transaction */
    /* Durable at 0; over either way. adding: it may not touch the reserve that keeps removals
     * possible. ! PP_FULL, PP_BROKEN */
    int (*commit)(void *txn, bool adding);
    int (*get)(void *txn, struct pp_bytes key, struct pp_bytes *value);
    /* The first row at or after `from`. */
    int (*seek)(void *txn, struct pp_bytes from, struct pp_bytes *key, struct pp_bytes *value);
    /* last: this key is above all others there are (a hint). */
    int (*put)(void *txn, struct pp_bytes key, struct pp_bytes value, bool last);
    int (*del)(void *txn, struct pp_bytes key); /* PP_NOT_FOUND when there is none */
    uint64_t (*used)(void *txn);                /* octets that the rows take, O(1) */
    /* Of a walk over all: what was handed out is needed no longer. NULL: it costs nothing. */
    void (*forget)(void *txn);
    /* Where the rows of a name lie in a file of their own, which may be damaged alone; NULL: what
     * cannot be read breaks the store. The backend calls rows_damaged and goes on as if the name
     * had no rows there; the writer then puts the file out of the way. */
    int (*set_aside)(void *env, enum pp_kind kind, const struct pp_name *name);
    /* A row of S or T that leads to a name and is not `but` (NULL: any), where a head was lost. May
     * look at them all. ! PP_NOT_FOUND */
    int (*index_of)(void *txn, enum pp_kind kind, const struct pp_name *name,
                    const struct rows_key *but, struct rows_key *key);
};

/* The counters of a store, one row. */
struct rows_meta {
    uint64_t next_serial, last_seq;
    uint64_t large; /* octets of named bodies in files */
    uint64_t objects, inboxes, tombstones;
};

struct rows_body;   /* a body not yet put: bodies.c */
struct rows_doomed; /* a file to unlink once no view can need it */
struct rows_held;   /* memory lent until a view ends */
struct rows_file;   /* a file a view has open */
struct rows_damage; /* what was found unreadable: damage.c */

struct pp_store {
    const struct rows_map *map;
    void *env;
    uint8_t epoch[16];
    uint64_t capacity;
    int folder;           /* of large bodies; -1: none */
    void *sweep;          /* of that folder, while files are still to be looked at (a DIR) */
    uint64_t sweep_below; /* serials from here on were given since the open */
    bool no_sweep;        /* opened to be repaired: nothing goes */
    atomic_bool broken;
    struct rows_meta meta; /* as committed; the writer's */
    struct rows_body *bodies;
    struct pp_batch *batch;
    _Atomic uint64_t pending; /* octets of bodies in files not yet put */
    pthread_mutex_t lock;     /* of what follows */
    struct pp_view *views;
    uint64_t commits;
    struct rows_doomed *doomed;
    struct rows_damage *damage; /* not yet mended */
    _Atomic uint64_t damaged;
    bool mending; /* the writer's */
};

struct pp_view {
    struct pp_store *store;
    void *txn;
    struct pp_batch *batch; /* NULL: a snapshot */
    struct rows_held *held;
    struct rows_file *files;
    struct pp_view *prev, *next;
    uint64_t commits;
};

struct pp_batch {
    struct pp_view view;
    struct rows_meta meta;
    int failed;                 /* dooms the batch: PP_FULL or PP_BROKEN */
    bool adding;                /* something came in, not only went */
    uint64_t put_octets;        /* octets of file bodies named in this batch */
    struct rows_doomed *doomed; /* unlink after commit */
};

/* Opens the rows: reads the counters, or (fresh) writes the first ones with `epoch`; sweeps bodies
 * never put. The struct is the caller's memory, zeroed, with map, env, capacity, folder set.
 * ! PP_FORMAT, PP_BROKEN, PP_FULL */
int rows_open(struct pp_store *s, const uint8_t epoch[16], bool fresh, struct pp_error *error);
void rows_finish(struct pp_store *s); /* frees what rows_open made; env stays the caller's */
/* Verifies every row of an open store against every other; one line a fault. Returns the faults. */
int rows_verify(struct pp_store *s, const struct pp_sink *sink);
/* Takes away what is not whole, writes indexes and counters anew, verifies again. */
int rows_repair(struct pp_store *s, const struct pp_sink *sink);

/* Notes that a thing cannot be read; any thread. The next batch mends it: it goes, or what is whole
 * of it stays. */
void rows_damaged(struct pp_store *s, enum pp_kind kind, const struct pp_name *name);

void rows_epoch(const struct pp_store *s, uint8_t epoch[16]);
struct pp_view *rows_begin_view(struct pp_store *s);
void rows_end_view(struct pp_view *v);
int rows_head(struct pp_view *v, enum pp_kind kind, const struct pp_name *name,
              struct pp_head *head);
int rows_read(struct pp_view *v, const struct pp_name *name, uint64_t serial, uint64_t offset,
              struct pp_spans *spans);
int rows_member(struct pp_view *v, const struct pp_name *name, const uint8_t keyid[32],
                struct pp_bytes *der);
int rows_members(struct pp_view *v, const struct pp_name *name, pp_member_fn *fn, void *ctx);
int rows_entries(struct pp_view *v, const struct pp_name *name, uint64_t after, pp_entry_fn *fn,
                 void *ctx);
int rows_oldest(struct pp_view *v, struct pp_cursor *cursor, struct pp_listed *out);
void rows_usage(struct pp_view *v, struct pp_usage *usage);
uint64_t rows_last_seq(struct pp_view *v);

struct pp_batch *rows_begin(struct pp_store *s);
int rows_commit(struct pp_batch *b);
void rows_abort(struct pp_batch *b);
struct pp_view *rows_view(struct pp_batch *b);
int rows_piece(struct pp_batch *b, uint64_t *serial, struct pp_bytes bytes);
int rows_put(struct pp_batch *b, const struct pp_name *name, const struct pp_head *head);
int rows_discard(struct pp_batch *b, uint64_t serial);
int rows_remove(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name, bool tombstone);
int rows_member_add(struct pp_batch *b, const struct pp_name *name, const uint8_t keyid[32],
                    struct pp_bytes der);
int rows_member_drop(struct pp_batch *b, const struct pp_name *name, const uint8_t keyid[32]);
int rows_append(struct pp_batch *b, const struct pp_name *name, struct pp_bytes identifier,
                const struct pp_entry *entry, pp_ns created, uint64_t *seq);
int rows_drop(struct pp_batch *b, const struct pp_name *name, uint64_t from, uint64_t upto);
int rows_touch(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name, pp_ns stamp,
               pp_ns expires, uint32_t copies);

/* folder.c. A path without slashes at its end. ! PP_BROKEN */
int rows_path_clean(char clean[PATH_MAX], const char *path, struct pp_error *error);
int rows_folder_at(int at, const char *path); /* a descriptor, or -1 */
/* Opens and locks the folder; *fd, when not -1, is the caller's to close, whatever comes back.
 * ! PP_BUSY, PP_NOT_FOUND, PP_BROKEN */
int rows_folder_lock(int *fd, const char *path, struct pp_error *error);
/* Fills `aside`, an empty folder, with an empty store, and syncs it. */
typedef int rows_make_fn(void *ctx, const char *aside, struct pp_error *error);
/* Makes a store where there is none: aside, synced, renamed, the folder around it synced. */
int rows_folder_create(const char *path, rows_make_fn *make, void *ctx, struct pp_error *error);

/* All members of the descriptor but open, close and check. */
#define ROWS_FUNCTIONS                                                                             \
    .epoch = rows_epoch, .begin_view = rows_begin_view, .end_view = rows_end_view,                 \
    .head = rows_head, .read = rows_read, .member = rows_member, .members = rows_members,          \
    .entries = rows_entries, .oldest = rows_oldest, .usage = rows_usage, .begin = rows_begin,      \
    .commit = rows_commit, .abort = rows_abort, .view = rows_view, .piece = rows_piece,            \
    .put = rows_put, .discard = rows_discard, .remove = rows_remove,                               \
    .member_add = rows_member_add, .member_drop = rows_member_drop, .append = rows_append,         \
    .drop = rows_drop, .touch = rows_touch, .last_seq = rows_last_seq

#endif
