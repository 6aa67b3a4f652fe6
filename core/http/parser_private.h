/* Shared by parser.c (octets in order, bodies) and parser_head.c (a whole head). Pure. */
#ifndef PP_HTTP_PARSER_PRIVATE_H
#define PP_HTTP_PARSER_PRIVATE_H

#include <http/parser.h>

extern const uint8_t pp_http_class[256];
#define PP_IS_TOKEN(c) (pp_http_class[(uint8_t)(c)] & 1u)  /* tchar, RFC 9110 section 5.6.2 */
#define PP_IS_VALUE(c) (pp_http_class[(uint8_t)(c)] & 2u)  /* HTAB, SP, VCHAR, obs-text */
#define PP_IS_TARGET(c) (pp_http_class[(uint8_t)(c)] & 4u) /* pchar / "/" / "?" of RFC 3986 */
#define PP_IS_HOST(c) (pp_http_class[(uint8_t)(c)] & 8u)   /* host, port and brackets */

/* Fills in out->status and out->why. Returns PP_MALFORMED. */
int pp_parser_refuse(struct pp_parsed *out, int status, const char *why);
/* One "Name: value" without its line end. ! PP_MALFORMED */
int pp_parser_field(struct pp_bytes line, struct pp_field *field);
/* The octets of a head, its empty line included. Sets p's framing. ! PP_MALFORMED */
int pp_parser_head(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes head,
                   struct pp_parsed *out);

#endif
