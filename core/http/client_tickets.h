/*
 * TLS 1.3 session tickets of a client, by node: a kept ticket saves both sides the signature of a
 * handshake and proves the same node again, for only a node that was verified ever gets one kept.
 * Bounded; each ticket is used once (RFC 8446, appendix C.4). The file is a cache of secrets: 0600,
 * and any fault in it only costs full handshakes. A node revoked
 * since is met again for as long as its last ticket lives (two hours).
 */
#ifndef PP_HTTP_CLIENT_TICKETS_H
#define PP_HTTP_CLIENT_TICKETS_H

#include <peerpost/id.h>
#include <peerpost/now.h>

struct pp_tickets;
struct ssl_session_st; /* SSL_SESSION */

/* NULL: no memory. file NULL: kept in memory alone. wall: to leave the expired out. */
struct pp_tickets *pp_tickets_open(const char *file, pp_ns wall);
/* Writes the file aside and renames it. NULL is allowed. */
void pp_tickets_close(struct pp_tickets *tickets, pp_ns wall);
/* Keeps a copy, in the place of an older one. */
void pp_tickets_put(struct pp_tickets *tickets, const struct pp_id *id,
                    struct ssl_session_st *session);
/* The node's ticket, which is the caller's and no longer kept, or NULL. */
struct ssl_session_st *pp_tickets_take(struct pp_tickets *tickets, const struct pp_id *id,
                                       pp_ns wall);

#endif
