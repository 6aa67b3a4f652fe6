/*
 * What the user's key alone gives: the secret K that all her computers share, and from it the
 * identifiers, session keys and deletion rights of the objects of devices' logs. Nobody without the
 * key can tell which objects belong together. Plain calls; the private key is only used, never
 * read, so that it may stay on a token.
 */
#ifndef PP_MAIL_DEVICE_KEY_H
#define PP_MAIL_DEVICE_KEY_H

#include <mail/device_state.h>
#include <trust/certificate.h>

#define PP_DEVICE_SECRET 32

/* P-256: ECDH of the key with itself; RSA: its PKCS#1 v1.5 signature; then hashed. ! PP_CRYPTO */
int pp_device_secret(uint8_t out[PP_DEVICE_SECRET], EVP_PKEY *key,
                     const struct pp_certificate *certificate);

/* An object of a log: how it is found, opened and deleted. */
struct pp_device_object {
    char identifier[64];
    uint8_t key[32];  /* session key */
    uint8_t seed[32]; /* of the deletion capability */
};
/* Record n of a device's log; device NULL: entry n of the directory. ! PP_CRYPTO */
int pp_device_object(struct pp_device_object *out, const uint8_t secret[PP_DEVICE_SECRET],
                     const uint8_t *device, uint64_t n);
/* A message: id and session key are random and stand in the record. ! PP_CRYPTO */
int pp_device_message(struct pp_device_object *out, const uint8_t id[16], const uint8_t key[32]);

#endif
