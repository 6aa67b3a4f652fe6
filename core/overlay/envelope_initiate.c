/*
 * The handshake of who begins: HELLO out, WELCOME or REFUSE in, FINISH out, repeated until a
 * datagram comes under the new keys (envelope.h). Payloads wait here for it.
 */
#include <overlay/envelope_internal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* After its first datagram a handshake repeats at these ages, and at the last it fails. */
static const pp_ns ages[] = {300 * PP_MS, PP_SECOND, 2200 * PP_MS, 4 * PP_SECOND, 6 * PP_SECOND};
#define N_AGES (sizeof ages / sizeof *ages)
#define QUIET (2 * PP_SECOND) /* after a failure, before the next */
#define FINISH_TRIES 2        /* then HELLO again: the cookie may have grown too old */

static void send_hello(struct pp_envelope *e, const struct pp_pending *p)
{
    uint8_t out[PP_ENVELOPE_DATAGRAM] = {PP_ENVELOPE_VERSION, PP_HELLO};
    uint8_t *at = out + 2;
    memcpy(at, e->network->hash, PP_NETWORK_HASH);
    at += PP_NETWORK_HASH;
    memcpy(at, p->salt_a, PP_SALT);
    at += PP_SALT;
    memcpy(at, e->point, PP_POINT);
    at += PP_POINT;
    memcpy(at, p->wanted.b, PP_ID_LEN);
    at += PP_ID_LEN;
    struct pp_bytes text = pp_network_text(e->network);
    pp_put16(at, (uint16_t)text.len);
    memcpy(at + 2, text.data, text.len);
    e->host->send(e->ctx, p->peer->peer.address, p->peer->peer.udp, pp_bytes(out, sizeof out));
}

void pp_shake_begin(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                    const struct pp_id *wanted)
{
    if (known->pending || now.mono < known->quiet_until || e->peers.n_pending >= PP_PENDING_MAX ||
        !pp_bucket_take(&e->hellos, now.mono, PP_SHAKE_RATE, PP_SHAKE_RATE)) {
        return;
    }
    struct pp_pending *p = pp_pending_add(&e->peers, known);
    if (!p) {
        return;
    }
    p->wanted = *wanted;
    pp_random(p->salt_a, sizeof p->salt_a);
    p->started = now.mono;
    p->deadline = now.mono + ages[0];
    send_hello(e, p);
}

void pp_shake_wait(struct pp_pending *p, enum pp_envelope_kind kind, struct pp_bytes payload)
{
    if (p->n_waiting == PP_WAITING) {
        memmove(&p->waiting[0], &p->waiting[1], (PP_WAITING - 1) * sizeof p->waiting[0]);
        p->n_waiting--;
    }
    struct pp_waiting *w = &p->waiting[p->n_waiting++];
    w->kind = (uint8_t)kind;
    w->len = (uint16_t)payload.len;
    memcpy(w->data, payload.data, payload.len);
}

static void send_waiting(struct pp_envelope *e, struct pp_known *known, struct pp_session *session)
{
    struct pp_pending *p = known->pending;
    for (size_t i = 0; i < p->n_waiting; i++) {
        pp_envelope_seal(e, known, session, p->waiting[i].kind,
                         pp_bytes(p->waiting[i].data, p->waiting[i].len));
    }
    p->n_waiting = 0;
}

void pp_shake_complete(struct pp_envelope *e, struct pp_now now, struct pp_known *known)
{
    struct pp_pending *p = known->pending;
    struct pp_session *session = pp_session_to_use(known, now.mono, PP_KEY_LIFE);
    if (p) {
        bool right = pp_id_is_zero(&p->wanted) || pp_id_equal(&p->wanted, &known->peer.id);
        if (session && right) {
            send_waiting(e, known, session);
        }
        known->slow_until = now.mono + 2 * (now.mono - p->started);
        pp_pending_remove(&e->peers, p);
    }
    e->counts.handshakes++;
    if (!pp_id_is_zero(&known->peer.id)) {
        e->host->proved(e->ctx, &known->peer, known->flags);
    }
}

static void fail_pending(struct pp_envelope *e, struct pp_now now, struct pp_pending *p)
{
    struct pp_known *known = p->peer;
    known->quiet_until = now.mono + QUIET;
    pp_pending_remove(&e->peers, p);
}

void pp_shake_tick(struct pp_envelope *e, struct pp_now now)
{
    for (struct pp_pending *p = e->peers.pending, *next; p; p = next) {
        next = p->next;
        if (p->deadline > now.mono) {
            continue;
        }
        if (++p->tries >= N_AGES) {
            fail_pending(e, now, p);
            continue;
        }
        p->deadline = p->started + ages[p->tries];
        if (p->finish && p->finish_tries++ < FINISH_TRIES) {
            e->host->send(e->ctx, p->peer->peer.address, p->peer->peer.udp,
                          pp_bytes(p->finish, p->finish_len));
        } else {
            send_hello(e, p);
        }
    }
}

