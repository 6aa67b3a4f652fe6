/*
 * The HTTP client: libcurl's multi interface on the loop, here and nowhere else. It keeps one
 * connection a node, pipelines over it in turn, bounds the open sockets and queues the rest. It
 * reaches https://<id>.peerpost.alt at the endpoint given (CONNECT_TO: no DNS) and asks `verify`
 * whether the key is the node's. It follows no redirect, keeps no cookie, sends no User-Agent.
 */
#ifndef PP_HTTP_CLIENT_H
#define PP_HTTP_CLIENT_H

#include <http/message.h>
#include <io/loop.h>
#include <openssl/types.h>
#include <peerpost/id.h>
#include <stdatomic.h>

struct pp_client;
struct pp_call;
struct stack_st_X509; /* STACK_OF(X509) */

struct pp_client_options {
    unsigned connections; /* open sockets at once */
    const char *bind;     /* source address, or NULL */
    /* socks5h://..., NULL: direct. Behind one no TLS session is resumed: that would tell a node
     * that two circuits are one client's. */
    const char *proxy;
    bool tls;          /* https; else plain http (tests, closed networks) */
    X509 *certificate; /* client certificate, or NULL */
    EVP_PKEY *key;
    const char *ticket_file; /* TLS session tickets kept between runs, or NULL */
    /* Is this leaf (and chain, may be NULL) the node `expected`? 0, PP_IDENTITY, PP_UNTRUSTED.. */
    int (*verify)(void *ctx, X509 *leaf, STACK_OF(X509) * chain, const struct pp_id *expected);
    void *verify_ctx;
};

/* Body going out: read up to cap octets at `offset`; returns how many, negative to fail. */
typedef int64_t pp_client_read(void *ctx, uint64_t offset, void *out, size_t cap);

struct pp_client_request {
    const struct pp_peer *peer; /* id, address, http port */
    const char *method;
    const char *target;        /* percent-encoded path, with the '/' (and a query, for look-ups) */
    const char *const *fields; /* "Name: value" */
    size_t n_fields;
    int64_t length; /* of the body; -1: none */
    pp_client_read *read;
    uint64_t answer_max;                        /* octets of the answer's body; more: PP_TOO_BIG */
    pp_ns connect_time, stall_time, total_time; /* 0: unbounded; from when its turn comes */
    const char *circuit;                        /* SOCKS user name that isolates it, or NULL */
};

struct pp_client_events {
    void (*head)(void *ctx, int status, const struct pp_field *fields, size_t n);
    size_t (*data)(void *ctx, struct pp_bytes bytes); /* took; fewer: paused until resume */
    /* Last call, once, never from inside a call of the client's. err 0: a whole answer came.
     * PP_UNREACHABLE, PP_IDENTITY, PP_TIMEOUT, PP_LOCAL, PP_TOO_BIG, PP_MALFORMED. text: why.
     * When one runs into its times, those that wait behind it for the same node end so, too. */
    void (*ended)(void *ctx, int err, const char *text);
};

int pp_client_create(struct pp_client **client, struct pp_loop *loop,
                     const struct pp_client_options *options, struct pp_error *error);
/* Drops running calls without `ended`. Not from inside a callback. */
void pp_client_destroy(struct pp_client *client);
/* The strings are copied. NULL: no memory. */
struct pp_call *pp_client_start(struct pp_client *client, const struct pp_client_request *request,
                                const struct pp_client_events *events, void *ctx);
void pp_call_resume(struct pp_call *call);
void pp_call_cancel(struct pp_call *call); /* no `ended` after it */

/* Fetches a file by its URL (https, http, file), blocking: for a worker. `path` is replaced whole
 * when the answer is newer than it, else left; at most `most` octets, `seconds` in all; through the
 * proxy unless that is NULL. Ends within about a second after another thread sets *stop (may be
 * NULL). ! PP_UNREACHABLE, PP_TOO_BIG, PP_IO, PP_CANCELLED */
int pp_download(const char *url, const char *path, const char *proxy, uint64_t most, long seconds,
                const atomic_bool *stop, struct pp_error *error);

#endif
