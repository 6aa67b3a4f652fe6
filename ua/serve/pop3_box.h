/*
 * The user's Maildir as POP3 sees it: the messages of new/ and cur/ in one order, with names that
 * stay and sizes as they are sent. Files are read on a worker. Knows no protocol.
 */
#ifndef PP_SERVE_POP3_BOX_H
#define PP_SERVE_POP3_BOX_H

#include <io/loop.h>
#include <serve/pop3.h>

struct pop3_box;

struct pop3_box *pop3_box_create(struct pp_workers *workers,
                                 const char *maildir); /* NULL: memory */
/* Work under way ends by itself. Accepts NULL. */
void pop3_box_destroy(struct pop3_box *box);

/* Reads the list; `done` comes on the loop's thread. One job at a time. ! PP_BUSY */
int pop3_box_list(struct pop3_box *box, void (*done)(void *ctx, int code), void *ctx);
/* Of the last list; theirs is `deleted` to set. */
struct pop3_message *pop3_box_messages(const struct pop3_box *box, size_t *n);
/* A descriptor of the caller's, wherever the file is by now. ! PP_NOT_FOUND, PP_IO (negative) */
int pop3_box_open(const struct pop3_box *box, size_t index);
/* Removes those marked deleted, durably; `done` comes as above. ! PP_BUSY */
int pop3_box_remove(struct pop3_box *box, void (*done)(void *ctx, int code), void *ctx);
/* `done` of the job under way will not come. */
void pop3_box_deafen(struct pop3_box *box);

#endif
