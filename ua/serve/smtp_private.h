/* Shared by smtp.c (session) and smtp_mail.c (envelope and message). */
#ifndef PP_SERVE_SMTP_PRIVATE_H
#define PP_SERVE_SMTP_PRIVATE_H

#include <serve/smtp.h>

void smtp_say(struct smtp *s, const char *reply);
/* No sender, no recipients. */
void smtp_reset(struct smtp *s);
/* Takes the first word and the spaces after it off. */
struct pp_bytes smtp_word(struct pp_bytes *rest);

void smtp_mail(struct smtp *s, struct pp_bytes argument);
void smtp_rcpt(struct smtp *s, struct pp_bytes argument);
void smtp_data(struct smtp *s, struct pp_bytes argument);
/* Octets of the message; returns how many it took, never 0. */
size_t smtp_body(struct smtp *s, struct pp_bytes in);

#endif
