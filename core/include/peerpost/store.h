/*
 * The contract between core and a store. A store keeps data and knows no policy: no permission,
 * quota, clock or hash. Everything is (kind, name), name = SHA-256 of the identifier. Writes come
 * in batches from one writer thread, and a batch is durable when `commit` returns 0; reads run
 * beside it on any thread, see committed data only and never block it.
 *
 * Ground rules
 * - Spans, heads, entries and members handed out are lent until the view (or batch) ends.
 * - A view lasts a few milliseconds at most and never outlives a turn of the loop: a pinned view
 *   keeps removed pages from being used again.
 * - An operation's PP_FULL had no effect; a commit's undid the batch, and core reruns its
 *   operations one by one. remove, drop, discard, member_drop and touch never answer PP_FULL.
 * - PP_BROKEN stays: after it nothing more is promised and the process exits (74). A store that can
 *   tell what a damaged part held need not break: those things are NOT_FOUND from then on, and
 *   usage counts them as `damaged`.
 * - Times are wall nanoseconds, given by core.
 * - Source: Kangasharju et al. 2003, sections 2.1-2.3.
 */
#ifndef PEERPOST_STORE_H
#define PEERPOST_STORE_H

#include <peerpost/plugin.h>

#define PP_STORE_ABI PP_ABI(PP_KIND_STORE, 1)
#define PP_PIECE_MAX (256 * 1024) /* octets of one piece written or read */
#define PP_SPANS_MAX 64
#define PP_IDENTIFIER_MAX 998 /* octets of an identifier (RFC 5322 section 2.1.1) */
#define PP_OLDEST_MAX 256

struct pp_store;
struct pp_view;
struct pp_batch;

enum pp_kind { PP_OBJECT = 1, PP_INBOX = 2 };

/* An inbox has two queues (limits are core's): 0 plain, 1 proved. */
#define PP_QUEUES 2

struct pp_head {
    uint64_t serial; /* of the body; of an inbox: 0 */
    uint64_t size;   /* octets of the body; of an inbox: of all its entries */
    uint8_t digest[32];
    pp_ns created, expires; /* an inbox's `expires`: its earliest entry's */
    pp_ns stamp;            /* last store or access, coarse */
    uint32_t copies;        /* how many nodes shall hold it; 0: network.k */
    uint32_t members;       /* certificates still in the set */
    uint32_t entries[PP_QUEUES];
    uint64_t octets[PP_QUEUES];
    struct pp_bytes identifier; /* as stored; empty for a tombstone */
};

struct pp_entry {
    uint64_t seq;
    unsigned queue;
    uint8_t digest[32];
    pp_ns expires;
    struct pp_bytes bytes;
};

/* A listing line of `oldest`. A tombstone has only digest and expires in its head. */
struct pp_listed {
    enum pp_kind kind;
    struct pp_name name;
    bool tombstone;
    struct pp_head head;
};

/* Where the next `oldest` goes on; zero-initialise to start. Opaque. */
struct pp_cursor {
    uint8_t b[64];
};

/* Up to 256 KiB of a body from an offset: spans of memory, or (fd >= 0) a file, offset and length.
 * The fd is the store's; it may be dup'ed, and the copy outlives the view. */
struct pp_spans {
    struct pp_bytes span[PP_SPANS_MAX];
    size_t n;
    int fd;
    uint64_t fd_offset;
    size_t fd_len;
};

struct pp_usage {
    uint64_t octets;   /* used, pieces not yet put included */
    uint64_t capacity; /* above which put, piece, append, member_add answer PP_FULL */
    uint64_t objects, inboxes, tombstones;
    uint64_t damaged; /* things found unreadable since the open, and set aside; 0: none */
};

#define PP_STORE_CREATE 0x1u /* create when the path holds no store */

/* How a caller of members/entries goes on: 0 to go on, else stop; the value is returned. */
typedef int pp_entry_fn(void *ctx, const struct pp_entry *entry);
/* der is empty for a certificate already taken out of the set. */
typedef int pp_member_fn(void *ctx, const uint8_t keyid[32], struct pp_bytes der);

struct pp_store_plugin {
    struct pp_plugin plugin;

    /* epoch: 16 random octets, kept when the store is created here. One open per path per process.
     * Creation is aside, sync, rename, sync of the folder: a torn creation is no store. Pieces
     * never put are swept. ! PP_FORMAT (the text names both numbers), PP_BUSY, PP_BROKEN;
     * without CREATE PP_NOT_FOUND where there is none */
    int (*open)(struct pp_store **store, const char *path, const union pp_value *options,
                const uint8_t epoch[16], unsigned flags, struct pp_error *error);
    void (*close)(struct pp_store *store); /* after all views and batches */
    /* Verifies a closed store, one line a fault; repairs when asked. Returns the faults left. */
    int (*check)(const char *path, const union pp_value *options, bool repair,
                 const struct pp_sink *sink, struct pp_error *error);
    void (*epoch)(const struct pp_store *store, uint8_t epoch[16]);

