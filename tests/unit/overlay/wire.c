/* The wire of the envelope's tests; see wire.h. */
#include "wire.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <overlay/envelope_crypto.h>
#include <stdlib.h>

static const struct pp_substrate plugin = {
    .plugin = {.abi = PP_SUBSTRATE_ABI, .kind = PP_KIND_SUBSTRATE, .name = "none"}, .wire = 1};

static void on_send(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes datagram)
{
    struct end *end = ctx;
    struct wire *w = end->wire;
    CHECK_FATAL(w->n < WIRE_MAX);
    struct datagram *d = &w->queue[w->n++];
    d->from = end;
    memcpy(d->to, address, 16);
    d->port = port;
    d->len = datagram.len;
    memcpy(d->data, datagram.data, datagram.len);
    end->octets_out += datagram.len;
}

static void on_receive(void *ctx, const struct pp_rx *rx, struct pp_bytes payload)
{
    struct end *end = ctx;
    end->received++;
    end->last_rx = *rx;
    end->last_len = payload.len;
    memcpy(end->last, payload.data, payload.len);
}

static void on_control(void *ctx, const struct pp_rx *rx, struct pp_bytes payload)
{
    (void)rx;
    (void)payload;
    ((struct end *)ctx)->controls++;
}

static void on_proved(void *ctx, const struct pp_peer *peer, unsigned flags)
{
    struct end *end = ctx;
    end->proofs++;
    end->last_proved = *peer;
    end->last_flags = flags;
}

static void on_observed(void *ctx, const struct pp_peer *peer, const uint8_t address[16],
                        uint16_t port)
{
    (void)peer;
    struct end *end = ctx;
    end->observations++;
    memcpy(end->observed, address, 16);
    end->observed_port = port;
}

static void on_mismatch(void *ctx, const struct pp_peer *peer, const char *sentence)
{
    struct end *end = ctx;
    (void)peer;
    snprintf(end->mismatch, sizeof end->mismatch, "%s", sentence);
}

static void on_callback(void *ctx, const uint8_t nonce[PP_CALLBACK_NONCE])
{
    struct end *end = ctx;
    end->callbacks += nonce[0] == 42;
}

static int on_check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    struct end *end = ctx;
    uint8_t point[PP_POINT];
    (void)wall;
    if (end->distrust) {
        return end->distrust;
    }
    if (pp_certificate_point(point, der) != PP_OK) {
        return PP_MALFORMED;
    }
    *id = pp_point_id(point);
    return PP_OK;
}

static const struct pp_envelope_host host = {
    .send = on_send,
    .receive = on_receive,
    .control = on_control,
    .proved = on_proved,
    .observed = on_observed,
    .mismatch = on_mismatch,
    .callback = on_callback,
    .check = on_check,
};

/* The barest certificate: self-signed, nothing in it but the key. */
static void make_certificate(struct end *end)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, end->key);
    CHECK_FATAL(X509_sign(x, end->key, EVP_sha256()) > 0);
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    pp_buf_add(&end->certificate, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
}

void wire_init(struct wire *w)
{
    memset(w, 0, sizeof *w);
    w->now = (struct pp_now){PP_HOUR, 1000 * PP_DAY};
    w->queue = calloc(WIRE_MAX, sizeof *w->queue);
    CHECK_FATAL(w->queue != NULL);
}

void wire_finish(struct wire *w)
{
    for (size_t i = 0; i < w->n_ends; i++) {
        pp_envelope_destroy(w->ends[i].envelope);
        pp_network_finish(&w->ends[i].network);
        EVP_PKEY_free(w->ends[i].key);
        pp_buf_free(&w->ends[i].certificate);
    }
    free(w->queue);
}

struct end *wire_add(struct wire *w, bool node, unsigned k)
{
    struct end *end = &w->ends[w->n_ends++];
    char address[32];
    struct pp_error error;
    end->wire = w;
    snprintf(address, sizeof address, "127.9.0.%zu", w->n_ends);
    CHECK_FATAL(pp_address_parse(end->self.address, address) == PP_OK);
    end->self.udp = 4000;
    CHECK_FATAL(pp_network_init(&end->network, &plugin, NULL, "test", k) == PP_OK);
    struct pp_envelope_options options = {.network = &end->network};
    if (node) {
        uint8_t point[PP_POINT];
        CHECK_FATAL(pp_ephemeral_key(&end->key) == PP_OK);
        make_certificate(end);
        CHECK_FATAL(pp_point_of(point, end->key) == PP_OK);
        end->self.id = pp_point_id(point);
        end->self.http = 8000;
        options.key = end->key;
        options.certificate = pp_buf_bytes(&end->certificate);
    }
    CHECK_FATAL(pp_envelope_create(&end->envelope, &options, &host, end, &error) == PP_OK);
    pp_envelope_say(end->envelope, node ? PP_PEER_MEMBER | PP_PEER_ACTIVE : 0, end->self.http);
    return end;
}

void wire_drop(struct wire *w, size_t i)
{
    memmove(&w->queue[i], &w->queue[i + 1], (w->n - i - 1) * sizeof *w->queue);
    w->n--;
}

void wire_inject(struct end *to, const struct end *from, struct pp_bytes octets)
{
    to->octets_in += octets.len;
    pp_envelope_input(to->envelope, to->wire->now, from->self.address, from->self.udp, octets);
}

void wire_deliver(struct wire *w, size_t i)
{
    struct datagram d = w->queue[i];
    wire_drop(w, i);
    for (size_t j = 0; j < w->n_ends; j++) {
        struct end *end = &w->ends[j];
        if (memcmp(end->self.address, d.to, 16) == 0 && end->self.udp == d.port) {
            wire_inject(end, d.from, pp_bytes(d.data, d.len));
        }
    }
}

void wire_settle(struct wire *w)
{
    while (w->n > 0) {
        wire_deliver(w, 0);
    }
}

void wire_pass(struct wire *w, pp_ns time)
{
    pp_ns end = w->now.mono + time;
    wire_settle(w);
    for (;;) {
        pp_ns next = PP_NEVER;
        for (size_t i = 0; i < w->n_ends; i++) {
            pp_ns at = pp_envelope_next(w->ends[i].envelope);
            next = at < next ? at : next;
        }
        if (next > end) {
            break;
        }
        w->now.wall += next > w->now.mono ? next - w->now.mono : 0;
        w->now.mono = next > w->now.mono ? next : w->now.mono;
        for (size_t i = 0; i < w->n_ends; i++) {
            pp_envelope_tick(w->ends[i].envelope, w->now);
        }
        wire_settle(w);
    }
    w->now.wall += end - w->now.mono;
    w->now.mono = end;
}

void wire_send(struct end *from, const struct end *to, const char *text)
{
    pp_envelope_send(from->envelope, from->wire->now, &to->self, pp_str(text));
}
