/*
 * Which key an address is known by (docs/security.md, Identities). Another certified key is taken
 * when the old one's certificate expired or was revoked, or when the old key vouches for it (a
 * roll-over); else the user decides. The note "p:<address>" is the certificate (DER) of the known
 * key, "r:<address>" the hashes of keys that were followed by another (32 octets each): what they
 * signed is still theirs.
 */
#ifndef PP_MAIL_PINS_H
#define PP_MAIL_PINS_H

#include <mail/mail.h>

#define PP_PINS_EARLIER 8 /* keys remembered of an address */

/* May this certificate, good by the authority, be used for the address? proof: a roll-over's, on
 * top of the certificate's own; or empty. Notes what it learns. 0; PP_EXISTS: an earlier
 * certificate, pp_pin_get has a newer; PP_DENIED: another key, and text, for people, shows both. */
int pp_pin_check(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate *c,
                 struct pp_bytes proof, char *text, size_t cap);
/* The certificate of the known key, owned by the caller. ! PP_NOT_FOUND */
int pp_pin_get(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate **c);
/* The user says that this is the key. */
void pp_pin_set(struct pp_mail *mail, struct pp_bytes address, const struct pp_certificate *c);
/* ! PP_NOT_FOUND */
int pp_pin_forget(struct pp_mail *mail, struct pp_bytes address);
/* Each known address; fn must not note anything and returns non-zero to stop. */
int pp_pin_each(struct pp_mail *mail,
                int (*fn)(void *ctx, struct pp_bytes address, struct pp_certificate *c), void *ctx);
/* The first 32 digits of the key's hash: what people compare. */
void pp_pin_text(char out[33], const struct pp_certificate *c);

#endif
