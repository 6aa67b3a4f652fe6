/*
 * How the rows of a store look: keys, heads, counters, long values. Private to this folder.
 *
 *   A                             counters, format, epoch
 *   B serial                      a body in rows that is not yet put (swept at open)
 *   L serial                      name of the object whose body is a file
 *   N name C keyid chunk          a certificate (long value); empty: taken out of the set
 *   N name D digest               sequence of the inbox entry with that digest
 *   N name H kind                 a head, or a tombstone
 *   N name I seq                  an inbox entry without its octets
 *   N name O n                    the n-th record of a named body, where rows lie grouped
 *   N name Z seq chunk            octets of an inbox entry, where rows lie grouped
 *   P serial n                    the n-th record of a body in rows
 *   S stamp serial kind name      access index of heads; directly before ..
 *   T expires 0 kind name         .. the index of tombstones
 *   Z seq chunk                   octets of an inbox entry: last, so that they are appended
 *
 * What belongs to one name stands together, and the rest is appended in the order of its making: a
 * commit rewrites one page a name and few others.
 */
#ifndef PP_STORE_LAYOUT_H
#define PP_STORE_LAYOUT_H

#include "rows.h"

#define ROWS_FORMAT 1u
#define ROWS_KEY_MAX 80
#define ROWS_ROW_COST 64 /* octets a row costs a backend beside key and value, roughly */

struct rows_key {
    uint8_t b[ROWS_KEY_MAX];
    size_t len;
};

static inline struct pp_bytes rows_key_bytes(const struct rows_key *k)
{
    return pp_bytes(k->b, k->len);
}

/* Keys are made part by part. */
struct rows_key rows_key(char type);
void rows_key_add(struct rows_key *k, const void *octets, size_t len);
void rows_key_u64(struct rows_key *k, uint64_t v);
#define ROWS_OF_NAME 34 /* octets of N name type */
struct rows_key rows_key_head(enum pp_kind kind, const struct pp_name *name);
struct rows_key rows_key_name(char type, const struct pp_name *name);
/* Is it a row of type H? Any other row of a name stands beside it. */
bool rows_key_is_head(const struct rows_key *key);
/* Takes the key of a head apart; false: it is none. */
bool rows_key_of_head(const struct rows_key *key, enum pp_kind *kind, struct pp_name *name);
struct rows_key rows_key_number(char type, uint64_t number);
#define ROWS_INDEX_LEN 50
/* serial: the head's; 0 for inboxes and tombstones. */
struct rows_key rows_key_index(char type, uint64_t when, uint64_t serial, enum pp_kind kind,
                               const struct pp_name *name);
struct rows_key rows_key_record(uint64_t serial, uint32_t n);
/* The n-th record of the body that `name` names. */
struct rows_key rows_key_body(const struct pp_store *s, const struct pp_name *name, uint64_t serial,
                              uint32_t n);
/* Of an inbox entry's octets, without the chunk. */
struct rows_key rows_key_octets(const struct pp_store *s, const struct pp_name *name, uint64_t seq);

/* A head as it lies in its row. */
struct rows_head {
    struct pp_head h;
    bool tombstone, large;
};
#define ROWS_HEAD_LEN 106
void rows_head_encode(struct pp_buf *out, const struct rows_head *head);
/* The identifier is lent of `in`. ! PP_BROKEN */
int rows_head_decode(struct rows_head *head, struct pp_bytes in);

struct rows_entry { /* I row */
    unsigned queue;
    uint8_t digest[32];
    pp_ns expires;
    uint32_t size;
};
/* One more entry in the sums of an inbox's head. */
void rows_head_count(struct rows_head *head, const struct rows_entry *entry);
#define ROWS_ENTRY_LEN 45
void rows_entry_encode(uint8_t out[ROWS_ENTRY_LEN], const struct rows_entry *entry);
int rows_entry_decode(struct rows_entry *entry, struct pp_bytes in);

#define ROWS_META_LEN 68
void rows_meta_encode(uint8_t out[ROWS_META_LEN], const struct rows_meta *meta,
                      const uint8_t epoch[16]);
/* ! PP_FORMAT: *format is the number found; PP_BROKEN */
int rows_meta_decode(struct rows_meta *meta, uint8_t epoch[16], uint32_t *format,
                     struct pp_bytes in);

/* Reading helpers. */
int rows_get(struct pp_view *v, const struct rows_key *key, struct pp_bytes *value);
/* The first row at or after `from` whose key begins with the first `prefix` octets of it. */
int rows_next(struct pp_view *v, const struct rows_key *from, size_t prefix, struct rows_key *key,
              struct pp_bytes *value);
