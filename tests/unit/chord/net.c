/* A small network for Chord's unit tests; see net.h. */
#include "net.h"

#include <stdlib.h>

#define LATENCY (20 * PP_MS)

static size_t index_of(const struct net *net, const struct pp_peer *peer)
{
    for (size_t i = 0; i < net->n; i++) {
        if (pp_peer_same_endpoint(&net->self[i], peer)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void on_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    struct at *at = ctx;
    struct net *net = at->net;
    struct flight f = {net->now + LATENCY, at->index, index_of(net, to), payload.len, NULL};
    net->sent[payload.data[0]]++;
    if (f.to == SIZE_MAX || net->n_flights == NET_FLIGHTS || payload.len > PP_PAYLOAD_MAX) {
        return;
    }
    f.octets = malloc(payload.len);
    if (f.octets) {
        memcpy(f.octets, payload.data, payload.len);
        net->flights[net->n_flights++] = f;
    }
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct at *at = ctx;
    (void)token;
    at->net->found++;
    at->net->result = *result;
    memcpy(at->net->peers, result->peers, result->n_peers * sizeof *result->peers);
}

static void on_state(void *ctx, enum pp_state state, const char *text)
{
    struct at *at = ctx;
    (void)text;
    at->net->state[at->index] = state;
}

static void on_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static const struct pp_substrate_host host = {on_send, on_found, on_state, on_log};

void net_start(struct net *net, unsigned r, bool v6)
{
    const union pp_value values[] = {{.number = (int64_t)r},
                                     {.number = 15 * (int64_t)PP_SECOND},
                                     {.number = 60 * (int64_t)PP_SECOND}};
    struct pp_error error;
    memset(net, 0, sizeof *net);
    net->v6 = v6;
    net->now = PP_HOUR;
    if (peerpost_plugin.open(&net->plugin_net, values, &host, &error) != PP_OK) {
        abort();
    }
}

void net_end(struct net *net)
{
    for (size_t i = 0; i < net->n; i++) {
        net_kill(net, i);
    }
    for (size_t i = 0; i < net->n_flights; i++) {
        free(net->flights[i].octets);
    }
    peerpost_plugin.close(net->plugin_net);
}

size_t net_add(struct net *net, uint16_t id, enum pp_role role)
{
    size_t i = net->n++;
    struct pp_peer *self = &net->self[i];
    uint8_t seed[16] = {(uint8_t)i, 1};
    memset(self, 0, sizeof *self);
    if (role == PP_MEMBER) {
        pp_put16(self->id.b, id);
        self->id.b[19] = 1;
    }
    if (net->v6) {
        pp_put32(self->address, 0x20010db8);
    } else {
        pp_put32(self->address + 8, 0xffff);
        self->address[12] = 10;
    }
    self->address[15] = (uint8_t)(i + 1);
    self->udp = 4700;
    net->ctx[i] = (struct at){net, i};
    net->state[i] = PP_JOINING;
    net->node[i] = peerpost_plugin.create(net->plugin_net, &net->ctx[i], role, self, seed);
    return i;
}

void net_kill(struct net *net, size_t node)
{
    peerpost_plugin.destroy(net->node[node]);
    net->node[node] = NULL;
}

void net_ring(struct net *net, size_t n)
{
    size_t first = net->n;
    for (size_t i = 0; i < n; i++) {
        net_add(net, (uint16_t)((i + 1) * (65535 / (n + 1))), PP_MEMBER);
    }
    peerpost_plugin.arrange(net->node + first, n, net->now);
    net_run(net, PP_MS);
}

void net_meet(struct net *net, size_t node, size_t contact)
{
    struct pp_peer peer = net->self[contact];
    memset(&peer.id, 0, sizeof peer.id);
    peerpost_plugin.meet(net->node[node], net->now, &peer, 1);
}

static bool deliver_next(struct net *net, pp_ns end)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < net->n_flights; i++) {
        if (net->flights[i].at <= end &&
            (first == SIZE_MAX || net->flights[i].at < net->flights[first].at)) {
            first = i;
        }
    }
    if (first == SIZE_MAX) {
        return false;
    }
    struct flight f = net->flights[first];
    net->n_flights--;
    memmove(net->flights + first, net->flights + first + 1,
            (net->n_flights - first) * sizeof *net->flights);
    net->now = f.at > net->now ? f.at : net->now;
    if (net->node[f.to] && (!net->lose || !net->lose(&f))) {
        struct pp_rx rx = {net->self[f.from], PP_ID_PROVED};
        rx.facts = pp_id_is_zero(&rx.from.id) ? 0 : PP_ID_PROVED;
        peerpost_plugin.receive(net->node[f.to], net->now, &rx, pp_bytes(f.octets, f.len));
    }
    free(f.octets);
    return true;
}

static pp_ns earliest(const struct net *net, size_t *node)
{
    pp_ns at = PP_NEVER;
    for (size_t i = 0; i < net->n; i++) {
        pp_ns next = net->node[i] ? peerpost_plugin.next(net->node[i]) : PP_NEVER;
        if (next < at) {
            at = next;
            *node = i;
        }
    }
    return at;
}

void net_run(struct net *net, pp_ns time)
{
    pp_ns end = net->now + time;
    for (;;) {
        size_t node = 0;
        pp_ns at = earliest(net, &node), until = at < end ? at : end;
        if (deliver_next(net, until)) {
            continue;
        }
        if (at > end) {
            break;
        }
        net->now = at > net->now ? at : net->now;
        peerpost_plugin.tick(net->node[node], net->now);
    }
    net->now = end;
}

void net_inject(struct net *net, const struct pp_peer *from, size_t to, const struct pp_writer *w,
                uint32_t facts)
{
    struct pp_rx rx = {*from, facts};
    peerpost_plugin.receive(net->node[to], net->now, &rx, pp_bytes(w->data, w->len));
}

size_t net_check(struct net *net)
{
    struct pp_substrate_node *active[NET_NODES];
    const struct pp_sink quiet = {NULL, NULL};
    size_t n = 0;
    for (size_t i = 0; i < net->n; i++) {
        if (net->node[i] && net->node[i]->m.a.active) {
            active[n++] = net->node[i];
        }
    }
    return peerpost_plugin.check(active, n, &quiet);
}

int net_lookup(struct net *net, size_t node, uint16_t key, unsigned k)
{
    struct pp_id id = {{0}};
    pp_put16(id.b, key);
    net->found = 0;
    int code = peerpost_plugin.lookup(net->node[node], net->now, &id, k, 1, 0, 1);
    for (int i = 0; code == PP_OK && net->found == 0 && i < 300; i++) {
        net_run(net, 100 * PP_MS);
    }
    return code;
}
