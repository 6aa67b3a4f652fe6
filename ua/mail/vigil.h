/*
 * Waiting for mail: a read-inbox with Prefer: wait (docs/protocol.md) stands open at each of the k
 * nodes of each of the user's inboxes; what comes is journaled, told, and confirmed with the next
 * one. Nothing comes unseen between two of them. It must not know what a notification says.
 */
#ifndef PP_MAIL_VIGIL_H
#define PP_MAIL_VIGIL_H

#include <mail/mail.h>

struct pp_vigil;

struct pp_vigil_events {
    /* A new notification is in the journal, durably: for pp_read_add. */
    void (*came)(void *ctx, const char *hash);
    /* How many nodes of how many listen for us now; when that changes. May be NULL. */
    void (*listens)(void *ctx, unsigned nodes, unsigned of);
};

/* NULL: no memory. */
struct pp_vigil *pp_vigil_start(struct pp_mail *mail, const struct pp_vigil_events *events,
                                void *ctx);
void pp_vigil_cancel(struct pp_vigil *vigil); /* accepts NULL */

#endif
