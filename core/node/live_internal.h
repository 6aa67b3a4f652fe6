/* What the files of the live node share. Not for others. */
#ifndef PP_NODE_LIVE_INTERNAL_H
#define PP_NODE_LIVE_INTERNAL_H

#include <base/hash.h>
#include <http/multipart.h>
#include <node/live.h>
#include <node/problem.h>
#include <pthread.h>

/* live_writer.c: the thread that commits */
struct live_writer;
/* done: on the loop's thread, ops in the order of their submission, each with its status. */
struct live_writer *live_writer_create(struct pp_loop *loop, const struct pp_store_plugin *api,
                                       struct pp_store *store,
                                       void (*done)(void *ctx, struct pp_op *list, bool broken),
                                       void *ctx);
void live_writer_submit(struct live_writer *w, struct pp_op *op);
/* Writes what is queued, ends the thread. What then still had to be told is told here. */
void live_writer_destroy(struct live_writer *w);

/* live_fields.c: Peerpost's fields, by syntax alone */
struct live_request;
/* Fills q->r from the head; 0, or the problem's sentence in why. */
int live_parse_fields(struct live_request *q, const struct pp_request_head *head, const char **why);

/* live_peers.c: which TLS clients are nodes */
#define LIVE_PEERS 64
struct live_peer {
    uint8_t digest[32]; /* of the DER */
    struct pp_id id;
    pp_ns until; /* mono */
};
struct live_peers {
    struct live_peer peer[LIVE_PEERS];
    unsigned next;
};
bool live_peer_is_node(struct live_peers *p, struct pp_authority *authority, struct pp_bytes der,
                       struct pp_now now, struct pp_id *id);

/* One exchange of a primitive, from begin until it is both gone and released. */
struct live_request {
    struct pp_node_request r;
    struct pp_live *live;
    struct pp_exchange *x; /* NULL: gone */
    struct pp_live_page page;
    bool is_page;
    bool begun;    /* the node has it */
    bool ended;    /* end or drop was said */
    bool answered; /* by the node */
    bool released; /* by the node */
    bool broken;   /* the multipart or digest is wrong: answered here */
    struct pp_buf identifier, certificate, salt;
    struct pp_signed signature;
    bool is_signed;
    struct pp_multipart *multipart;
    struct pp_hash *hash; /* of the body, when Content-Digest is given */
    uint8_t digest[32];
    const char *why; /* of broken */
    enum pp_problem problem;
    struct pp_check *check;
};

struct pp_live {
    struct pp_live_options options;
    struct pp_node *node;
    struct live_writer *writer;
    struct pp_hook *hook;
    struct pp_timer *timer;
    pp_ns timer_at;
    struct live_peers peers;
    char authority[64]; /* <id>.peerpost.alt: what signatures cover */
    uint64_t damaged;   /* things of the store set aside, as far as the log tells */
    bool broken;
};

/* live_http.c */
extern const struct pp_node_host live_host;

/* live_page.c */
void live_page_begin(struct pp_live_page *page, struct pp_exchange *x,
                     const struct pp_request_head *head);
void live_page_pull(struct pp_live_page *page);
void live_page_finish(struct pp_live_page *page);
/* Answers with a problem document. */
void live_page_refuse(struct pp_live_page *page, enum pp_problem problem, const char *detail);

#endif