    /* Reading. O(1). NULL on PP_BROKEN or PP_NOMEM. */
    struct pp_view *(*begin_view)(struct pp_store *store);
    void (*end_view)(struct pp_view *view);

    /* ! PP_NOT_FOUND; PP_GONE: a tombstone, head has its digest and expires */
    int (*head)(struct pp_view *view, enum pp_kind kind, const struct pp_name *name,
                struct pp_head *head);
    /* offset <= size; at its end: no spans. ! PP_NOT_FOUND, also when the serial is another */
    int (*read)(struct pp_view *view, const struct pp_name *name, uint64_t serial, uint64_t offset,
                struct pp_spans *spans);
    /* ! PP_NOT_FOUND, PP_TAKEN (out of the set already), PP_GONE (tombstone) */
    int (*member)(struct pp_view *view, const struct pp_name *name, const uint8_t keyid[32],
                  struct pp_bytes *der);
    /* ! PP_NOT_FOUND, PP_GONE; else what fn returned last */
    int (*members)(struct pp_view *view, const struct pp_name *name, pp_member_fn *fn, void *ctx);
    /* Entries with seq > after, ascending. No inbox: no calls, 0. */
    int (*entries)(struct pp_view *view, const struct pp_name *name, uint64_t after,
                   pp_entry_fn *fn, void *ctx);
    /* The next up to PP_OLDEST_MAX of all objects, inboxes and tombstones by rising stamp (least
     * recently accessed first; tombstones by rising expires, after all others). Returns how many;
     * 0 at the end; negative on failure. */
    int (*oldest)(struct pp_view *view, struct pp_cursor *cursor, struct pp_listed *out);
    void (*usage)(struct pp_view *view, struct pp_usage *usage);

    /* Writing: one batch at a time, from the writer thread. NULL on PP_BROKEN or PP_NOMEM. */
    struct pp_batch *(*begin)(struct pp_store *store);
    /* Durable when it returns 0; the batch is over either way. ! PP_FULL, PP_BROKEN */
    int (*commit)(struct pp_batch *batch);
    void (*abort)(struct pp_batch *batch);
    /* The batch as a view: sees its own writes. Lent, ends with the batch. */
    struct pp_view *(*view)(struct pp_batch *batch);

    /* Appends up to PP_PIECE_MAX octets to the body `serial`; 0 makes a new one. Invisible until
     * put, may span many batches. ! PP_FULL */
    int (*piece)(struct pp_batch *batch, uint64_t *serial, struct pp_bytes bytes);
    /* Names a body made of pieces (serial 0: an empty one). head: serial, size, digest, created,
     * expires, stamp, copies, identifier. Members follow singly.
     * ! PP_EXISTS, PP_GONE (tombstone), PP_FULL; PP_INVALID: size is not that of the pieces */
    int (*put)(struct pp_batch *batch, const struct pp_name *name, const struct pp_head *head);
    /* Forgets a body never put. Unknown serial: no effect. */
    int (*discard)(struct pp_batch *batch, uint64_t serial);
    /* Takes away an object with body and members, or a whole inbox; on a tombstone clears it.
     * tombstone: leave (digest, expires) of the object: only for the last delete.
     * ! PP_NOT_FOUND */
    int (*remove)(struct pp_batch *batch, enum pp_kind kind, const struct pp_name *name,
                  bool tombstone);
    /* ! PP_NOT_FOUND (object), PP_EXISTS (there or taken: no effect), PP_FULL */
    int (*member_add)(struct pp_batch *batch, const struct pp_name *name, const uint8_t keyid[32],
                      struct pp_bytes der);
    /* The keyid stays marked as taken. ! PP_NOT_FOUND, PP_TAKEN */
    int (*member_drop)(struct pp_batch *batch, const struct pp_name *name, const uint8_t keyid[32]);
    /* Appends a notification; makes the inbox. *seq out: rises store-wide, never reused, also not
     * after removal and restart; on PP_EXISTS that of the equal digest. identifier: the address.
     * `created` is a new inbox's first stamp; later ones come by touch.
     * entry->seq: 0, or (a migration) the sequence to give, in any order, one that no entry has;
     * it counts as given then. ! PP_EXISTS, PP_FULL; PP_INVALID: an entry has that sequence */
    int (*append)(struct pp_batch *batch, const struct pp_name *name, struct pp_bytes identifier,
                  const struct pp_entry *entry, pp_ns created, uint64_t *seq);
    /* Removes entries from <= seq <= upto; an inbox without entries is gone. Nothing there: 0. */
    int (*drop)(struct pp_batch *batch, const struct pp_name *name, uint64_t from, uint64_t upto);
    /* 0 in stamp, expires or copies leaves that; an inbox's expires stays its entries'.
     * ! PP_NOT_FOUND (a tombstone too) */
    int (*touch)(struct pp_batch *batch, enum pp_kind kind, const struct pp_name *name, pp_ns stamp,
                 pp_ns expires, uint32_t copies);
    /* The highest sequence ever given. */
    uint64_t (*last_seq)(struct pp_view *view);
};

#endif
