/*
 * The Kademlia substrate: descriptor, options, instances, and the hand-out of requests. Kademlia
 * itself stands in the other files.
 */
#include "kademlia.h"

#include <common/find.h>
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
    const struct pp_net made = {host, (unsigned)values[0].number, (unsigned)values[1].number,
                                (pp_ns)values[2].number, (pp_ns)values[3].number};
    return pp_net_keep(net, &made, sizeof made, "kademlia", error);
}

static void request(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body, bool proved)
{
    struct pp_ping ping;
    if (header->kind == PP_WIRE_FIND) {
        kademlia_on_find(kademlia_node(m), rx, header, body);
    } else if (header->kind == PP_WIRE_PING && pp_read_ping(body, &ping) == PP_OK) {
        pp_member_pong(m, rx, header, NULL, NULL, 0);
    } else if (header->kind == KADEMLIA_LEAVE && proved) {
        kademlia_forget(m, now, &rx->from.id);
    }
}

static const struct pp_member_ops member_ops = {.entry = kademlia_entry,
                                                .wanted = kademlia_wanted,
                                                .learn = kademlia_learn,
                                                .forget = kademlia_forget,
                                                .known = kademlia_known,
                                                .peers = kademlia_peers,
                                                .seek_k = PP_K_MAX,
                                                .place = kademlia_place,
                                                .activated = kademlia_activated,
                                                .request = request,
                                                .tick = kademlia_tick,
                                                .next = kademlia_next,
                                                .goodbye = kademlia_goodbye,
                                                .free = kademlia_free};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n = calloc(1, sizeof *n);
    if (n) {
        pp_member_init(&n->m, &member_ops, &kademlia_lookup_ops, net->host, ctx, role, self, seed);
        n->net = net;
        n->upkeep_at = n->ask_at = n->refresh_at = PP_NEVER;
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
    PP_MEMBER_FUNCTIONS,
    .covers = kademlia_covers,
    .rank = kademlia_rank,
    .snapshot = kademlia_snapshot,
    .check = kademlia_check,
    .arrange = kademlia_arrange,
    .describe = describe,
};
