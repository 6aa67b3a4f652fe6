/*
 * HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530) in Peerpost's profile: covered
 * components "@method" "@authority" "@path" "content-digest", and "pragma", "peerpost-confirm" when
 * present; parameters created, expires, nonce, keyid, alg, tag="peerpost", all required. One
 * signature, at most 2 KiB. Pure: parsing, the signature base, signing and verifying; no policy of
 * time or permission.
 */
#ifndef PP_TRUST_SIGNATURE_H
#define PP_TRUST_SIGNATURE_H

#include <openssl/types.h>
#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <peerpost/now.h>

enum pp_algorithm { PP_ALG_ECDSA_P256_SHA256, PP_ALG_ED25519, PP_ALG_RSA_PSS_SHA512 };

/* The parts of a request that can be covered; values as sent, empty data NULL = field absent. */
struct pp_covered {
    struct pp_bytes method, authority, path; /* path: raw target path */
    struct pp_bytes content_digest, pragma, confirm;
};

struct pp_signed {
    struct pp_buf base; /* the signature base, ready to verify */
    uint8_t signature[512];
    size_t signature_len;
    enum pp_algorithm algorithm;
    uint8_t keyid[32];
    uint8_t nonce[16];
    int64_t created, expires; /* seconds, wall */
};

/* From the values of Signature-Input and Signature. Refuses components missing, unknown or doubled,
 * and parameters missing. ! PP_MALFORMED, PP_TOO_BIG */
int pp_signed_parse(struct pp_signed *s, struct pp_bytes signature_input, struct pp_bytes signature,
                    const struct pp_covered *covered, struct pp_error *error);
void pp_signed_finish(struct pp_signed *s);
/* The algorithm must fit the key. Thread-safe. 0 or PP_SIGNATURE. */
int pp_signed_verify(const struct pp_signed *s, EVP_PKEY *key);

/* Makes the values of Signature-Input and Signature. nonce: 16 random octets. */
int pp_sign_request(struct pp_buf *signature_input, struct pp_buf *signature, EVP_PKEY *key,
                    const uint8_t keyid[32], const struct pp_covered *covered, int64_t created,
                    int64_t expires, const uint8_t nonce[16]);

/* "sha-256=:...:" of a body's digest, and back (other algorithms beside it are ignored).
 * ! PP_MALFORMED */
int pp_content_digest(struct pp_buf *out, const uint8_t sha256[32]);
int pp_content_digest_parse(uint8_t sha256[32], struct pp_bytes value);

#endif