int rows_load(struct pp_view *v, enum pp_kind kind, const struct pp_name *name,
              struct rows_head *head);
/* Keeps octets until the view ends: snapshots lend them as they are, batches copy. */
int rows_lend(struct pp_view *v, struct pp_bytes *bytes);
void *rows_hold(struct pp_view *v, size_t len);
void rows_drop_held(struct pp_view *v);
/* Of a walk over all: nothing lent so far is needed any more. */
void rows_forget(struct pp_view *v);
/* A value of any length, cut into chunks under `key`. */
int rows_long_get(struct pp_view *v, const struct rows_key *key, struct pp_bytes *value);
int rows_read_meta(struct pp_view *v, struct rows_meta *meta);
int rows_broken(struct pp_store *s); /* notes it, returns PP_BROKEN */
/* A row that should be there is not: the thing is damaged (PP_NOT_FOUND), or all is broken. */
int rows_lost(struct pp_view *v, enum pp_kind kind, const struct pp_name *name);

/* damage.c: before a batch begins. */
void rows_damage_mend(struct pp_store *s);
void rows_damage_free(struct pp_store *s);
/* repair.c: makes one thing right as far as it is there, or takes it away. */
int rows_mend_one(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name);

/* Writing helpers: a failure dooms the batch. */
int rows_set(struct pp_batch *b, const struct rows_key *key, struct pp_bytes value);
int rows_unset(struct pp_batch *b, const struct rows_key *key); /* 0 also when there is none */
int rows_save(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
              const struct rows_head *head);
int rows_long_set(struct pp_batch *b, const struct rows_key *key, struct pp_bytes value);
int rows_long_unset(struct pp_batch *b, const struct rows_key *key);
/* 0 when the batch can go on; what dooms it else. */
int rows_ready(struct pp_batch *b);
/* May `octets` more come in? PP_FULL is without effect. */
int rows_room(struct pp_batch *b, uint64_t octets);
int rows_doom(struct pp_batch *b, int code);
/* What an operation that takes away answers: never PP_FULL (the commit will say it). */
static inline int rows_never_full(int err)
{
    return err == PP_FULL ? PP_OK : err;
}

/* Bodies: bodies.c. */
/* Takes away the named body of a head. */
int rows_body_remove(struct pp_batch *b, const struct pp_name *name, const struct rows_head *head);
int rows_body_name(struct pp_batch *b, uint64_t serial, const struct pp_name *name,
                   struct rows_head *head);  /* checks size; ! PP_INVALID */
int rows_bodies_prepare(struct pp_batch *b); /* before commit: notes, syncs */
void rows_bodies_done(struct pp_batch *b, bool committed);
void rows_bodies_free(struct pp_store *s);
/* At the open: rows never put go, and some files are looked at. */
int rows_sweep(struct pp_store *s);
/* At the begin of each batch: some more files, until all were looked at. Those that no object
 * names go: never put, or removed and not unlinked before a crash. A store of a million large
 * bodies opens as fast as an empty one. */
void rows_sweep_on(struct pp_batch *b, size_t files);
void rows_sweep_end(struct pp_store *s);

/* Files of large bodies: files.c. */
struct rows_doomed {
    struct rows_doomed *next;
    uint64_t serial;
    uint64_t commits; /* views counted from here on do not see it */
};
int rows_file_create(struct pp_store *s, uint64_t serial, int *fd);
int rows_file_write(int fd, uint64_t offset, struct pp_bytes bytes, uint64_t *allocated);
int rows_file_sync(int fd, uint64_t size);
int rows_file_read(struct pp_view *v, const struct pp_name *name, const struct pp_head *head,
                   uint64_t offset, struct pp_spans *spans);
void rows_files_close(struct pp_view *v);
/* ! PP_NOT_FOUND */
int rows_file_size(const struct pp_store *s, uint64_t serial, uint64_t *size);
int rows_file_doom(struct pp_batch *b, uint64_t serial);
bool rows_file_is_doomed(const struct pp_store *s, uint64_t serial);
/* Takes over the batch's doomed files after its end; forgets them when it was undone. */
void rows_files_settle(struct pp_batch *b, bool committed);
/* Unlinks what no view can see any more; all: at the close. */
void rows_files_reap(struct pp_store *s, bool all);
int rows_folder_sync(struct pp_store *s);
/* A walk over the folder's files; NULL: it cannot be read. rows_files_next: false at the end. */
void *rows_files_walk(struct pp_store *s);
bool rows_files_next(void *walk, uint64_t *serial);
void rows_files_end(void *walk);
void rows_file_unlink(struct pp_store *s, uint64_t serial);

#endif
