/*
 * The formats of a message under way: body object (CMS AuthEnvelopedData over padded SignedData)
 * and notification (AuthEnvelopedData to the recipient over SignedData), RFC 5652, 5083, 5084,
 * 8551; exact rules: docs/security.md. Plain calls on octets; no I/O, no clock of its own. Bodies
 * stream from a source to a sink in pieces, so that a 64 MiB message needs no 64 MiB here.
 */
#ifndef PP_SEAL_SEAL_H
#define PP_SEAL_SEAL_H

#include <trust/certificate.h>

/* A known number of octets that can be read from any offset; >= 0 how many, negative fails. */
struct pp_source {
    int64_t (*read)(void *ctx, uint64_t offset, void *out, size_t cap);
    void *ctx;
    uint64_t size;
};

struct pp_out {
    int (*write)(void *ctx, struct pp_bytes bytes);
    void *ctx;
};

/* Who signs: NULL certificate means unsigned. */
struct pp_signer {
    struct pp_certificate *certificate;
    EVP_PKEY *key;
};

/* message: RFC 5322 with CRLF line ends. session_key: 32 random octets, fresh. Signs, wraps and
 * encrypts; digest and size are of the octets written. random: seeds IV; same inputs, same octets
 * is NOT promised (keep the output). ! PP_TOO_BIG, PP_CRYPTO, out's error */
int pp_seal_body(const struct pp_source *message, const struct pp_signer *signer,
                 const uint8_t session_key[32], bool pad, const struct pp_out *out,
                 uint8_t digest[32], uint64_t *size, struct pp_error *error);

#define PP_MESSAGE_MAX ((uint64_t)64 << 20) /* octets, with CRLF line ends */
#define PP_OBJECT_MAX ((uint64_t)72 << 20)  /* octets stored */

/* What opening a body found out. */
struct pp_opened {
    bool is_signed;                /* there was a SignedData, and its signature holds */
    struct pp_certificate *signer; /* its certificate, not yet checked to the CA; owned */
};

/* Decrypts, verifies the tag, then the signature; the message (CRLF) goes to `out` only after the
 * tag is verified: `scratch` takes the plain text meanwhile and is read back through it (its `size`
 * is not looked at). A signature that does not hold leaves is_signed false: the message is as
 * unsigned as any. ! PP_CRYPTO (tag, format), PP_MALFORMED, scratch's or out's error */
int pp_open_body(const struct pp_source *object, const uint8_t session_key[32],
                 const struct pp_out *scratch, const struct pp_source *scratch_back,
                 const struct pp_out *out, struct pp_opened *opened, struct pp_error *error);
void pp_opened_finish(struct pp_opened *o);

#define PP_NOTIFICATION_VERSION 1
#define PP_NOTIFICATION_MAX 32768 /* octets, sealed */
#define PP_FROM_MAX 1024          /* octets of From, and of Subject, that a notification carries */
#define PP_TO_CC_MAX 4096         /* octets of To and Cc together */
#define PP_CHAT_MAX 4096          /* octets of a short message, which needs no body */

/* The notification's content (docs/security.md section 3). Texts are UTF-8 or raw header octets. */
struct pp_notification {
    struct pp_buf recipient;     /* normal form */
    uint8_t recipient_keyid[32]; /* hash of the recipient's certificate */
    struct pp_buf object_id;     /* Message-ID without angle brackets */
    uint64_t object_size;        /* stored octets .. */
    uint8_t object_digest[32];   /* .. and their SHA-256 */
    uint8_t session_key[32];
    bool has_seed;
    uint8_t deletion_seed[32];    /* Ed25519 capability; else by the recipient's certificate */
    struct pp_id asked[PP_K_MAX]; /* nodes the body was given to */
    size_t n_asked;
    struct pp_id inbox_asked[PP_K_MAX]; /* nodes this notification was given to */
    size_t n_inbox_asked;
    struct pp_buf from, to, cc, subject, date;
    uint64_t life;          /* seconds, of the body */
    uint64_t created;       /* seconds, wall, by the sender */
    struct pp_buf rollover; /* proof, or empty */
    struct pp_buf text;     /* a short message: there is no body. Or empty */
    uint64_t moment;        /* with text: when it was said, in milliseconds, by the sender .. */
    struct pp_buf after;    /* .. and the identifier of the one said just before; or empty */
    bool canary;            /* the reader's own, which shows who keeps notifications back */
    /* from opening: */
    bool is_signed;
    struct pp_certificate *signer; /* owned, unchecked to the CA */
};
void pp_notification_finish(struct pp_notification *n); /* wipes keys */

/* What a notification carries of a text: all of it, or at most max octets that end in an ellipsis,
 * no character of UTF-8 cut. Sealing does this itself (To first, Cc gets the rest of their bound);
 * a reader uses it to compare with the body's fields. */
int pp_notification_cut(struct pp_buf *out, struct pp_bytes text, size_t max);

/* Signs and encrypts to the recipient's certificate. ! PP_TOO_BIG (over 32 KiB), PP_CRYPTO */
int pp_seal_notification(struct pp_buf *out, const struct pp_notification *n,
                         const struct pp_signer *signer, struct pp_certificate *recipient, bool pad,
                         struct pp_error *error);
/* Tries the keys given (old ones too). ! PP_CRYPTO (not for us, tampered), PP_MALFORMED */
int pp_open_notification(struct pp_notification *n, struct pp_bytes sealed,
                         struct pp_certificate *const *certificates, EVP_PKEY *const *keys,
                         size_t n_keys, struct pp_error *error);

#endif
