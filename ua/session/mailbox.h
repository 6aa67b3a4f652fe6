/*
 * The user's mail as the commands show it: messages of the Maildir, and notifications whose bodies
 * still wait on the nodes. In one order, numbered from 1.
 */
#ifndef PP_SESSION_MAILBOX_H
#define PP_SESSION_MAILBOX_H

#include <session/session.h>

struct letter {
    char path[4096]; /* of the file; "" while its body waits */
    char hash[65];   /* of its notification, while it waits */
    char *from, *subject;
    int64_t date; /* seconds */
    bool seen, waiting;
    char *signed_by; /* the address that signed it; "": nobody; NULL: a signature that is no good */
};

struct mailbox {
    struct letter *letters;
    size_t n, cap;
};

/* Reads the Maildir, and the journal when no other process has it. ! PP_IO */
int mailbox_read(struct mailbox *box, struct pp_config *config, struct pp_error *error);
/* The Junk folder alone. ! PP_IO */
int mailbox_read_junk(struct mailbox *box, struct pp_config *config, struct pp_error *error);
void mailbox_finish(struct mailbox *box);

#endif
