/*
 * The handshake of who is asked: HELLO in, WELCOME or REFUSE out, FINISH in, ACCEPT out. Nothing is
 * kept until the cookie came back: salt B is a function of what FINISH repeats, so a flood of
 * HELLOs costs one HMAC each and no memory, and no answer is longer than what asked for it.
 */
#include <overlay/envelope_internal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <openssl/crypto.h>

static void renew_secret(struct pp_envelope *e, pp_ns now)
{
    if (now - e->secret_since < PP_SECRET_LIFE) {
        return;
    }
    bool stale = now - e->secret_since >= 2 * PP_SECRET_LIFE; /* the last one is too old as well */
    memcpy(e->secret[1], e->secret[0], sizeof e->secret[1]);
    pp_random(e->secret[0], sizeof e->secret[0]);
    if (stale) {
        pp_random(e->secret[1], sizeof e->secret[1]);
    }
    e->secret_since = now;
}

/* 16 octets of cookie, 16 of salt B. */
static void make_cookie(uint8_t out[32], const uint8_t secret[32], const uint8_t address[16],
                        uint16_t port, const uint8_t *salt_a, const uint8_t *point,
                        const uint8_t time[8])
{
    uint8_t text[16 + 2 + PP_SALT + PP_POINT + 8];
    memcpy(text, address, 16);
    pp_put16(text + 16, port);
    memcpy(text + 18, salt_a, PP_SALT);
    memcpy(text + 18 + PP_SALT, point, PP_POINT);
    memcpy(text + 18 + PP_SALT + PP_POINT, time, 8);
    pp_mac(out, secret, pp_bytes(text, sizeof text));
}

static void send_welcome(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                         uint16_t port, const uint8_t *salt_a, const uint8_t *point)
{
    uint8_t out[PP_ENVELOPE_DATAGRAM] = {PP_ENVELOPE_VERSION, PP_WELCOME};
    uint8_t mac[32], time[8];
    pp_put64(time, now.mono);
    make_cookie(mac, e->secret[0], address, port, salt_a, point, time);
    memcpy(out + 2, salt_a, PP_SALT);
    memcpy(out + 2 + PP_SALT, mac + PP_COOKIE, PP_SALT);
    memcpy(out + 2 + 2 * PP_SALT, mac, PP_COOKIE);
    memcpy(out + 2 + 2 * PP_SALT + PP_COOKIE, time, 8);
    pp_put16(out + PP_WELCOME_FIXED - 2, (uint16_t)e->certificate.len);
    memcpy(out + PP_WELCOME_FIXED, e->certificate.data, e->certificate.len);
    e->host->send(e->ctx, address, port, pp_bytes(out, PP_WELCOME_FIXED + e->certificate.len));
}

static void send_refuse(struct pp_envelope *e, const uint8_t address[16], uint16_t port,
                        const uint8_t *salt_a)
{
    uint8_t out[PP_ENVELOPE_DATAGRAM] = {PP_ENVELOPE_VERSION, PP_REFUSE};
    struct pp_bytes text = pp_network_text(e->network);
    memcpy(out + 2, salt_a, PP_SALT);
    pp_put16(out + 2 + PP_SALT, (uint16_t)text.len);
    memcpy(out + 4 + PP_SALT, text.data, text.len);
    e->counts.refused_network++;
    e->host->send(e->ctx, address, port, pp_bytes(out, 4 + PP_SALT + text.len));
}

void pp_shake_hello(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                    uint16_t port, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    pp_read(&r, 2);
    const uint8_t *hash = pp_read(&r, PP_NETWORK_HASH), *salt_a = pp_read(&r, PP_SALT);
    const uint8_t *point = pp_read(&r, PP_POINT);
    bool short_one = in.len != PP_ENVELOPE_DATAGRAM && !pp_mutant("envelope-answer-short");
    if (r.failed || short_one || e->certificate.len == 0) {
        e->counts.dropped_bad++; /* too short to be answered, or we are no node */
        return;
    }
    renew_secret(e, now.mono);
    bool ours = memcmp(hash, e->network->hash, PP_NETWORK_HASH) == 0;
    if (!ours && !pp_mutant("envelope-any-network")) {
        send_refuse(e, address, port, salt_a);
    } else {
        send_welcome(e, now, address, port, salt_a, point);
    }
}

static bool cookie_is_ours(struct pp_envelope *e, pp_ns now, const uint8_t address[16],
                           uint16_t port, struct pp_bytes in, uint8_t mac[32])
{
    const uint8_t *cookie = in.data + 2, *time = cookie + PP_COOKIE, *salt_a = time + 8;
    pp_ns at = pp_get64(time);
    if (at > now || now - at > 2 * PP_SECRET_LIFE) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        make_cookie(mac, e->secret[i], address, port, salt_a, salt_a + PP_SALT, time);
        if (CRYPTO_memcmp(mac, cookie, PP_COOKIE) == 0 || pp_mutant("envelope-any-cookie")) {
            return true;
        }
    }
    return false;
}

