/* A small network for the unit tests of substrates; see small_net.h. */
#include "small_net.h"

#include <sim/world/world.h>
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

void net_start(struct net *net, const char *const *settings, bool v6)
{
    union pp_value *values = pp_world_values(&peerpost_plugin.plugin, settings);
    struct pp_error error;
    memset(net, 0, sizeof *net);
    net->v6 = v6;
    net->now = PP_HOUR;
    if (!values || peerpost_plugin.open(&net->plugin_net, values, &host, &error) != PP_OK) {
        abort();
    }
    free(values);
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
    struct pp_id whole = {{0}};
    pp_put16(whole.b, id);
    whole.b[19] = 1;
    return net_add_at(net, &whole, role);
}

size_t net_add_at(struct net *net, const struct pp_id *id, enum pp_role role)
{
    size_t i = net->n++;
    struct pp_peer *self = &net->self[i];
    uint8_t seed[16] = {(uint8_t)i, 1};
    memset(self, 0, sizeof *self);
    if (role == PP_MEMBER) {
        self->id = *id;
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
    for (size_t i = 0; i < n; i++) {
        net_add(net, (uint16_t)((i + 1) * (65535 / (n + 1))), PP_MEMBER);
    }
    net_arrange(net);
}

static bool is_active(const struct pp_substrate_node *node)
{
    return node && ((const struct pp_member *)node)->a.active;
}

void net_arrange(struct net *net)
{
    peerpost_plugin.arrange(net->node, net->n, net->now);
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
        if (is_active(net->node[i])) {
            active[n++] = net->node[i];
        }
    }
    return peerpost_plugin.check(active, n, &quiet);
}

int net_lookup(struct net *net, size_t node, uint16_t key, unsigned k)
{
    struct pp_id id = {{0}};
    pp_put16(id.b, key);
    return net_lookup_id(net, node, &id, k);
}

int net_lookup_id(struct net *net, size_t node, const struct pp_id *key, unsigned k)
{
    net->found = 0;
    int code = peerpost_plugin.lookup(net->node[node], net->now, key, k, 1, 0, 1);
    for (int i = 0; code == PP_OK && net->found == 0 && i < 300; i++) {
        net_run(net, 100 * PP_MS);
    }
    return code;
}

size_t net_closest(const struct net *net, const struct pp_id *key, unsigned k, size_t out[PP_K_MAX])
{
    uint8_t ranks[PP_K_MAX][PP_RANK_LEN], rank[PP_RANK_LEN];
    size_t n = 0;
    for (size_t i = 0; i < net->n; i++) {
        size_t at = n;
        if (!is_active(net->node[i])) {
            continue;
        }
        peerpost_plugin.rank(net->node[i], key, rank);
        for (; at > 0 && memcmp(rank, ranks[at - 1], PP_RANK_LEN) < 0; at--) {
            if (at < k) {
                memcpy(ranks[at], ranks[at - 1], PP_RANK_LEN);
                out[at] = out[at - 1];
            }
        }
        if (at < k) {
            memcpy(ranks[at], rank, PP_RANK_LEN);
            out[at] = i;
            n += n < k;
        }
    }
    return n;
}

bool net_exact(struct net *net, size_t node, const struct pp_id *key, unsigned k)
{
    size_t right[PP_K_MAX], n = net_closest(net, key, k, right);
    bool good = net_lookup_id(net, node, key, k) == PP_OK && net->found == 1 &&
                net->result.code == PP_OK && net->result.n_peers == n;
    for (size_t i = 0; good && i < n; i++) {
        good = pp_id_equal(&net->peers[i].id, &net->self[right[i]].id);
    }
    return good;
}

struct pp_id net_random_id(uint64_t *state)
{
    struct pp_id id;
    for (size_t i = 0; i < PP_ID_LEN; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        id.b[i] = (uint8_t)(*state >> 56);
    }
    return id;
}

static bool among(const struct net *net, size_t node, const struct pp_id *key, unsigned k)
{
    size_t right[PP_K_MAX], n = net_closest(net, key, k, right);
    for (size_t i = 0; i < n; i++) {
        if (right[i] == node) {
            return true;
        }
    }
    return false;
}

size_t net_false_covers(struct net *net, unsigned keys, unsigned k, size_t *sure)
{
    uint64_t state = k;
    size_t wrong = 0;
    *sure = 0;
    for (unsigned i = 0; i < keys; i++) {
        struct pp_id key = net_random_id(&state);
        for (size_t j = 0; j < net->n; j++) {
            if (is_active(net->node[j])) {
                enum pp_covers says = peerpost_plugin.covers(net->node[j], &key, k);
                bool is = among(net, j, &key, k);
                *sure += says != PP_COVERS_UNKNOWN;
                wrong += (says == PP_COVERS_NO && is) || (says == PP_COVERS_YES && !is);
            }
        }
    }
    return wrong;
}
