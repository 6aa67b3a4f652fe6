/*
 * The certificate of an address: fetched from the nodes closest to "<address>-certificate",
 * authenticated to the CA, the newest valid of all answers, pinned to the key once seen, cached
 * for a day (Kangasharju et al. 2003, section 3.1, step 1; docs/security.md section 1).
 */
#ifndef PP_MAIL_DIRECTORY_H
#define PP_MAIL_DIRECTORY_H

#include <mail/spread.h>

struct pp_find;

/* code 0: certificate is lent. PP_NOT_FOUND: most of the responsible nodes answered and none knows
 * the address. PP_EXPIRED, PP_REVOKED, PP_UNTRUSTED: there is one, but not a good one. PP_DENIED:
 * another key than the pinned one. PP_UNREACHABLE, PP_LOCAL, PP_AGAIN: not known now. text: why.
 * The find is freed after the call. */
typedef void pp_found_fn(void *ctx, int code, struct pp_certificate *certificate, const char *text);

/* address: normal form. fresh: do not use the cache. NULL: no memory. Never calls back at once. */
struct pp_find *pp_directory_find(struct pp_mail *mail, struct pp_bytes address, bool fresh,
                                  pp_found_fn *found, void *ctx);
void pp_find_cancel(struct pp_find *find); /* accepts NULL */

/* Inside `found`: whose certificate it is, which is not the address asked for when only the one
 * without its tag is known (anna+lists@x, anna@x). Its inbox is the one to write to. */
struct pp_bytes pp_find_address(const struct pp_find *find);
/* The certificate of an address as it was last seen, known key or not; owned by the caller.
 * ! PP_NOT_FOUND */
int pp_directory_seen(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate **c);
/* Takes the key of the certificate last seen as the new pin (the user said so). ! PP_NOT_FOUND */
int pp_directory_accept(struct pp_mail *mail, struct pp_bytes address);

/* Key of "<address>-certificate" and of an inbox. */
struct pp_id pp_certificate_place(struct pp_bytes address);
struct pp_id pp_inbox_place(struct pp_bytes address);

#endif
