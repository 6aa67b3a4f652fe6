/*
 * What is durable of one spooled message on its way: its recipients, the objects they share, ids
 * and keys, and which nodes have what. The note "s:<name>". Pure.
 */
#ifndef PP_MAIL_JOB_H
#define PP_MAIL_JOB_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <peerpost/id.h>

enum pp_recipient_state {
    PP_R_WAITING, /* no certificate yet */
    PP_R_UNKNOWN, /* nobody knows the address */
    PP_R_HELD,    /* a certificate, but not one to use (expired, revoked, another key) */
    PP_R_GROUPED  /* it has an object */
};

struct pp_job_recipient {
    struct pp_buf address;
    struct pp_buf inbox; /* whose inbox: the address without its tag; empty: the address */
    bool bcc;
    enum pp_recipient_state state;
    uint32_t group;
    uint8_t seed[32];    /* deletion capability .. */
    struct pp_buf right; /* .. and its certificate's DER, once made; not in the record */
    bool sealed;         /* the note "n:<name>:<index>" holds the notification */
    uint32_t wanted;     /* k' of its inbox when last looked up */
    struct pp_buf have;  /* ids of the nodes that acknowledged it */
    char why[200];       /* why not, for people */
};

struct pp_job_group {
    char id[64];            /* the object's identifier */
    bool bcc, sealed, gone; /* gone: a node said that it was deleted: read by all */
    uint8_t key[32], digest[32];
    uint64_t size;
    uint32_t wanted;     /* k' of the body when last looked up */
    struct pp_buf asked; /* ids of the nodes it was given to */
    struct pp_buf have;  /* ids of those that acknowledged it */
    char why[200];
};

struct pp_job {
    struct pp_buf from;
    int64_t created, next_try; /* seconds, wall */
    uint32_t attempts;
    bool finished; /* nothing is to do but remove the files: `attempts` objects and the message */
    struct pp_job_group *groups;
    size_t n_groups;
    struct pp_job_recipient *recipients;
    size_t n_recipients;
};

/* A new group or recipient, zeroed; NULL: no memory. Pointers move. */
struct pp_job_group *pp_job_add_group(struct pp_job *job);
struct pp_job_recipient *pp_job_add_recipient(struct pp_job *job);
int pp_job_write(struct pp_buf *out, const struct pp_job *job);
int pp_job_read(struct pp_job *job, struct pp_bytes in); /* ! PP_MALFORMED, PP_NOMEM */
void pp_job_finish(struct pp_job *job);                  /* wipes keys */

/* Makes the recipient's right, once. ! PP_NOMEM, PP_CRYPTO */
int pp_job_right(struct pp_job_recipient *r);

/* Lists of ids, 20 octets each. */
bool pp_ids_have(const struct pp_buf *ids, const struct pp_id *id);
void pp_ids_add(struct pp_buf *ids, const struct pp_id *id); /* once each */
static inline unsigned pp_ids_count(const struct pp_buf *ids)
{
    return (unsigned)(ids->len / PP_ID_LEN);
}

/* How far it is. copies: the least number of copies of anything that somebody waits for, of wanted.
 * sent: everything on min_copies; complete: everything on all k'. Unknown recipients do not count
 * as long as there is another; `unknown` is their number, `held` those with a bad certificate. */
struct pp_job_progress {
    unsigned copies, wanted, unknown, held, waiting;
    bool sent, complete;
};
void pp_job_progress(const struct pp_job *job, unsigned k, struct pp_job_progress *out);

#endif
