/*
 * The flat-file store's parts. On disk, below PATH:
 *
 *   state               where the log begins, counters, the index's runs (state.c)
 *   log/N               slots of the log: zeros written once, used over and over (log.c, replay.c)
 *   objects/ab/HEX      an object or a tombstone: text, then the body's octets (group.c, text.c)
 *   inboxes/ab/HEX      an inbox with its notifications, text
 *   bodies/SERIAL       bodies over FS_INLINE octets (common/store/files.c)
 *   index/N.run         the access index: sorted runs (index.c, merge.c)
 *   quarantine/         what could not be read, set aside
 *
 * A commit writes one record to the log and syncs it; its rows then lie in a table in memory. A
 * table that has grown is frozen and a thread fills it into the files (fill.c), syncs them, notes
 * that in `state`, and only then is its part of the log free again. A file is replaced only when no
 * view is left that began before its table was frozen: the others see the table's rows first.
 */
#ifndef STORE_FS_STORE_H
#define STORE_FS_STORE_H

#include <common/store/layout.h>
#include <common/store/map.h>

#define FS_FORMAT 1u
#define FS_INLINE (64u * 1024)
#define FS_SLOTS 256
#define FS_RUNS 24
#define FS_CACHED 4 /* large files kept as decoded */
#define FS_LINE_KEY ROWS_INDEX_LEN
#define FS_LINE (FS_LINE_KEY + 6) /* octets of an index line: key, mark, zero, check */
/* What to do about damage. */
#define FS_ADVICE                                                                                  \
    "nothing was changed; `peerpostd --check-store --repair` keeps all that can still be read, "   \
    "and sets the rest aside in quarantine/"

/* Marks of a table's rows. A head born in a table has all its rows there: nothing in a file counts
 * beside them, so that file may be written in place and be found torn. */
enum { FS_PLAIN, FS_GONE, FS_BORN };

/* Rows not yet in files. */
struct fs_table {
    struct map map;
    uint64_t octets; /* of their log records */
    uint64_t debt;   /* octets of disk that filling may take, at most */
};

/* One slot of the log: a file of a fixed size. */
struct fs_slot {
    int fd;
    uint64_t size, used;
    uint64_t segment; /* 0: free */
};
#define FS_NO_SEGMENT UINT64_MAX /* of a damaged slot: never free, and holds nothing */

/* A record of the log, but for its rows' octets. */
struct fs_record {
    uint64_t segment, batch;
    uint64_t used;      /* octets that all rows take after this batch */
    uint64_t len;       /* of the whole record */
    uint64_t first;     /* where the log began when this was written */
    uint64_t slot_size; /* of the slot it lies in */
    uint32_t slots;     /* that there were */
    struct pp_bytes rows;
};

struct fs_run {
    atomic_uint refs;
    uint64_t number;
    const uint8_t *map; /* the whole file */
    size_t len;
    const uint8_t *lines;
    size_t n;
};

/* The runs of a moment, oldest first. */
struct fs_runs {
    atomic_uint refs;
    size_t n;
    struct fs_run *run[FS_RUNS];
};

struct fs_held;

/* One row of a file; key and value lie in the group's memory. */
struct fs_row {
    struct pp_bytes key, value;
};

/* The rows of one file. Shared ones are not changed. */
struct fs_group {
    atomic_uint refs;
    enum pp_kind kind;
    struct pp_name name;
    bool there; /* a file */
    struct fs_row *row;
    size_t n, cap;
    struct pp_buf memory; /* the file */
    struct fs_held *held; /* decoded parts */
};

/* What `state` says. */
struct fs_state {
    uint64_t segment; /* the log is to be replayed from here */
    uint64_t batch;   /* the last batch that is in files */
    uint64_t reached; /* a later one, or the same, that was committed when this was written */
    uint64_t slots;   /* of the log */
    bool repairing;   /* a repair was begun and has not ended */
    uint64_t used;
    uint8_t meta[ROWS_META_LEN];
    bool has_meta;
    uint64_t run[FS_RUNS];
    size_t runs;
};

struct fs_txn;

