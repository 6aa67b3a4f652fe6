/*
 * The objects on the nodes that this user wants to stay there: the note "k:<identifier>". Whoever
 * makes such an object notes it; maintain.h looks after it. Pure but for the notes.
 */
#ifndef PP_MAIL_KEPT_H
#define PP_MAIL_KEPT_H

#include <mail/mail.h>

struct pp_kept {
    struct pp_buf identifier;
    uint64_t size;      /* stored octets .. */
    uint8_t digest[32]; /* .. and their SHA-256 */
    bool has_seed;      /* may be deleted by the capability of `seed`, else by the user's */
    uint8_t seed[32];   /* certificate */
    uint64_t life;      /* seconds asked for when it is stored */
    uint32_t copies;    /* wanted; 0: network.k */
    int64_t renewed;    /* seconds, wall: when its life was last set on all; 0: never */
};

/* Visible at once; durable with the next sync of the notes, or, for those who wait, together with
 * what they note in the same turn. */
void pp_kept_note(struct pp_mail *mail, const struct pp_kept *kept);
/* kept: zeroed; to be finished. ! PP_NOT_FOUND, PP_MALFORMED, PP_NOMEM */
int pp_kept_recall(struct pp_mail *mail, struct pp_bytes identifier, struct pp_kept *kept);
void pp_kept_forget(struct pp_mail *mail, struct pp_bytes identifier);
/* Each kept identifier; fn must not note anything, and returns non-zero to stop. */
int pp_kept_each(struct pp_mail *mail, int (*fn)(void *ctx, struct pp_bytes identifier), void *ctx);
void pp_kept_finish(struct pp_kept *kept); /* wipes the seed */

/* The certificate whose owner may delete it, owned by the caller; key too (NULL: not wanted).
 * ! PP_NOMEM, PP_CRYPTO */
int pp_kept_right(struct pp_mail *mail, const struct pp_kept *kept, struct pp_certificate **c,
                  EVP_PKEY **key);

#endif
