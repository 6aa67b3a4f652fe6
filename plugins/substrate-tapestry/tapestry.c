/*
 * The Tapestry substrate: descriptor, options, instances, and the hand-out of requests. Tapestry
 * itself stands in the other files.
 */
#include "tapestry.h"

#include <common/find.h>
#include <common/report.h>
#include <stdlib.h>

static const struct pp_option options[] = {
    {"bits", PP_OPT_INT, "4", 1, 8, PP_SCOPE_NETWORK,
     "bits of a digit (b): 1, 2, 4 or 8; fewer: more hops, smaller tables"},
    {"backups", PP_OPT_INT, "2", 0, 7, PP_SCOPE_NODE, "entries of a cell beside its primary"},
    {"siblings", PP_OPT_INT, "32", 2, 64, PP_SCOPE_NODE,
     "nodes nearest by prefix that are all known and kept fresh"},
    {"ping", PP_OPT_TIME, "30s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "silence after which a sibling is pinged"},
    {"refresh", PP_OPT_TIME, "60s", (int64_t)PP_SECOND, (int64_t)PP_DAY, PP_SCOPE_NODE,
     "time after which a row is compared with another node's"},
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    unsigned bits = (unsigned)values[0].number;
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8) {
        return pp_fail(error, PP_CONFIG,
                       "tapestry: a digit has 1, 2, 4 or 8 bits, not %u; correct bits", bits);
    }
    const struct pp_net made = {.tree = {.host = host,
                                         .ops = &tapestry_tree_ops,
                                         .bits = bits,
                                         .cell = (unsigned)values[1].number + 1,
                                         .siblings = (unsigned)values[2].number,
                                         .ping = (pp_ns)values[3].number},
                                .refresh = (pp_ns)values[4].number};
    return pp_net_keep(net, &made, sizeof made, "tapestry", error);
}

static void request(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body, bool proved)
{
    struct pp_substrate_node *n = tapestry_node(m);
    struct pp_ping ping;
    if (header->kind == PP_WIRE_FIND) {
        pp_roster_on_find(&n->t.r, rx, header, body);
    } else if (header->kind == PP_WIRE_PING && pp_read_ping(body, &ping) == PP_OK) {
        pp_member_pong(m, rx, header, NULL, NULL, 0);
    } else if (header->kind == TAPESTRY_LEAVE && proved) {
        tapestry_on_leave(n, now, rx, body);
    } else if (header->kind == TAPESTRY_JOIN && proved) {
        tapestry_on_join(n, now, rx, header, body);
    } else if (header->kind == TAPESTRY_ROWS && proved) {
        tapestry_on_rows(n, rx, header, body);
    } else if (header->kind == TAPESTRY_POINT && proved) {
        tapestry_on_point(n, now, rx, header, body);
    }
}

static const struct pp_member_ops member_ops = {.entry = pp_roster_entry,
                                                .known = pp_roster_known,
                                                .peers = tapestry_peers,
                                                .wanted = pp_tree_wanted,
                                                .learn = tapestry_learn,
                                                .forget = tapestry_forget,
                                                .seek_k = PP_K_MAX,
                                                .place = tapestry_place,
                                                .activated = tapestry_activated,
                                                .settled = tapestry_settled,
                                                .request = request,
                                                .tick = tapestry_tick,
                                                .next = tapestry_next,
                                                .goodbye = tapestry_goodbye,
                                                .free = tapestry_free};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n = calloc(1, sizeof *n);
    if (n) {
        pp_tree_init(&n->t, &net->tree, &member_ops, ctx, role, self, seed);
        n->net = net;
        n->pins_at = n->refresh_at = n->fill_until = n->point_at = PP_NEVER;
        n->fill_row = -1;
    }
    return n;
}

static void describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"LEAVE| %P replacements", "JOIN| level %1 of %p| %P pinned",
                                      "ROWS| row %1 from %1| row %1, %P peers", "POINT| %1|"};
    pp_describe_bodies(payload, own, sizeof own / sizeof *own, 0, text, cap);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    PP_MEMBER_PLUGIN("tapestry", options),
    .wire = TAPESTRY_WIRE,
    .open = open_net,
    .close = pp_net_drop,
    .create = create,
    PP_TREE_FUNCTIONS,
    .describe = describe,
};
