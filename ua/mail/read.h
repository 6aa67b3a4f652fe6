/*
 * Reading (Kangasharju et al. 2003, sections 3.2 and 3.3): read-inbox on all k and on every earlier
 * holder, the superset journaled before any inbox is told to forget; then for each notification one
 * copy of the body, its digest checked, the next copy or a wider search if it is bad; decrypted,
 * verified, delivered durably; then deleted on all k and wider. Dying at any instant loses and
 * doubles nothing.
 */
#ifndef PP_MAIL_READ_H
#define PP_MAIL_READ_H

#include <mail/mail.h>
#include <seal/seal.h>

struct pp_read;

struct pp_read_options {
    bool headers_only; /* stop after the notifications */
    bool keep;         /* leave bodies on the nodes */
    bool no_inbox;     /* only go on with what was journaled */
    bool given;        /* only work on what pp_read_add names */
};

enum pp_letter_end {
    PP_LETTER_HEADERS,    /* its header is known; the body waits */
    PP_LETTER_DELIVERED,  /* in the Maildir now */
    PP_LETTER_KNOWN,      /* was there before: a second notification of one message */
    PP_LETTER_LATER,      /* no good copy of the body now; tried again by the next fetch */
    PP_LETTER_LOST,       /* no copy for 30 days: given up */
    PP_LETTER_BAD,        /* forged or undecryptable: set aside */
    PP_LETTER_JUNK,       /* in the Junk folder */
    PP_LETTER_QUARANTINE, /* in quarantine: a virus, or its sender has to confirm first */
    PP_LETTER_CHAT,       /* a short message of somebody whose chat is open: in the Chat folder */
    PP_LETTER_CANARY      /* the reader's own, of which nobody is told */
};

struct pp_letter_info {
    enum pp_letter_end end;
    const struct pp_notification *notification; /* NULL when it could not be opened */
    const char *file;                           /* its name in the Maildir */
    const char *signature;                      /* what the reader shall know of the signature */
    const char *why;                            /* one sentence, or "" */
};

struct pp_read_result {
    int code;        /* 0; why it could not work at all: PP_UNREACHABLE, PP_LOCAL, PP_IO, PP_FULL */
    unsigned k;      /* inbox holders asked: the k', and those of the last week */
    unsigned silent; /* of them did not answer */
    bool complete;   /* so few were silent that no mail that counts as sent can be missing */
    unsigned fresh;  /* notifications that are new */
    unsigned delivered, later, lost, bad, known, junk, quarantined, chat;
    unsigned released; /* out of quarantine, since their sender confirmed */
    char why[200];
};

struct pp_read_events {
    void (*letter)(void *ctx, const struct pp_letter_info *info);
    void (*done)(void *ctx, const struct pp_read_result *result); /* the read is freed after */
};

/* NULL: no memory. */
struct pp_read *pp_read_start(struct pp_mail *mail, const struct pp_read_options *options,
                              const struct pp_read_events *events, void *ctx);
void pp_read_cancel(struct pp_read *read); /* accepts NULL */
/* A notification that came into the journal meanwhile. False: it has ended; a new one is due. */
bool pp_read_add(struct pp_read *read, const char *hash);

/* Looks up the own inbox's k nodes and notes them, so that a later fetch asks them even when others
 * are closest then. peers: what the look-up gave. */
void pp_holders_note(struct pp_mail *mail, const struct pp_peer *peers, size_t n);
/* An object to delete from its nodes with the next fetch; seed: of its capability, or NULL when the
 * user's certificate may delete it. */
void pp_delete_later(struct pp_mail *mail, struct pp_bytes identifier, const uint8_t *seed);
/* Forgets marks older than 90 days. Call at start. */
void pp_read_sweep(struct pp_mail *mail);

#endif
