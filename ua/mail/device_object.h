/*
 * Objects that only the user can read, on the nodes: sealed, put on the k nodes closest to their
 * identifier, and looked for there when their octets are not known beforehand. It must not know
 * what is in them.
 */
#ifndef PP_MAIL_DEVICE_OBJECT_H
#define PP_MAIL_DEVICE_OBJECT_H

#include <mail/device_key.h>
#include <mail/spread.h>
#include <seal/seal.h>

/* Encrypts what source holds, padded, into a new blob (owned by the caller; NULL after a failure).
 * ! PP_FULL, PP_CRYPTO, the source's error */
int pp_device_seal(struct pp_mail *mail, const struct pp_source *source, const uint8_t key[32],
                   struct pp_blob **blob, uint8_t digest[32], uint64_t *size);
int pp_device_seal_octets(struct pp_mail *mail, const struct pp_buf *plain, const uint8_t key[32],
                          struct pp_blob **blob, uint8_t digest[32], uint64_t *size);
/* A sealed object in a blob, opened into a new one. ! as above, PP_MALFORMED */
int pp_device_open(struct pp_mail *mail, struct pp_blob *sealed, uint64_t size,
                   const uint8_t key[32], struct pp_blob **blob);
/* The same for octets in memory. */
int pp_device_open_octets(struct pp_bytes sealed, const uint8_t key[32], struct pp_buf *out);

/* --- storing ------------------------------------------------------------------------------- */

struct pp_put;
typedef void pp_put_done(struct pp_put *put); /* the owner may finish it here */

struct pp_put {
    struct pp_spread spread;
    struct pp_device_object object;
    struct pp_blob *blob; /* referenced until finished */
    struct pp_buf set;    /* PEM */
    uint64_t size;
    uint8_t digest[32];
    unsigned taken; /* nodes that have other octets under this identifier */
    pp_put_done *done;
    void *ctx;
};

/* put: zeroed. The blob becomes the put's, also when it fails. ! PP_CRYPTO, PP_NOMEM */
int pp_put_start(struct pp_put *put, struct pp_mail *mail, const struct pp_device_object *object,
                 struct pp_blob *blob, uint64_t size, const uint8_t digest[32], pp_put_done *done,
                 void *ctx);
/* Is it on so many nodes that it counts as there? */
bool pp_put_reached(const struct pp_put *put);
/* Has somebody else's object its place? */
bool pp_put_lost(const struct pp_put *put);
/* Maintain looks after it from now on. stored: seconds, wall. */
void pp_put_keep(struct pp_mail *mail, const struct pp_device_object *object, uint64_t size,
                 const uint8_t digest[32], int64_t stored);
void pp_put_finish(struct pp_put *put); /* accepts a zeroed one */

/* --- looking ------------------------------------------------------------------------------- */

#define PP_PEEK_VARIANTS 4

struct pp_peek;
typedef void pp_peek_done(struct pp_peek *peek); /* the owner may finish it here */

/* What the k nodes have under an identifier. Octets that do not open with its key are nobody's of
 * us: passed over, the node named in the log. */
struct pp_peek {
    struct pp_spread spread;
    struct pp_device_object object;
    struct pp_peek_variant {
        struct pp_buf plain;
        uint64_t size; /* stored octets .. */
        uint8_t digest[32];
        unsigned copies;
    } variants[PP_PEEK_VARIANTS];
    size_t n;
    unsigned absent, gone; /* nodes that have never seen it; where it was deleted */
    bool any;              /* one good copy is enough */
    pp_peek_done *done;
    void *ctx;
};

/* most: octets of an answer. any: one good copy is enough. wide: looks further than the k. */
void pp_peek_start(struct pp_peek *peek, struct pp_mail *mail,
                   const struct pp_device_object *object, uint64_t most, bool any, bool wide,
                   pp_peek_done *done, void *ctx);
void pp_peek_finish(struct pp_peek *peek); /* accepts a zeroed one */

#endif
