/*
 * What the files of core/node share: the node, a request's state, the acts of the primitives, and
 * the small helpers that every primitive uses. Nothing of this is for hosts.
 */
#ifndef PP_NODE_INTERNAL_H
#define PP_NODE_INTERNAL_H

#include <node/limits.h>
#include <node/node.h>
#include <node/problem.h>
#include <node/stamps.h>
#include <trust/replay.h>

struct node_exchange;
struct node_waiting;
struct node_collector;
struct node_pool;

/* An op and who hears of its end. */
struct node_op {
    struct pp_op op; /* first: the host hands it back */
    void (*done)(struct node_op *op, struct pp_now now, int status);
    void *owner;
    const struct pp_store_plugin *api;
};

/* How a primitive acts at each turn of a request. NULL: nothing to do there. */
struct node_act {
    void (*begin)(struct node_exchange *x, struct pp_now now);
    void (*part)(struct node_exchange *x, enum pp_part part);
    size_t (*body)(struct node_exchange *x, struct pp_now now, struct pp_bytes bytes);
    void (*end)(struct node_exchange *x, struct pp_now now);
    void (*pull)(struct node_exchange *x, struct pp_now now); /* after a 2xx with a body */
    void (*verified)(struct node_exchange *x, struct pp_now now, int code);
    /* Room was made (or not) for what was PP_FULL; see node_collect_for. */
    void (*collected)(struct node_exchange *x, struct pp_now now, bool room);
    void (*drop)(struct node_exchange *x, struct pp_now now); /* also after a refusal */
    void (*finish)(struct node_exchange *x);                  /* frees the act's own memory */
};
extern const struct node_act node_act_store, node_act_fetch, node_act_delete, node_act_append,
    node_act_read_inbox, node_act_status;

/* One request, from begin to release. */
struct node_exchange {
    struct pp_node *node;
    struct pp_node_request *r;
    const struct node_act *act;
    void *state;                /* the act's */
    struct node_source *source; /* charged for it; NULL: exempt */
    struct node_source *proved; /* the certificate's or node's bucket, once proved */
    unsigned out;               /* ops and checks not yet back */
    bool ended, dropped;        /* the host's last word came */
    bool answered, refused;     /* status given; it was a problem document */
    bool finished;              /* the answer is whole or cut */
    bool waiting;               /* for the collector */
    uint64_t wanted;            /* octets it waits for */
    struct node_exchange *next_waiting;
    struct pp_buf text; /* the problem document */
    size_t text_sent;
    struct pp_check check;
    bool checking;
};

struct pp_node {
    struct pp_node_config config;
    const struct pp_store_plugin *api;
    struct pp_store *store;
    const struct pp_node_host *host;
    void *ctx;
    struct pp_now started;
    uint8_t epoch[16];
    struct node_limits *limits;
    struct pp_replay *replay;
    struct node_collector *collector;
    struct node_waiting *waiting;
    struct node_pool *pool;
    struct node_stamps stamps;
    struct node_stamp_op *stamp_op;
    pp_ns stamps_due; /* mono; PP_NEVER: none noted */
    struct pp_node_counts counts;
};

/* node.c */
/* Hands an op of x to the writer. */
void node_submit(struct node_exchange *x, struct node_op *op, struct pp_now now);
/* An op of the node's own. */
void node_submit_own(struct pp_node *node, struct node_op *op);
/* Frees x when nothing more is to come of it; x may be gone afterwards. */
void node_settle(struct node_exchange *x);
void node_note_access(struct pp_node *node, enum pp_kind kind, const struct pp_name *name,
                      pp_ns old, struct pp_now now);