struct fs_store {
    struct pp_store store;
    int path; /* the folder, locked */
    int log, index;
    uint64_t log_max, log_min; /* octets of a slot; the option is the greater */
    /* The writer's. */
    struct fs_slot slot[FS_SLOTS];
    size_t slots;
    struct fs_slot *current;
    uint64_t segment, batch; /* the last ones written */
    struct map loose;        /* pieces not yet put: not in the log */
    bool salvaging;          /* opened to be repaired: go on where something is damaged */
    uint8_t epoch[16];       /* as `state` has it; not changed while the filler runs */
    bool reindex, renew;     /* the index is lost; sequences are: a new epoch is due */
    const struct pp_sink *say;
    /* Under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fs_table active, frozen;
    bool filling;            /* frozen holds a table */
    uint64_t frozen_segment; /* the last of the frozen table */
    uint64_t frozen_batch, frozen_used;
    uint64_t freed;   /* segments up to here are in files */
    uint64_t reached; /* the last batch committed */
    struct fs_group *cached[FS_CACHED];
    size_t cache_next;
    uint64_t generation; /* of what is cached */
    uint64_t freezes;
    bool stuck;   /* the disk is too full to go on */
    bool waiting; /* for views that began before the freeze */
    bool closing, started;
    struct fs_runs *runs;
    struct fs_state state;
    uint64_t used, loose_used;
    struct fs_txn *snapshots;
    pthread_t thread;
    pthread_mutex_t files;  /* held while a file is replaced, or put aside */
    pthread_mutex_t noting; /* held while `state` is written */
};

/* A snapshot, or the write transaction with its changes on top. */
struct fs_txn {
    struct fs_store *s;
    bool write;
    struct map changes, loose, active, frozen;
    struct fs_runs *runs;
    uint8_t meta[ROWS_META_LEN];
    bool has_meta;
    uint64_t used;
    uint64_t debt;
    uint64_t freezes; /* how many there were when it began */
    uint64_t generation;
    struct fs_group **group;
    size_t groups, groups_cap;
    struct pp_name *listed; /* of a walk over the heads */
    size_t n_listed;
    struct fs_txn *prev, *next;
};

extern const struct rows_map fs_map;

/* Errno as ours. */
int fs_code(int error);

/* folder.c: the folders, opened and locked. ! PP_BUSY, PP_NOT_FOUND, PP_FORMAT, PP_BROKEN */
int fs_folder_open(struct fs_store *s, const char *path, struct pp_error *error);
void fs_folder_close(struct fs_store *s);
int fs_folder_create(const char *path, uint64_t slot, const uint8_t epoch[16],
                     struct pp_error *error);
/* All of the file system that holds the store. ! PP_BROKEN */
int fs_sync_all(struct fs_store *s);
/* Names of all files of a kind, sorted; the caller frees. */
int fs_folder_list(struct fs_store *s, enum pp_kind kind, struct pp_name **names, size_t *n);

/* state.c. ! PP_NOT_FOUND: the folder holds no store; PP_FORMAT, PP_BROKEN */
int fs_state_read(struct fs_store *s, const char *path, struct pp_error *error);
/* Durable at 0. ! PP_FULL, PP_BROKEN */
int fs_state_write(int folder, const uint8_t epoch[16], const struct fs_state *state);
/* Writes what `next` says (NULL: what stood there) beside how many slots and batches there are, and
 * makes it the store's. ! PP_FULL, PP_BROKEN */
int fs_state_note(struct fs_store *s, const struct fs_state *next);

/* log.c: all by the writer. */
int fs_log_open(struct fs_store *s);
void fs_log_close(struct fs_store *s);
int fs_slot_create(int folder, size_t number, uint64_t size, int *fd); /* ! PP_FULL, PP_BROKEN */
/* A place for a record of so many octets; may wait for the filler. ! PP_FULL, PP_BROKEN */
int fs_log_room(struct fs_store *s, uint64_t octets, uint64_t debt, bool adding);
/* One record, durable at 0. ! PP_BROKEN */
int fs_log_append(struct fs_store *s, struct pp_buf *record, uint64_t used);
/* Does a slot begin as all do, used or not? What tears a record leaves that. */
bool fs_slot_begins(const uint8_t *at, uint64_t size);
bool fs_slot_is_new(const uint8_t *at, uint64_t size); /* never used */

