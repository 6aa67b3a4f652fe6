/*
 * The node on a real machine: requests from core/http's server, writes by a thread of their own,
 * signature checks on workers, time from the loop. It translates, and decides nothing: what a
 * request means is the node's (node.h). What is asked of the overlay goes through a few functions,
 * so that it knows no overlay either.
 */
#ifndef PP_NODE_LIVE_H
#define PP_NODE_LIVE_H

#include <http/server.h>
#include <node/node.h>

struct pp_live;
struct pp_live_page;

struct pp_live_options {
    struct pp_loop *loop;
    struct pp_workers *workers;
    const struct pp_store_plugin *api;
    struct pp_store *store; /* borrowed, open */
    const struct pp_node_config *node;
    void *ctx; /* of the functions below */
    enum pp_covers (*covers)(void *ctx, const struct pp_id *key, unsigned k);
    int (*lookup)(void *ctx, const struct pp_id *key, unsigned k, uint64_t token);
    void (*cancel)(void *ctx, uint64_t token);
    bool (*exempt)(void *ctx, const uint8_t source[16]); /* limits.exempt */
    /* GET or HEAD under /.well-known/peerpost/: answer now or later with pp_live_page_answer. */
    void (*page)(void *ctx, struct pp_live_page *page);
    /* The page's asker went before it was answered: `page` is void. */
    void (*page_gone)(void *ctx, struct pp_live_page *page);
    /* The store is broken; the batch's requests got 500. The process is to exit (74). */
    void (*broken)(void *ctx);
};

/* NULL: no memory or no thread. */
struct pp_live *pp_live_create(const struct pp_live_options *options);
/* The handler to create servers with; their ctx is the live. */
extern const struct pp_handler pp_live_handler;
struct pp_node *pp_live_node(struct pp_live *live);
void pp_live_found(struct pp_live *live, uint64_t token, const struct pp_result *result);
/* After the servers are destroyed: waits until what is queued is written. */
void pp_live_destroy(struct pp_live *live);

/* A page: a small answer that is made whole. Also the handler of a server of its own (admin). */
struct pp_live_page {
    struct pp_exchange *exchange;
    struct pp_bytes method, path, query; /* lent until the page function returns */
    bool has_query;
    struct pp_buf body; /* owned; filled by whoever answers */
    size_t sent;
    bool answered;
    void *state; /* the answerer's */
};
/* Answers with page->body, whose content the page keeps until it is out. */
void pp_live_page_answer(struct pp_live_page *page, int status, const char *type);
/* PP_MALFORMED, PP_INVALID (another method), PP_NOT_FOUND, PP_LIMIT, PP_BUSY; else 500. */
void pp_live_page_problem(struct pp_live_page *page, enum pp_code code, const char *detail);

/* A server of pages alone. */
struct pp_pages {
    void (*page)(void *ctx, struct pp_live_page *page);
    void (*page_gone)(void *ctx, struct pp_live_page *page);
    void *ctx;
};
extern const struct pp_handler pp_pages_handler; /* its ctx: a struct pp_pages */

#endif
