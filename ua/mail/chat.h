/*
 * Short messages (Kangasharju et al. 2003, section 7): the text travels inside the notification,
 * sealed and signed as every one, to the k copies of the inbox; no body is stored. What was said
 * is durable before it leaves; each line is kept, by both sides, in the Chat folder.
 *
 * A line whose signature does not hold is never shown: it is set aside as any forged notification.
 * One that comes while no chat with its sender is open is delivered as a small mail.
 */
#ifndef PP_MAIL_CHAT_H
#define PP_MAIL_CHAT_H

#include <mail/mail.h>
#include <seal/seal.h>

/* --- hearing ------------------------------------------------------------------------------- */

#define PP_CHAT_RECENT 32
#define PP_CHAT_HELD 64

struct pp_heard {     /* a line; lent */
    const char *file; /* its name in the Chat folder, where it is durable */
    const char *from; /* who signed it */
    const char *id;
    uint64_t moment; /* milliseconds since 1970, by the sender's clock */
    struct pp_bytes text;
};

/* Somebody has a chat with `with` open. Embedded; lives until pp_chat_close. Lines are told in the
 * order in which they were said; one waits for the line before it, for a second at most. */
struct pp_ear {
    struct pp_act act; /* pp_chat_open's: and all from here .. */
    struct pp_mail *mail;
    struct pp_ear *next;
    struct pp_held *held;
    unsigned n_held, next_recent;
    char recent[PP_CHAT_RECENT][64]; /* .. to here */
    const char *with;                /* normal form */
    void (*heard)(struct pp_ear *ear, const struct pp_heard *line);
};
void pp_chat_open(struct pp_mail *mail, struct pp_ear *ear);
void pp_chat_close(struct pp_mail *mail, struct pp_ear *ear);
bool pp_chat_is_open(struct pp_mail *mail, const char *with);
/* Tells those who listen. For reading alone. */
void pp_chat_heard(struct pp_mail *mail, const char *from, const char *file,
                   const struct pp_notification *n);

/* --- saying: "u:" + moment (16 digits) + ":" + id = a line that is not on all k nodes ------- */

enum pp_line_state {
    PP_LINE_TAKEN,    /* durable on this computer */
    PP_LINE_SENT,     /* on min_copies nodes, or more of them than when last told */
    PP_LINE_WAITS,    /* not there yet: tried again; why */
    PP_LINE_COMPLETE, /* on all k': the last that is told of it */
    PP_LINE_FAILED    /* the last: nobody knows the address, or queue.max_age is over; why */
};

struct pp_line_info { /* lent */
    enum pp_line_state state;
    const char *id, *to;
    struct pp_bytes text;
    uint64_t moment; /* milliseconds since 1970 */
    unsigned copies, wanted;
    const char *why;
};

struct pp_outbox;

struct pp_outbox_events { /* each may be NULL */
    void (*line)(void *ctx, const struct pp_line_info *info);
    /* Nothing is under way: what is left waits for its next try. */
    void (*idle)(void *ctx);
};

/* What earlier runs left goes on. One at a time a user. NULL: no memory. */
struct pp_outbox *pp_outbox_open(struct pp_mail *mail, const struct pp_outbox_events *events,
                                 void *ctx);
void pp_outbox_close(struct pp_outbox *outbox); /* a later one goes on; accepts NULL */
/* Says a line of 1 to PP_CHAT_MAX octets to an address (normal form). id: the line's, for events.
 * ! PP_INVALID, PP_NOMEM */
int pp_outbox_say(struct pp_outbox *outbox, struct pp_bytes to, struct pp_bytes text, char id[64]);
/* Lines that are not complete. */
size_t pp_outbox_lines(const struct pp_outbox *outbox);

/* --- as mail ------------------------------------------------------------------------------- */

struct pp_chat_mail {
    const char *from, *to, *id;
    const char *authentication; /* of Authentication-Results; NULL: said by the user herself */
    struct pp_bytes own;        /* her address */
    uint64_t moment;
    struct pp_bytes text;
};
/* The line as a message for a Maildir: its header, of *header octets, and its text. */
void pp_chat_compose(struct pp_buf *out, size_t *header, const struct pp_chat_mail *m);
/* The file's name in the Maildir: the same for each notification of a line. */
void pp_chat_file(char out[65], struct pp_bytes id, const uint8_t digest[32]);

#endif
