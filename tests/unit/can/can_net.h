/* A small network of CAN nodes in two dimensions, and words told to one of them by hand. */
#ifndef CAN_NET_H
#define CAN_NET_H

#include <small_net.h>
#include <substrate-can/can.h>

/* The settings of all, and one more. */
static inline void can_start(struct net *net, const char *setting)
{
    const char *const settings[] = {"dimensions=2", setting, NULL};
    net_start(net, settings, false);
}

/* A zone by its bits, "0110". */
static inline struct can_zone can_bits(const char *bits, enum can_hold hold)
{
    struct can_zone zone = {0};
    for (; *bits; bits++) {
        zone = can_half(zone, *bits == '1');
    }
    zone.hold = (uint8_t)hold;
    return zone;
}

/* A peer whose point lies in the middle of the zone. */
static inline struct pp_peer can_peer(const char *bits, uint8_t number)
{
    struct can_space space = can_space(2);
    struct pp_peer peer = {.id = can_middle(&space, can_bits(bits, CAN_HOME)), .udp = 4700};
    peer.id.b[19] = number;
    pp_put32(peer.address + 8, 0xffff);
    peer.address[12] = 10;
    peer.address[14] = 1;
    peer.address[15] = number;
    return peer;
}

/* A lone node that holds these zones, "00 01 1": the first is its home. */
static inline struct pp_substrate_node *can_lone(struct net *net, const char *zones)
{
    char bits[40];
    can_start(net, NULL);
    size_t node = net_add(net, 0x8000, PP_MEMBER);
    struct pp_substrate_node *n = net->node[node];
    peerpost_plugin.meet(n, net->now, NULL, 0);
    can_zones_free(&n->zones);
    for (; *zones; zones += strspn(zones, " ")) {
        size_t len = strcspn(zones, " ");
        memcpy(bits, zones, len);
        bits[len] = '\0';
        can_zones_add(&n->zones, can_bits(bits, n->zones.n == 0 ? CAN_HOME : CAN_WARD));
        zones += len;
    }
    return n;
}

/* Its word reaches node 0: zones as above, `version`, active or not, proved or not. */
static inline void can_tell(struct net *net, const struct pp_peer *from, struct can_zones zones,
                            uint32_t version, uint8_t flags, uint32_t facts)
{
    static struct pp_substrate_node teller; /* without neighbours */
    struct pp_writer w;
    teller.zones = zones;
    teller.version = version;
    pp_writer_begin(&w, CAN_STATE, flags, 0x55);
    can_write_word(&w, &teller, 0, false, NULL);
    net_inject(net, from, 0, &w, facts);
}

/* The same of one home. */
static inline void can_tell_home(struct net *net, const struct pp_peer *from, const char *home)
{
    struct can_zone zone = can_bits(home, CAN_HOME);
    can_tell(net, from, (struct can_zones){&zone, 1}, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
}

/* Is this zone held so, at this place? */
static inline bool can_holds(const struct pp_substrate_node *n, size_t at, const char *bits,
                             enum can_hold hold)
{
    return at < n->zones.n && can_zone_equal(n->zones.at[at], can_bits(bits, hold)) &&
           n->zones.at[at].hold == hold;
}

#endif
