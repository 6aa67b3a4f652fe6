/*
 * Problem documents (RFC 9457): every refusal has a type that programs compare, a title, and one
 * sentence for people. One table holds them; docs/protocol.md lists them. Knows no request.
 */
#ifndef PP_NODE_PROBLEM_H
#define PP_NODE_PROBLEM_H

#include <peerpost/bytes.h>

#define PP_PROBLEM_BASE "https://peerpost.invalid/problems/"

#define PP_PROBLEMS(X)                                                                             \
    X(PP_PROBLEM_MALFORMED, 400, "malformed", "The request is malformed")                          \
    X(PP_PROBLEM_ADDRESS, 400, "address-not-normal", "The address is not in its normal form")      \
    X(PP_PROBLEM_PARTS, 400, "parts", "The parts of the object are missing or out of order")       \
    X(PP_PROBLEM_CERTIFICATE, 400, "certificate", "A certificate cannot be used")                  \
    X(PP_PROBLEM_WORK, 400, "work-invalid", "The proof of work does not hold")                     \
    X(PP_PROBLEM_DIGEST, 400, "digest-mismatch", "The body is not what Content-Digest says")       \
    X(PP_PROBLEM_UNSIGNED, 401, "signature-missing", "This request must be signed")                \
    X(PP_PROBLEM_SIGNATURE, 401, "signature-invalid", "The signature does not hold")               \
    X(PP_PROBLEM_CLOCK, 401, "clock-skew", "The signature's times do not fit this node's clock")   \
    X(PP_PROBLEM_REPLAY, 401, "replayed", "This signature has been used already")                  \
    X(PP_PROBLEM_UNTRUSTED, 403, "untrusted", "The certificate is not trusted here")               \
    X(PP_PROBLEM_REVOKED, 403, "revoked", "The certificate is revoked")                            \
    X(PP_PROBLEM_OWNER, 403, "not-the-owner", "The certificate is not for this address")           \
    X(PP_PROBLEM_NOT_FOUND, 404, "not-found", "There is nothing under this identifier")            \
    X(PP_PROBLEM_NOT_MEMBER, 404, "not-a-member", "The certificate is not in the object's set")    \
    X(PP_PROBLEM_METHOD, 405, "method", "This method is no primitive")                             \
    X(PP_PROBLEM_TAKEN, 409, "identifier-taken", "Other octets are stored under this identifier")  \
    X(PP_PROBLEM_NEWER, 409, "newer-exists", "A newer certificate is stored for this address")     \
    X(PP_PROBLEM_BATCH, 409, "other-batch", "This batch was not handed out here")                  \
    X(PP_PROBLEM_DELETED, 410, "deleted", "This object was deleted by its last owner")             \
    X(PP_PROBLEM_TOO_BIG, 413, "too-big", "The body is too big")                                   \
    X(PP_PROBLEM_IDENTIFIER, 414, "identifier-too-long", "The identifier is too long")             \
    X(PP_PROBLEM_RATE, 429, "rate", "Too many requests from this source")                          \
    X(PP_PROBLEM_DAY, 429, "day-sum", "This source has stored its share of today")                 \
    X(PP_PROBLEM_WORK_WANTED, 429, "work-required", "This inbox takes proved notifications only")  \
    X(PP_PROBLEM_INTERNAL, 500, "internal", "The node failed")                                     \
    X(PP_PROBLEM_BUSY, 503, "busy", "The node is busy")                                            \
    X(PP_PROBLEM_INBOX_FULL, 507, "inbox-full", "The inbox is full")                               \
    X(PP_PROBLEM_STORE_FULL, 507, "store-full", "The node's store is full")

enum pp_problem {
#define X(name, status, slug, title) name,
    PP_PROBLEMS(X)
#undef X
};

int pp_problem_status(enum pp_problem problem);
/* Appends the JSON document; detail is one sentence of UTF-8. ! PP_NOMEM */
int pp_problem_write(struct pp_buf *out, enum pp_problem problem, const char *detail);
/* Appends text as a JSON string, quotes included. ! PP_NOMEM */
int pp_json_string(struct pp_buf *out, struct pp_bytes text);

#endif
