/*
 * Making an address known: the owner's certificate stored on the k nodes closest to
 * "<address>-certificate", with itself as the certificate that may delete it (Kangasharju et al.
 * 2003, section 2.2); and its removal. Publishing also notes which nodes hold the owner's inbox.
 */
#ifndef PP_MAIL_PUBLISH_H
#define PP_MAIL_PUBLISH_H

#include <mail/mail.h>

struct pp_publish;

/* copies of wanted (k'); code 0 when on min_copies, else why not: PP_EXISTS (a newer one is there),
 * PP_UNREACHABLE, PP_LOCAL, PP_DENIED, PP_AGAIN. Unpublish: code 0 when no node asked failed. The
 * object is freed after the call. */
typedef void pp_published_fn(void *ctx, int code, unsigned copies, unsigned wanted,
                             const char *why);

struct pp_publish *pp_publish_start(struct pp_mail *mail, pp_published_fn *done, void *ctx);
struct pp_publish *pp_unpublish_start(struct pp_mail *mail, pp_published_fn *done, void *ctx);
void pp_publish_cancel(struct pp_publish *publish); /* accepts NULL */

#endif
