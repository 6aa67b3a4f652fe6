/* Peers for the tests of this folder: number n has id n.., address 10.0.0.n. */
#ifndef PEERS_H
#define PEERS_H

#include <peerpost/id.h>

static inline struct pp_peer peer_number(uint8_t n)
{
    struct pp_peer peer = {.udp = 4700, .http = 8470};
    peer.id.b[0] = n;
    peer.address[10] = peer.address[11] = 0xff;
    peer.address[12] = 10;
    peer.address[15] = n;
    return peer;
}

static inline struct pp_peer peer_v6(uint8_t n)
{
    struct pp_peer peer = peer_number(n);
    memcpy(peer.address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 15);
    return peer;
}

#endif
