/*
 * Private to trust/: the pieces that signing and parsing share, so that both build one and the same
 * signature base (RFC 9421 section 2.5).
 */
#ifndef PP_TRUST_SIGNATURE_BASE_H
#define PP_TRUST_SIGNATURE_BASE_H

#include <trust/signature.h>

/* The components of the profile, in the order in which we sign them. */
enum pp_component {
    PP_COVERS_METHOD,
    PP_COVERS_AUTHORITY,
    PP_COVERS_PATH,
    PP_COVERS_DIGEST,
    PP_COVERS_PRAGMA,
    PP_COVERS_CONFIRM,
    PP_COVERS_ALL
};

const char *pp_component_name(enum pp_component component);
struct pp_bytes pp_component_value(const struct pp_covered *covered, enum pp_component component);
/* Must a signature of this request cover it? */
bool pp_component_due(const struct pp_covered *covered, enum pp_component component);
/* One line, '"name": value\n'. */
int pp_base_line(struct pp_buf *base, enum pp_component component,
                 const struct pp_covered *covered);
/* The last line. params: the inner list with its parameters, as in Signature-Input. */
int pp_base_end(struct pp_buf *base, struct pp_bytes params);

const char *pp_algorithm_name(enum pp_algorithm algorithm);

#endif
