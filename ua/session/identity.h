/*
 * Who the user is, without any network: her address, her keys (the current one and those before
 * it), her authority; how the keys are opened, and how they change. The keys are user.key with
 * user.certificate, and STATE/keys: NAME.key.pem with NAME.cert.pem of earlier identities, the
 * roll-over proof `rollover`, the lock, and the manifest of a change under way.
 */
#ifndef PP_SESSION_IDENTITY_H
#define PP_SESSION_IDENTITY_H

#include <box/change.h>
#include <config/config.h>
#include <trust/authority.h>

#define IDENTITY_KEYS 32
#define IDENTITY_OLD_DAYS 365 /* an old key decrypts that long after its certificate's end */

/* All owned by the identity, but for certificate and key: the first of the lists. */
struct identity {
    struct pp_buf address; /* normal form */
    struct pp_certificate *certificate;
    EVP_PKEY *key;
    struct pp_certificate *certificates[IDENTITY_KEYS]; /* the current one, then the old ones .. */
    EVP_PKEY *keys[IDENTITY_KEYS];                      /* .. and their keys */
    size_t n_keys;
    struct pp_buf rollover; /* proof that the current key follows an earlier one, or empty */
    struct pp_authority *authority;
};
/* ! PP_CONFIG, PP_DENIED (not enrolled yet, loose key file, passphrase), PP_IO */
int identity_open(struct identity *who, struct pp_config *config, struct pp_error *error);
void identity_finish(struct identity *who);

/* user.address in normal form, appended. ! PP_CONFIG */
int identity_address(struct pp_buf *out, struct pp_config *config, struct pp_error *error);
/* trust.ca, trust.crl. ! as pp_authority_load */
int identity_authority(struct pp_authority **out, struct pp_config *config, struct pp_error *error);

/* --- the keys' files; under the lock ------------------------------------------------------- */

/* Makes STATE/keys, waits for the lock (at most 10 s), and finishes what a crash left. The
 * descriptor holds the lock. ! PP_BUSY, PP_IO */
int identity_lock(struct pp_config *config, struct pp_error *error);
/* A file in STATE/keys; out has PATH_MAX octets. */
const char *identity_path(char *out, struct pp_config *config, const char *name);
/* user.key: the file's name, or the URI of a key on a token (token.h) as it stands. */
const char *identity_key_name(struct pp_config *config);
/* The URI of a key on a token: `name` itself, or what the file of that name holds instead of a key.
 * False: neither. */
bool identity_key_uri(struct pp_buf *out, const char *name);
/* Loads a private key, with a passphrase where it is under one; from a token where `name` is a URI,
 * or its file holds one. ! as pp_key_load, token_load_key */
int identity_load_key(EVP_PKEY **key, struct pp_config *config, const char *name,
                      struct pp_error *error);
/* A key as it shall lie on disk. passphrase: "" none. */
int identity_add_key(struct pp_change *c, const char *path, EVP_PKEY *key, const char *passphrase,
                     struct pp_error *error);
int identity_add_certificate(struct pp_change *c, const char *path, const struct pp_certificate *x,
                             struct pp_error *error);
/* The name in STATE/keys of an earlier identity: 16 digits and `.key.pem` or `.cert.pem`. */
const char *identity_archive(char *out, struct pp_config *config, const struct pp_certificate *c,
                             const char *kind);

/* --- passphrases --------------------------------------------------------------------------- */

bool identity_is_locked(const char *path); /* is that key file under a passphrase? */
/* $PEERPOST_PASSPHRASE, else the first line that user.passphrase_command prints, else asked on the
 * terminal, `prompt` for what (NULL: never asks). Lent until the process ends; "" when there is
 * none. ! PP_DENIED (none to be had), PP_CONFIG (the command fails) */
int identity_passphrase(const char **out, struct pp_config *config, const char *prompt,
                        struct pp_error *error);
/* The same for the PIN of a token: $PEERPOST_PIN, then as above. */
int identity_pin(const char **out, struct pp_config *config, const char *prompt,
                 struct pp_error *error);
/* Asks on the terminal, without echo. ! PP_DENIED (no terminal) */
int identity_ask(struct pp_buf *out, const char *prompt, struct pp_error *error);

#endif
