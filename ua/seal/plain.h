/*
 * Private to seal/: the plain text inside the encryption of a body or notification:
 *
 *     [Peerpost-Padding: x...x CRLF]  header lines  [SignedData around]  the content
 *
 * docs/protocol.md, "Message formats". Only the padding's length and what stands around the content
 * is kept here; the content stays in its source.
 */
#ifndef PP_SEAL_PLAIN_H
#define PP_SEAL_PLAIN_H

#include <seal/seal.h>

#define PP_PIECE 65536u /* octets moved at a time */

struct pp_plain {
    uint64_t padding;   /* octets of the padding field, 0: none */
    struct pp_buf head; /* after it, before the content */
    uint64_t content;   /* octets of the content */
    struct pp_buf tail;
    uint64_t size; /* of all */
};

/* unsigned_head: the header lines when nobody signs. ! PP_CRYPTO, PP_NOMEM, the source's error */
int pp_plain_make(struct pp_plain *p, const struct pp_source *content,
                  const struct pp_signer *signer, const char *unsigned_head);
void pp_plain_finish(struct pp_plain *p);
/* Adds a padding field so that size becomes this; it must be at least PP_PADDING_MIN more. */
#define PP_PADDING_MIN 20
void pp_plain_pad(struct pp_plain *p, uint64_t size);
/* Padmé (Nikitin et al. 2019): the size to pad to, at most 12 % more, less the bigger it is. */
uint64_t pp_padme(uint64_t size);
/* The n octets at an offset of the whole plain text, whose content comes from the source.
 * ! the source's error */
int pp_plain_read(const struct pp_plain *p, const struct pp_source *content, uint64_t offset,
                  uint8_t *out, size_t n);

/* What a plain text turned out to be. */
struct pp_found {
    bool has_signature;
    uint64_t content, n; /* offset and octets of the content */
    struct pp_buf tail;
};
/* Reads plain text of `size` octets. ! PP_MALFORMED, the source's error */
int pp_plain_find(struct pp_found *f, const struct pp_source *plain, uint64_t size,
                  const char *unsigned_head);
void pp_found_finish(struct pp_found *f);

/* Reads exactly n octets. ! PP_IO or the source's error */
int pp_source_read(const struct pp_source *s, uint64_t offset, uint8_t *out, size_t n);
/* Digests len octets from there; writes them out as well, unless out is NULL. ! as above, out's */
int pp_source_pour(const struct pp_source *s, uint64_t from, uint64_t len, const struct pp_out *out,
                   uint8_t digest[32]);
/* A source over octets in memory; `bytes` must stay. */
struct pp_source pp_source_of(const struct pp_bytes *bytes);

#endif
