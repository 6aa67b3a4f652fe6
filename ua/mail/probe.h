/*
 * Measuring how much the network's nodes can be relied on (Kangasharju et al. 2003, section 4): a
 * round stores a few small objects on k nodes each, and asks every holder of earlier ones for its
 * copy. The share p that comes back decides how many copies of a body are enough (equation (6)).
 */
#ifndef PP_MAIL_PROBE_H
#define PP_MAIL_PROBE_H

#include <mail/mail.h>

/* What is known of the last PP_PROBE_DAYS days. */
#define PP_PROBE_DAYS 14
struct pp_probe_estimate {
    uint64_t asked, good; /* copies asked for, canaries' too; copies that came back right */
    unsigned samples;     /* objects out there */
    double p;             /* of equation (6), from these */
    unsigned copies;      /* enough for the target; 0: more than 32 */
};
/* A target and number of operations from the options of the mail agent. */
void pp_probe_estimate(struct pp_mail *mail, struct pp_probe_estimate *out);
/* So many copies of a body: network.k, or as estimated when that is wanted and at least
 * PP_PROBE_ENOUGH copies were asked for; never fewer than min(3, k), never more than 32. */
#define PP_PROBE_ENOUGH 50
unsigned pp_probe_copies(struct pp_mail *mail);

struct pp_probe_options {
    unsigned samples; /* new ones to store */
    int64_t age;      /* seconds a sample must be old before it is asked for, and between asks */
};

struct pp_probe_result {
    int code;             /* 0, PP_UNREACHABLE, PP_LOCAL */
    unsigned stored;      /* new samples that are on their nodes */
    unsigned asked, good; /* in this round */
    char why[200];
};

struct pp_probe;
typedef void pp_probed_fn(void *ctx, const struct pp_probe_result *result); /* it is freed after */

/* NULL: no memory. */
struct pp_probe *pp_probe_start(struct pp_mail *mail, const struct pp_probe_options *options,
                                pp_probed_fn *done, void *ctx);
void pp_probe_cancel(struct pp_probe *probe); /* accepts NULL */

#endif
