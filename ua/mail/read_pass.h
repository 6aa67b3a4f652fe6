/*
 * One fetch, as read.c (the order of steps), read_inbox.c (notifications), read_letter.c (one
 * message) and read_open.c (decryption, what is delivered) share it. Not for others.
 */
#ifndef PP_MAIL_READ_PASS_H
#define PP_MAIL_READ_PASS_H

#include <mail/read.h>
#include <mail/quarantine.h>
#include <mail/retrieve.h>
#include <mail/spread.h>

#define PP_READ_PARALLEL 16
#define PP_OBJECT_MAX ((uint64_t)72 << 20)

struct pp_letter {
    struct pp_act act; /* first */
    struct pp_read *read;
    struct pp_letter *next;
    char hash[65]; /* of the notification .. */
    char file[65]; /* .. and, but for a short message, its name in the Maildir */
    struct pp_notification n;
    bool opened;
    bool fresh;       /* came in this pass */
    int64_t received; /* seconds */
    uint32_t attempts;
    struct pp_retrieve retrieve; /* of the sealed body */
    struct pp_spread spread;     /* deletion */
    struct pp_blob *ready;       /* what goes into the Maildir */
    struct pp_buf head;          /* its header, as sent */
    bool vouched;                /* both signatures hold, and fit From */
    enum pp_place place;         /* where it goes */
    struct pp_blob *signed_form; /* what the sender signed, when it is to be kept */
    char signature[400];         /* of Authentication-Results */
    char return_path[256];
    enum pp_letter_end end;
    char why[256];
};

struct pp_read {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    struct pp_read_options options;
    struct pp_read_events events;
    void *ctx;
    struct pp_spread inbox;
    size_t address;        /* whose inbox is read: the i-th of the user's */
    struct pp_buf waiting; /* to do: kind ('i' journaled before, 'f' fresh, 'd' deletion), ':', hash
                            * of the notification in 64 digits */
    struct pp_buf twins;   /* of those whose message another one fetches just now */
    struct pp_buf fresh;   /* of those that are noted but not yet synced */
    struct pp_seen *seen;  /* read_seen.c's */
    struct pp_seen_node *nodes;
    size_t n_nodes;
    struct pp_letter *letters;
    struct pp_release *release;
    unsigned active;
    bool collected;  /* what earlier runs left is among `waiting` */
    bool rechecking; /* those that lack something are asked once more */
    bool wide;       /* 2k nodes are asked */
    bool inbox_done, ended;
    struct pp_read_result result;
};

/* read.c */
void pp_read_next(struct pp_read *read);
void pp_read_fail(struct pp_read *read, int code, const char *what);
void pp_read_key(char out[72], char kind, const char *hash); /* "m:<hash>" */

/* read_inbox.c */
#define PP_INBOX_ANSWER_MAX ((uint64_t)9 << 20)
/* Journals what a node handed out; fresh: told the hash of each that is new. How many there were.
 * ! PP_MALFORMED */
int pp_inbox_journal(struct pp_mail *mail, struct pp_bytes body,
                     void (*fresh)(void *ctx, const char *hash), void *ctx);
void pp_read_inbox_start(struct pp_read *read);
void pp_read_inbox_noted(struct pp_read *read, uint64_t token);

/* read_seen.c */
/* This node handed that out; false: not for the first time in this pass. */
bool pp_seen_take(struct pp_read *read, const struct pp_peer *from, const char *hash, size_t octets,
                  bool fresh);
/* Did it hand out more than any inbox holds? */
bool pp_seen_enough(struct pp_read *read, const struct pp_peer *from);
void pp_seen_opened(struct pp_read *read, const char *hash, const struct pp_notification *n);
/* It lies with these nodes for certain. */
void pp_seen_sure(struct pp_read *read, const char *hash, const struct pp_id *nodes, size_t n);
void pp_seen_answered(struct pp_read *read); /* the inbox of read->address was asked everywhere */
/* Did that node keep something back from the inbox of the user's i-th address? Any node, any? */
bool pp_seen_lacks(struct pp_read *read, const struct pp_id *node, size_t address);
bool pp_seen_any_lacks(struct pp_read *read);
void pp_seen_judge(struct pp_read *read); /* names them in the log, and counts (canary.h) */
void pp_seen_finish(struct pp_read *read);

/* read_letter.c */
void pp_letter_start(struct pp_read *read, const char *hash, bool fresh);
void pp_letter_delete_start(struct pp_read *read, const char *hash); /* left by an earlier run */
void pp_letter_free(struct pp_letter *letter);
void pp_letter_opened(struct pp_letter *letter, int rc); /* read_open.c calls back */

/* The message is judged: into that place, and to the user as that. */
void pp_letter_deliver(struct pp_letter *letter, enum pp_place place, enum pp_letter_end end);
void pp_letter_hold(struct pp_letter *letter); /* not now: letter->why */

/* The message's own name, so that a second notification of it is known. */
void pp_letter_object(const struct pp_letter *letter, char out[65]);

/* read_chat.c: a short message, whole in its notification. */
void pp_letter_chat(struct pp_letter *letter);
/* Forged (letter->why), known, a canary: out of the way, and marked. */
void pp_letter_set_aside(struct pp_letter *letter, enum pp_letter_end end);

/* read_canary.c: the reader's own, which shows who keeps notifications back. */
void pp_letter_canary(struct pp_letter *letter);

/* read_judge.c: scanners and rules on senders, then pp_letter_deliver or pp_letter_hold. */
void pp_letter_judge(struct pp_letter *letter);
void pp_letter_judged(struct pp_letter *letter, enum pp_judgement judgement, const char *text);

/* read_open.c: decrypts letter->body, checks signatures, fills in letter->ready. 0 or negative with
 * letter->why. */
int pp_letter_unseal(struct pp_letter *letter);
/* Did the owner of `from` sign the notification for us? NULL; or why not, for people (text is room
 * for it). */
const char *pp_letter_doubt(struct pp_letter *letter, struct pp_bytes from, char *text, size_t cap);

#endif
