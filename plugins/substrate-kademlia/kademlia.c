/*
 * The Kademlia substrate: descriptor, options, instances, and the hand-out of requests. Kademlia
 * itself stands in the other files.
 */
#include "kademlia.h"

#include <common/report.h>

static const struct pp_option options[] = {
    {"bucket", PP_OPT_INT, "8", 1, 20, PP_SCOPE_NODE, "contacts in a bucket (the paper's k)"},
    PP_TREE_OPTIONS,
    {"refresh", PP_OPT_TIME, "1h", (int64_t)PP_MINUTE, (int64_t)PP_DAY, PP_SCOPE_NODE,
     "time in which each bucket is refreshed once"},
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    const struct pp_net made = {.tree = {.host = host,
                                         .ops = &kademlia_tree_ops,
                                         .bits = 1,
                                         .cell = (unsigned)values[0].number,
                                         PP_TREE_OPTION_VALUES(values + 1),
                                         .refresh = (pp_ns)values[3].number}};
    return pp_net_keep(net, &made, sizeof made, "kademlia", error);
}

static bool goodbye(struct pp_member *m, pp_ns now)
{
    (void)now;
    pp_member_tell_all(m, KADEMLIA_LEAVE);
    return false;
}

static pp_request_fn *const requests[] = {[PP_WIRE_PING] = pp_member_on_ping,
                                          [PP_WIRE_FIND] = pp_roster_on_find,
                                          [KADEMLIA_LEAVE] = pp_member_on_leave};

static const struct pp_member_ops member_ops = {
    PP_ROSTER_MEMBER_OPS,         .peers = pp_roster_peers,
    .wanted = pp_tree_wanted,     .seek_k = PP_K_MAX,
    .place = kademlia_place,      .activated = kademlia_activated,
    PP_MEMBER_REQUESTS(requests), .tick = kademlia_tick,
    .next = kademlia_next,        .goodbye = goodbye};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n =
        pp_tree_create(sizeof *n, &net->tree, &member_ops, ctx, role, self, seed);
    if (n) {
        n->refresh_at = PP_NEVER;
    }
    return n;
}

static void describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"LEAVE"};
    pp_describe(payload, own, 1, text, cap);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    PP_MEMBER_SUBSTRATE("kademlia", KADEMLIA_WIRE, options, open_net, create),
    PP_TREE_FUNCTIONS,
    .describe = describe,
};
