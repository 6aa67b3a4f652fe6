/*
 * A wire in memory between envelopes: what one sends lies in a queue until the test delivers,
 * drops, repeats, swaps or damages it. Nodes prove themselves with the DER that is their id's key.
 */
#ifndef WIRE_H
#define WIRE_H

#include <overlay/envelope.h>

#define WIRE_MAX 4096

struct datagram {
    struct end *from;
    uint8_t to[16];
    uint16_t port;
    size_t len;
    uint8_t data[PP_ENVELOPE_DATAGRAM];
};

struct end {
    struct wire *wire;
    struct pp_envelope *envelope;
    struct pp_network network;
    struct pp_peer self;
    EVP_PKEY *key;
    struct pp_buf certificate;
    uint64_t octets_in, octets_out;
    /* what came out of it */
    int received, controls, proofs, callbacks, observations;
    struct pp_rx last_rx;
    uint8_t last[PP_PAYLOAD_MAX];
    size_t last_len;
    struct pp_peer last_proved;
    unsigned last_flags;
    uint8_t observed[16];
    uint16_t observed_port;
    char mismatch[400];
    int distrust; /* check() refuses everybody with this */
};

struct wire {
    struct pp_now now;
    struct end ends[4];
    size_t n_ends;
    struct datagram *queue;
    size_t n;
};

void wire_init(struct wire *w);
void wire_finish(struct wire *w);
/* A node (or client) at 127.9.0.n, k its network's; flags said. */
struct end *wire_add(struct wire *w, bool node, unsigned k);
/* Delivers the i-th datagram and takes it out. */
void wire_deliver(struct wire *w, size_t i);
void wire_drop(struct wire *w, size_t i);
/* Delivers and ticks until nothing moves. */
void wire_settle(struct wire *w);
/* Lets time pass, ticking at every deadline, and settles. */
void wire_pass(struct wire *w, pp_ns time);
void wire_send(struct end *from, const struct end *to, const char *text);
/* Brings octets to an end as if they came from there. */
void wire_inject(struct end *to, const struct end *from, struct pp_bytes octets);

#endif
