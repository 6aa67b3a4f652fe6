/*
 * Private to trust/: subject alternative names, read and written. An ASCII address is an
 * rfc822Name, any other an otherName SmtpUTF8Mailbox (RFC 9598); a node is one dNSName.
 */
#ifndef PP_TRUST_NAMES_H
#define PP_TRUST_NAMES_H

#include <openssl/x509v3.h>
#include <trust/certificate.h>

#define PP_NODE_DOMAIN ".peerpost.alt"

/* Every address of the names in normal form, into address[0..*n). ! PP_MALFORMED: there is none,
 * more than PP_ADDRESSES_MAX, or something else beside them */
int pp_names_addresses(const GENERAL_NAMES *names, struct pp_buf address[PP_ADDRESSES_MAX],
                       size_t *n);
/* Are they exactly the one dNSName of this node? */
bool pp_names_are_node(const GENERAL_NAMES *names, const struct pp_id *id);

/* Names of 1..8 addresses, brought into normal form. NULL, with a sentence: one is no address. */
GENERAL_NAMES *pp_names_of_addresses(const char *const *addresses, size_t n,
                                     struct pp_error *error);
GENERAL_NAMES *pp_names_of_node(const struct pp_id *id); /* NULL: no memory */
/* One name of a text kind (GEN_EMAIL, GEN_DNS, GEN_URI). NULL: no memory. */
GENERAL_NAME *pp_name_text(int type, struct pp_bytes text);

#endif
