/*
 * A network of a few nodes of the substrate that is linked in, whose insides a test may look at: a
 * queue of datagrams, a fixed latency, virtual time. IPv6 when asked, so that lists need more than
 * one page. Knows of a node only that it begins with a struct pp_member.
 */
#ifndef SMALL_NET_H
#define SMALL_NET_H

#include <common/member.h>

#define NET_NODES 160
#define NET_FLIGHTS 16384

struct flight {
    pp_ns at;
    size_t from, to;
    size_t len;
    uint8_t *octets;
};

struct net {
    struct pp_net *plugin_net;
    struct pp_substrate_node *node[NET_NODES]; /* NULL: none */
    struct pp_peer self[NET_NODES];
    struct at {
        struct net *net;
        size_t index;
    } ctx[NET_NODES];
    enum pp_state state[NET_NODES];
    size_t n;
    pp_ns now;
    bool v6;
    struct flight flights[NET_FLIGHTS];
    size_t n_flights;
    uint64_t sent[256];                  /* by kind */
    bool (*lose)(const struct flight *); /* NULL: nothing is lost */
    size_t found;
    struct pp_result result;
    struct pp_peer peers[PP_K_MAX];
};

extern const struct pp_substrate peerpost_plugin;

/* settings: "option=value", the last NULL, or NULL: the defaults. */
void net_start(struct net *net, const char *const *settings, bool v6);
void net_end(struct net *net);
/* A node whose id begins with these two octets; returns its index. */
size_t net_add(struct net *net, uint16_t id, enum pp_role role);
size_t net_add_at(struct net *net, const struct pp_id *id, enum pp_role role);
/* Tables of all as after long quiet. */
void net_arrange(struct net *net);
void net_kill(struct net *net, size_t node);
/* n members with ids spread over the ring, tables as after long quiet. */
void net_ring(struct net *net, size_t n);
void net_meet(struct net *net, size_t node, size_t contact);
void net_run(struct net *net, pp_ns time);
/* As if `from` had sent this to `to`; proved unless told otherwise. */
void net_inject(struct net *net, const struct pp_peer *from, size_t to, const struct pp_writer *w,
                uint32_t facts);
/* Breaches among all active nodes. */
size_t net_check(struct net *net);
/* Looks up and waits for the answer, which is in net->result and net->peers. */
int net_lookup(struct net *net, size_t node, uint16_t key, unsigned k);
int net_lookup_id(struct net *net, size_t node, const struct pp_id *key, unsigned k);
/* The k active members closest to the key by `rank`, best first; how many. */
size_t net_closest(const struct net *net, const struct pp_id *key, unsigned k,
                   size_t out[PP_K_MAX]);
/* Asks and compares with them, peer by peer. */
bool net_exact(struct net *net, size_t node, const struct pp_id *key, unsigned k);
/* Ids at random, always the same for the same state. */
struct pp_id net_random_id(uint64_t *state);
/* Over so many random keys: nodes that say NO though they are among the k closest, and YES though
 * they are not: must be none. *sure: how many said YES or NO. */
size_t net_false_covers(struct net *net, unsigned keys, unsigned k, size_t *sure);

#endif
