/*
 * The Chord substrate: descriptor, options, instances, and the entry of each call. Chord itself
 * stands in the other files; this one only hands on.
 */
#include "chord.h"

#include "messages.h"

#include <stdlib.h>

static const struct pp_option options[] = {
    {"successors", PP_OPT_INT, "32", 1, PP_K_MAX, PP_SCOPE_NETWORK,
     "length of the successor and predecessor lists"},
    {"stabilise", PP_OPT_TIME, "15s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "time between two rounds of stabilisation"},
    {"refresh", PP_OPT_TIME, "60s", (int64_t)PP_SECOND, (int64_t)PP_DAY, PP_SCOPE_NODE,
     "time in which each finger is looked after once"},
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    struct pp_net *made = malloc(sizeof *made);
    if (!made) {
        return pp_fail(error, PP_NOMEM, "chord: out of memory");
    }
    *made = (struct pp_net){.host = host,
                            .r = (unsigned)values[0].number,
                            .stabilise = (pp_ns)values[1].number,
                            .refresh = (pp_ns)values[2].number};
    *net = made;
    return PP_OK;
}

static void close_net(struct pp_net *net)
{
    free(net);
}

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n = calloc(1, sizeof *n);
    if (!n) {
        return NULL;
    }
    pp_agent_init(&n->a, net->host, ctx, self, seed, &chord_lookup_ops);
    n->net = net;
    n->client = role == PP_CLIENT;
    if (n->client) {
        n->a.self.id = (struct pp_id){{0}};
    }
    n->stabilise_at = n->finger_at = n->nudge_at = n->retry_at = n->until = PP_NEVER;
    n->finger_bit = PP_ID_BITS - 1;
    n->state = n->told = PP_JOINING;
    return n;
}

static void destroy(struct pp_substrate_node *n)
{
    if (!n) {
        return;
    }
    pp_agent_free(&n->a);
    pp_peerset_free(&n->s);
    pp_peerset_free(&n->p);
    pp_peerset_free(&n->f);
    pp_candidates_free(&n->candidates);
    pp_quarantine_free(&n->quarantine);
    free(n);
}

static const char *state_text(enum pp_state state)
{
    switch (state) {
    case PP_JOINING:
        return "joining the ring";
    case PP_ACTIVE:
        return "in the ring";
    case PP_DEGRADED:
        return "the successors are lost; looking for the ring";
    case PP_ALONE:
        return "no other node answers";
    case PP_REFUSED:
        return "another node answers under this node's id";
    case PP_LEFT:
        return "has left the ring";
    }
    return "";
}

/* Last in every entry that may call the host: what has come about is told. */
static void settle(struct pp_substrate_node *n, pp_ns now)
{
    if (n->told != n->state) {
        n->told = n->state;
        n->a.host->state(n->a.ctx, (enum pp_state)n->state, state_text((enum pp_state)n->state));
    }
    pp_lookup_settle(&n->a, now);
    n->a.settle = n->told != n->state;
}

static void meet(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *contacts, size_t k)
{
    chord_meet(n, now, contacts, k);
    settle(n, now);
}

static void move(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *self)
{
    chord_move(n, now, self);
    settle(n, now);
}

static void leave(struct pp_substrate_node *n, pp_ns now, pp_ns until)
{
    chord_leave(n, now, until);
    settle(n, now);
}

/* A request. What changes our tables is heard only from a proved sender, about itself. */
static void serve(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, struct pp_reader *body, bool proved, bool known)
{
    if (header->kind == PP_WIRE_PING) {
        chord_on_ping(n, rx, header, body);
    } else if (header->kind == PP_WIRE_FIND) {
        chord_on_find(n, rx, header, body);
    }
    if (!proved) {
        return;
    }
    switch (header->kind) {
    case CHORD_STABILISE:
        chord_on_stabilise(n, now, rx, header, body);
        break;
    case CHORD_STATE:
        chord_on_state(n, rx, header, body);
        break;
    case CHORD_JOIN:
        chord_on_join(n, now, rx, header);
        break;
    case CHORD_NUDGE:
        chord_on_nudge(n, now, rx, body);
        break;
    case CHORD_INTRODUCE:
        chord_on_introduce(n, now, rx, body);
        break;
    case CHORD_LEAVE:
        chord_on_leave(n, now, rx, header, body, known);
        break;
    default:
        break;
    }
}

