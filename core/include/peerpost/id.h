/*
 * Keys, node ids, names and peers. A key or a node's id is 160 bits: the first 20 octets of a
 * SHA-256 (Kangasharju et al. 2003, section 2.1; computed by core alone). Arithmetic is modulo
 * 2^160, most significant octet first.
 */
#ifndef PEERPOST_ID_H
#define PEERPOST_ID_H

#include <stdbool.h>
#include <stdint.h>

#include <peerpost/bytes.h>

#define PP_ID_LEN 20
#define PP_ID_BITS 160
#define PP_K_MAX 32 /* the largest k of a network or look-up */

struct pp_id {
    uint8_t b[PP_ID_LEN];
};

/* SHA-256 of an object's identifier; its first 20 octets are the key. */
struct pp_name {
    uint8_t b[32];
};

/* How to reach a node. An id of zero: unknown, or a client. IPv4 is mapped into IPv6. Ports in host
 * order; 0 is unknown. One endpoint a peer. 40 octets. */
struct pp_peer {
    struct pp_id id;
    uint8_t address[16];
    uint16_t udp, http;
};
_Static_assert(sizeof(struct pp_peer) == 40, "a peer is 40 octets");

int pp_id_compare(const struct pp_id *a, const struct pp_id *b);
bool pp_id_equal(const struct pp_id *a, const struct pp_id *b);
bool pp_id_is_zero(const struct pp_id *a);
struct pp_id pp_id_add(const struct pp_id *a, const struct pp_id *b);
struct pp_id pp_id_sub(const struct pp_id *a, const struct pp_id *b); /* a - b mod 2^160 */
struct pp_id pp_id_xor(const struct pp_id *a, const struct pp_id *b);
/* 2^bit, bit 0..159. */
struct pp_id pp_id_power(unsigned bit);
/* Number of equal leading bits, 0..160. */
unsigned pp_id_shared_bits(const struct pp_id *a, const struct pp_id *b);
/* Is x in the clockwise interval (from, to]? The whole ring when from equals to. */
bool pp_id_in(const struct pp_id *x, const struct pp_id *from, const struct pp_id *to);
/* The first 64 bits as a number: for densities and logs. */
uint64_t pp_id_high(const struct pp_id *a);
struct pp_id pp_name_key(const struct pp_name *name);

/* Same address and UDP port. */
bool pp_peer_same_endpoint(const struct pp_peer *a, const struct pp_peer *b);
/* "192.0.2.1" or "2001:db8::1" into address; ! PP_MALFORMED. Text out: at most 46 octets. */
int pp_address_parse(uint8_t address[16], const char *text);
void pp_address_text(char out[46], const uint8_t address[16]);
bool pp_address_is_v4(const uint8_t address[16]);

#endif
