/*
 * The Chord substrate: descriptor, options, instances, and the entry of each call. Chord itself
 * stands in the other files; this one only hands on.
 */
#include "chord.h"

#include "messages.h"

#include <common/report.h>
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
    const struct pp_net made = {host, (unsigned)values[0].number, (pp_ns)values[1].number,
                                (pp_ns)values[2].number};
    return pp_net_keep(net, &made, sizeof made, "chord", error);
}

static pp_request_fn *const requests[] = {
    [PP_WIRE_PING] = chord_on_ping,         [PP_WIRE_FIND] = chord_on_find,
    [CHORD_STABILISE] = chord_on_stabilise, [CHORD_STATE] = chord_on_state,
    [CHORD_JOIN] = chord_on_join,           [CHORD_NUDGE] = chord_on_nudge,
    [CHORD_INTRODUCE] = chord_on_introduce, [CHORD_LEAVE] = chord_on_leave};

static void tick(struct pp_member *m, pp_ns now)
{
    chord_repair_tick(chord_node(m), now);
    chord_finger_tick(chord_node(m), now);
}

static pp_ns next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    return pp_sooner(pp_sooner(n->stabilise_at, n->nudge_at), pp_rounds_next(&n->fingers));
}

static const struct pp_member_ops member_ops = {.tables = chord_tables,
                                                PP_TABLES_OPS,
                                                .wanted = chord_wanted,
                                                .learn = chord_learn,
                                                .forget = chord_forget,
                                                .suspected = chord_suspected,
                                                .in_place = chord_in_place,
                                                .merged = chord_merged,
                                                .place = chord_place,
                                                .settled = chord_settled,
                                                .activated = chord_activated,
                                                PP_MEMBER_REQUESTS(requests),
                                                .tick = tick,
                                                .next = next,
                                                .goodbye = chord_goodbye};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n =
        pp_member_new(sizeof *n, &member_ops, &chord_lookup_ops, net->host, ctx, role, self, seed);
    if (n) {
        n->m.seek_k = (uint8_t)net->r;
        n->net = net;
        n->stabilise_at = n->nudge_at = n->fingers.at = PP_NEVER;
    }
    return n;
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    PP_MEMBER_SUBSTRATE("chord", CHORD_WIRE, options, open_net, create),
    PP_MEMBER_FUNCTIONS,
    PP_MEMBER_ORDER(chord),
    .describe = chord_describe,
};
