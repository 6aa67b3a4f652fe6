/*
 * Listeners and byte streams on the loop: TCP and unix sockets, plain or TLS 1.3. A stream reads
 * and writes what goes at once and never waits; its owner says what to be woken for. TLS handshakes
 * run on worker threads, so that their signatures do not stall the loop. Knows no protocol above.
 */
#ifndef PP_IO_STREAM_H
#define PP_IO_STREAM_H

#include <io/loop.h>
#include <openssl/types.h>
#include <peerpost/bytes.h>

struct pp_listener;
struct pp_stream;

/* A connection came: fd is the callee's from now on, `from` is 16 octets, zero for a unix socket.
 * fd -1: the process is out of descriptors; the listener rests for a moment. */
typedef void pp_accepted_fn(void *ctx, struct pp_listener *listener, int fd,
                            const uint8_t from[16]);

/* Listens; port 0 picks one. The error's sentence names address, port and cure.
 * ! PP_IO, PP_NOMEM */
int pp_listener_open(struct pp_listener **listener, struct pp_loop *loop, const uint8_t address[16],
                     uint16_t port, pp_accepted_fn *fn, void *ctx, struct pp_error *error);
/* A socket file only its owner may use; a dead one of the same name is replaced.
 * ! PP_IO, PP_NOMEM */
int pp_listener_open_unix(struct pp_listener **listener, struct pp_loop *loop, const char *path,
                          pp_accepted_fn *fn, void *ctx, struct pp_error *error);
uint16_t pp_listener_port(const struct pp_listener *listener); /* 0 for a unix socket */
void pp_listener_close(struct pp_listener *listener); /* NULL is allowed; legal in its callback */

/* What a stream wakes its owner for, beside PP_READABLE and PP_WRITABLE. */
#define PP_STREAM_OPEN 0x4u   /* the TLS handshake is done; nothing may be read or written before */
#define PP_STREAM_FAILED 0x8u /* it failed, or a kept record could not go out: close the stream */
typedef void pp_stream_fn(void *ctx, unsigned events);

/* A plain stream over a connected socket, which becomes the stream's and is closed with it; when it
 * fails (NULL: no memory) fd is still the caller's. It is open at once. */
struct pp_stream *pp_stream_create(struct pp_loop *loop, int fd, pp_stream_fn *fn, void *ctx);
/* Begins a server's handshake on a fresh stream; PP_STREAM_OPEN or _FAILED follows, never from
 * inside this call. workers NULL: on the loop's thread. ! PP_NOMEM */
int pp_stream_accept_tls(struct pp_stream *stream, SSL_CTX *tls, struct pp_workers *workers);

/* Both are level-triggered. */
void pp_stream_want(struct pp_stream *stream, unsigned events);
/* Octets read; 0 at the end; PP_AGAIN when none are there; PP_IO when the stream broke. */
int64_t pp_stream_read(struct pp_stream *stream, void *out, size_t cap);
/* Octets taken, which may be 0 and fewer than all: then wait for PP_WRITABLE. `more`: others follow
 * at once (a header before a file). ! PP_IO. At most 66 spans are looked at. */
int64_t pp_stream_write(struct pp_stream *stream, const struct pp_bytes *spans, size_t n,
                        bool more);
/* The same from a file. ! PP_IO: broken, or the file ended early */
int64_t pp_stream_send_file(struct pp_stream *stream, int fd, uint64_t offset, size_t len);
/* Octets taken but not yet given to the kernel (part of a TLS record): do not close yet. */
bool pp_stream_unsent(const struct pp_stream *stream);
/* No more will be written; the peer may still finish. */
void pp_stream_shutdown(struct pp_stream *stream);
/* NULL is allowed; legal in the stream's callback. No callback after it. */
void pp_stream_close(struct pp_stream *stream);

bool pp_stream_is_tls(const struct pp_stream *stream);
/* The peer's certificate, borrowed until close, or NULL. Its chain was not checked. */
X509 *pp_stream_peer(const struct pp_stream *stream);

#endif
