/*
 * One round of synchronising, as sync.c (the order of steps), sync_notes.c (what is durable),
 * sync_scan.c (changes of the Maildir), sync_read.c (logs of others), sync_apply.c (into the
 * Maildir) and sync_send.c (messages and records onto the nodes) share it. Not for others.
 */
#ifndef PP_MAIL_SYNC_PASS_H
#define PP_MAIL_SYNC_PASS_H

#include <mail/device_object.h>
#include <mail/device_record.h>
#include <mail/retrieve.h>
#include <mail/sync.h>

#define PP_SYNC_PARALLEL 8
#define PP_SYNC_BATCH 64    /* messages stored before a record tells of them */
#define PP_DELETED_DAYS 400 /* so long a deletion is remembered */
#define PP_SYNC_KEYS 16
#define PP_SYNC_TAG 8

/* "l:self" */
struct pp_self {
    uint8_t device[PP_DEVICE_ID];
    uint8_t tag[PP_SYNC_TAG]; /* of the secret that its log is under */
    bool registered;          /* stands in the directory */
    uint64_t first;           /* the snapshot that its entry names */
    uint64_t next;            /* number of its next record */
    uint64_t lamport;
    int64_t told; /* seconds: of its last record */
    bool out;     /* record `next` is sealed and in the spool, not yet on its nodes .. */
    uint64_t out_size;
    uint8_t out_digest[32];
    unsigned out_changes; /* .. with so many changes */
    bool out_snapshot;
};

/* "l:d:<tag><device>": another computer, or one of ours under an earlier key. */
struct pp_other {
    uint8_t tag[PP_SYNC_TAG], device[PP_DEVICE_ID];
    uint64_t first, next; /* read up to this one */
    uint64_t kept;        /* records from here to next are kept on their nodes by us too */
    int64_t seen;
    char name[PP_DEVICE_NAME_MAX + 1];
};

/* A file that no item has. */
struct pp_upload {
    struct pp_upload *next;
    char folder[PP_ITEM_NAME_MAX + 1], name[PP_ITEM_NAME_MAX + 1], letters[64];
    bool fresh;
};

struct pp_sync_store { /* one message on its way to the nodes */
    struct pp_sync *sync;
    struct pp_upload *upload; /* NULL: free */
    struct pp_put put;
    uint8_t id[16], key[32], content[32];
};

struct pp_sync_fetch { /* one on its way here */
    struct pp_sync *sync;
    struct pp_item *item; /* NULL: free */
    struct pp_retrieve retrieve;
};

struct pp_sync {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    struct pp_sync_options options;
    char computer[PP_DEVICE_NAME_MAX + 1];
    struct pp_sync_events events;
    void *ctx;
    struct pp_device_state state;
    struct pp_self self;
    uint8_t secret[PP_SYNC_KEYS][PP_DEVICE_SECRET], tag[PP_SYNC_KEYS][PP_SYNC_TAG];
    size_t n_keys; /* the current first */
    struct pp_other *others;
    size_t n_others;
    /* the directory and logs */
    size_t key; /* whose directory is read */
    uint64_t entry, settled, claim;
    bool unsettled;
    unsigned claims;
    size_t other;
    uint64_t probe;    /* the record asked for */
    bool leaps, leapt; /* to a snapshot further on; whether it was for lost records */
    struct pp_peek peek;
    struct pp_put put; /* of a record or an entry */
    uint64_t spooled;  /* the record whose octets may leave the spool */
    /* messages */
    struct pp_upload *uploads;
    struct pp_sync_store stores[PP_SYNC_PARALLEL];
    struct pp_sync_fetch fetches[PP_SYNC_PARALLEL];
    struct pp_item *next_item; /* to apply */
    unsigned active, batch;
    bool is_read, ended;
    struct pp_sync_result result;
};

static inline const struct pp_mailnet *pp_sync_net(const struct pp_sync *s)
{
    return &pp_mail_is(s->mail)->net;
}

/* sync.c */
void pp_sync_fail(struct pp_sync *s, int code, const char *what);
void pp_sync_progress(struct pp_sync *s);
void pp_sync_read_done(struct pp_sync *s);        /* all logs are read */
void pp_sync_applied(struct pp_sync *s);          /* the Maildir is as the state says */
void pp_sync_stored(struct pp_sync *s);           /* a batch of messages is on the nodes */
void pp_sync_told(struct pp_sync *s);             /* the record is on its nodes */
struct pp_stamp pp_sync_stamp(struct pp_sync *s); /* of a change made now */

/* sync_notes.c */
int pp_sync_load(struct pp_sync *s); /* ! PP_NOMEM, PP_CRYPTO, PP_FORMAT */
void pp_sync_note_self(struct pp_sync *s);
void pp_sync_note_item(struct pp_sync *s, const struct pp_item *item);
void pp_sync_note_setting(struct pp_sync *s, const struct pp_setting *setting);
void pp_sync_note_other(struct pp_sync *s, const struct pp_other *other);
void pp_sync_note_directory(struct pp_sync *s, size_t key, uint64_t next);
uint64_t pp_sync_directory(struct pp_sync *s, size_t key);
void pp_sync_note_upload(struct pp_sync *s, const struct pp_sync_store *store, bool over);
struct pp_other *pp_sync_other(struct pp_sync *s, const uint8_t *tag, const uint8_t *device);
/* The device begins anew, as a new one: its whole state is in its first record. */
void pp_sync_begin_anew(struct pp_sync *s);
/* Which of our keys' secrets has that tag; -1: none. */
int pp_sync_key_of(const struct pp_sync *s, const uint8_t *tag);

/* sync_scan.c: what changed in the Maildir since the last round. ! PP_IO, PP_DENIED, PP_NOMEM */
int pp_sync_scan(struct pp_sync *s);

/* sync_directory.c */
void pp_sync_read(struct pp_sync *s);  /* directories, then pp_sync_read_logs */
void pp_sync_claim(struct pp_sync *s); /* a place in the directory; then pp_sync_told */
bool pp_sync_may_claim(const struct pp_sync *s);

/* sync_read.c */
void pp_sync_read_logs(struct pp_sync *s); /* then pp_sync_read_done */

/* sync_apply.c */
void pp_sync_apply(struct pp_sync *s);
void pp_sync_fetch_finish(struct pp_sync_fetch *f);

/* sync_send.c */
void pp_sync_store(struct pp_sync *s);      /* the next batch of new messages */
void pp_sync_tell(struct pp_sync *s);       /* a record of all that is dirty */
void pp_sync_tell_again(struct pp_sync *s); /* one that an earlier round sealed */
void pp_sync_kept(struct pp_sync *s, int error);
void pp_sync_out_noted(struct pp_sync *s);
void pp_sync_told_noted(struct pp_sync *s);
void pp_sync_store_finish(struct pp_sync_store *store);

enum pp_sync_token { PP_SYNC_KEPT, PP_SYNC_OUT_NOTED, PP_SYNC_TOLD_NOTED, PP_SYNC_LAST_NOTED };

#endif
