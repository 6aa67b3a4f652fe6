/*
 * Access on the move (Kangasharju et al. 2003, section 7): the same mailbox on every computer that
 * has the user's key. What changes in this computer's Maildir becomes records of its log on the
 * nodes; what the logs of the others say is done to the Maildir. Messages lie there as objects that
 * only the user can read. Dying at any instant loses and doubles nothing.
 * Notes: "l:self", "l:m:<name>" messages, "l:s:<key>" settings, "l:d:<tag><device>" other
 * computers, "l:dir:<tag>" how far their directory is read, "l:u:<name>" a message being stored, "l:round"
 * that there was a round.
 */
#ifndef PP_MAIL_SYNC_H
#define PP_MAIL_SYNC_H

#include <mail/device_state.h>
#include <mail/mail.h>

/* A message's file in the Maildir; lent. */
struct pp_box_file {
    const char *folder;  /* "" the inbox, else ".Name.Sub" */
    const char *name;    /* without flags */
    const char *letters; /* its flags as they stand, foreign ones too */
    bool fresh;          /* in new/ */
};

/* The user's Maildir and own lists, as synchronising needs them. What succeeds is durable. */
struct pp_box_ops {
    /* Each message; fn returns non-zero to stop. ! PP_IO */
    int (*each)(void *box, int (*fn)(void *ctx, const struct pp_box_file *file), void *ctx);
    /* Its octets; NULL: not there any more, or no memory. */
    struct pp_blob *(*open)(void *box, const struct pp_box_file *file);
    /* A new one. ! PP_EXISTS (there already), PP_FULL, PP_IO */
    int (*put)(void *box, const struct pp_box_file *as, struct pp_blob *blob);
    /* ! PP_NOT_FOUND, PP_IO */
    int (*move)(void *box, const struct pp_box_file *from, const struct pp_box_file *to);
    int (*remove)(void *box, const struct pp_box_file *file);
    /* Each setting that is on (keys as in pp_setting; but known senders, which are notes); for each
     * kind that there is here at all, its digit alone too. */
    int (*settings)(void *box, int (*fn)(void *ctx, const char *key), void *ctx);
    /* Turns one on or off; a folder with messages in it stays. ! PP_NOT_FOUND (there is no such
     * list here), PP_IO */
    int (*set)(void *box, const char *key, bool on);
};

struct pp_sync_options {
    const struct pp_box_ops *box;
    void *box_ctx;
    const char *computer; /* what this one is called; at most PP_DEVICE_NAME_MAX octets of it */
    bool full;            /* the whole directory again, and wider: once a day */
    bool deletions;       /* really everything is deleted here */
};

struct pp_sync_result {
    int code;           /* 0; PP_UNREACHABLE, PP_LOCAL, PP_IO, PP_FULL, PP_CRYPTO, PP_DENIED */
    unsigned computers; /* known, this one too */
    unsigned records;   /* of others, read now */
    unsigned delivered, changed, removed; /* messages here, by what others did */
    unsigned stored;                      /* messages of here, put on the nodes */
    unsigned told;                        /* changes of here that are in the log now */
    unsigned waiting; /* messages that could not be fetched or stored now: later */
    char why[256];
};

struct pp_sync_events {
    void (*progress)(void *ctx, const struct pp_sync_result *so_far); /* may be NULL */
    void (*done)(void *ctx, const struct pp_sync_result *result);     /* it is freed after */
};

struct pp_sync;
/* Copies the options; box and its ctx outlive it. NULL: no memory. */
struct pp_sync *pp_sync_start(struct pp_mail *mail, const struct pp_sync_options *options,
                              const struct pp_sync_events *events, void *ctx);
void pp_sync_cancel(struct pp_sync *sync); /* accepts NULL */

/* One computer that shares the mailbox, as far as this one knows. */
struct pp_device_info {
    uint8_t device[PP_DEVICE_ID];
    const char *name;
    bool here;        /* this one */
    uint64_t records; /* read, or written */
    int64_t seen;     /* seconds, wall: of its last record; 0: none yet */
};
/* fn returns non-zero to stop. */
int pp_devices_each(struct pp_mail *mail, int (*fn)(void *ctx, const struct pp_device_info *info),
                    void *ctx);

#endif
