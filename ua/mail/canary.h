/*
 * Who keeps notifications back (docs/security.md, "Messages"). Once a day the reader puts one of
 * her own into her inbox, which nobody can tell from others: the canary. Which nodes took it is
 * known, so that which of them hand it out again shows who withholds, and counts towards the share
 * p of copies that can be had. And the counts: what each node should have handed out, and did.
 * Notes: "y:" + id = should (4), had (4), last (8); "y:c:" + hash = a canary out there; "y:p" = its
 * copies, day by day; "y:last", "y:wide" = when.
 */
#ifndef PP_MAIL_CANARY_H
#define PP_MAIL_CANARY_H

#include <mail/mail.h>
#include <seal/seal.h>

/* --- the canary ---------------------------------------------------------------------------- */

struct pp_canary;
/* copies: nodes that took it; 0 when it was not due, or could not be put anywhere. */
typedef void pp_canary_fn(void *ctx, unsigned copies); /* it is freed after */

/* At most once in 20 hours. NULL: no memory. */
struct pp_canary *pp_canary_start(struct pp_mail *mail, pp_canary_fn *done, void *ctx);
void pp_canary_cancel(struct pp_canary *canary); /* accepts NULL */

/* Is it the user's own, signed by a key of hers? */
bool pp_canary_is_own(struct pp_mail *mail, const struct pp_notification *n);
/* The nodes that took the canary of that notification hash; 0: it is not known (any more). */
size_t pp_canary_taken(struct pp_mail *mail, const char *hash, struct pp_id nodes[PP_K_MAX]);
/* It was read: so many copies were out, so many came back. */
void pp_canary_read(struct pp_mail *mail, const char *hash, unsigned out, unsigned back);
/* The copies of canaries of the last 14 days. */
void pp_canary_share(struct pp_mail *mail, uint64_t *asked, uint64_t *good);

/* --- the counts ---------------------------------------------------------------------------- */

#define PP_HANDED_ENOUGH 10 /* notifications, before anything is said of a node */
#define PP_HANDED_SHARE 80  /* percent: who hands out less is distrusted */

struct pp_handed {
    struct pp_id node;
    uint32_t should, had; /* of late: both are halved at a hundred */
    int64_t last;         /* seconds */
    bool distrusted;
};
void pp_handed_count(struct pp_mail *mail, const struct pp_peer *node, uint32_t should,
                     uint32_t had);
bool pp_handed_distrusts(struct pp_mail *mail, const struct pp_id *node);
/* Each node of which something is known; fn must not note anything and returns non-zero to stop. */
int pp_handed_each(struct pp_mail *mail, int (*fn)(void *ctx, const struct pp_handed *h),
                   void *ctx);
/* Shall this pass ask 2k nodes? Once a day, and while one of the k is distrusted. Notes it. */
bool pp_handed_wide(struct pp_mail *mail);

#endif
