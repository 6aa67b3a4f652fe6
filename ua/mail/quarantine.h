/*
 * The quarantine: messages with a virus, and those of strangers who have not confirmed. The note
 * "q:<hash>" = kind (1), seconds (8), sender, reason; the message is the file of that name in
 * PP_PLACE_QUARANTINE. A release moves one into the mailbox, durably, losing and doubling nothing.
 */
#ifndef PP_MAIL_QUARANTINE_H
#define PP_MAIL_QUARANTINE_H

#include <mail/mail.h>

enum pp_aside { PP_ASIDE_VIRUS = 1, PP_ASIDE_STRANGER = 2 };

struct pp_set_aside {
    enum pp_aside kind;
    int64_t at; /* seconds */
    struct pp_buf sender, reason;
};

void pp_aside_note(struct pp_mail *mail, const char *hash, enum pp_aside kind, const char *sender,
                   const char *reason);
/* s zeroed before; to be finished. ! PP_NOT_FOUND, PP_MALFORMED */
int pp_aside_recall(struct pp_mail *mail, const char *hash, struct pp_set_aside *s);
void pp_aside_finish(struct pp_set_aside *s);
/* Each hash (64 digits, not ended by NUL); fn must not note. */
int pp_aside_each(struct pp_mail *mail, int (*fn)(void *ctx, const char *hash), void *ctx);
/* The hash of a stranger's message whose sender is known by now, or false. */
bool pp_aside_due(struct pp_mail *mail, char hash[65]);
/* Gone for good: file and note. */
void pp_aside_drop(struct pp_mail *mail, const char *hash);

struct pp_release;
typedef void pp_released_fn(void *ctx, int code); /* 0, PP_NOT_FOUND, PP_FULL, PP_IO; freed after */
/* NULL: no memory. */
struct pp_release *pp_release_start(struct pp_mail *mail, const char *hash, pp_released_fn *done,
                                    void *ctx);
void pp_release_cancel(struct pp_release *r); /* accepts NULL */

#endif
