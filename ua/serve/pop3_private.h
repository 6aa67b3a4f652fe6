/* Shared by pop3.c (session) and pop3_message.c (a message on its way). */
#ifndef PP_SERVE_POP3_PRIVATE_H
#define PP_SERVE_POP3_PRIVATE_H

#include <serve/pop3.h>

void pop3_say(struct pop3 *p, const char *reply);
/* Takes the first word and the space after it off. */
struct pp_bytes pop3_word(struct pp_bytes *rest);
/* Says that a message comes: its header and so many lines of its body; pop3_more sends them. */
void pop3_begin_message(struct pop3 *p, uint64_t lines);

#endif
