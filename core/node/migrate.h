/*
 * Moving all that a store holds into another one, of any plugin, through the contract alone:
 * objects with bodies and certificate sets, what was taken out of those, tombstones, inboxes with
 * their sequences, stamps, the epoch. The copy is made aside, read back beside the original, and
 * renamed only when both are equal; the original is never changed but moved out of the way.
 */
#ifndef PP_NODE_MIGRATE_H
#define PP_NODE_MIGRATE_H

#include <peerpost/store.h>

#define MIGRATE_PATH_MAX 1024

/* An open store. */
struct migrate_store {
    const struct pp_store_plugin *api;
    const union pp_value *options;
    const char *path; /* for sentences */
    struct pp_store *store;
};

/* All that a store holds, as numbers and a hash that does not depend on the order. */
struct migrate_sum {
    uint64_t objects, inboxes, tombstones;
    uint64_t members, taken, notifications;
    uint64_t octets; /* of bodies and notifications */
    uint64_t last_seq;
    uint8_t epoch[16];
    uint8_t digest[32];
};

/* Told now and then how far an act is. fn may be NULL. */
struct migrate_progress {
    void (*fn)(void *ctx, const char *act, uint64_t done, uint64_t total);
    void *ctx;
};

/* migrate_read.c: things as they are read, each in views of its own that last one step. */
struct migrate_item {
    enum pp_kind kind;
    struct pp_name name;
    bool tombstone;
    struct pp_head head; /* identifier: of the buffer */
    struct pp_buf identifier;
    struct pp_buf members; /* of an object: keyid 32, length 4, DER; over and over */
    struct pp_buf entries; /* a part of an inbox: see migrate_next_entry */
    struct pp_buf piece;   /* a part of a body */
    uint64_t after;        /* the last sequence read */
};
typedef int migrate_item_fn(void *ctx, struct migrate_item *item);
/* Calls fn with each thing there is, least recently used first, tombstones last. Ends with what fn
 * returned when that is not 0. ! PP_BROKEN, PP_NOMEM */
int migrate_each(const struct migrate_store *from, const struct migrate_progress *progress,
                 const char *act, migrate_item_fn *fn, void *ctx, struct pp_error *error);
/* The next certificate; `at` starts at 0. An empty der: taken out. False at the end. */
bool migrate_next_member(const struct migrate_item *item, size_t *at, const uint8_t **keyid,
                         struct pp_bytes *der);
/* Some more entries of an inbox, into item->entries; none: at the end. ! PP_BROKEN, PP_NOMEM */
int migrate_read_entries(const struct migrate_store *from, struct migrate_item *item);
bool migrate_next_entry(const struct migrate_item *item, size_t *at, struct pp_entry *entry);
/* Up to a piece of the body from an offset below its size, into item->piece. ! PP_BROKEN,
 * PP_NOMEM */
int migrate_read_piece(const struct migrate_store *from, struct migrate_item *item,
                       uint64_t offset);

/* migrate_sum.c */
int migrate_sum_of(const struct migrate_store *from, const struct migrate_progress *progress,
                   const char *act, struct migrate_sum *sum, struct pp_error *error);
/* False: the sentence says what differs. */
bool migrate_sum_equal(const struct migrate_sum *was, const struct migrate_sum *is,
                       struct pp_error *error);

/* migrate_copy.c: into an empty store. ! PP_FULL, PP_BROKEN, PP_NOMEM, PP_PLUGIN */
int migrate_copy(const struct migrate_store *from, const struct migrate_store *to,
                 const struct migrate_progress *progress, struct pp_error *error);

/* migrate.c: one migration from beginning to end. api and options of both, the paths (from and
 * to may be the same) and progress are the caller's. */
struct migration {
    struct migrate_store from, to;
    char from_path[MIGRATE_PATH_MAX], to_path[MIGRATE_PATH_MAX];
    struct migrate_progress progress;
    /* What came of it. */
    struct migrate_sum sum;
    char kept[MIGRATE_PATH_MAX]; /* where the original is now */
    bool finished_only;          /* all was copied by a run that was cut off at its last step */
};
int migrate_run(struct migration *m, struct pp_error *error);

#endif
