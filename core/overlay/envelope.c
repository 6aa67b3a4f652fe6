/*
 * Sealed datagrams in and out, and the envelope's life; see envelope.h. The handshake is in
 * envelope_initiate.c and envelope_respond.c, the table of peers in envelope_peers.c.
 */
#include <overlay/envelope_internal.h>

#include <base/hash.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define SEALED_MIN (PP_HEADER + PP_PREFIX + PP_GCM_TAG)
#define LATE (5 * PP_MINUTE) /* what was sent before the end of a key's life may still arrive */

/* ---- life ---- */

static int take_key(struct pp_envelope *e, const struct pp_envelope_options *o,
                    struct pp_error *error)
{
    e->key = o->key;
    if (!e->key) {
        e->own_key = true;
        if (pp_ephemeral_key(&e->key) != PP_OK) {
            return pp_fail(error, PP_CRYPTO, "cannot make a key for this run");
        }
    }
    if (pp_point_of(e->point, e->key) != PP_OK) {
        return pp_fail(error, PP_CONFIG,
                       "the node's key is not a P-256 key; have the certificate "
                       "authority issue one (peerpost-ca issue --node)");
    }
    if (o->certificate.len > PP_ENVELOPE_CERTIFICATE_MAX) {
        return pp_fail(error, PP_CONFIG,
                       "the node's certificate has %zu octets, and at most %d fit the first "
                       "datagrams; have a smaller one issued",
                       o->certificate.len, PP_ENVELOPE_CERTIFICATE_MAX);
    }
    if (o->certificate.len > 0) {
        e->id = pp_point_id(e->point);
        return pp_buf_add(&e->certificate, o->certificate.data, o->certificate.len);
    }
    return PP_OK;
}

int pp_envelope_create(struct pp_envelope **out, const struct pp_envelope_options *options,
                       const struct pp_envelope_host *host, void *ctx, struct pp_error *error)
{
    struct pp_envelope *e = calloc(1, sizeof *e);
    uint8_t secret[16];
    if (!e) {
        return pp_fail(error, PP_NOMEM, "out of memory for the envelope");
    }
    e->host = host;
    e->ctx = ctx;
    e->network = options->network;
    e->exempt = options->exempt;
    e->n_exempt = options->n_exempt;
    pp_random(e->secret, sizeof e->secret);
    pp_random(secret, sizeof secret);
    e->gcm = pp_gcm_create();
    int code = take_key(e, options, error);
    if (code == PP_OK && (!e->gcm || pp_peers_init(&e->peers, secret) != PP_OK ||
                          pp_rates_init(&e->rates, secret) != PP_OK)) {
        code = pp_fail(error, PP_NOMEM, "out of memory for the envelope");
    }
    if (code != PP_OK) {
        pp_envelope_destroy(e);
        return code;
    }
    *out = e;
    return PP_OK;
}

void pp_envelope_destroy(struct pp_envelope *e)
{
    if (!e) {
        return;
    }
    pp_peers_finish(&e->peers);
    pp_rates_finish(&e->rates);
    pp_gcm_destroy(e->gcm);
    pp_buf_free(&e->certificate);
    if (e->own_key) {
        EVP_PKEY_free(e->key);
    }
    OPENSSL_cleanse(e->secret, sizeof e->secret);
    free(e);
}

void pp_envelope_say(struct pp_envelope *e, unsigned flags, uint16_t http)
{
    e->flags = flags;
    e->http = http;
}

/* ---- out ---- */

void pp_envelope_seal(struct pp_envelope *e, struct pp_known *to, struct pp_session *session,
                      enum pp_envelope_kind kind, struct pp_bytes payload)
{
    uint8_t out[PP_ENVELOPE_DATAGRAM], text[PP_PREFIX + PP_PAYLOAD_MAX];
    uint64_t sequence = session->sequence++;
    out[0] = PP_ENVELOPE_VERSION;
    out[1] = (uint8_t)kind;
    memcpy(out + 2, session->tag, 4);
    pp_put64(out + 6, sequence);
    memcpy(out + 14, session->cookie_out, PP_COOKIE);
    text[0] = (uint8_t)e->flags;
    pp_put16(text + 1, e->http);
    if (payload.len > 0) {
        memcpy(text + PP_PREFIX, payload.data, payload.len);
    }
    size_t len = PP_PREFIX + payload.len;
    if (pp_gcm_seal(e->gcm, session->key_out, sequence, pp_bytes(out, PP_HEADER),
                    pp_bytes(text, len), out + PP_HEADER) == PP_OK) {
        e->host->send(e->ctx, to->peer.address, to->peer.udp,
                      pp_bytes(out, PP_HEADER + len + PP_GCM_TAG));
    }
}

static bool other_id(const struct pp_id *a, const struct pp_id *b)
{
    return !pp_id_is_zero(a) && !pp_id_is_zero(b) && !pp_id_equal(a, b);
}

