/*
 * One short request to a node, blocking, for a worker thread: connect, TLS 1.3, send, read a short
 * answer, close. For who asks now and then and does not want libcurl in its process (client.h is
 * for the others). It proves the node's key as they do, and knows nothing of what is asked.
 */
#ifndef PP_HTTP_BRIEF_H
#define PP_HTTP_BRIEF_H

#include <openssl/types.h>
#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <peerpost/now.h>
#include <peerpost/substrate.h>
#include <stdatomic.h>

struct pp_brief {
    struct pp_peer peer;
    uint8_t bind[16];                   /* source address; zero: any */
    const char *method;                 /* static */
    struct pp_buf target, fields, body; /* owned; fields: lines with CRLF; body empty: none */
    SSL_CTX *tls;                       /* referenced by the caller; NULL: plain */
    /* On the worker's thread: is this leaf the node's? 0 or negative. */
    int (*verify)(void *ctx, X509 *leaf, const struct pp_id *expected);
    void *verify_ctx;
    const atomic_bool *stop; /* another thread sets it: ends within about 100 ms; NULL */
    pp_ns time;              /* for all of it */
    size_t answer_max;       /* octets of the answer's body; more: PP_TOO_BIG */
    /* 0 with the answer; PP_UNREACHABLE, PP_IDENTITY, PP_TIMEOUT, PP_TOO_BIG, PP_MALFORMED,
     * PP_CANCELLED */
    int code;
    int status;
    struct pp_buf answer; /* owned: the body of a whole answer with Content-Length */
};
/* Fills in code, status and answer. */
void pp_brief_run(struct pp_brief *b);
void pp_brief_finish(struct pp_brief *b); /* frees what it owns */

#endif
