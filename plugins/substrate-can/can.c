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
};

static int open_net(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    struct pp_net *made = malloc(sizeof *made);
    if (!made) {
        return pp_fail(error, PP_NOMEM, "can: out of memory");
    }
    *made = (struct pp_net){host, can_space((unsigned)values[0].number), values[1].flag,
                            values[2].flag, (pp_ns)values[3].number};
    *net = made;
    return PP_OK;
}

static void close_net(struct pp_net *net)
{
    free(net);
}

static void request(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body, bool proved)
{
    struct pp_substrate_node *n = can_node(m);
    struct pp_ping ping;
    switch (header->kind) {
    case PP_WIRE_FIND:
        can_on_find(n, rx, header, body);
        break;
    case PP_WIRE_PING:
        if (pp_read_ping(body, &ping) == PP_OK) {
            pp_member_pong(m, rx, header, NULL, NULL, CAN_ZONE_LEN);
        }
        break;
    case CAN_STATE:
        can_on_state(n, now, rx, header, body, proved);
        break;
    case CAN_LIST:
        can_on_list(n, rx, header, body);
        break;
    default:
        if (!proved) {
            return;
        }
        if (header->kind == CAN_JOIN) {
            can_on_join(n, now, rx, header, body);
        } else if (header->kind == CAN_ACCEPT) {
            can_on_accept(n, now, rx, header, body);
        } else if (header->kind == CAN_HANDOVER) {
            can_on_handover(n, now, rx, header, body);
        } else if (header->kind == CAN_LEAVE && pp_read_done(body)) {
            can_forget(m, now, &rx->from.id);
        }
    }
}

static const struct pp_member_ops member_ops = {.entry = can_entry,
                                                .wanted = can_wanted,
                                                .learn = can_learn,
                                                .forget = can_forget,
                                                .known = can_known,
                                                .peers = can_peers,
                                                .seek_k = 1,
                                                .place_key = can_place_key,
                                                .greet = can_greet,
                                                .greeted = can_greeted,
                                                .place = can_place,
                                                .activated = can_activated,
                                                .merged = can_merged,
                                                .request = request,
                                                .tick = can_tick,
                                                .next = can_next,
                                                .goodbye = can_goodbye,
                                                .free = can_free};

static struct pp_substrate_node *create(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *n = calloc(1, sizeof *n);
    if (n) {
        pp_member_init(&n->m, &member_ops, &can_lookup_ops, net->host, ctx, role, self, seed);
        n->net = net;
        n->upkeep_at = n->faces_at = n->defrag_at = PP_NEVER;
    }
    return n;
}

static void describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"STATE", "LIST", "JOIN", "ACCEPT", "HANDOVER", "LEAVE"};
    pp_describe(payload, own, CAN_KINDS - PP_WIRE_OWN, text, cap);
}

PP_EXPORT extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    .plugin = {.abi = PP_SUBSTRATE_ABI,
               .kind = PP_KIND_SUBSTRATE,
               .name = "can",
               .version = "1",
               .options = options,
               .n_options = sizeof options / sizeof *options},
    .wire = CAN_WIRE,
    .open = open_net,
    .close = close_net,
    .create = create,
    PP_MEMBER_FUNCTIONS,
    .covers = can_covers,
    .rank = can_rank,
    .snapshot = can_snapshot,
    .check = can_check,
    .arrange = can_arrange,
    .describe = describe,
};
