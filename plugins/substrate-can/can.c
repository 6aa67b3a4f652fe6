/*
 * The CAN substrate: descriptor, options, instances, and the hand-out of requests. CAN itself
 * stands in the other files.
 */
#include "can.h"

#include <common/find.h>
#include <common/report.h>
#include <stdlib.h>

static const struct pp_option options[] = {
    {"dimensions", PP_OPT_INT, "4", 2, CAN_D_MAX, PP_SCOPE_NETWORK, "dimensions of the torus"},
    {"uniform", PP_OPT_BOOL, "on", 0, 0, PP_SCOPE_NODE,
     "a joiner is referred to the largest zone nearby"},
    {"shortcuts", PP_OPT_BOOL, "on", 0, 0, PP_SCOPE_NODE,
     "referrals name neighbours' neighbours too, which halves the way"},
    {"update", PP_OPT_TIME, "10s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "period in which neighbours tell each other their zones"},
    {"wards", PP_OPT_TIME, "2h", (int64_t)PP_SECOND, (int64_t)PP_DAY, PP_SCOPE_NODE,
     "time for which a dead node's zone is kept for a joiner or its return"},
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    const struct pp_net made = {host,
                                can_space((unsigned)values[0].number),
                                values[1].flag,
                                values[2].flag,
                                (pp_ns)values[3].number,
                                (pp_ns)values[4].number};
    return pp_net_keep(net, &made, sizeof made, "can", error);
}

static pp_request_fn *const requests[] = {[PP_WIRE_PING] = pp_member_on_ping,
                                          [PP_WIRE_FIND] = can_on_find,
                                          [CAN_STATE] = can_on_state,
                                          [CAN_JOIN] = can_on_join,
                                          [CAN_LEAVE] = pp_member_on_leave};

/* What we leave is a hole, which a neighbour takes as a ward: all is as had we died, but known at
 * once. */
static bool goodbye(struct pp_member *m, pp_ns now)
{
    (void)now;
    pp_member_tell_all(m, CAN_LEAVE);
    return false;
}

static const struct pp_member_ops member_ops = {.tables = can_tables,
                                                .entry = pp_tables_entry,
                                                .known = pp_tables_known,
                                                .peers = pp_tables_peers,
                                                .free = can_free,
                                                .wanted = can_wanted,
                                                .learn = can_learn,
                                                .forget = can_forget,
                                                .seek_k = 1,
                                                .place_key = can_place_key,
                                                .greet = can_greet,
                                                .greeted = can_greeted,
                                                .place = can_place,
                                                .activated = can_activated,
                                                .merged = can_merged,
                                                .tick = can_tick,
                                                .next = can_next,
                                                .goodbye = goodbye,
                                                PP_MEMBER_REQUESTS(requests)};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n =
        pp_member_new(sizeof *n, &member_ops, &can_lookup_ops, net->host, ctx, role, self, seed);
    if (n) {
        n->net = net;
        n->upkeep_at = n->faces_at = n->open_at = PP_NEVER;
    }
    return n;
}

static void describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"STATE", "JOIN", "LEAVE"};
    pp_describe(payload, own, CAN_KINDS - PP_WIRE_OWN, text, cap);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    PP_MEMBER_SUBSTRATE("can", CAN_WIRE, options, open_net, create),
    PP_MEMBER_FUNCTIONS,
    PP_MEMBER_ORDER(can),
    .describe = describe,
};