static void send_kind(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to,
                      enum pp_envelope_kind kind, struct pp_bytes payload)
{
    bool self = !pp_id_is_zero(&e->id) && pp_id_equal(&e->id, &to->id);
    if (payload.len > PP_PAYLOAD_MAX || to->udp == 0 || self) {
        return;
    }
    struct pp_known *known = pp_peers_use(&e->peers, to->address, to->udp);
    if (!known) {
        return;
    }
    struct pp_session *session = pp_session_to_use(known, now.mono, PP_KEY_LIFE);
    if (session && !other_id(&to->id, &known->peer.id)) {
        pp_envelope_seal(e, known, session, kind, payload);
        if (now.mono - session->since > PP_REKEY) {
            pp_shake_begin(e, now, known, &known->peer.id);
        }
        return;
    }
    pp_shake_begin(e, now, known, &to->id);
    if (!known->pending) {
        return; /* not now: as good as lost */
    }
    if (!other_id(&to->id, &known->pending->wanted) && kind != PP_ASK) {
        pp_shake_wait(known->pending, kind, payload);
    }
}

void pp_envelope_send(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to,
                      struct pp_bytes payload)
{
    send_kind(e, now, to, PP_DATA, payload);
}

void pp_envelope_control(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to,
                         struct pp_bytes payload)
{
    send_kind(e, now, to, PP_CONTROL, payload);
}

void pp_envelope_ask(struct pp_envelope *e, struct pp_now now, const struct pp_peer *to)
{
    send_kind(e, now, to, PP_ASK, pp_bytes(NULL, 0));
}

size_t pp_envelope_callback(uint8_t out[PP_ENVELOPE_DATAGRAM],
                            const uint8_t nonce[PP_CALLBACK_NONCE])
{
    out[0] = PP_ENVELOPE_VERSION;
    out[1] = PP_CALLBACK;
    memcpy(out + 2, nonce, PP_CALLBACK_NONCE);
    return 2 + PP_CALLBACK_NONCE;
}

void pp_envelope_tick(struct pp_envelope *e, struct pp_now now)
{
    pp_shake_tick(e, now);
}

pp_ns pp_envelope_next(const struct pp_envelope *e)
{
    pp_ns next = PP_NEVER;
    for (const struct pp_pending *p = e->peers.pending; p; p = p->next) {
        next = p->deadline < next ? p->deadline : next;
    }
    return next;
}

void pp_envelope_counts(const struct pp_envelope *e, struct pp_envelope_counts *out)
{
    *out = e->counts;
    out->peers = e->peers.n;
    out->pending = e->peers.n_pending;
}

/* ---- in ---- */

bool pp_envelope_is_exempt(const struct pp_envelope *e, const uint8_t address[16])
{
    for (size_t i = 0; i < e->n_exempt; i++) {
        if (pp_cidr_holds(&e->exempt[i], address)) {
            return true;
        }
    }
    return false;
}

bool pp_envelope_admits(struct pp_envelope *e, pp_ns now, const uint8_t address[16])
{
    if (pp_rates_take(&e->rates, address, now, PP_SOURCE_RATE, 2 * PP_SOURCE_RATE) ||
        pp_envelope_is_exempt(e, address)) {
        return true;
    }
    e->counts.dropped_rate++;
    return false;
}

/* The key is unknown here: say so in fewer octets than came, and remember nothing. Only who knows
 * the cookie of that datagram can have caused this. */
static void answer_reset(struct pp_envelope *e, const uint8_t address[16], uint16_t port,
                         struct pp_bytes in)
{
    uint8_t out[PP_HEADER];
    memcpy(out, in.data, sizeof out);
    out[1] = PP_RESET;
    e->host->send(e->ctx, address, port, pp_bytes(out, sizeof out));
}

static void take_reset(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                       struct pp_bytes in)
{
    struct pp_session *s = in.len == PP_HEADER ? pp_session_by_tag(known, in.data + 2) : NULL;
    if (!s || CRYPTO_memcmp(s->cookie_out, in.data + 14, PP_COOKIE) != 0 ||
        pp_get64(in.data + 6) >= s->sequence) {
        e->counts.dropped_bad++;
        return;
    }
    pp_session_drop(&e->peers, s);
    pp_shake_begin(e, now, known, &known->peer.id);
}

static struct pp_rx make_rx(const struct pp_known *known, pp_ns now)
{
    struct pp_rx rx = {.from = known->peer};
    if (!(known->flags & PP_PEER_MEMBER)) {
        memset(&rx.from.id, 0, sizeof rx.from.id);
    } else if (!pp_id_is_zero(&known->peer.id)) {
        rx.facts |= PP_ID_PROVED;
    }
    if (now <= known->slow_until) {
        rx.facts |= PP_SLOW;
    }
    return rx;
}

