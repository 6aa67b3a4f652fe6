/*
 * The user's mail agent as one object: who she is, what her network is like, and what she has
 * learned of nodes. The acts (send.h, read.h, directory.h, publish.h) work on it over a pp_mailnet;
 * none of them has a socket, file or clock of its own.
 */
#ifndef PP_MAIL_MAIL_H
#define PP_MAIL_MAIL_H

#include <mail/health.h>
#include <net.h>
#include <openssl/types.h>
#include <trust/authority.h>

struct pp_mail;

struct pp_mail_options {
    struct pp_mailnet net;
    struct pp_bytes address;                    /* normal form */
    struct pp_certificate *const *certificates; /* the current one first, then old ones .. */
    EVP_PKEY *const *keys;                      /* .. and their keys; borrowed */
    size_t n_keys;
    struct pp_bytes rollover;       /* proof that the current key follows another; or empty */
    struct pp_authority *authority; /* borrowed */
    const char *tag; /* what begins a tag in an address ("+"); NULL, "": there are none */
    unsigned k;      /* network.k */
    /* maxOps: how many peers shall do the operation; 0: the default (k, k, 1, k). */
    unsigned ops_store, ops_append, ops_fetch, ops_read_inbox;
    unsigned ops_connections; /* maxConnections: peers contacted for one operation; 0: 2k */
    pp_ns timeout;            /* a node that is silent for so long has failed: 10 s */
    pp_ns max_age;            /* of a queued message: 5 days */
    uint64_t life;            /* seconds asked for bodies and notifications: 30 days */
    unsigned paths;           /* disjoint look-ups of the own inbox and certificate: 3 */
    bool anonymous; /* each operation on a circuit of its own; requests name nobody they need not */
    pp_ns delay;    /* mean of the random wait before each of them; 0: none */
    /* Senders: on the list of known spammers; on the user's own list. NULL: no list. */
    bool (*blocked)(void *ctx, const char *address);
    bool (*listed)(void *ctx, const char *address);
    void *lists;
    bool signed_only;     /* only signed mail of known senders; strangers are asked to confirm */
    bool copies_adaptive; /* copies of bodies by what probe measured, not network.k .. */
    double copies_target; /* .. so that an act succeeds at once with this chance .. */
    unsigned copies_operations; /* .. when it takes so many operations (equation (6)) */
    bool keep_signed;           /* the signed form of each message goes to PP_PLACE_SIGNED */
    bool keep_sent;             /* what is sent goes to PP_PLACE_SENT too */
};
void pp_mail_options_default(struct pp_mail_options *o);

/* Copies options; keys, certificates and authority are borrowed. NULL: no memory. */
struct pp_mail *pp_mail_create(const struct pp_mail_options *options);
/* All acts must be gone. */
void pp_mail_destroy(struct pp_mail *mail);

/* --- what the acts share ------------------------------------------------------------------- */

const struct pp_mail_options *pp_mail_is(const struct pp_mail *mail);
/* The i-th address of the user: her own, then the others of her certificate; empty: no more. */
struct pp_bytes pp_mail_address(const struct pp_mail *mail, size_t i);
struct pp_now pp_mail_now(const struct pp_mail *mail);
int64_t pp_mail_seconds(const struct pp_mail *mail); /* wall */
void pp_mail_random(struct pp_mail *mail, void *out, size_t len);
void pp_mail_crash(struct pp_mail *mail, const char *point);
void pp_mail_log(struct pp_mail *mail, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A fresh circuit for one operation; "" when the user does not ask to stay unknown. */
void pp_mail_circuit(struct pp_mail *mail, char out[20]);
/* A random wait: exponential, with the mean that the options say. */
pp_ns pp_mail_delay(struct pp_mail *mail);
/* May a request that could go without be signed as the user's? */
bool pp_mail_may_sign(const struct pp_mail *mail);
/* A note that nobody waits for. */
void pp_mail_note(struct pp_mail *mail, struct pp_bytes key, struct pp_bytes value);
/* Forgets the notes whose keys stand in `keys`, each as pp_record_bytes writes it; frees `keys`. */
void pp_mail_forget(struct pp_mail *mail, struct pp_buf *keys);
/* Current value of a note, copied. ! PP_NOT_FOUND, PP_NOMEM */
int pp_mail_recall(struct pp_mail *mail, struct pp_bytes key, struct pp_buf *value);

/* Who listens for short messages; the list is chat.h's. */
struct pp_ear;
struct pp_ear **pp_mail_ears(struct pp_mail *mail);

/* The clock of a node against ours, learned from its Date, in seconds. */
int64_t pp_mail_offset(const struct pp_mail *mail, const struct pp_id *node);
/* date: an HTTP date (RFC 9110 section 5.6.7). false: unreadable, or more than a day off, and then
 * the log asks the user to set the clock. */
bool pp_mail_learn_offset(struct pp_mail *mail, const struct pp_id *node, struct pp_bytes date);
struct pp_health *pp_mail_health(struct pp_mail *mail); /* health.h */

/* The number of peers k' that a look-up for k returned. false when it is under half of the most
 * that this agent saw in the last 7 days: a partition, so stay queued. */
bool pp_mail_saw(struct pp_mail *mail, unsigned found);
/* floor(k'/2)+1: on so many nodes a thing must be before it counts as there. */
unsigned pp_min_copies(unsigned found);

/* "m:" + 64 hex digits of SHA-256 of the notification: the note that it was dealt with. */
#define PP_MARK_DAYS 90
#define PP_HOLDER_DAYS 30
#define PP_HOLDERS_MAX 64
/* "f0e1.. (192.0.2.1:443)" for sentences. */
void pp_peer_text(char out[96], const struct pp_peer *peer);

#endif
