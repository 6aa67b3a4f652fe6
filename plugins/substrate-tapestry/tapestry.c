/*
 * The Tapestry substrate: descriptor, options, instances, and the hand-out of requests. Tapestry
 * itself stands in the other files.
 */
#include "tapestry.h"

#include <common/report.h>

static const struct pp_option options[] = {
    {"bits", PP_OPT_INT, "4", 1, 8, PP_SCOPE_NETWORK,
     "bits of a digit (b): 1, 2, 4 or 8; fewer: more hops, smaller tables"},
    {"backups", PP_OPT_INT, "2", 0, 7, PP_SCOPE_NODE, "entries of a cell beside its primary"},
    PP_TREE_OPTIONS,
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
                                         PP_TREE_OPTION_VALUES(values + 2),
                                         .refresh = (pp_ns)values[4].number}};
    return pp_net_keep(net, &made, sizeof made, "tapestry", error);
}

static pp_request_fn *const requests[] = {
    [PP_WIRE_PING] = pp_member_on_ping,   [PP_WIRE_FIND] = pp_roster_on_find,
    [TAPESTRY_LEAVE] = tapestry_on_leave, [TAPESTRY_JOIN] = tapestry_on_join,
    [TAPESTRY_ROWS] = tapestry_on_rows,   [TAPESTRY_POINT] = tapestry_on_point};

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
                                                PP_MEMBER_REQUESTS(requests),
                                                .tick = tapestry_tick,
                                                .next = tapestry_next,
                                                .goodbye = tapestry_goodbye,
                                                .free = tapestry_free};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n =
        pp_tree_create(sizeof *n, &net->tree, &member_ops, ctx, role, self, seed);
    if (n) {
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
    PP_MEMBER_SUBSTRATE("tapestry", TAPESTRY_WIRE, options, open_net, create),
    PP_TREE_FUNCTIONS,
    .describe = describe,
};
