/*
 * The network of the world: who hears whom, when, and what is lost. Endpoint numbers are written
 * into IPv4-mapped addresses 10.x.y.z, so that an address leads back to its node.
 */
#include <sim/world/internal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UDP_PORT 4700
#define HTTP_PORT 8470

size_t world_endpoint(struct pp_world *w, size_t member, struct pp_peer *self)
{
    if (w->n_at == w->cap_at) {
        w->cap_at = w->cap_at ? 2 * w->cap_at : 64;
        w->at = need(realloc(w->at, w->cap_at * sizeof *w->at));
    }
    size_t number = w->n_at++;
    w->at[number] = (uint32_t)member + 1;
    memset(self->address, 0, 10);
    self->address[10] = self->address[11] = 0xff;
    pp_put32(self->address + 12, 0x0a000000u | (uint32_t)(number + 1));
    self->udp = UDP_PORT;
    self->http = HTTP_PORT;
    return number;
}

size_t pp_world_at(const struct pp_world *w, const struct pp_peer *peer)
{
    uint32_t number = (pp_get32(peer->address + 12) & 0xffffffu) - 1;
    if (!pp_address_is_v4(peer->address) || peer->address[12] != 10 || number >= w->n_at ||
        peer->udp != UDP_PORT) {
        return SIZE_MAX;
    }
    size_t member = w->at[number] - 1;
    return pp_peer_same_endpoint(&w->members[member]->self, peer) ? member : SIZE_MAX;
}

static uint32_t new_datagram(struct pp_world *w)
{
    if (w->free_datagram) {
        uint32_t i = w->free_datagram - 1;
        w->free_datagram = w->datagrams[i].next_free;
        return i;
    }
    if (w->n_datagrams == w->cap_datagrams) {
        w->cap_datagrams = w->cap_datagrams ? 2 * w->cap_datagrams : 256;
        w->datagrams = need(realloc(w->datagrams, w->cap_datagrams * sizeof *w->datagrams));
    }
    return (uint32_t)w->n_datagrams++;
}

static void launch(struct pp_world *w, const struct member *from, const struct pp_peer *to,
                   struct pp_bytes payload)
{
    uint64_t spread = w->options.latency_max - w->options.latency_min + 1;
    pp_ns arrives = w->now + w->options.latency_min + pp_prng_below(&w->prng, spread);
    uint32_t i = new_datagram(w);
    struct datagram *d = &w->datagrams[i];
    *d = (struct datagram){from->index, (uint32_t)payload.len, from->self, *to, NULL, 0};
    d->octets = need(malloc(payload.len ? payload.len : 1));
    if (payload.len) {
        memcpy(d->octets, payload.data, payload.len);
    }
    need(pp_queue_set(&w->flights, i, arrives) ? w : NULL);
}

void world_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    struct member *m = ctx;
    struct pp_world *w = m->world;
    uint8_t forged[PP_PAYLOAD_MAX];
    if (w->options.forge) {
        size_t len = w->options.forge(w->options.forge_ctx, m->index, payload, forged);
        payload = len ? pp_bytes(forged, len) : payload;
    }
    w->counts.sent++;
    w->counts.octets += payload.len;
    size_t target = pp_world_at(w, to);
    bool drop = payload.len > PP_PAYLOAD_MAX || pp_prng_chance(&w->prng, w->options.loss);
    if (w->options.trace) {
        w->options.trace(w->options.trace_ctx, w->now, m->index, target, payload, drop);
    }
    if (drop) {
        w->counts.lost++;
        return;
    }
    launch(w, m, to, payload);
    if (pp_prng_chance(&w->prng, w->options.duplicate)) {
        launch(w, m, to, payload);
    }
}

void pp_world_inject(struct pp_world *w, size_t from, size_t to, struct pp_bytes payload)
{
    launch(w, w->members[from], &w->members[to]->self, payload);
}

/* What core's envelope lets through: the right node at that address, on our side of a partition. */
static bool passes(const struct member *from, const struct member *to, const struct datagram *d)
{
    return to->instance && from->side == to->side &&
           (pp_id_is_zero(&d->to.id) || pp_id_equal(&d->to.id, &to->self.id));
}

void world_deliver(struct pp_world *w, uint32_t flight)
{
    struct datagram d = w->datagrams[flight];
    w->datagrams[flight].octets = NULL;
    w->datagrams[flight].next_free = w->free_datagram;
    w->free_datagram = flight + 1;
    size_t target = pp_world_at(w, &d.to);
    if (target == SIZE_MAX || !passes(w->members[d.from], w->members[target], &d)) {
        w->counts.blocked++;
        free(d.octets);
        return;
    }
    struct member *m = w->members[target];
    struct pp_rx rx = {d.sender, pp_id_is_zero(&d.sender.id) ? 0 : PP_ID_PROVED};
    w->counts.delivered++;
    if (rx.facts) {
        world_remember(m, &d.sender);
    }
    w->options.plugin->receive(m->instance, w->now, &rx, pp_bytes(d.octets, d.len));
    free(d.octets);
    world_after(m);
}

void world_free_datagrams(struct pp_world *w)
{
    for (size_t i = 0; i < w->n_datagrams; i++) {
        free(w->datagrams[i].octets);
    }
    free(w->datagrams);
}
