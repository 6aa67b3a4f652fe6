/* Beginning, end and sending of an instance; see agent.h. */
#include <common/lookup.h>

void pp_agent_init(struct pp_agent *agent, const struct pp_substrate_host *host, void *ctx,
                   const struct pp_peer *self, const uint8_t seed[16],
                   const struct pp_lookup_ops *ops)
{
    *agent = (struct pp_agent){.host = host, .ops = ops, .ctx = ctx, .self = *self};
    pp_random_init(&agent->random, seed);
}

void pp_agent_free(struct pp_agent *agent)
{
    pp_lookup_free_all(agent);
    pp_rpc_free(agent);
}

static uint8_t flags_of(const struct pp_agent *agent)
{
    return agent->active ? PP_WIRE_ACTIVE : 0;
}

void pp_agent_begin(struct pp_agent *agent, struct pp_writer *w, uint8_t kind)
{
    pp_writer_begin(w, kind, flags_of(agent), pp_random_next(&agent->random));
}

void pp_agent_begin_reply(const struct pp_agent *agent, struct pp_writer *w,
                          const struct pp_header *request)
{
    pp_writer_begin(w, request->kind | PP_WIRE_REPLY, flags_of(agent), request->id);
}

#define RTO_FIRST PP_SECOND
#define RTO_FLOOR (150 * PP_MS) /* three tries in a second */
#define US 1000ull

pp_ns pp_agent_rto(const struct pp_agent *agent)
{
    pp_ns rto = (agent->srtt + 4ull * agent->rttvar) * US;
    return agent->srtt == 0 || rto > RTO_FIRST ? RTO_FIRST : rto < RTO_FLOOR ? RTO_FLOOR : rto;
}

void pp_agent_sample(struct pp_agent *agent, pp_ns rtt)
{
    uint64_t us = rtt < US ? 1 : rtt < PP_MINUTE ? rtt / US : PP_MINUTE / US;
    uint64_t old = agent->srtt, error = old > us ? old - us : us - old;
    bool first = old == 0;
    agent->rttvar = (uint32_t)(first ? us / 2 : (3ull * agent->rttvar + error) / 4);
    agent->srtt = (uint32_t)(first ? us : (7 * old + us) / 8);
    agent->srtt += agent->srtt == 0;
}

void pp_agent_send(struct pp_agent *agent, const struct pp_peer *to, const struct pp_writer *w)
{
    if (!w->failed) {
        agent->host->send(agent->ctx, to, pp_bytes(w->data, w->len));
    }
}
