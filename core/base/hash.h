/*
 * The one hash of Peerpost: names, keys, node ids and digests are SHA-256 (OpenSSL).
 */
#ifndef PP_BASE_HASH_H
#define PP_BASE_HASH_H

#include <peerpost/id.h>

void pp_sha256(uint8_t out[32], struct pp_bytes in);
/* Name of an object's identifier (decoded octets) or inbox's address (normal form). */
struct pp_name pp_name_of(struct pp_bytes identifier);
unsigned pp_leading_zeros(const uint8_t hash[32]); /* bits, 0 to 256: what work is measured by */
/* Where an identifier or address lies in the overlay: the key of its name. */
struct pp_id pp_place_of(struct pp_bytes identifier);
/* Node id: first 20 octets of SHA-256 of the DER SubjectPublicKeyInfo. */
struct pp_id pp_id_of_key(struct pp_bytes spki_der);

/* Incremental. */
struct pp_hash;
struct pp_hash *pp_hash_create(void);
void pp_hash_add(struct pp_hash *h, struct pp_bytes in);
void pp_hash_digest(struct pp_hash *h, uint8_t out[32]); /* ends it; create anew or reset */
void pp_hash_reset(struct pp_hash *h);
void pp_hash_destroy(struct pp_hash *h);

/* Cryptographic random octets of the process; aborts when the system has none. */
void pp_random(void *out, size_t len);

#endif
