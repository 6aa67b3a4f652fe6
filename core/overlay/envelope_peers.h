/*
 * The envelope's memory: who is at which endpoint and under which keys, at most PP_PEERS_MAX, the
 * longest unused first to go. Knows no datagram formats.
 */
#ifndef PP_OVERLAY_ENVELOPE_PEERS_H
#define PP_OVERLAY_ENVELOPE_PEERS_H

#include <overlay/envelope_crypto.h>
#include <overlay/rate.h>
#include <peerpost/substrate.h>

#define PP_PEERS_MAX 8192
#define PP_SESSIONS                                                                                \
    3 /* of one peer: the newest, the one before, one that both sides began at once */
#define PP_COOKIE 16
#define PP_WAITING 4 /* payloads that wait for a handshake */

struct pp_session {
    bool used;
    bool initiator; /* we began it */
    bool confirmed; /* something came in under it */
    uint8_t tag[4], key_out[16], key_in[16];
    uint8_t cookie_out[PP_COOKIE], cookie_in[PP_COOKIE];
    uint64_t sequence;    /* of the next datagram out */
    uint64_t top, window; /* highest sequence in, and which of the 64 up to it were seen */
    pp_ns since;
    pp_ns cookie_time; /* when we gave the cookie that began it; 0 when we are the initiator */
};

struct pp_waiting {
    uint8_t kind;
    uint16_t len;
    uint8_t data[PP_PAYLOAD_MAX];
};

/* A handshake that we began. */
struct pp_pending {
    struct pp_known *peer;
    struct pp_pending *next, **at;
    uint8_t salt_a[PP_SALT], salt_b[PP_SALT];
    struct pp_id wanted;
    uint8_t *finish; /* the FINISH to repeat, once there is one */
    size_t finish_len;
    uint8_t finish_tag[4]; /* of the session it made */
    unsigned tries, finish_tries;
    pp_ns started, deadline;
    size_t n_waiting;
    struct pp_waiting waiting[PP_WAITING];
};

struct pp_known {
    struct pp_peer peer; /* id zero: a client, or not proved yet */
    unsigned flags;
    struct pp_session sessions[PP_SESSIONS];
    struct pp_pending *pending;
    struct pp_bucket bucket;
    pp_ns slow_until;  /* replies until then may have waited for a handshake */
    pp_ns quiet_until; /* no new handshake before: the last one failed or was just made */
    struct pp_known *chain, *newer, *older;
};

struct pp_peers {
    struct pp_known **buckets;
    size_t n_buckets, n;
    struct pp_known *newest, *oldest;
    struct pp_pending *pending; /* all handshakes that we began */
    size_t n_pending;
    uint8_t secret[16];
    /* Cookies given at or before this time make no session any more: one that began so was dropped,
     * and a recorded FINISH must not bring its keys and sequence numbers back. */
    pp_ns floor;
};

int pp_peers_init(struct pp_peers *peers, const uint8_t secret[16]); /* ! PP_NOMEM */
void pp_peers_finish(struct pp_peers *peers);
struct pp_known *pp_peers_find(const struct pp_peers *peers, const uint8_t address[16],
                               uint16_t port);
/* Finds or adds, and makes it the newest. NULL: no memory. */
struct pp_known *pp_peers_use(struct pp_peers *peers, const uint8_t address[16], uint16_t port);
/* A handshake of `known`, which has none. NULL: no memory. */
struct pp_pending *pp_pending_add(struct pp_peers *peers, struct pp_known *known);
void pp_pending_remove(struct pp_peers *peers, struct pp_pending *pending); /* NULL: nothing */
void pp_peers_remove(struct pp_peers *peers, struct pp_known *known);
/* Has it neither keys nor a handshake under way? Then it may be removed. */
bool pp_known_is_empty(const struct pp_known *known);

/* The node at this endpoint has this id; was it another, nothing of the old one holds. */
void pp_known_identify(struct pp_peers *peers, struct pp_known *known, const struct pp_id *id);

/* A free slot, else the oldest one's. */
struct pp_session *pp_session_slot(struct pp_peers *peers, struct pp_known *known);
void pp_session_drop(struct pp_peers *peers, struct pp_session *session);
struct pp_session *pp_session_by_tag(struct pp_known *known, const uint8_t tag[4]);
/* The one to send under: the newest confirmed, else the newest; NULL: none young enough. */
struct pp_session *pp_session_to_use(struct pp_known *known, pp_ns now, pp_ns life);
/* Was this sequence seen, or is it too old? */
bool pp_session_is_replay(const struct pp_session *session, uint64_t sequence);
void pp_session_mark(struct pp_session *session, uint64_t sequence);

#endif
