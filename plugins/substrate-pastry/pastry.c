/*
 * The Pastry substrate: descriptor, options, instances, and the hand-out of requests. Pastry itself
 * stands in the other files.
 */
#include "pastry.h"

#include <common/report.h>
#include <stdlib.h>

static const struct pp_option options[] = {
    {"bits", PP_OPT_INT, "4", 1, 8, PP_SCOPE_NETWORK,
     "bits of a digit (the paper's b): 1, 2, 4 or 8"},
    {"leaves", PP_OPT_INT, "32", 2, 64, PP_SCOPE_NETWORK,
     "size of the leaf set (the paper's l), half of it on each side; even"},
    {"heartbeat", PP_OPT_TIME, "30s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "silence after which a leaf is pinged"},
    {"refresh", PP_OPT_TIME, "60s", (int64_t)PP_SECOND, (int64_t)PP_DAY, PP_SCOPE_NODE,
     "time between two questions for a row of the routing table"},
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    unsigned b = (unsigned)values[0].number, l = (unsigned)values[1].number;
    if (b != 1 && b != 2 && b != 4 && b != 8) {
        return pp_fail(error, PP_CONFIG, "pastry: bits is %u; set it to 1, 2, 4 or 8", b);
    }
    if (l % 2 != 0) {
        return pp_fail(error, PP_CONFIG, "pastry: leaves is %u; set it to an even number", l);
    }
    const struct pp_net made = {host, b, l / 2, (pp_ns)values[2].number, (pp_ns)values[3].number};
    return pp_net_keep(net, &made, sizeof made, "pastry", error);
}

static pp_request_fn *const requests[] = {[PP_WIRE_PING] = pp_member_on_ping,
                                          [PP_WIRE_FIND] = pp_roster_on_find,
                                          [PASTRY_JOIN] = pastry_on_join,
                                          [PASTRY_ROW] = pastry_on_row,
                                          [PASTRY_LEAVE] = pp_member_on_leave};

static const struct pp_member_ops member_ops = {
    PP_ROSTER_MEMBER_OPS,          .peers = pastry_peers,
    .wanted = pastry_wanted,       .seek_k = PP_K_MAX,
    .patience = PP_RPC_TRIES + 2,  .place = pastry_place,
    .activated = pastry_activated, PP_MEMBER_REQUESTS(requests),
    .tick = pastry_tick,           .next = pastry_next,
    .settled = pastry_settled,     .goodbye = pastry_goodbye};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n =
        pp_member_new(sizeof *n, &member_ops, &pastry_lookup_ops, net->host, ctx, role, self, seed);
    if (n) {
        n->r.kind = &pastry_kind;
        n->r.ask_at = PP_NEVER;
        n->net = net;
        n->upkeep_at = n->row_at = n->cell_at = PP_NEVER;
    }
    return n;
}

static void describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"JOIN| side %1| verdict %1, %P peers",
                                      "ROW| row %1 from %1| row %1, %P peers", "LEAVE||"};
    pp_describe_bodies(payload, own, sizeof own / sizeof *own, 0, text, cap);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    PP_MEMBER_SUBSTRATE("pastry", PASTRY_WIRE, options, open_net, create),
    PP_MEMBER_FUNCTIONS,
    .covers = pastry_covers,
    .rank = pp_roster_rank,
    .snapshot = pastry_snapshot,
    .check = pastry_check,
    .arrange = pastry_arrange,
    .describe = describe,
};
