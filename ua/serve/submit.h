/*
 * A message that is being handed in, by SMTP or the web page: its octets go to an unnamed file, and
 * when it is whole a worker spools it as `peerpost send` does, durably. Knows no protocol.
 */
#ifndef PP_SERVE_SUBMIT_H
#define PP_SERVE_SUBMIT_H

#include <serve/parts.h>

struct submit;

/* ! PP_NOMEM, PP_FULL, PP_IO */
int submit_open(struct submit **submit, struct serve *s);
int submit_add(struct submit *submit, struct pp_bytes octets); /* ! PP_FULL, PP_IO */
/* It is whole. Recipients (normal form) are copied; with `from_header` those of To, Cc and Bcc as
 * well. `done` comes on the loop's thread, never from inside this call: 0 and its name in the
 * queue, or PP_MALFORMED, PP_TOO_BIG, PP_FULL, PP_IO, PP_BUSY, PP_NOMEM and a sentence. The submit
 * is gone after it. */
void submit_take(struct submit *submit, const struct pp_buf *recipients, size_t n, bool from_header,
                 void (*done)(void *ctx, int code, const char *text), void *ctx);
/* Not taken: nothing is left of it. Taken: `done` does not come. Accepts NULL. */
void submit_drop(struct submit *submit);

#endif
