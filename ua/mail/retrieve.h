/*
 * Fetching one object whose size and digest are known: one copy from the k nodes closest to its
 * identifier, its octets hashed as they come; a wrong or missing one is followed by the next copy,
 * then by a wider search (Kangasharju et al. 2003, section 3.3). A node that gives other octets is
 * named in the log. It must not know what the object is.
 */
#ifndef PP_MAIL_RETRIEVE_H
#define PP_MAIL_RETRIEVE_H

#include <base/hash.h>
#include <mail/spread.h>

#define PP_RETRIEVE_STREAMS 8

struct pp_retrieve;
/* Once: r->body is the object, or NULL and r->why says why not. The owner may finish r here. */
typedef void pp_retrieved_fn(struct pp_retrieve *r);

struct pp_retrieve {
    struct pp_spread spread;
    struct pp_mail *mail;
    struct pp_buf identifier;
    uint64_t size; /* octets */
    uint8_t digest[32];
    struct pp_retrieve_stream {
        struct pp_target *target;
        struct pp_blob *blob;
        struct pp_hash *hash;
        uint64_t size;
    } streams[PP_RETRIEVE_STREAMS]; /* answers on their way */
    struct pp_blob *body;           /* freed by finish unless taken */
    char why[256];
    pp_retrieved_fn *done;
    void *ctx;
};

/* r is the caller's, and zeroed. ! PP_NOMEM (nothing was started) */
int pp_retrieve_start(struct pp_retrieve *r, struct pp_mail *mail, struct pp_bytes identifier,
                      uint64_t size, const uint8_t digest[32], pp_retrieved_fn *done, void *ctx);
/* Cancels what is under way and frees what is inside. Accepts a zeroed one. */
void pp_retrieve_finish(struct pp_retrieve *r);

#endif
