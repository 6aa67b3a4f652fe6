/*
 * The user's mailbox on several computers: this one's Maildir and lists as synchronising
 * (mail/sync.h) sees them, and rounds of it in a session. Only with devices.sync.
 */
#ifndef PP_SESSION_DEVICES_H
#define PP_SESSION_DEVICES_H

#include <mail/sync.h>
#include <session/session.h>

/* Does the user want it? */
bool devices_on(struct pp_config *config);
/* Starts a round. NULL: no memory. */
struct pp_sync *devices_start(struct session *session, struct pp_config *config, bool full,
                              bool deletions, const struct pp_sync_events *events, void *ctx);
/* One round, waited for. */
void devices_round(struct session *session, struct pp_config *config, bool full,
                   struct pp_sync_result *result);

#endif
