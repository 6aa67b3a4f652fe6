/*
 * The envelope around every substrate datagram (docs/security.md): it proves a sender's address,
 * and for nodes id and chain, before a substrate sees an octet, and hides the octets from others.
 * Octets in, octets out, time as an argument; it owns no socket.
 *
 *   HELLO    1,200 octets: network hash and text, salt A, a P-256 key, the id wanted
 *   WELCOME  certificate, salt B, cookie; nothing is remembered yet
 *   REFUSE   instead, when the networks differ: our network's text
 *   FINISH   cookie back, then sealed: our certificate, our cookie for the peer
 *   ACCEPT   sealed: the endpoint at which we see the peer
 *   DATA     sealed: a substrate's datagram;  CONTROL: core's own;  ASK, TELL: "who are you now?"
 *   RESET    the key is unknown here (we restarted): shake hands again
 *   CALLBACK 16 octets that only a node that was asked to call back can know
 *
 * Sealed = version 1, kind 1, key tag 4, sequence 8, the receiver's cookie 16, then AES-128-GCM
 * over flags 1, HTTP port 2 and the payload.
 */
#ifndef PP_OVERLAY_ENVELOPE_H
#define PP_OVERLAY_ENVELOPE_H

#include <openssl/types.h>
#include <overlay/network.h>
#include <overlay/rate.h>
#include <peerpost/substrate.h>

#define PP_ENVELOPE_DATAGRAM 1200
#define PP_ENVELOPE_CERTIFICATE_MAX 1024
#define PP_CALLBACK_NONCE 16

/* What a peer says of itself in every sealed datagram. */
#define PP_PEER_MEMBER 0x1u /* runs a member instance: its id may enter tables */
#define PP_PEER_ACTIVE 0x2u /* and that is whole */

struct pp_envelope;

/* Called inside pp_envelope_input, _send and _tick; none may call the envelope again but `send` of
 * the socket. All lent. */
struct pp_envelope_host {
    void (*send)(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes datagram);
    void (*receive)(void *ctx, const struct pp_rx *rx, struct pp_bytes payload);
    void (*control)(void *ctx, const struct pp_rx *rx, struct pp_bytes payload);
    /* A node (it has a certificate) proved itself, or its flags changed, or it answered an ask. */
    void (*proved)(void *ctx, const struct pp_peer *peer, unsigned flags);
    /* The peer sees our datagrams come from there. */
    void (*observed)(void *ctx, const struct pp_peer *peer, const uint8_t address[16],
                     uint16_t port);
    /* A peer refused us: it belongs to another network. */
    void (*mismatch)(void *ctx, const struct pp_peer *peer, const char *sentence);
    void (*callback)(void *ctx, const uint8_t nonce[PP_CALLBACK_NONCE]);
    /* Is this DER a good node certificate now? Its key's hash is *id. 0 or negative. */
    int (*check)(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id);
};

struct pp_envelope_options {
    const struct pp_network *network; /* borrowed */
    EVP_PKEY *key;                    /* borrowed; NULL: a client, with a key of this run */
    struct pp_bytes certificate;      /* copied; a client's is empty */
    const struct pp_cidr *exempt;     /* borrowed: sources free of bounds */
    size_t n_exempt;
};

/* ! PP_CONFIG (key is no P-256 key, certificate too long), PP_NOMEM, PP_CRYPTO */
int pp_envelope_create(struct pp_envelope **envelope, const struct pp_envelope_options *options,
                       const struct pp_envelope_host *host, void *ctx, struct pp_error *error);
void pp_envelope_destroy(struct pp_envelope *e);
/* What we say of ourselves from now on. */
void pp_envelope_say(struct pp_envelope *e, unsigned flags, uint16_t http);

void pp_envelope_input(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                       uint16_t port, struct pp_bytes datagram);
/* At most PP_PAYLOAD_MAX octets; a first one waits for the handshake. May be lost. */
void pp_envelope_send(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to,
                      struct pp_bytes payload);
void pp_envelope_control(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to,
                         struct pp_bytes payload);
/* Shakes hands, or asks a known peer who it is now: `proved` if it answers. */
void pp_envelope_ask(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to);
/* The datagram that carries `nonce` to where someone asked to be called back. */
size_t pp_envelope_callback(uint8_t out[PP_ENVELOPE_DATAGRAM],
                            const uint8_t nonce[PP_CALLBACK_NONCE]);
void pp_envelope_tick(struct pp_envelope *e, struct pp_now now);
pp_ns pp_envelope_next(const struct pp_envelope *e); /* mono */

struct pp_envelope_counts {
    uint64_t handshakes, refused_network, dropped_bad, dropped_rate;
    size_t peers, pending;
};
void pp_envelope_counts(const struct pp_envelope *e, struct pp_envelope_counts *out);

#endif
