/*
 * multipart/form-data (RFC 7578) as a push parser: octets in, parts out, nothing kept but a
 * boundary's length. Pure. And its writer, for a client: the octets before, between and after.
 */
#ifndef PP_HTTP_MULTIPART_H
#define PP_HTTP_MULTIPART_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

struct pp_multipart;

struct pp_multipart_events {
    /* A part begins; name of its Content-Disposition. Negative refuses the whole body. */
    int (*part)(void *ctx, struct pp_bytes name);
    size_t (*data)(void *ctx, struct pp_bytes bytes); /* returns how many it took */
    void (*part_end)(void *ctx);
};

/* content_type: the field's value. ! PP_MALFORMED (not multipart/form-data, no legal boundary) */
int pp_multipart_create(struct pp_multipart **m, struct pp_bytes content_type,
                        const struct pp_multipart_events *events, void *ctx);
/* *taken <= in.len; fewer: `data` took fewer, feed the rest again later. ! PP_MALFORMED */
int pp_multipart_feed(struct pp_multipart *m, struct pp_bytes in, size_t *taken);
/* The body ended. ! PP_MALFORMED when the closing delimiter had not come. */
int pp_multipart_end(struct pp_multipart *m);
void pp_multipart_destroy(struct pp_multipart *m);

/* For a client: header octets of a part (with the delimiter line that opens it; content type
 * application/octet-stream or application/x-pem-file as given), and the closing delimiter. */
int pp_multipart_open_part(struct pp_buf *out, const char *boundary, const char *name,
                           const char *type, bool first);
int pp_multipart_close(struct pp_buf *out, const char *boundary);

#endif
