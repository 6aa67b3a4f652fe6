/*
 * An HTTP message's parts as the parser hands them over and as answers are written (RFC 9110).
 */
#ifndef PP_HTTP_MESSAGE_H
#define PP_HTTP_MESSAGE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define PP_FIELDS_MAX 64

struct pp_field {
    struct pp_bytes name, value;
};

struct pp_request_head {
    struct pp_bytes method; /* as sent, case-sensitive */
    struct pp_bytes path;   /* raw, still percent-encoded, starts with '/'; absolute-form undone */
    struct pp_bytes query;  /* after '?', raw */
    bool has_query;
    struct pp_bytes host;
    const struct pp_field *fields; /* all, in order */
    size_t n_fields;
    int64_t length; /* Content-Length; -1 chunked; 0 no body */
    bool expect_continue;
    unsigned minor; /* HTTP/1.minor */
};

/* The first field of that name (case-insensitive), or NULL. */
const struct pp_field *pp_field_find(const struct pp_field *fields, size_t n, const char *name);
/* How many there are: a field that must be single is malformed when there are two. */
size_t pp_field_count(const struct pp_field *fields, size_t n, const char *name);
const char *pp_status_text(int status); /* reason phrase; "" when unknown */

#endif
