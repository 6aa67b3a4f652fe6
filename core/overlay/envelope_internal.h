/*
 * Inside the envelope: what envelope.c (sealed datagrams) and the two sides of the handshake,
 * envelope_initiate.c and envelope_respond.c, share.
 */
#ifndef PP_OVERLAY_ENVELOPE_INTERNAL_H
#define PP_OVERLAY_ENVELOPE_INTERNAL_H

#include <overlay/envelope.h>
#include <overlay/envelope_peers.h>

#define PP_ENVELOPE_VERSION 1
#define PP_HEADER 30 /* version, kind, tag, sequence, cookie */
#define PP_PREFIX 3  /* flags, HTTP port */

enum pp_envelope_kind {
    PP_HELLO = 1,
    PP_WELCOME,
    PP_FINISH,
    PP_ACCEPT,
    PP_REFUSE,
    PP_DATA,
    PP_CONTROL,
    PP_ASK,
    PP_TELL,
    PP_RESET,
    PP_CALLBACK
};

/*
 * HELLO    version, kind, network hash 8, salt A 16, point 65, id wanted 20, text length 2, text,
 *          zeros up to 1,200 octets
 * WELCOME  version, kind, salt A 16, salt B 16, cookie 16, time 8, certificate length 2,
 *          certificate
 * REFUSE   version, kind, salt A 16, text length 2, text
 * FINISH   version, kind, cookie 16, time 8, salt A 16, point 65, sealed under sequence 0:
 *          flags 1, HTTP port 2, our cookie 16, certificate length 2, certificate
 */
#define PP_HELLO_FIXED (2 + PP_NETWORK_HASH + PP_SALT + PP_POINT + PP_ID_LEN + 2)
#define PP_WELCOME_FIXED (2 + 2 * PP_SALT + PP_COOKIE + 8 + 2)
#define PP_FINISH_CLEAR (2 + PP_COOKIE + 8 + PP_SALT + PP_POINT)
#define PP_FINISH_TEXT (PP_PREFIX + PP_COOKIE + 2)

_Static_assert(PP_HELLO_FIXED + PP_NETWORK_TEXT_MAX <= PP_ENVELOPE_DATAGRAM, "HELLO fits");
_Static_assert(PP_WELCOME_FIXED + PP_ENVELOPE_CERTIFICATE_MAX <= PP_ENVELOPE_DATAGRAM,
               "WELCOME fits");
_Static_assert(PP_FINISH_CLEAR + PP_FINISH_TEXT + PP_ENVELOPE_CERTIFICATE_MAX + PP_GCM_TAG <=
                   PP_ENVELOPE_DATAGRAM,
               "FINISH fits");

#define PP_REKEY (60 * PP_MINUTE)
#define PP_KEY_LIFE (70 * PP_MINUTE)   /* no longer used after */
#define PP_SECRET_LIFE (5 * PP_MINUTE) /* of the cookies' secret; the one before is valid too */
#define PP_PENDING_MAX 512
#define PP_SOURCE_RATE 200.0f /* datagrams a second a source, and a peer; burst twice that */
#define PP_SHAKE_RATE 500.0f  /* handshakes a second, all */

struct pp_envelope {
    const struct pp_envelope_host *host;
    void *ctx;
    const struct pp_network *network;
    EVP_PKEY *key;
    bool own_key; /* made here: a client's */
    uint8_t point[PP_POINT];
    struct pp_id id; /* zero: a client */
    struct pp_buf certificate;
    const struct pp_cidr *exempt;
    size_t n_exempt;
    unsigned flags;
    uint16_t http;
    struct pp_gcm *gcm;
    struct pp_peers peers;
    struct pp_rates rates;
    struct pp_bucket shakes, hellos;
    uint8_t secret[2][32]; /* of cookies: this one, the one before */
    pp_ns secret_since;
    struct pp_envelope_counts counts;
};

bool pp_envelope_is_exempt(const struct pp_envelope *e, const uint8_t address[16]);
/* May a datagram from this source, with no session of ours, be looked at? Counts if not. */
bool pp_envelope_admits(struct pp_envelope *e, pp_ns now, const uint8_t address[16]);
/* Seals under a session and sends. */
void pp_envelope_seal(struct pp_envelope *e, struct pp_known *to, struct pp_session *session,
                      enum pp_envelope_kind kind, struct pp_bytes payload);

/* ---- envelope_initiate.c, envelope_respond.c ---- */

/* Begins unless one is under way or none may begin yet; a payload (may be empty) waits for it. */
void pp_shake_begin(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                    const struct pp_id *wanted);
void pp_shake_wait(struct pp_pending *pending, enum pp_envelope_kind kind, struct pp_bytes payload);
/* A session with known is there: what waited goes out, and the host is told. */
void pp_shake_complete(struct pp_envelope *e, struct pp_now now, struct pp_known *known);
void pp_shake_tick(struct pp_envelope *e, struct pp_now now);
void pp_shake_hello(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                    uint16_t port, struct pp_bytes in);
void pp_shake_welcome(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                      struct pp_bytes in);
void pp_shake_refuse(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                     struct pp_bytes in);
void pp_shake_finish(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                     uint16_t port, struct pp_bytes in);

#endif
