/*
 * The Kademlia substrate: descriptor, options, instances, and the hand-out of requests. Kademlia
 * itself stands in the other files.
 */
#include "kademlia.h"

#include <common/report.h>
#include <stdlib.h>

static const struct pp_option options[] = {
    {"bucket", PP_OPT_INT, "8", 1, 20, PP_SCOPE_NODE, "contacts in a bucket (the paper's k)"},
    {"siblings", PP_OPT_INT, "32", 2, 64, PP_SCOPE_NODE,
     "nearest nodes that are all known and kept fresh"},
    {"ping", PP_OPT_TIME, "30s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "silence after which a sibling is pinged"},
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
                                         .siblings = (unsigned)values[1].number,
                                         .ping = (pp_ns)values[2].number},
                                .refresh = (pp_ns)values[3].number};
    return pp_net_keep(net, &made, sizeof made, "kademlia", error);
}

static void request(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body, bool proved)
{
    struct pp_ping ping;
    if (header->kind == PP_WIRE_FIND) {
        pp_roster_on_find(pp_roster_of(m), rx, header, body);
    } else if (header->kind == PP_WIRE_PING && pp_read_ping(body, &ping) == PP_OK) {
        pp_member_pong(m, rx, header, NULL, NULL, 0);
    } else if (header->kind == KADEMLIA_LEAVE && proved) {
        pp_tree_forget(m, now, &rx->from.id);
    }
}

static bool goodbye(struct pp_member *m, pp_ns now)
{
    (void)now;
    pp_member_tell_all(m, KADEMLIA_LEAVE);
    return false;
}

static const struct pp_member_ops member_ops = {
    PP_TREE_MEMBER_OPS,      .learn = pp_tree_learn,
    .place = kademlia_place, .activated = kademlia_activated,
    .request = request,      .tick = kademlia_tick,
    .next = kademlia_next,   .goodbye = goodbye};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n = calloc(1, sizeof *n);
    if (n) {
        pp_tree_init(&n->t, &net->tree, &member_ops, ctx, role, self, seed);
        n->net = net;
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
    PP_MEMBER_PLUGIN("kademlia", options),
    .wire = KADEMLIA_WIRE,
    .open = open_net,
    .close = pp_net_drop,
    .create = create,
    PP_TREE_FUNCTIONS,
    .describe = describe,
};