void node_crash(struct pp_node *node, const char *point);
void node_log(struct pp_node *node, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* answer.c: what every answer has in common */
void node_answer(struct node_exchange *x, int status, const struct pp_answer_field *fields,
                 size_t n, int64_t length);
void node_answer_empty(struct node_exchange *x, int status);
void node_finish(struct node_exchange *x);
void node_cut(struct node_exchange *x);
void node_refuse(struct node_exchange *x, enum pp_problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With Retry-After, rounded up to seconds. */
void node_refuse_for(struct node_exchange *x, enum pp_problem problem, pp_ns wait,
                     const char *detail);
/* 429 with the bits of work that would help. */
void node_refuse_work(struct node_exchange *x, unsigned bits, const char *detail);
void node_refuse_code(struct node_exchange *x, int code); /* a store's failure */
void node_pull_refusal(struct node_exchange *x);

/* permission.c: who may */
/* Takes a token of the source's, or of the proved one's when there is one; else refuses. */
bool node_take_rate(struct node_exchange *x, enum node_rate rate, struct pp_now now);
/* The signature's times fit and its check is on its way with this certificate; else refuses. */
bool node_start_check(struct node_exchange *x, struct pp_bytes certificate, bool chain,
                      struct pp_now now);
/* Checks a certificate alone (chain, validity, revocation). */
bool node_start_certificate_check(struct node_exchange *x, struct pp_bytes certificate,
                                  struct pp_now now);
/* The check ended well: charge this certificate from now on. Else refuses. */
bool node_check_passed(struct node_exchange *x, int code, struct pp_now now);
/* A certificate-less node of the network is charged under its id. */
void node_charge_peer(struct node_exchange *x, struct pp_now now);
/* A signed request must bring the certificate of its keyid. Else refuses. */
bool node_has_certificate(struct node_exchange *x);
/* Enters a verified signature into the replay cache; else refuses. */
bool node_enter_once(struct node_exchange *x, struct pp_now now);
/* The identifier of an inbox is a normal address; else refuses. */
bool node_address_fits(struct node_exchange *x, struct pp_bytes address);
/* Does the work stamp hold for this address and SHA-256, with at least so many bits? */
bool node_work_holds(const struct pp_node_request *r, const uint8_t digest[32], unsigned bits);
bool node_is_proved(const struct node_exchange *x);

/* holdings.c: what apply and the primitives read of a store */
#define NODE_MEMBERS_MAX 1024u
struct node_member {
    uint8_t keyid[32];
    struct pp_bytes der;
};
struct node_members {
    struct node_member *member;
    size_t n, cap;
    uint64_t octets;
    struct pp_buf der; /* all of them, one after the other */
};
/* From PEM; doubles are dropped. ! PP_MALFORMED, PP_TOO_BIG, PP_NOMEM */
int node_members_parse(struct node_members *m, struct pp_bytes pem, size_t most, uint64_t octets);
int node_members_add(struct node_members *m, struct pp_bytes der);
void node_members_finish(struct node_members *m);
/* The object as a reader sees it: what is past its life is not there any more. view is left open
 * on success. ! PP_NOT_FOUND, PP_GONE, PP_BROKEN */
int node_open_object(struct pp_node *node, pp_ns wall, const struct pp_name *name,
                     struct pp_view **view, struct pp_head *head);
pp_ns node_life_end(const struct pp_node_config *config, const struct pp_node_request *r,
                    pp_ns wall);
/* The address of "<address>-certificate"; false for other identifiers. */
bool node_certificate_address(struct pp_bytes identifier, struct pp_bytes *address);

/* fetch.c: how an object is told about */
struct node_object_fields {
    char digest[64], life[24], copies[12];
    struct pp_answer_field field[4];
};
void node_object_fields(struct node_object_fields *f, const struct node_exchange *x,
                        const struct pp_head *head, pp_ns wall);
void node_refuse_object(struct node_exchange *x, int code);

/* upload.c: bodies in pieces */
struct node_upload;
int node_pool_create(struct node_pool **pool, size_t octets);
void node_pool_destroy(struct node_pool *pool);
/* length: declared, or -1. NULL: no memory. */
struct node_upload *node_upload_create(struct node_exchange *x, int64_t length);
void node_upload_destroy(struct node_upload *up);
size_t node_upload_add(struct node_upload *up, struct pp_now now, struct pp_bytes bytes);
uint64_t node_upload_size(const struct node_upload *up);
/* No more octets come: hands out what is left. Then `ready` is called once all pieces are written
 * (perhaps at once): the last piece stays in memory when it is the only one. */
void node_upload_end(struct node_upload *up, struct pp_now now,
                     void (*ready)(struct node_exchange *x, struct pp_now now));
void node_upload_digest(const struct node_upload *up, uint8_t digest[32]); /* after ready */
struct pp_bytes node_upload_single(const struct node_upload *up);
uint64_t node_upload_serial(const struct node_upload *up); /* 0: none written */
void node_upload_named(struct node_upload *up);            /* the serial is an object's now */
void node_upload_collected(struct node_upload *up, struct pp_now now, bool room);
/* Forgets what was written, once the pieces out are back. */
void node_upload_abandon(struct node_upload *up, struct pp_now now);

/* waiting.c: readers of an empty inbox, held until something comes */
struct node_waiter { /* in the act's state */
    struct node_waiter *next;
    struct node_exchange *x;
    pp_ns until; /* mono */
    bool waits;
    /* It waits no more: answer. x may be gone afterwards. */
    void (*wake)(struct node_exchange *x, struct pp_now now);
};
struct node_waiting *node_waiting_create(void); /* NULL: no memory */
void node_waiting_destroy(struct node_waiting *t);
/* Waits for at most span; w->wake is set. Where an address has as many as it may, the oldest of
 * them is answered. False: x is not to wait. */
bool node_wait(struct node_exchange *x, struct node_waiter *w, pp_ns span, struct pp_now now);
void node_wait_forget(struct node_waiter *w); /* also of one that does not wait */
/* Something for that inbox is durable now. */
void node_wait_wake(struct pp_node *node, const struct pp_name *name, struct pp_now now);
void node_waiting_tick(struct pp_node *node, struct pp_now now);
pp_ns node_waiting_next(const struct pp_node *node);
unsigned node_waiting_count(const struct pp_node *node);

/* collector.c */
int node_collector_create(struct pp_node *node, struct pp_now now);
void node_collector_destroy(struct node_collector *c);
void node_collector_tick(struct pp_node *node, struct pp_now now);
pp_ns node_collector_next(const struct node_collector *c);
void node_collector_start(struct pp_node *node, struct pp_now now);
void node_collector_found(struct pp_node *node, struct pp_now now, uint64_t token,
                          const struct pp_result *result);
/* x waits until `octets` fit (act->collected) or nothing more may be removed. */
void node_collect_for(struct node_exchange *x, uint64_t octets, struct pp_now now);
void node_collect_forget(struct node_exchange *x);

#endif
