/*
 * Requests in flight: ids of 64 random bits, the endpoint asked, retransmission with RFC 6298
 * back-off, a bounded number of tries. State exists only while a request is out. Knows nothing of
 * what is asked; used through struct pp_agent.
 */
#ifndef PP_COMMON_RPC_H
#define PP_COMMON_RPC_H

#include <common/wire.h>

#define PP_RPC_TRIES 3 /* a peer silent for so many is dead */

struct pp_agent;
struct pp_rpc;

/* What came of a request. PP_OK: a reply. PP_AGAIN: overdue, asked once more (a suspicion, the
 * request stays out). PP_TIMEOUT: all tries used. PP_IDENTITY: another node lives there. */
struct pp_answer {
    int code;
    const struct pp_rx *rx;     /* with PP_OK and PP_IDENTITY */
    struct pp_header header;    /* with PP_OK */
    struct pp_reader body;      /* with PP_OK: after the header */
    const struct pp_rpc *rpc;   /* the request */
    const struct pp_peer *peer; /* whom it went to */
    void *owner;                /* as given */
    uint32_t tag;               /* as given */
};

typedef void pp_rpc_fn(struct pp_agent *agent, pp_ns now, struct pp_answer *answer);

struct pp_rpc {
    struct pp_rpc *chain;
    uint64_t id;
    struct pp_peer to; /* id zero: whoever answers there */
    pp_ns sent, deadline, rto;
    pp_rpc_fn *done;
    void *owner;
    uint32_t tag, place;
    uint16_t len;
    uint8_t tries, left;
    uint8_t payload[];
};

/* A heap by deadline and a hash table by id in one block, gone when empty. */
struct pp_rpcs {
    struct pp_rpc **heap;
    uint32_t n, cap;
};

/* What to send and whom to tell. */
struct pp_request {
    const struct pp_peer *to;
    pp_ns rto;
    unsigned tries; /* 0: PP_RPC_TRIES */
    pp_rpc_fn *done;
    void *owner;
    uint32_t tag;
};

/* Sends the request in w (from pp_agent_begin). ! PP_NOMEM, PP_TOO_BIG */
int pp_rpc_send(struct pp_agent *agent, pp_ns now, const struct pp_request *request,
                const struct pp_writer *w);

/* The request that a reply belongs to, taken out of flight: id, endpoint and, once known, node id
 * must be right. NULL: none. *rtt: a sample, or 0 (retransmitted: Karn; or a handshake lay in it).
 * Then pp_rpc_finish calls its `done` and frees it. */
struct pp_rpc *pp_rpc_take(struct pp_agent *agent, pp_ns now, const struct pp_header *header,
                           const struct pp_rx *rx, pp_ns *rtt);
void pp_rpc_finish(struct pp_agent *agent, pp_ns now, struct pp_rpc *rpc,
                   const struct pp_header *header, const struct pp_rx *rx,
                   const struct pp_reader *body);

/* Retransmits and gives up what is due. */
void pp_rpc_tick(struct pp_agent *agent, pp_ns now);
pp_ns pp_rpc_deadline(const struct pp_agent *agent);
/* Is a request of this kind to this endpoint out? */
bool pp_rpc_pending(const struct pp_agent *agent, const struct pp_peer *to, uint8_t kind);
/* Forgets all requests of an owner; their `done` is not called. */
void pp_rpc_cancel(struct pp_agent *agent, const void *owner);
void pp_rpc_free(struct pp_agent *agent);

#endif
