/*
 * Private to seal/: SignedData (RFC 5652 section 5, RFC 8551) around content that is not in memory:
 * what stands before it and what stands after it. One signer, SHA-256, signed attributes
 * content-type and message-digest (no time: seal/ has no clock).
 */
#ifndef PP_SEAL_SIGNED_H
#define PP_SEAL_SIGNED_H

#include <seal/seal.h>

/* Certificate and signer's info: what follows content with this SHA-256. ! PP_CRYPTO, PP_NOMEM */
int pp_signed_tail(struct pp_buf *tail, const struct pp_signer *signer, const uint8_t digest[32]);
/* What precedes content of n octets. */
int pp_signed_head(struct pp_buf *head, uint64_t n, size_t tail_len);
/* Where the content lies in a SignedData of `size` octets whose beginning is `start`.
 * ! PP_MALFORMED */
int pp_signed_find(struct pp_bytes start, uint64_t size, uint64_t *content, uint64_t *n);
/* Do certificate and signature of this tail hold for content with this digest? Then *signer is the
 * certificate (owned), unchecked to the CA. ! PP_SIGNATURE */
int pp_signed_check(struct pp_bytes tail, const uint8_t digest[32], struct pp_certificate **signer);

#endif
