/* A small network of Pastry nodes, and a lone one that is told of peers by number. */
#ifndef PASTRY_NET_H
#define PASTRY_NET_H

#include <small_net.h>
#include <stdio.h>
#include <substrate-pastry/pastry.h>

static inline void pastry_start(struct net *net, unsigned bits, unsigned leaves)
{
    char b[20], l[20];
    const char *const settings[] = {b, l, NULL};
    snprintf(b, sizeof b, "bits=%u", bits);
    snprintf(l, sizeof l, "leaves=%u", leaves);
    net_start(net, settings, false);
}

/* Has founded a network of its own. */
static inline struct pp_substrate_node *pastry_lone(struct net *net, unsigned bits, unsigned leaves,
                                                    uint16_t id)
{
    pastry_start(net, bits, leaves);
    size_t node = net_add(net, id, PP_MEMBER);
    peerpost_plugin.meet(net->node[node], net->now, NULL, 0);
    return net->node[node];
}

static inline struct pp_peer pastry_peer(uint16_t id)
{
    struct pp_peer peer = {.udp = 4700, .http = 8470};
    pp_put16(peer.id.b, id);
    peer.id.b[19] = 1;
    pp_put32(peer.address + 8, 0xffff);
    peer.address[12] = 10;
    pp_put16(peer.address + 14, id);
    return peer;
}

/* It has answered in so many milliseconds, 0: not measured. */
static inline void pastry_know(struct net *net, struct pp_substrate_node *n, uint16_t id,
                               unsigned ms)
{
    struct pp_peer peer = pastry_peer(id);
    n->r.m.sample = ms * PP_MS;
    n->r.m.ops->learn(&n->r.m, net->now, &peer, 0);
    n->r.m.sample = 0;
}

static inline struct pp_entry *pastry_known(const struct pp_substrate_node *n, uint16_t id)
{
    struct pp_peer peer = pastry_peer(id);
    return pp_roster_entry(&n->r.m, &peer.id);
}

static inline void pastry_lose(struct net *net, struct pp_substrate_node *n, uint16_t id)
{
    struct pp_peer peer = pastry_peer(id);
    n->r.m.ops->forget(&n->r.m, net->now, &peer.id);
}

/* The datagram of this kind that was sent last and is under way; NULL: none. */
static inline const struct flight *pastry_flight(const struct net *net, unsigned kind)
{
    for (size_t i = net->n_flights; i-- > 0;) {
        if (net->flights[i].octets[0] == kind) {
            return &net->flights[i];
        }
    }
    return NULL;
}

#endif
