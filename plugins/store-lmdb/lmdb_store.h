/*
 * The LMDB store's parts: an environment with the rows (map.c), the room ahead of it (room.c), its
 * folder (create.c). Folder: data.mdb, lock.mdb, bodies/SERIAL.
 */
#ifndef STORE_LMDB_STORE_H
#define STORE_LMDB_STORE_H

#include <lmdb.h>

#include <common/store/rows.h>

#define LMDB_PAGE 4096u
#define LMDB_POOL 16 /* reading transactions kept for the next view */

struct lmdb_txn;

struct lmdb_store {
    struct pp_store store;
    MDB_env *env;
    MDB_dbi rows;
    int path, lock;     /* the folder, and the same locked */
    int data;           /* LMDB's own descriptor of data.mdb */
    uint64_t allocated; /* octets of data.mdb that the disk has given; the writer's */
    uint64_t reserve;   /* octets behind the last page that only removals may use */
    pthread_mutex_t lock_pool;
    struct lmdb_txn *pool;
    unsigned pooled;
};

/* What a write transaction did, for the room it needs. */
struct lmdb_work {
    uint64_t rows;  /* put or taken away */
    uint64_t pages; /* of values that lie on pages of their own */
};

extern const struct rows_map lmdb_map;

/* MDB and errno numbers as ours. */
int lmdb_code(int rc);
void lmdb_pool_free(struct lmdb_store *s);

/* Finds out what the disk has given; tries to reach the reserve. */
void lmdb_room_open(struct lmdb_store *s);
/* Before a commit: makes sure that no write of it can meet a full disk. ! PP_FULL */
int lmdb_room_ensure(struct lmdb_store *s, MDB_txn *txn, const struct lmdb_work *work, bool adding);
/* Octets of the pages that rows fill. */
uint64_t lmdb_room_used(struct lmdb_store *s, MDB_txn *txn);

/* Opens environment and folder at `path`, exclusively. ! PP_BUSY, PP_NOT_FOUND, PP_FORMAT,
 * PP_BROKEN */
int lmdb_open_folder(struct lmdb_store *s, const char *path, unsigned readers,
                     struct pp_error *error);
void lmdb_close_folder(struct lmdb_store *s);
/* Makes an empty store: aside, synced, renamed, its folder synced. */
int lmdb_create(const char *path, uint64_t capacity, const uint8_t epoch[16],
                struct pp_error *error);

#endif
