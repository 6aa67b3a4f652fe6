/* A small network of Tapestry nodes. */
#ifndef TAPESTRY_NET_H
#define TAPESTRY_NET_H

#include <small_net.h>
#include <stdio.h>
#include <substrate-tapestry/tapestry.h>

static inline void tapestry_start(struct net *net, unsigned bits, unsigned backups,
                                  unsigned siblings)
{
    char b[20], c[20], s[20];
    const char *const settings[] = {b, c, s, NULL};
    snprintf(b, sizeof b, "bits=%u", bits);
    snprintf(c, sizeof c, "backups=%u", backups);
    snprintf(s, sizeof s, "siblings=%u", siblings);
    net_start(net, settings, false);
}

static inline void tapestry_scatter(struct net *net, unsigned bits, unsigned backups,
                                    unsigned siblings, size_t n)
{
    uint64_t state = bits;
    tapestry_start(net, bits, backups, siblings);
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = net_random_id(&state);
        net_add_at(net, &id, PP_MEMBER);
    }
    net_arrange(net);
}

/* The datagram of this kind that was sent last and is under way; NULL: none. */
static inline const struct flight *tapestry_flight(const struct net *net, unsigned kind)
{
    for (size_t i = net->n_flights; i-- > 0;) {
        if (net->flights[i].octets[0] == kind) {
            return &net->flights[i];
        }
    }
    return NULL;
}

/* A peer at which nobody listens, with this id. */
static inline struct pp_peer tapestry_nobody(const struct pp_id *id, uint8_t number)
{
    struct pp_peer peer = {.id = *id, .udp = 5000, .http = 0};
    pp_put32(peer.address + 8, 0xffff);
    peer.address[12] = 10;
    peer.address[13] = 9;
    peer.address[15] = number;
    return peer;
}

static inline bool tapestry_points_back(const struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_order order = pp_roster_order(&n->t.r);
    return pp_peerset_find(&n->backpointers, &order, id) >= 0;
}

#endif