static void keep_finish(struct pp_envelope *e, struct pp_pending *p, struct pp_session *s,
                        const uint8_t *cookie, const uint8_t *time)
{
    uint8_t out[PP_ENVELOPE_DATAGRAM] = {PP_ENVELOPE_VERSION, PP_FINISH};
    uint8_t text[PP_FINISH_TEXT + PP_ENVELOPE_CERTIFICATE_MAX];
    memcpy(out + 2, cookie, PP_COOKIE);
    memcpy(out + 2 + PP_COOKIE, time, 8);
    memcpy(out + 2 + PP_COOKIE + 8, p->salt_a, PP_SALT);
    memcpy(out + 2 + PP_COOKIE + 8 + PP_SALT, e->point, PP_POINT);
    text[0] = (uint8_t)e->flags;
    pp_put16(text + 1, e->http);
    memcpy(text + PP_PREFIX, s->cookie_in, PP_COOKIE);
    pp_put16(text + PP_PREFIX + PP_COOKIE, (uint16_t)e->certificate.len);
    if (e->certificate.len > 0) {
        memcpy(text + PP_FINISH_TEXT, e->certificate.data, e->certificate.len);
    }
    size_t len = PP_FINISH_TEXT + e->certificate.len;
    uint8_t *copy = malloc(PP_FINISH_CLEAR + len + PP_GCM_TAG);
    if (!copy || pp_gcm_seal(e->gcm, s->key_out, 0, pp_bytes(out, PP_FINISH_CLEAR),
                             pp_bytes(text, len), out + PP_FINISH_CLEAR) != PP_OK) {
        free(copy);
        return;
    }
    free(p->finish);
    p->finish = copy;
    p->finish_len = PP_FINISH_CLEAR + len + PP_GCM_TAG;
    p->finish_tries = 0;
    memcpy(copy, out, p->finish_len);
    memcpy(p->finish_tag, s->tag, sizeof p->finish_tag);
}

/* Our side of a new session; its keys are worth something once a datagram comes under them. */
static bool initiate(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                     const uint8_t peer_point[PP_POINT], const uint8_t *salt_b,
                     const uint8_t *cookie, const uint8_t *time)
{
    struct pp_pending *p = known->pending;
    struct pp_session_keys keys;
    if (pp_session_derive(&keys, e->key, peer_point, e->point, peer_point, p->salt_a, salt_b,
                          e->network->hash) != PP_OK) {
        return false;
    }
    struct pp_session *s = pp_session_by_tag(known, p->finish_tag);
    if (p->finish && s) {
        pp_session_drop(&e->peers, s); /* the FINISH before this one had no answer */
    }
    s = pp_session_slot(&e->peers, known);
    *s = (struct pp_session){.used = true, .initiator = true, .since = now.mono, .sequence = 1};
    memcpy(s->tag, keys.tag, sizeof s->tag);
    memcpy(s->key_out, keys.to_responder, sizeof s->key_out);
    memcpy(s->key_in, keys.to_initiator, sizeof s->key_in);
    memcpy(s->cookie_out, cookie, PP_COOKIE);
    pp_random(s->cookie_in, PP_COOKIE);
    OPENSSL_cleanse(&keys, sizeof keys);
    memcpy(p->salt_b, salt_b, PP_SALT);
    keep_finish(e, p, s, cookie, time);
    if (!p->finish) {
        pp_session_drop(&e->peers, s);
        return false;
    }
    return true;
}

void pp_shake_welcome(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                      struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    pp_read(&r, 2);
    const uint8_t *salt_a = pp_read(&r, PP_SALT), *salt_b = pp_read(&r, PP_SALT);
    const uint8_t *cookie = pp_read(&r, PP_COOKIE), *time = pp_read(&r, 8);
    size_t len = pp_read16(&r);
    const uint8_t *der = pp_read(&r, len);
    struct pp_pending *p = known->pending;
    uint8_t point[PP_POINT];
    struct pp_id id;
    if (r.failed || !p || len == 0 || CRYPTO_memcmp(salt_a, p->salt_a, PP_SALT) != 0) {
        e->counts.dropped_bad++;
        return;
    }
    if (p->finish && memcmp(salt_b, p->salt_b, PP_SALT) == 0) {
        return; /* a duplicate */
    }
    if (pp_certificate_point(point, pp_bytes(der, len)) != PP_OK ||
        e->host->check(e->ctx, pp_bytes(der, len), now.wall, &id) != PP_OK) {
        e->counts.dropped_bad++;
        return;
    }
    struct pp_id hash = pp_point_id(point);
    bool wanted =
        pp_id_is_zero(&p->wanted) || pp_id_equal(&p->wanted, &id) || pp_mutant("envelope-any-id");
    if (!pp_id_equal(&hash, &id) || !wanted || pp_id_equal(&id, &e->id)) {
        e->counts.dropped_bad++;
        fail_pending(e, now, p);
        return;
    }
    pp_known_identify(&e->peers, known, &id);
    if (initiate(e, now, known, point, salt_b, cookie, time)) {
        e->host->send(e->ctx, known->peer.address, known->peer.udp,
                      pp_bytes(p->finish, p->finish_len));
        send_waiting(e, known, pp_session_by_tag(known, p->finish_tag));
    }
}

void pp_shake_refuse(struct pp_envelope *e, struct pp_now now, struct pp_known *known,
                     struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    pp_read(&r, 2);
    const uint8_t *salt_a = pp_read(&r, PP_SALT);
    size_t len = pp_read16(&r);
    const uint8_t *text = pp_read(&r, len);
    struct pp_pending *p = known->pending;
    if (r.failed || !p || CRYPTO_memcmp(salt_a, p->salt_a, PP_SALT) != 0) {
        e->counts.dropped_bad++;
        return;
    }
    char address[46], peer[64], sentence[400];
    pp_address_text(address, known->peer.address);
    snprintf(peer, sizeof peer, "%s port %u", address, known->peer.udp);
    pp_network_difference(e->network, peer, pp_bytes(text, len), sentence, sizeof sentence);
    e->counts.refused_network++;
    fail_pending(e, now, p);
    e->host->mismatch(e->ctx, &known->peer, sentence);
}
