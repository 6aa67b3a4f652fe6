/*
 * The envelope's cryptography, one function an act: the P-256 key as it travels, ECDH and HKDF to a
 * session's keys, AES-128-GCM over a datagram, the cookie's HMAC. OpenSSL underneath; no state but
 * two reusable contexts.
 */
#ifndef PP_OVERLAY_ENVELOPE_CRYPTO_H
#define PP_OVERLAY_ENVELOPE_CRYPTO_H

#include <openssl/types.h>
#include <peerpost/error.h>
#include <peerpost/id.h>

#define PP_POINT 65 /* an uncompressed P-256 point (SEC 1 section 2.3.3) */
#define PP_SALT 16
#define PP_GCM_TAG 16

struct pp_gcm; /* contexts for sealing and opening */

struct pp_gcm *pp_gcm_create(void);
void pp_gcm_destroy(struct pp_gcm *gcm);
/* out: text.len + PP_GCM_TAG octets; may not overlap text. ! PP_CRYPTO */
int pp_gcm_seal(struct pp_gcm *gcm, const uint8_t key[16], uint64_t sequence, struct pp_bytes aad,
                struct pp_bytes text, uint8_t *out);
/* out: sealed.len - PP_GCM_TAG octets; worthless unless 0 came back. ! PP_CRYPTO */
int pp_gcm_open(struct pp_gcm *gcm, const uint8_t key[16], uint64_t sequence, struct pp_bytes aad,
                struct pp_bytes sealed, uint8_t *out);

/* Public half of a P-256 key. ! PP_CRYPTO (another kind of key) */
int pp_point_of(uint8_t point[PP_POINT], EVP_PKEY *key);
/* From hostile octets; checks that it lies on the curve. ! PP_CRYPTO */
int pp_point_key(EVP_PKEY **key, const uint8_t point[PP_POINT]);
/* Node id of that key: the hash of its SubjectPublicKeyInfo. */
struct pp_id pp_point_id(const uint8_t point[PP_POINT]);
/* Public key of a certificate in DER. ! PP_CRYPTO */
int pp_certificate_point(uint8_t point[PP_POINT], struct pp_bytes der);
int pp_ephemeral_key(EVP_PKEY **key); /* P-256; ! PP_CRYPTO */

struct pp_session_keys {
    uint8_t to_responder[16], to_initiator[16];
    uint8_t tag[4];
};

/* HKDF-SHA256 (RFC 5869): input the ECDH secret, salt = salt A | salt B | network hash, info = a
 * label and both points, so that each side's view of who speaks to whom enters. ! PP_CRYPTO */
int pp_session_derive(struct pp_session_keys *keys, EVP_PKEY *own,
                      const uint8_t peer_point[PP_POINT], const uint8_t initiator[PP_POINT],
                      const uint8_t responder[PP_POINT], const uint8_t salt_a[PP_SALT],
                      const uint8_t salt_b[PP_SALT], const uint8_t network[8]);

/* HMAC-SHA256. */
void pp_mac(uint8_t out[32], const uint8_t key[32], struct pp_bytes text);

#endif
