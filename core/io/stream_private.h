/* Shared by stream.c and stream_tls.c. */
#ifndef PP_IO_STREAM_PRIVATE_H
#define PP_IO_STREAM_PRIVATE_H

#include <io/stream.h>

struct pp_tls;

struct pp_stream {
    struct pp_loop *loop;
    struct pp_watch *watch;
    pp_stream_fn *fn;
    void *ctx;
    struct pp_tls *tls; /* NULL: plain */
    int fd;
    uint8_t want;
};

#define PP_STREAM_SPANS 66 /* a head and the 64 spans a store may lend */

void pp_stream_free(struct pp_stream *stream); /* watch, descriptor and memory */

/* The TLS side of the calls of the same name. */
int64_t pp_tls_read(struct pp_stream *stream, void *out, size_t cap);
int64_t pp_tls_write(struct pp_stream *stream, const struct pp_bytes *spans, size_t n);
int64_t pp_tls_send_file(struct pp_stream *stream, int fd, uint64_t offset, size_t len);
bool pp_tls_unsent(const struct pp_tls *tls);
void pp_tls_want(struct pp_stream *stream);
void pp_tls_event(struct pp_stream *stream, unsigned events);
void pp_tls_shutdown(struct pp_stream *stream);
/* Returns false when a worker still holds the stream: it will be freed when that is done. */
bool pp_tls_close(struct pp_stream *stream);

#endif