/* Everything after the keys held. `receive` and `control` are the last act: they may send. */
static void take_opened(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                        struct pp_session *session, enum pp_envelope_kind kind,
                        struct pp_bytes text)
{
    bool is_node = !pp_id_is_zero(&known->peer.id), changed = known->flags != text.data[0];
    known->flags = text.data[0];
    known->peer.http = pp_get16(text.data + 1);
    struct pp_bytes payload = pp_bytes(text.data + PP_PREFIX, text.len - PP_PREFIX);
    bool fresh = known->pending && session->initiator &&
                 memcmp(session->tag, known->pending->finish_tag, 4) == 0;
    if (fresh) {
        pp_shake_complete(e, now, known);
    } else if (is_node && (changed || kind == PP_TELL)) {
        e->host->proved(e->ctx, &known->peer, known->flags);
    }
    if (kind == PP_ACCEPT && payload.len == 18) {
        e->host->observed(e->ctx, &known->peer, payload.data, pp_get16(payload.data + 16));
    } else if (kind == PP_ASK) {
        pp_envelope_seal(e, known, session, PP_TELL, pp_bytes(NULL, 0));
    } else if (kind == PP_DATA || kind == PP_CONTROL) {
        struct pp_rx rx = make_rx(known, now.mono);
        (kind == PP_DATA ? e->host->receive : e->host->control)(e->ctx, &rx, payload);
    }
}

static void take_sealed(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                        struct pp_session *session, struct pp_bytes in)
{
    uint8_t text[PP_ENVELOPE_DATAGRAM];
    uint64_t sequence = pp_get64(in.data + 6);
    if (!pp_bucket_take(&known->bucket, now.mono, PP_SOURCE_RATE, 2 * PP_SOURCE_RATE) &&
        !pp_envelope_is_exempt(e, known->peer.address)) {
        e->counts.dropped_rate++;
        return;
    }
    struct pp_bytes sealed = pp_bytes(in.data + PP_HEADER, in.len - PP_HEADER);
    if (pp_session_is_replay(session, sequence) ||
        pp_gcm_open(e->gcm, session->key_in, sequence, pp_bytes(in.data, PP_HEADER), sealed,
                    text) != PP_OK) {
        e->counts.dropped_bad++;
        return;
    }
    pp_session_mark(session, sequence);
    session->confirmed = true;
    pp_peers_use(&e->peers, known->peer.address, known->peer.udp);
    take_opened(e, now, known, session, in.data[1], pp_bytes(text, sealed.len - PP_GCM_TAG));
}

static void route_sealed(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                         const uint8_t address[16], uint16_t port, struct pp_bytes in)
{
    struct pp_session *s = NULL;
    if (in.len >= SEALED_MIN && known) {
        s = pp_session_by_tag(known, in.data + 2);
    }
    if (s && now.mono - s->since > PP_KEY_LIFE + LATE) {
        pp_session_drop(&e->peers, s);
        s = NULL;
    }
    if (s && CRYPTO_memcmp(s->cookie_in, in.data + 14, PP_COOKIE) == 0) {
        take_sealed(e, now, known, s, in);
        return;
    }
    e->counts.dropped_bad++;
    bool worth = in.len >= SEALED_MIN && !s && in.data[1] != PP_ACCEPT && in.data[1] != PP_TELL;
    if (worth && pp_envelope_admits(e, now.mono, address)) {
        answer_reset(e, address, port, in);
    }
}

void pp_envelope_input(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                       uint16_t port, struct pp_bytes in)
{
    if (in.len < 2 || in.len > PP_ENVELOPE_DATAGRAM || in.data[0] != PP_ENVELOPE_VERSION) {
        e->counts.dropped_bad++;
        return;
    }
    struct pp_known *known = pp_peers_find(&e->peers, address, port);
    enum pp_envelope_kind kind = in.data[1];
    if (kind >= PP_ACCEPT && kind != PP_REFUSE && kind <= PP_TELL) {
        route_sealed(e, now, known, address, port, in);
        return;
    }
    if (!pp_envelope_admits(e, now.mono, address)) {
        return;
    }
    if (kind == PP_HELLO) {
        pp_shake_hello(e, now, address, port, in);
    } else if (kind == PP_FINISH) {
        pp_shake_finish(e, now, address, port, in);
    } else if (kind == PP_WELCOME && known) {
        pp_shake_welcome(e, now, known, in);
    } else if (kind == PP_REFUSE && known) {
        pp_shake_refuse(e, now, known, in);
    } else if (kind == PP_RESET && known) {
        take_reset(e, now, known, in);
    } else if (kind == PP_CALLBACK && in.len == 2 + PP_CALLBACK_NONCE) {
        e->host->callback(e->ctx, in.data + 2);
    } else {
        e->counts.dropped_bad++;
    }
}
