/*
 * Any octets as a datagram: to an envelope that knows the sender, to one in the midst of a
 * handshake with it, and sealed under good keys as any kind. Never a fault, never more octets out
 * than in to who has shown no cookie.
 */
#include <overlay/envelope_internal.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE 64

static const struct pp_substrate plugin = {.plugin = {.name = "none"}, .wire = 1};
static struct pp_network network;
static struct pp_now now = {PP_HOUR, 1000 * PP_DAY};

static struct side {
    struct pp_envelope *envelope;
    EVP_PKEY *key;
    struct pp_peer self;
    uint64_t out;
    size_t n, len[QUEUE]; /* what it sent last */
    uint8_t data[QUEUE][PP_ENVELOPE_DATAGRAM];
} node, peer, stranger;

static void on_send(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes datagram)
{
    struct side *s = ctx;
    (void)address;
    (void)port;
    s->out += datagram.len;
    if (s->n < QUEUE) {
        s->len[s->n] = datagram.len;
        memcpy(s->data[s->n++], datagram.data, datagram.len);
    }
}

static void on_payload(void *ctx, const struct pp_rx *rx, struct pp_bytes payload)
{
    (void)ctx;
    if (payload.len > PP_PAYLOAD_MAX || rx->from.udp == 0) {
        abort();
    }
}

static void on_proved(void *ctx, const struct pp_peer *p, unsigned flags)
{
    (void)ctx;
    (void)flags;
    if (pp_id_is_zero(&p->id)) {
        abort();
    }
}

static void on_observed(void *ctx, const struct pp_peer *p, const uint8_t address[16],
                        uint16_t port)
{
    (void)ctx;
    (void)p;
    (void)address;
    (void)port;
}

static void on_mismatch(void *ctx, const struct pp_peer *who, const char *sentence)
{
    (void)ctx;
    (void)who;
    if (sentence[0] == '\0') {
        abort();
    }
}

static void on_callback(void *ctx, const uint8_t nonce[PP_CALLBACK_NONCE])
{
    (void)ctx;
    (void)nonce;
}

static int on_check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    uint8_t point[PP_POINT];
    (void)ctx;
    (void)wall;
    if (pp_certificate_point(point, der) != PP_OK) {
        return PP_MALFORMED;
    }
    *id = pp_point_id(point);
    return PP_OK;
}

static const struct pp_envelope_host host = {on_send,     on_payload,  on_payload,  on_proved,
                                             on_observed, on_mismatch, on_callback, on_check};

static void open_side(struct side *s, uint8_t last)
{
    struct pp_buf der = {0};
    X509 *x = X509_new();
    uint8_t *octets = NULL;
    if (pp_ephemeral_key(&s->key) != PP_OK || !x) {
        abort();
    }
    X509_set_pubkey(x, s->key);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_sign(x, s->key, EVP_sha256());
    int len = i2d_X509(x, &octets);
    pp_buf_add(&der, octets, (size_t)len);
    struct pp_envelope_options o = {
        .network = &network, .key = s->key, .certificate = pp_buf_bytes(&der)};
    if (pp_envelope_create(&s->envelope, &o, &host, s, NULL) != PP_OK) {
        abort();
    }
    pp_address_parse(s->self.address, "127.0.0.1");
    s->self.address[15] = last;
    s->self.udp = 4000;
    OPENSSL_free(octets);
    X509_free(x);
    pp_buf_free(&der);
}

static void give(struct side *to, const struct side *from, const uint8_t *data, size_t len)
{
    pp_envelope_input(to->envelope, now, from->self.address, from->self.udp, pp_bytes(data, len));
}

static void exchange(struct side *a, struct side *b)
{
    while (a->n > 0 || b->n > 0) {
        struct side *from = a->n > 0 ? a : b, *to = from == a ? b : a;
        uint8_t data[PP_ENVELOPE_DATAGRAM];
        size_t len = from->len[0];
        memcpy(data, from->data[0], len);
        from->n--;
        memmove(from->data[0], from->data[1], from->n * PP_ENVELOPE_DATAGRAM);
        memmove(&from->len[0], &from->len[1], from->n * sizeof from->len[0]);
        give(to, from, data, len);
    }
}

static void begin(void)
{
    pp_network_init(&network, &plugin, NULL, "fuzz", 5);
    open_side(&node, 1);
    open_side(&peer, 2);
    open_side(&stranger, 3);
}

/* A handshake that the node begins is answered by the input, with the right salt. */
static void answer_handshake(const uint8_t *data, size_t size)
{
    uint8_t copy[PP_ENVELOPE_DATAGRAM];
    if (size < 2 + PP_SALT || size > sizeof copy) {
        return;
    }
    pp_envelope_ask(node.envelope, now, &stranger.self);
    struct pp_known *k = pp_peers_find(&node.envelope->peers, stranger.self.address, 4000);
    if (k && k->pending) {
        memcpy(copy, data, size);
        memcpy(copy + 2, k->pending->salt_a, PP_SALT);
        give(&node, &stranger, copy, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!node.envelope) {
        begin();
    }
    now.mono += PP_SECOND;
    struct pp_known *known = pp_peers_find(&peer.envelope->peers, node.self.address, 4000);
    struct pp_session *s = known ? pp_session_to_use(known, now.mono, PP_KEY_LIFE) : NULL;
    if (!s) {
        pp_envelope_send(peer.envelope, now, &node.self, pp_str("hello"));
        exchange(&peer, &node);
        return 0;
    }
    uint64_t before = node.out;
    give(&node, &stranger, data, size); /* it has shown no cookie, and never does */
    if (node.out - before > size) {
        abort();
    }
    give(&node, &peer, data, size);
    if (size > 0 && size <= PP_PAYLOAD_MAX) {
        pp_envelope_seal(peer.envelope, known, s, data[0] % 16, pp_bytes(data + 1, size - 1));
    }
    answer_handshake(data, size);
    node.n = 0;
    exchange(&peer, &node);
    pp_envelope_tick(node.envelope, now);
    node.n = peer.n = 0;
    return 0;
}
