/*
 * The HTTP/1.1 server (RFC 9110, 9112): strict parser over byte streams, plain or TLS 1.3, with the
 * limits of connections, header, idle and total time. It knows messages, not what they ask. It
 * pairs every accepted request (an "exchange") with a handler through the calls below; all run on
 * the loop's thread and no handler call is made from inside a call of pp_exchange_*.
 */
#ifndef PP_HTTP_SERVER_H
#define PP_HTTP_SERVER_H

#include <http/message.h>
#include <io/loop.h>
#include <openssl/types.h>

struct pp_server;
struct pp_exchange;

struct pp_handler {
    /* Header read and legal. The handler keeps its state with pp_exchange_set. It answers now or
     * later. "100-continue" is sent when it neither answered nor called pp_exchange_refuse_body. */
    void (*begin)(void *ctx, struct pp_exchange *x, const struct pp_request_head *head);
    /* Decoded body octets; returns how many it took. Fewer: reading stops until
     * pp_exchange_resume. */
    size_t (*body)(void *ctx, struct pp_exchange *x, struct pp_bytes bytes);
    void (*end)(void *ctx, struct pp_exchange *x); /* whole request read */
    /* Room for octets of the answer's body: once after pp_exchange_answer and after each emit, when
     * all that was emitted has left, until all its length was emitted or the answer is finished. */
    void (*pull)(void *ctx, struct pp_exchange *x);
    /* Last call for x, in every case: answered whole, or the peer went, broke the protocol or ran
     * out of time (`whole` false). The exchange is void after it. */
    void (*gone)(void *ctx, struct pp_exchange *x, bool whole);
};

struct pp_server_options {
    unsigned connections, connections_per_source;
    pp_ns handshake_time, header_time, idle_time, request_time; /* + 1 s each 16 KiB of body */
    unsigned requests_per_connection;
    size_t header_octets, request_line_octets, fields;
    uint64_t body_octets;
    uint64_t buffers_all;      /* octets buffered over all connections; beyond: 503 */
    const char *const *exempt; /* CIDRs free of per-source bounds */
    size_t n_exempt;
};
void pp_server_options_default(struct pp_server_options *o); /* security.md section 7's numbers */

/* workers: for TLS handshakes; NULL: on the loop's thread. They are destroyed after the server and
 * before the loop. ! PP_NOMEM, PP_INVALID (exempt holds no CIDR) */
int pp_server_create(struct pp_server **server, struct pp_loop *loop, struct pp_workers *workers,
                     const struct pp_server_options *options, const struct pp_handler *handler,
                     void *ctx);
/* Listens on address:port (0 picks one), with TLS when tls is not NULL (kept by reference). The
 * error names address, port and cure. May be called several times. ! PP_IO */
int pp_server_listen(struct pp_server *server, const uint8_t address[16], uint16_t port,
                     SSL_CTX *tls, uint16_t *bound, struct pp_error *error);
int pp_server_listen_unix(struct pp_server *server, const char *path, struct pp_error *error);
/* A new TLS context for new connections (certificate renewed). */
void pp_server_set_tls(struct pp_server *server, SSL_CTX *tls);
/* Closes listeners and idle connections, lets exchanges finish, then calls done. */
void pp_server_drain(struct pp_server *server, void (*done)(void *ctx), void *ctx);
/* `gone` for each open exchange first. Not from inside a call of the handler's. */
void pp_server_destroy(struct pp_server *server);

struct pp_server_counts {
    uint64_t accepted, open, requests, refused_busy, bad_requests, timeouts;
};
void pp_server_counts(const struct pp_server *server, struct pp_server_counts *out);

void pp_exchange_set(struct pp_exchange *x, void *state);
void *pp_exchange_get(const struct pp_exchange *x);
const uint8_t *pp_exchange_source(const struct pp_exchange *x); /* 16 octets; zero for unix */
uint16_t pp_exchange_port(const struct pp_exchange *x);         /* the local port */
/* DER of the TLS client's certificate, or empty. */
struct pp_bytes pp_exchange_peer_certificate(const struct pp_exchange *x);

/* Status line and fields; length -1: chunked. Date, Content-Length/Transfer-Encoding and Connection
 * are the server's. An answer before the request's end: the rest is read and dropped if short, else
 * the connection closes. */
void pp_exchange_answer(struct pp_exchange *x, int status, const struct pp_field *fields, size_t n,
                        int64_t length);
/* Body octets; takes what the socket takes at once and copies no more than its buffer's room, or
 * fewer than all: `pull` comes later. */
size_t pp_exchange_emit(struct pp_exchange *x, const struct pp_bytes *spans, size_t n);
/* The same from a file (sendfile when plain). */
size_t pp_exchange_emit_file(struct pp_exchange *x, int fd, uint64_t offset, size_t len);
void pp_exchange_finish(struct pp_exchange *x);
/* In `begin`, when the answer comes later and will be a refusal: no "100-continue", what comes of
 * the body is dropped, `end` is not called, and the connection closes after the answer. */
void pp_exchange_refuse_body(struct pp_exchange *x);
void pp_exchange_resume(struct pp_exchange *x);
/* Cut the connection in the midst of an answer: the reader sees it incomplete. */
void pp_exchange_abort(struct pp_exchange *x);

#endif
