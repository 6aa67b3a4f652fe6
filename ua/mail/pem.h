/* One certificate as PEM (RFC 7468), for certificate sets. Pure. */
#ifndef PP_MAIL_PEM_H
#define PP_MAIL_PEM_H

#include <peerpost/bytes.h>

void pp_pem_add(struct pp_buf *out, struct pp_bytes der); /* sets out->failed */

#endif
