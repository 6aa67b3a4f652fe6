/*
 * Private to seal/: the framing of AuthEnvelopedData (RFC 5083, 5084) with AES-256-GCM. A body's
 * envelope has one shape alone, in which only key and nonce differ, so it is checked by making it
 * again; a notification's is walked through.
 */
#ifndef PP_SEAL_ENVELOPE_H
#define PP_SEAL_ENVELOPE_H

#include <seal/seal.h>

#define PP_WRAPPED 40 /* AES key wrap of 32 octets (RFC 3394) */
#define PP_NONCE 12
#define PP_TAG 16
#define PP_MAC_LEN (2 + PP_TAG) /* the tag with its DER head: an envelope's last octets */

struct pp_envelope {
    uint8_t wrapped[PP_WRAPPED], nonce[PP_NONCE];
};

/* What precedes n octets of cipher text in a body's envelope. */
int pp_envelope_head(struct pp_buf *out, const struct pp_envelope *e, uint64_t n);
/* Of an object of `size` octets, which begins so: where its cipher text begins, how long it is.
 * ! PP_MALFORMED */
int pp_envelope_find(struct pp_envelope *e, struct pp_bytes start, uint64_t size,
                     uint64_t *cipher_text, uint64_t *n);
#define PP_ENVELOPE_START 256 /* octets of `start` that suffice */

/* Is this AuthEnvelopedData with AES-256-GCM and a whole tag? To whom is not looked at. */
bool pp_envelope_is_sound(struct pp_bytes der);

#endif
