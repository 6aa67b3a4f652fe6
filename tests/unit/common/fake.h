/* A host that keeps what is sent, for tests of agents without a substrate. */
#ifndef FAKE_H
#define FAKE_H

#include <common/lookup.h>

#include "peers.h"

#define FAKE_MAX 512

struct fake {
    struct sent {
        struct pp_peer to;
        size_t len;
        uint8_t octets[PP_PAYLOAD_MAX];
    } sent[FAKE_MAX];
    size_t n;
    uint64_t token;
    struct pp_result result;
    struct pp_peer peers[PP_K_MAX];
    size_t found;
};

static inline void fake_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    struct fake *f = ctx;
    if (f->n < FAKE_MAX) {
        struct sent *s = &f->sent[f->n++];
        s->to = *to;
        s->len = payload.len;
        memcpy(s->octets, payload.data, payload.len);
    }
}

static inline void fake_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct fake *f = ctx;
    f->found++;
    f->token = token;
    f->result = *result;
    memcpy(f->peers, result->peers, result->n_peers * sizeof *result->peers);
}

static const struct pp_substrate_host fake_host = {fake_send, fake_found, NULL, NULL};

static inline void fake_agent(struct pp_agent *agent, struct fake *fake,
                              const struct pp_lookup_ops *ops)
{
    static const uint8_t seed[16] = {5};
    struct pp_peer self = peer_number(250);
    memset(fake, 0, sizeof *fake);
    pp_agent_init(agent, &fake_host, fake, &self, seed, ops);
}

#endif