static void send_accept(struct pp_envelope *e, struct pp_known *known, struct pp_session *s)
{
    uint8_t body[18];
    memcpy(body, known->peer.address, 16);
    pp_put16(body + 16, known->peer.udp);
    pp_envelope_seal(e, known, s, PP_ACCEPT, pp_bytes(body, sizeof body));
}

/* The same FINISH again: our ACCEPT was lost. */
static bool repeat_accept(struct pp_envelope *e, struct pp_known *known, const uint8_t *cookie)
{
    for (size_t i = 0; known && i < PP_SESSIONS; i++) {
        struct pp_session *s = &known->sessions[i];
        if (s->used && !s->initiator && memcmp(s->cookie_in, cookie, PP_COOKIE) == 0) {
            send_accept(e, known, s);
            return true;
        }
    }
    return false;
}

/* Who is it? Zero id: a client. False: claims to be a node and is none. */
static bool read_identity(struct pp_envelope *e, struct pp_now now, struct pp_bytes der,
                          const uint8_t *point, struct pp_id *id)
{
    memset(id, 0, sizeof *id);
    if (der.len == 0) {
        return true;
    }
    uint8_t certified[PP_POINT];
    return pp_certificate_point(certified, der) == PP_OK &&
           memcmp(certified, point, PP_POINT) == 0 &&
           e->host->check(e->ctx, der, now.wall, id) == PP_OK && !pp_id_is_zero(id) &&
           !pp_id_equal(id, &e->id);
}

struct finish {
    struct pp_session_keys keys;
    uint8_t text[PP_ENVELOPE_DATAGRAM];
    size_t len; /* of the certificate in text */
    struct pp_id id;
};

static bool open_finish(struct pp_envelope *e, struct pp_now now, struct pp_bytes in,
                        const uint8_t *salt_b, struct finish *f)
{
    const uint8_t *salt_a = in.data + 2 + PP_COOKIE + 8, *point = salt_a + PP_SALT;
    if (pp_session_derive(&f->keys, e->key, point, point, e->point, salt_a, salt_b,
                          e->network->hash) != PP_OK ||
        pp_gcm_open(e->gcm, f->keys.to_responder, 0, pp_bytes(in.data, PP_FINISH_CLEAR),
                    pp_bytes(in.data + PP_FINISH_CLEAR, in.len - PP_FINISH_CLEAR),
                    f->text) != PP_OK) {
        return false;
    }
    size_t len = in.len - PP_FINISH_CLEAR - PP_GCM_TAG - PP_FINISH_TEXT;
    f->len = pp_get16(f->text + PP_PREFIX + PP_COOKIE);
    return f->len == len &&
           read_identity(e, now, pp_bytes(f->text + PP_FINISH_TEXT, len), point, &f->id);
}

static void accept_finish(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                          struct pp_bytes in, const struct finish *f)
{
    pp_known_identify(&e->peers, known, &f->id);
    struct pp_session *s = pp_session_slot(&e->peers, known);
    *s = (struct pp_session){
        .used = true,
        .confirmed = true,
        .since = now.mono,
        .sequence = now.mono + 1, /* above all it had, should the same keys ever come back */
        .cookie_time = pp_get64(in.data + 2 + PP_COOKIE),
    };
    memcpy(s->tag, f->keys.tag, sizeof s->tag);
    memcpy(s->key_out, f->keys.to_initiator, sizeof s->key_out);
    memcpy(s->key_in, f->keys.to_responder, sizeof s->key_in);
    memcpy(s->cookie_in, in.data + 2, PP_COOKIE);
    memcpy(s->cookie_out, f->text + PP_PREFIX, PP_COOKIE);
    known->flags = f->text[0];
    known->peer.http = pp_get16(f->text + 1);
    send_accept(e, known, s);
    pp_shake_complete(e, now, known);
}

void pp_shake_finish(struct pp_envelope *e, struct pp_now now, const uint8_t address[16],
                     uint16_t port, struct pp_bytes in)
{
    uint8_t mac[32];
    struct finish f;
    renew_secret(e, now.mono);
    if (in.len < PP_FINISH_CLEAR + PP_FINISH_TEXT + PP_GCM_TAG || e->certificate.len == 0 ||
        !cookie_is_ours(e, now.mono, address, port, in, mac)) {
        e->counts.dropped_bad++;
        return;
    }
    struct pp_known *known = pp_peers_find(&e->peers, address, port);
    if (repeat_accept(e, known, in.data + 2) ||
        pp_get64(in.data + 2 + PP_COOKIE) <= e->peers.floor) {
        return;
    }
    if (!pp_bucket_take(&e->shakes, now.mono, PP_SHAKE_RATE, PP_SHAKE_RATE) &&
        !pp_envelope_is_exempt(e, address)) {
        e->counts.dropped_rate++;
        return;
    }
    bool good = open_finish(e, now, in, mac + PP_COOKIE, &f);
    known = good ? pp_peers_use(&e->peers, address, port) : NULL;
    if (known) {
        accept_finish(e, now, known, in, &f);
    } else {
        e->counts.dropped_bad++;
    }
    OPENSSL_cleanse(&f, sizeof f);
}
