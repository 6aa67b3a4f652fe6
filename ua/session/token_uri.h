/* A PKCS#11 URI (RFC 7512), taken apart; what it leaves out fits anything. Pure. */
#ifndef PP_SESSION_TOKEN_URI_H
#define PP_SESSION_TOKEN_URI_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

struct token_uri {
    struct pp_buf token, serial, manufacturer, model, object, id, module; /* decoded; empty: any */
};

/* ! PP_CONFIG (no such URI, an attribute that is none of a private key's, a PIN in it) */
int token_uri_read(struct token_uri *out, const char *text, struct pp_error *error);
void token_uri_finish(struct token_uri *uri);

#endif
