/*
 * A network of a few Chord nodes whose insides a test may look at: a queue of datagrams, a fixed
 * latency, virtual time. IPv6 when asked, so that lists need more than one page.
 */
#ifndef NET_H
#define NET_H

#include <substrate-chord/chord.h>
#include <substrate-chord/messages.h>

#define NET_NODES 80
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

/* r: length of the lists. */
void net_start(struct net *net, unsigned r, bool v6);
void net_end(struct net *net);
/* A node whose id begins with these two octets; returns its index. */
size_t net_add(struct net *net, uint16_t id, enum pp_role role);
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

#endif
