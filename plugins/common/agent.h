/*
 * What every instance of every substrate is made of: the host to call, the peer it is, its
 * generator, its requests in flight and its look-ups. A substrate embeds one as the first member of
 * its struct pp_substrate_node. Knows no protocol.
 */
#ifndef PP_COMMON_AGENT_H
#define PP_COMMON_AGENT_H

#include <common/random.h>
#include <common/rpc.h>

struct pp_lookup;
struct pp_lookup_ops;

struct pp_agent {
    const struct pp_substrate_host *host;
    const struct pp_lookup_ops *ops;
    void *ctx;
    struct pp_peer self; /* id zero: a client */
    struct pp_random random;
    struct pp_rpcs rpcs;
    struct pp_lookup *lookups; /* oldest first: their deadlines rise */
    uint32_t srtt, rttvar; /* us, of all that answered at once, handshakes included; 0: none yet */
    pp_ns heard_at;        /* the last reply */
    pp_ns asked_at;        /* whoever is just given up was asked then */
    uint16_t n_lookups;
    bool active; /* an active member; every datagram says so */
    bool settle; /* something is to be told: `next` is the past */
};

void pp_agent_init(struct pp_agent *agent, const struct pp_substrate_host *host, void *ctx,
                   const struct pp_peer *self, const uint8_t seed[16],
                   const struct pp_lookup_ops *ops);
/* Frees requests and look-ups without a word. */
void pp_agent_free(struct pp_agent *agent);

/* Begins a request with a new id, or the reply to one. */
void pp_agent_begin(struct pp_agent *agent, struct pp_writer *w, uint8_t kind);
void pp_agent_begin_reply(const struct pp_agent *agent, struct pp_writer *w,
                          const struct pp_header *request);
/* Time-out for a peer of whom nothing is known, by how long the others took (RFC 6298); until one
 * answered 1 s, and never more. */
pp_ns pp_agent_rto(const struct pp_agent *agent);
/* One answered at the first try, after so long. */
void pp_agent_sample(struct pp_agent *agent, pp_ns rtt);
/* Sends what is written, if it fitted. */
void pp_agent_send(struct pp_agent *agent, const struct pp_peer *to, const struct pp_writer *w);

static inline pp_ns pp_sooner(pp_ns a, pp_ns b)
{
    return a < b ? a : b;
}

#endif
