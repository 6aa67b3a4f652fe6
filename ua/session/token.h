/*
 * Private keys that lie on a PKCS#11 token (a smart card, a USB key) and never leave it: named by a
 * URI (RFC 7512), used through OpenSSL like any other key. It must not know what they are for.
 */
#ifndef PP_SESSION_TOKEN_H
#define PP_SESSION_TOKEN_H

#include <config/config.h>
#include <openssl/types.h>

/* Does it begin as such a URI does? */
bool token_is_uri(const char *text);
/* The key that the URI names: its token is found by token, serial, manufacturer and model, the key
 * by object and id. The PIN is asked for once a process, and one that was refused is not tried
 * again: tokens lock themselves. The caller's reference; usable until the process ends.
 * ! PP_CONFIG (the URI, the module), PP_NOT_FOUND (no such token or key), PP_DENIED (the PIN),
 * PP_PLUGIN (built without) */
int token_load_key(EVP_PKEY **key, struct pp_config *config, const char *uri,
                   struct pp_error *error);
/* Is it one of those? Then it cannot be written anywhere. */
bool token_holds(const EVP_PKEY *key);

#endif
