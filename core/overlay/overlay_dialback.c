/*
 * Dial-back: before a node becomes a member, min(2, active peers known) others must have reached it
 * at the address it claims, without its having asked that way first: they answer from a port that
 * it never wrote to (behind a NAT it stays a client). Both sides of it.
 */
#include <overlay/overlay_internal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <base/log.h>

#define CALL_ME 1 /* control payload: this octet, nonce 16, address 16, UDP port 2 */
#define CALL_ME_LEN (1 + PP_CALLBACK_NONCE + 16 + 2)
#define ROUND (2 * PP_SECOND)

static bool is_asked(const struct pp_overlay *o, const struct pp_id *id)
{
    for (size_t i = 0; i < PP_DIALS; i++) {
        if (o->dials[i].asked && pp_id_equal(&o->dials[i].id, id)) {
            return true;
        }
    }
    return false;
}

static void ask_to_call(struct pp_overlay *o, struct pp_dial *dial, const struct pp_peer *peer)
{
    uint8_t payload[CALL_ME_LEN] = {CALL_ME};
    pp_random(dial->nonce, sizeof dial->nonce);
    dial->asked = true;
    dial->id = peer->id;
    memcpy(payload + 1, dial->nonce, sizeof dial->nonce);
    memcpy(payload + 1 + PP_CALLBACK_NONCE, o->self.address, 16);
    pp_put16(payload + CALL_ME_LEN - 2, o->self.udp);
    pp_envelope_control(o->envelope, pp_loop_now(o->loop), peer, pp_bytes(payload, sizeof payload));
}

/* The answers of a random key: ask the first that was not asked yet. */
static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct pp_overlay *o = ctx;
    struct pp_dial *dial = &o->dials[token];
    if (!o->dialling || dial->asked) {
        return;
    }
    for (size_t i = 0; i < result->n_peers; i++) {
        if (!is_asked(o, &result->peers[i].id)) {
            ask_to_call(o, dial, &result->peers[i]);
            return;
        }
    }
    if (result->code == PP_OK) {
        o->dials_wanted = 1; /* there is but one to ask */
        o->next_dial = 0;
    }
}

void pp_dial_start(struct pp_overlay *o, struct pp_now now)
{
    memset(o->dials, 0, sizeof o->dials);
    o->dials_wanted = PP_DIALS;
    o->dialling = true;
    o->next_dial = o->dial_deadline = now.mono + ROUND;
    for (uint64_t i = 0; i < PP_DIALS; i++) {
        struct pp_id key;
        pp_random(key.b, sizeof key.b);
        pp_overlay_cancel(o, i, o);
        pp_overlay_lookup(o, &key, o->options.k, 1, i, on_found, o);
    }
}

static unsigned calls(const struct pp_overlay *o)
{
    if (pp_mutant("overlay-no-dialback")) {
        return PP_DIALS;
    }
    return (unsigned)o->dials[0].called + (unsigned)o->dials[1].called;
}

void pp_dial_callback(struct pp_overlay *o, const uint8_t nonce[PP_CALLBACK_NONCE])
{
    for (size_t i = 0; i < PP_DIALS; i++) {
        struct pp_dial *dial = &o->dials[i];
        if (dial->asked && memcmp(dial->nonce, nonce, sizeof dial->nonce) == 0) {
            dial->called = true;
        }
    }
    o->next_dial = 0;
}

void pp_dial_step(struct pp_overlay *o, struct pp_now now)
{
    if (!o->dialling) {
        return;
    }
    if (calls(o) >= o->dials_wanted && o->dials[0].asked + o->dials[1].asked > 0) {
        o->dialling = false;
        o->next_dial = PP_NEVER;
        pp_join_member(o, now);
        return;
    }
    o->next_dial = o->dial_deadline;
    if (now.mono < o->dial_deadline) {
        return;
    }
    char address[46];
    pp_address_text(address, o->self.address);
    bool asked = o->dials[0].asked || o->dials[1].asked;
    if (asked && ++o->dial_rounds >= 2) {
        pp_overlay_set_state(o, PP_JOINING,
                             "no other node could call back at %s UDP port %u: open that port in "
                             "the firewall or set overlay.advertise; serving nobody until then",
                             address, o->self.udp);
    }
    pp_dial_start(o, now);
}

/* Somebody asks us to call. One short datagram for a longer one, from a port of its own. */
void pp_dial_control(struct pp_overlay *o, const struct pp_rx *rx, struct pp_bytes payload)
{
    (void)rx;
    if (payload.len != CALL_ME_LEN || payload.data[0] != CALL_ME || !pp_overlay_is_active(o) ||
        o->role != PP_MEMBER) {
        return;
    }
    if (!o->probe && pp_udp_open(&o->probe, o->loop, o->options.listen, 0, NULL, NULL, NULL) != 0) {
        pp_log(PP_LOG_WARN, "overlay", "no socket to call a joining node back from");
        return;
    }
    o->probe_until = pp_loop_now(o->loop).mono + PP_MINUTE;
    uint8_t out[PP_ENVELOPE_DATAGRAM];
    size_t len = pp_envelope_callback(out, payload.data + 1);
    pp_udp_send(o->probe, payload.data + 1 + PP_CALLBACK_NONCE,
                pp_get16(payload.data + CALL_ME_LEN - 2), pp_bytes(out, len));
}
