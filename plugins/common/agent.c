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

void pp_agent_send(struct pp_agent *agent, const struct pp_peer *to, const struct pp_writer *w)
{
    if (!w->failed) {
        agent->host->send(agent->ctx, to, pp_bytes(w->data, w->len));
    }
}
