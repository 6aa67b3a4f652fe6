/*
 * A user at work: her identity, her state folder, the live network and the mail agent over it. One
 * process of a user has it at a time (the journal's lock).
 */
#ifndef PP_SESSION_SESSION_H
#define PP_SESSION_SESSION_H

#include <config/config.h>
#include <mail/mail.h>
#include <session/identity.h>

struct session;
struct pp_loop;

/* Waits at most `patience` for another process of the user; `waiting` (may be NULL) is called on
 * the way. ! PP_BUSY, PP_CONFIG, PP_IO, and as
 * identity_open. */
int session_open(struct session **session, struct pp_config *config, pp_ns patience,
                 void (*waiting)(void), struct pp_error *error);
/* The same on a loop of the caller's, which outlives the session. */
int session_open_on(struct session **session, struct pp_config *config, struct pp_loop *loop,
                    pp_ns patience, void (*waiting)(void), struct pp_error *error);
void session_close(struct session *session); /* accepts NULL */
struct pp_mail *session_mail(struct session *session);
struct pp_loop *session_loop(struct session *session);
/* Runs until *flag is set or the time is over (PP_NEVER: none). True: *flag. */
bool session_run(struct session *session, const bool *flag, pp_ns time);
/* Why the network cannot be reached, when there is a better sentence than that; NULL. */
const char *session_trouble(struct session *session);
/* Asks nodes for a newer revocation list when that is due, and runs for at most so long (0: not at
 * all); the answer counts when it comes. session_open does it. */
void session_refresh(struct session *session, pp_ns patience);
/* Before mail is fetched: has the list of known spammers fetched when it is due. Waits, at most
 * `patience`, only when there is none at hand yet. */
void session_refresh_lists(struct session *session, pp_ns patience);
/* Waits at most so long until that is over: a process that ends earlier never gets the list. */
void session_await_lists(struct session *session, pp_ns patience);
/* Folders from the configuration; lent until the same is asked for on this thread. */
const char *session_spool(struct pp_config *config);
const char *session_maildir(struct pp_config *config);
const char *session_junk(struct pp_config *config); /* a Maildir too */
const char *session_chat(struct pp_config *config); /* and another */
const char *session_quarantine(struct pp_config *config);
/* filter.virus with the whole path of its socket. */
const char *session_virus(struct pp_config *config);

#endif