static void heard(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, pp_ns rtt)
{
    bool active = header->flags & PP_WIRE_ACTIVE;
    chord_heard(n, now, &rx->from, active, rtt);
    if (active) {
        chord_learn(n, now, &rx->from, 0);
    }
}

static void receive(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                    struct pp_bytes payload)
{
    struct pp_reader body = pp_reader(payload);
    struct pp_header header;
    if (n->phase == CHORD_LEFT || pp_read_header(&body, &header) != PP_OK) {
        return;
    }
    bool proved = rx->facts & PP_ID_PROVED && !pp_id_is_zero(&rx->from.id) &&
                  !pp_id_equal(&rx->from.id, &n->a.self.id);
    if (header.kind & PP_WIRE_REPLY) {
        pp_ns rtt;
        struct pp_rpc *rpc = pp_rpc_take(&n->a, now, &header, rx, &rtt);
        if (!rpc) {
            return;
        }
        if (proved) {
            heard(n, now, rx, &header, rtt);
        }
        pp_rpc_finish(&n->a, now, rpc, &header, rx, &body);
    } else if (!n->client) {
        bool known = proved && chord_entry(n, &rx->from.id);
        if (proved) {
            heard(n, now, rx, &header, 0);
        }
        serve(n, now, rx, &header, &body, proved, known);
    }
    settle(n, now);
}

static void tick(struct pp_substrate_node *n, pp_ns now)
{
    pp_rpc_tick(&n->a, now);
    pp_lookup_tick(&n->a, now);
    chord_join_tick(n, now);
    chord_repair_tick(n, now);
    chord_finger_tick(n, now);
    chord_leave_tick(n, now);
    settle(n, now);
}

static pp_ns next(const struct pp_substrate_node *n)
{
    pp_ns at = pp_sooner(pp_rpc_deadline(&n->a), pp_lookup_deadline(&n->a));
    at = pp_sooner(at, pp_sooner(n->stabilise_at, n->nudge_at));
    at = pp_sooner(at, n->finding ? PP_NEVER : n->finger_at);
    return pp_sooner(at, pp_sooner(n->retry_at, n->until));
}

static int lookup(struct pp_substrate_node *n, pp_ns now, const struct pp_id *key, unsigned k,
                  unsigned paths, unsigned flags, uint64_t token)
{
    if (n->phase >= CHORD_LEAVING || (!n->client && n->phase < CHORD_MEMBER)) {
        return PP_OFFLINE;
    }
    struct pp_lookup_request request = {
        .key = key, .k = k, .paths = paths, .flags = flags, .token = token};
    return pp_lookup_start(&n->a, now, &request);
}

static void cancel(struct pp_substrate_node *n, uint64_t token)
{
    pp_lookup_cancel(&n->a, token);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    .plugin = {.abi = PP_SUBSTRATE_ABI,
               .kind = PP_KIND_SUBSTRATE,
               .name = "chord",
               .version = "1",
               .options = options,
               .n_options = sizeof options / sizeof *options},
    .wire = CHORD_WIRE,
    .open = open_net,
    .close = close_net,
    .create = create,
    .destroy = destroy,
    .meet = meet,
    .move = move,
    .leave = leave,
    .receive = receive,
    .tick = tick,
    .next = next,
    .lookup = lookup,
    .cancel = cancel,
    .covers = chord_covers,
    .rank = chord_rank,
    .snapshot = chord_snapshot,
    .check = chord_check,
    .arrange = chord_arrange,
    .describe = chord_describe,
};
