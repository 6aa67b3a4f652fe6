/*
 * A request to one node under construction, and its signature: HTTP Message Signatures (RFC 9421)
 * with Content-Digest (RFC 9530) in Peerpost's profile, bound to method, target, pragma, confirm
 * and the node's name (docs/security.md section 2). The net sends it.
 */
#ifndef PP_MAIL_SIGN_REQUEST_H
#define PP_MAIL_SIGN_REQUEST_H

#include <mail/mail.h>

#define PP_ASK_FIELDS 12

struct pp_ask {
    struct pp_net_request request;
    char *fields[PP_ASK_FIELDS]; /* owned */
    char boundary[40];           /* of a signed multipart body */
    size_t n_fields;
    bool failed;
};

/* Times as the user's options say: half of the time-out to connect, all of it in silence, six times
 * it in all; what moves long bodies adds to that. */
void pp_ask_init(struct pp_ask *ask, const struct pp_mail *mail, const struct pp_peer *peer);
void pp_ask_finish(struct pp_ask *ask);
/* "Name: value". */
void pp_ask_field(struct pp_ask *ask, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The status request (unsigned): is that certificate still in the object's set? */
void pp_ask_status(struct pp_ask *ask, struct pp_bytes identifier, const uint8_t keyid[32]);

/* Signs the request as it stands (method, identifier, body, also multipart) for its peer; pragma
 * and confirm are the values of those fields, or NULL; they are added too. ! PP_CRYPTO, PP_NOMEM */
int pp_sign_ask(struct pp_mail *mail, struct pp_ask *ask, EVP_PKEY *key, const uint8_t keyid[32],
                const char *pragma, const char *confirm);
/* The same with the user's current key and "Peerpost-Certificate". */
int pp_sign_ask_as_user(struct pp_mail *mail, struct pp_ask *ask, const char *pragma,
                        const char *confirm);
/* The authority that a node's signature names: "<40 hex>.peerpost.alt". */
void pp_node_authority(char out[64], const struct pp_id *node);

#endif
