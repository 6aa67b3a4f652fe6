/*
 * One operation on one key, carried out on several nodes: the look-up of the k closest, how many
 * of them at once (maxOps), how many at most (maxConnections; Kangasharju et al. 2003, section 6),
 * a second chance beside a slow one (hedging), the next peer for a bad one, and widening to
 * min(2k,32) and min(4k,32). Every act asks nodes through this. It knows nothing of what is asked:
 * the kind makes requests and judges answers.
 */
#ifndef PP_MAIL_SPREAD_H
#define PP_MAIL_SPREAD_H

#include <mail/mail.h>
#include <mail/sign_request.h>

enum pp_verdict {
    PP_VERDICT_DONE,    /* the operation is done there: counts towards the goal */
    PP_VERDICT_MISSING, /* an honest no: another peer may have it */
    PP_VERDICT_BAD,     /* failed or lied: another peer instead */
    PP_VERDICT_AGAIN,   /* the same peer once more, now */
    PP_VERDICT_HOLD     /* the owner needs time: pp_spread_settle later */
};

struct pp_target {
    struct pp_peer peer;
    enum { PP_T_IDLE, PP_T_ASKED, PP_T_HELD, PP_T_DONE, PP_T_MISSING, PP_T_BAD } state;
    bool extra;   /* asked on top of the k, whatever the goal (earlier holders) */
    bool skewed;  /* had its second chance after 401 clock-skew */
    bool slow;    /* outran the hedge: another was asked beside it */
    bool retried; /* had its second chance after a broken connection */
    uint32_t generation;
    pp_ns asked_at;
    int status, error;  /* of the last answer; error as in pp_act.ended */
    char text[160];     /* why it failed, for people */
    char date[40];      /* the answer's Date */
    struct pp_buf body; /* the answer's octets, when the kind does not stream */
    bool closest;       /* one of the k' of the first look-up */
    char batch[96];     /* the kind's own: the mark of what an inbox handed out */
    uint64_t received;
};

struct pp_spread;

enum pp_spread_next {
    PP_SPREAD_GO,
    PP_SPREAD_WAIT, /* until pp_spread_go */
    PP_SPREAD_STOP  /* nobody shall be asked: `done` follows */
};

struct pp_spread_kind {
    /* Fills in method, identifier, fields, body. Negative: cannot ask (the peer is then bad). */
    int (*request)(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask);
    /* The answer's head. May be NULL. */
    void (*head)(struct pp_spread *s, struct pp_target *t, const struct pp_net_field *fields,
                 size_t n);
    /* Octets of a 200's body; NULL: they gather in t->body. Returns octets taken; fewer than given
     * ends this answer as bad. */
    size_t (*data)(struct pp_spread *s, struct pp_target *t, struct pp_bytes bytes);
    /* The answer is whole (t->error 0) or failed. */
    enum pp_verdict (*judge)(struct pp_spread *s, struct pp_target *t);
    /* Does this peer have it already? Then it is not asked. May be NULL. */
    bool (*already)(struct pp_spread *s, const struct pp_peer *peer);
    /* The first look-up came back. May be NULL. */
    enum pp_spread_next (*looked)(struct pp_spread *s);
    /* One more peer settled. May be NULL. The spread must not be finished from here. */
    void (*progress)(struct pp_spread *s);
    /* Last: the goal is reached or nobody is left. The owner may free the spread here. */
    void (*done)(struct pp_spread *s);
    bool widens;   /* look further when the goal was not reached */
    bool late;     /* part of somebody's mail: waits a random time when the user wants that */
    bool replaces; /* take a farther peer in the place of a bad one, but do not search wider for
                    * missing things */
};

struct pp_spread {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    const struct pp_spread_kind *kind;
    void *ctx;
    struct pp_id key;
    unsigned k;           /* what the first look-up asks */
    unsigned near;        /* of these so many count as the closest; 0: all */
    unsigned ops;         /* goal: this many done; 0: all k' */
    unsigned connections; /* peers asked at most, extras apart */
    unsigned paths;
    pp_ns hedge;         /* 0: the default */
    uint64_t answer_max; /* octets of an answer taken */
    char circuit[20];    /* "" but when the user wants to stay unknown */
    bool late;           /* waits a random time before it begins */
    /* what came of it */
    int code;       /* of the first look-up: 0, PP_UNREACHABLE, PP_LOCAL */
    unsigned found; /* k' = min(k, peers the first look-up returned) */
    unsigned done, missing, bad, asked;
    unsigned width; /* of the last look-up */
    bool local;     /* no network here: nobody is to blame */
    struct pp_target **targets;
    size_t n_targets, cap_targets;
    bool waiting, looking, finished;
    bool started;
    struct pp_peer known[PP_K_MAX]; /* stand for the first look-up */
    size_t n_known;
};

/* Zeroes s and sets what every spread needs; the caller sets the rest, then starts. */
void pp_spread_init(struct pp_spread *s, struct pp_mail *mail, const struct pp_spread_kind *kind,
                    void *ctx, const struct pp_id *key);
/* Before start: a peer to ask on top of what the look-up finds. */
void pp_spread_extra(struct pp_spread *s, const struct pp_peer *peer);
/* Before start: what an earlier look-up of this key for k gave; the first is not done again. */
void pp_spread_known(struct pp_spread *s, const struct pp_peer *peers, size_t n);
void pp_spread_start(struct pp_spread *s);
void pp_spread_go(struct pp_spread *s); /* after `looked` said wait */
/* The verdict on a held target. May end in `done`. */
void pp_spread_settle(struct pp_spread *s, struct pp_target *t, enum pp_verdict verdict);
/* Good enough: cancels what is under way and calls `done`. Not from inside a kind's function. */
void pp_spread_enough(struct pp_spread *s);
/* Cancels everything and frees what is inside. Accepts a zeroed one. */
void pp_spread_finish(struct pp_spread *s);
/* Was this peer's answer "429", for the first time, to a request that may be made again signed as
 * the user's? Then it is marked as retried: PP_VERDICT_AGAIN. */
bool pp_spread_throttled(const struct pp_spread *s, struct pp_target *t);
/* The goal as it stands now. */
unsigned pp_spread_goal(const struct pp_spread *s);
/* One sentence of why peers failed: the first bad one's reason. */
void pp_spread_why(const struct pp_spread *s, char *out, size_t cap);

#endif
