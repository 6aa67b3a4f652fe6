/*
 * A UDP socket on the loop. Reads and writes in batches (recvmmsg, sendmmsg); sends queue until the
 * end of the turn and may be lost. Addresses are 16 octets, IPv4 mapped.
 */
#ifndef PP_IO_UDP_H
#define PP_IO_UDP_H

#include <io/loop.h>
#include <peerpost/bytes.h>

#define PP_DATAGRAM_MAX 1200

struct pp_udp;
typedef void pp_udp_fn(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes bytes);

/* Binds; port 0 picks one; fn NULL: nothing is read. The error's sentence names address, port and
 * cure. ! PP_IO */
int pp_udp_open(struct pp_udp **udp, struct pp_loop *loop, const uint8_t address[16], uint16_t port,
                pp_udp_fn *fn, void *ctx, struct pp_error *error);
uint16_t pp_udp_port(const struct pp_udp *udp);
void pp_udp_send(struct pp_udp *udp, const uint8_t address[16], uint16_t port,
                 struct pp_bytes bytes);
void pp_udp_close(struct pp_udp *udp);

#endif