/* record.c */
#define FS_RECORD_HEAD 64
#define FS_RECORD_ALIGN 8
void fs_record_add(struct pp_buf *record, struct pp_bytes key, struct pp_bytes value,
                   unsigned mark);
/* Fills the head, which stands free before the rows, and pads. ! PP_NOMEM */
int fs_record_close(struct pp_buf *record, const struct fs_record *r);
/* A whole record of any segment at this place? */
bool fs_record_read(struct fs_record *r, const uint8_t *at, uint64_t left);
typedef int fs_row_fn(void *ctx, struct pp_bytes key, struct pp_bytes value, unsigned mark);
int fs_record_each(const struct fs_record *r, fs_row_fn *fn, void *ctx); /* ! PP_BROKEN, fn's */

/* replay.c */
const uint8_t *fs_slot_map(const struct fs_slot *slot);
void fs_slot_unmap(const struct fs_slot *slot, const uint8_t *map);
int fs_replay_record(struct fs_store *s, const struct fs_record *r); /* ! PP_BROKEN, PP_NOMEM */
int fs_replay(struct fs_store *s, const char *path, struct pp_error *error);

/* salvage.c: for a repair. Makes folders that are missing. */
int fs_salvage_folders(struct fs_store *s);
/* Opens what slots there are, makes those that are missing. */
int fs_salvage_slots(struct fs_store *s);
/* Takes all records that can be read into the table; where `state` was lost, finds out from them
 * what it said. */
int fs_salvage_log(struct fs_store *s);
/* When all is in files: slots that were damaged go to quarantine/, new ones take their place. */
int fs_salvage_end(struct fs_store *s);

/* group.c, text.c */
struct fs_group *fs_group_empty(enum pp_kind kind, const struct pp_name *name);
int fs_group_load(struct fs_store *s, enum pp_kind kind, const struct pp_name *name,
                  struct fs_group **out); /* ! PP_BROKEN, PP_NOMEM */
struct fs_group *fs_group_share(struct fs_group *g);
void fs_group_free(struct fs_group *g); /* one share of it; NULL: nothing */
const struct fs_row *fs_group_find(const struct fs_group *g,
                                   struct pp_bytes from); /* at or after */
int fs_group_add(struct fs_group *g, struct pp_bytes key, struct pp_bytes value);
void *fs_group_hold(struct fs_group *g, size_t len);
void fs_group_sort(struct fs_group *g);
void fs_group_path(char out[80], enum pp_kind kind, const struct pp_name *name);
/* Writes a file anew: in place when there is none, else aside (".new", to be renamed). */
int fs_group_write(struct fs_store *s, const struct fs_group *g, bool aside);
int fs_text_write(struct pp_buf *out, const struct fs_group *g);
int fs_text_read(struct fs_group *g); /* of g->memory. ! PP_BROKEN, PP_NOMEM */

/* cache.c */
/* A share of what is kept, for a transaction of that generation; NULL: nothing is. */
struct fs_group *fs_cache_find(struct fs_store *s, uint64_t generation, enum pp_kind kind,
                               const struct pp_name *name);
void fs_cache_add(struct fs_store *s, uint64_t generation, struct fs_group *g);
/* All goes: files are about to be others for whom begins now. Under the lock; free it outside. */
void fs_cache_take(struct fs_store *s, struct fs_group *old[FS_CACHED]);
void fs_cache_free(struct fs_group *old[FS_CACHED]);
void fs_cache_drop(struct fs_store *s);

/* index.c, merge.c */
bool fs_is_index(struct pp_bytes key); /* S, T or L */
int fs_index_of(void *txn, enum pp_kind kind, const struct pp_name *name,
                const struct rows_key *but, struct rows_key *key);
void fs_line(uint8_t line[FS_LINE], struct pp_bytes key, struct pp_bytes value, bool gone);
int fs_line_compare(const uint8_t *a, const uint8_t *b);
void fs_head_line(uint8_t line[FS_LINE], uint64_t lines); /* a run's first line */
bool fs_line_good(const uint8_t *line);
/* what: for whom it cannot be read, says why. ! PP_BROKEN, PP_NOMEM */
int fs_run_open(struct fs_store *s, uint64_t number, struct fs_run **run, char what[120]);
/* Reads every line; returns the faults. */
int fs_runs_verify(const struct fs_store *s, const struct pp_sink *sink);
void fs_run_release(struct fs_run *run);
struct fs_runs *fs_runs_share(struct fs_runs *runs);
void fs_runs_release(struct fs_runs *runs);
/* The first line at or after `from` that stands. ! PP_NOT_FOUND, PP_BROKEN: a line in the way is
 * damaged */
