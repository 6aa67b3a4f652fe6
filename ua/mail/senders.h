/*
 * Who may write to the user (Kangasharju et al. 2003, section 3.4): the list of known spammers,
 * and, when she takes only signed mail of known senders, the way in for strangers: a confirmation
 * message, once a week a sender, never to what a machine sent. The note "w:<address>" = state (1),
 * seconds (8), token. Reads headers, sends nothing itself.
 */
#ifndef PP_MAIL_SENDERS_H
#define PP_MAIL_SENDERS_H

#include <mail/mail.h>

enum pp_standing {
    PP_SENDER_FREE,    /* may write */
    PP_SENDER_BLOCKED, /* a known spammer */
    PP_SENDER_STRANGER /* has to confirm first */
};

/* sender: normal form, may be empty. vouched: the message is signed by that address. */
enum pp_standing pp_sender_standing(struct pp_mail *mail, const char *sender, bool vouched);
/* From now on: written to, confirmed, or told so by the user. */
void pp_sender_know(struct pp_mail *mail, const char *sender);
void pp_sender_forget(struct pp_mail *mail, const char *sender);
bool pp_sender_is_known(struct pp_mail *mail, const char *sender);
/* Each that pp_sender_know noted; fn returns non-zero to stop. */
int pp_senders_each(struct pp_mail *mail, int (*fn)(void *ctx, const char *sender), void *ctx);

/* Is that header of a machine: automatic, of a list, bulk, a bounce? Nothing answers such. */
bool pp_is_automatic(struct pp_bytes header, const char *sender);
/* May this stranger be asked now? Then the token of the message to ask with (26 characters), and
 * the note that it was asked. */
bool pp_sender_ask(struct pp_mail *mail, const char *sender, struct pp_bytes header,
                   char token[40]);
/* Does that header answer our question? Then the sender is known from now on. */
bool pp_sender_answers(struct pp_mail *mail, const char *sender, struct pp_bytes header);

/* The question as it lies in the spool (envelope.h): to sender, about the message of header. */
int pp_sender_question(struct pp_mail *mail, const char *sender, struct pp_bytes header,
                       const char *token, struct pp_buf *out);

#endif
