/*
 * Error codes and the sentence that goes with one. One table gives number, short text and the HTTP
 * status an answer carries. Functions return 0 or one of these negative numbers; a function that
 * can fail for a reason an operator must read also takes a struct pp_error and fills in a whole
 * sentence: what, where, and what to do. Knows nothing of the rest of Peerpost.
 */
#ifndef PEERPOST_ERROR_H
#define PEERPOST_ERROR_H

#include <stdarg.h>

#define PP_ERRORS(X)                                                                               \
    X(PP_OK, 0, "success", 200)                                                                    \
    X(PP_NOMEM, -1, "out of memory", 503)                                                          \
    X(PP_MALFORMED, -2, "malformed", 400)                                                          \
    X(PP_NOT_FOUND, -3, "not found", 404)                                                          \
    X(PP_GONE, -4, "deleted", 410)                                                                 \
    X(PP_EXISTS, -5, "exists already", 409)                                                        \
    X(PP_TAKEN, -6, "already taken out", 404)                                                      \
    X(PP_FULL, -7, "full", 507)                                                                    \
    X(PP_BROKEN, -8, "storage is broken", 500)                                                     \
    X(PP_FORMAT, -9, "unknown format", 500)                                                        \
    X(PP_BUSY, -10, "busy", 503)                                                                   \
    X(PP_OFFLINE, -11, "not connected to the overlay", 503)                                        \
    X(PP_UNREACHABLE, -12, "unreachable", 502)                                                     \
    X(PP_LOCAL, -13, "no network here", 502)                                                       \
    X(PP_IDENTITY, -14, "not the node it should be", 502)                                          \
    X(PP_TIMEOUT, -15, "timed out", 504)                                                           \
    X(PP_CANCELLED, -16, "cancelled", 500)                                                         \
    X(PP_TOO_BIG, -17, "too big", 413)                                                             \
    X(PP_DENIED, -18, "not permitted", 403)                                                        \
    X(PP_UNTRUSTED, -19, "no chain to the certificate authority", 403)                             \
    X(PP_REVOKED, -20, "revoked", 403)                                                             \
    X(PP_EXPIRED, -21, "not valid at this time", 403)                                              \
    X(PP_SIGNATURE, -22, "bad signature", 401)                                                     \
    X(PP_CONFIG, -23, "bad configuration", 500)                                                    \
    X(PP_PLUGIN, -24, "plugin refused", 500)                                                       \
    X(PP_IO, -25, "input/output error", 500)                                                       \
    X(PP_CRYPTO, -26, "cryptographic failure", 500)                                                \
    X(PP_AGAIN, -27, "try again later", 503)                                                       \
    X(PP_LIMIT, -28, "limit reached", 429)                                                         \
    X(PP_INVALID, -29, "invalid argument", 400)

enum pp_code {
#define X(name, number, text, status) name = (number),
    PP_ERRORS(X)
#undef X
};

/* A failure in a form to show: the code and one whole sentence in UTF-8 without a final newline. */
struct pp_error {
    int code;
    char text[504];
};

/* Fills *error (may be NULL) and returns code, so that `return pp_fail(e, PP_IO, ...)` reads. */
int pp_fail(struct pp_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Short lower-case text of a code; never NULL. */
const char *pp_error_text(int code);

/* HTTP status of a code; 500 for an unknown one. */
int pp_error_status(int code);

#endif