int fs_runs_seek(const struct fs_runs *runs, struct pp_bytes from, const uint8_t **line);
/* A table's index rows as the newest run, merged with its younger elders. */
int fs_runs_add(struct fs_store *s, const struct fs_runs *old, const struct map *table,
                struct fs_runs **out);

/* txn.c */
const struct node *fs_map_find(const struct map *m, struct pp_bytes key);
/* Octets of disk that a row takes, about. */
uint64_t fs_row_cost(struct pp_bytes key, size_t value);
/* Does a map hold a head that was born in it? */
bool fs_map_born(const struct map *m, enum pp_kind kind, const struct pp_name *name);
int fs_get(void *txn, struct pp_bytes key, struct pp_bytes *value);
int fs_txn_group(struct fs_txn *t, enum pp_kind kind, const struct pp_name *name,
                 struct fs_group **out);
/* Freezes the active table when it has at least so many octets and none is being filled. The
 * writer's, like all that changes the active table. */
void fs_freeze(struct fs_store *s, uint64_t least);
/* Octets of log records from which on a table is frozen. */
uint64_t fs_freeze_size(const struct fs_store *s);
/* Applies one row of a log record. ! PP_NOMEM */
int fs_apply(struct fs_table *table, struct pp_bytes key, struct pp_bytes value, unsigned mark);

/* seek.c */
int fs_seek(void *txn, struct pp_bytes from, struct pp_bytes *key, struct pp_bytes *value);
/* The type of a row: a name's rows have it behind the name. */
static inline char fs_key_type(struct pp_bytes key)
{
    return (char)(key.data[0] == 'N' && key.len >= ROWS_OF_NAME ? key.data[ROWS_OF_NAME - 1]
                                                                : key.data[0]);
}
/* The file that holds a row; false: none does. */
bool fs_key_group(struct pp_bytes key, enum pp_kind *kind, struct pp_name *name);

/* text.c: a text taken apart from *at on, which moves past what was taken. */
bool fs_skip(const char **at, const char *literal);
bool fs_number(const char **at, int base, uint64_t *value);
/* Up to a space or line end, at most cap - 1 octets. */
bool fs_word(const char **at, char *out, size_t cap);

/* check.c */
/* Moves a file of the store's folder into quarantine/, under that name or a like one. ! PP_FULL,
 * PP_BROKEN */
int fs_quarantine(struct fs_store *s, const char *file, const char *name);
/* The same, and it also stays where it is, to be replaced. */
int fs_quarantine_link(struct fs_store *s, const char *file, const char *name);
/* Moves a file that cannot be read to quarantine/; 0 also when it can be read, or there is none. */
int fs_set_aside(void *env, enum pp_kind kind, const struct pp_name *name);
/* A line to whom checks; NULL: nobody. */
void fs_say(const struct pp_sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Looks at every file of objects and inboxes, all being in files; returns the faults. A repair
 * moves damaged ones to quarantine/. *used: the octets that all rows take. */
int fs_files_verify(struct fs_store *s, bool repair, const struct pp_sink *sink, uint64_t *used);
/* Files of long bodies that no object names: to quarantine/. */
int fs_bodies_set_aside(struct fs_store *s, const struct pp_sink *sink);
/* foreign.c: names what is not the store's, once each. */
void fs_foreign_name(struct fs_store *s, const struct pp_sink *sink);

/* fill.c */
/* Opens the runs that `state` names. */
int fs_runs_open(struct fs_store *s, const char *path, struct pp_error *error);
/* Takes away runs that `state` does not name. */
void fs_runs_sweep(struct fs_store *s, const struct fs_state *st);
int fs_fill_start(struct fs_store *s);
void fs_fill_stop(struct fs_store *s);
/* Fills all there is and waits for it; false when a view stands in the way, or a full disk. */
bool fs_fill_all(struct fs_store *s);

#endif
