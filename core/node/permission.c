/*
 * Who may: rates, signature times, checks on a worker, the replay cache, work stamps
 * (docs/security.md, "Requests"). Knows no primitive and no socket.
 */
#include <node/internal.h>

#include <base/address.h>
#include <base/crash.h>
#include <base/hash.h>
#include <trust/certificate.h>

#define SKEW_SECONDS 300

bool node_is_proved(const struct node_exchange *x)
{
    return x->proved != NULL || x->r->peer_is_node;
}

bool node_take_rate(struct node_exchange *x, enum node_rate rate, struct pp_now now)
{
    struct node_source *who = x->source && x->proved ? x->proved : x->source;
    pp_ns wait = node_rate_take(x->node->limits, who, rate, now.mono);
    if (wait == 0) {
        return true;
    }
    node_refuse_for(x, PP_PROBLEM_RATE, wait,
                    "Too many requests of this kind came from here; wait, or sign the request with "
                    "a certificate of the network's authority.");
    return false;
}

void node_charge_peer(struct node_exchange *x, struct pp_now now)
{
    if (x->r->peer_is_node && x->source && !x->proved) {
        uint8_t key[32] = {0};
        memcpy(key, x->r->peer.b, PP_ID_LEN);
        x->proved = node_source_of_key(x->node->limits, now.mono, key);
    }
}

/* In seconds: |now - created| <= 300, created < expires <= created + 300, not over. */
static bool times_fit(const struct pp_signed *s, int64_t wall)
{
    if (s->created > wall + SKEW_SECONDS || s->created < wall - SKEW_SECONDS) {
        return false;
    }
    return s->expires > s->created && s->expires <= s->created + SKEW_SECONDS && s->expires >= wall;
}

static bool start_check(struct node_exchange *x, const struct pp_signed *signature,
                        struct pp_bytes certificate, bool chain, struct pp_now now)
{
    if (!node_take_rate(x, NODE_CHECKS, now)) {
        return false;
    }
    x->check = (struct pp_check){.signature = signature,
                                 .certificate = certificate,
                                 .authority = x->node->config.authority,
                                 .chain = chain,
                                 .wall = now.wall};
    if (x->node->host->verify(x->r, &x->check) != PP_OK) {
        node_refuse_for(x, PP_PROBLEM_BUSY, PP_SECOND,
                        "Too many signatures wait to be checked; try again.");
        return false;
    }
    x->checking = true;
    x->out++;
    return true;
}

bool node_start_check(struct node_exchange *x, struct pp_bytes certificate, bool chain,
                      struct pp_now now)
{
    const struct pp_signed *s = x->r->signature;
    int64_t wall = (int64_t)(now.wall / PP_SECOND);
    if (!times_fit(s, wall)) {
        node_refuse(x, PP_PROBLEM_CLOCK,
                    "The signature was made at %lld s and this node's clock stands at %lld s (see "
                    "Date); they may differ by %d s.",
                    (long long)s->created, (long long)wall, SKEW_SECONDS);
        return false;
    }
    return start_check(x, s, certificate, chain, now);
}

bool node_has_certificate(struct node_exchange *x)
{
    uint8_t keyid[32];
    if (x->r->certificate.len == 0) {
        node_refuse(x, PP_PROBLEM_UNSIGNED,
                    "A signed request brings the signer's certificate: Peerpost-Certificate: "
                    ":base64 of the DER:.");
        return false;
    }
    pp_sha256(keyid, x->r->certificate);
    if (memcmp(keyid, x->r->signature->keyid, 32) != 0) {
        node_refuse(x, PP_PROBLEM_SIGNATURE,
                    "keyid is not the SHA-256 of the certificate in Peerpost-Certificate.");
        return false;
    }
    return true;
}

bool node_start_certificate_check(struct node_exchange *x, struct pp_bytes certificate,
                                  struct pp_now now)
{
    return start_check(x, NULL, certificate, true, now);
}

bool node_check_passed(struct node_exchange *x, int code, struct pp_now now)
{
    switch (code) {
    case PP_OK:
        break;
    case PP_REVOKED:
        node_refuse(x, PP_PROBLEM_REVOKED,
                    "The certificate is on the authority's revocation list.");
        return false;
    case PP_UNTRUSTED:
        node_refuse(x, PP_PROBLEM_UNTRUSTED,
                    "The certificate was not issued by the authority that this node trusts.");
        return false;
    case PP_EXPIRED:
        node_refuse(x, PP_PROBLEM_UNTRUSTED, "The certificate is not valid at this time.");
        return false;
    case PP_SIGNATURE:
        node_refuse(
            x, PP_PROBLEM_SIGNATURE,
            "The signature was not made with the certificate's key over this very request.");
        return false;
    case PP_NOMEM:
    case PP_BUSY:
        node_refuse_code(x, PP_BUSY);
        return false;
    default:
        node_refuse(x, PP_PROBLEM_CERTIFICATE,
                    "The certificate cannot be read or is of another kind: one address certificate "
                    "of the authority is wanted.");
        return false;
    }
    if (x->source && x->check.signature && x->check.chain && !x->proved && x->check.parsed) {
        x->proved = node_source_of_key(x->node->limits, now.mono, x->check.parsed->keyid);
    }
    return true;
}

/* When this process began, by the clock as it stands now: the replay cache knows nothing before. */
static int64_t started_wall(const struct pp_node *node, struct pp_now now)
{
    pp_ns up = now.mono - node->started.mono;
    return now.wall > up ? (int64_t)((now.wall - up) / PP_SECOND) : 0;
}

bool node_enter_once(struct node_exchange *x, struct pp_now now)
{
    const struct pp_signed *s = x->r->signature;
    if (s->created < started_wall(x->node, now)) {
        node_refuse(x, PP_PROBLEM_CLOCK,
                    "The signature is older than this node's start, so that it cannot tell whether "
                    "it was used before; sign anew (see Date).");
        return false;
    }
    /* Kept as long as times_fit would still let it pass. */
    pp_ns until = (pp_ns)(s->expires + 1) * PP_SECOND;
    if (pp_mutant("node-no-replay-cache")) {
        return true;
    }
    switch (pp_replay_enter(x->node->replay, s->keyid, s->nonce, until, now.wall)) {
    case PP_OK:
        return true;
    case PP_EXISTS:
        node_refuse(x, PP_PROBLEM_REPLAY, "The nonce of this signature has been seen; sign anew.");
        return false;
    case PP_LIMIT:
        node_refuse_for(x, PP_PROBLEM_RATE, PP_MINUTE,
                        "This key has too many signed requests in memory; wait.");
        return false;
    default:
        node_refuse_for(x, PP_PROBLEM_BUSY, 10 * PP_SECOND,
                        "Too many signed requests are in memory; try again.");
        return false;
    }
}

bool node_address_fits(struct node_exchange *x, struct pp_bytes address)
{
    if (pp_address_is_normal(address)) {
        return true;
    }
    node_refuse(
        x, PP_PROBLEM_ADDRESS,
        "An address is wanted in its normal form: domain in lower-case A-labels, local part "
        "in NFC with small ASCII letters, at most 254 octets.");
    return false;
}

bool node_work_holds(const struct pp_node_request *r, const uint8_t digest[32], unsigned bits)
{
    if (!r->has_work || r->work_bits < bits) {
        return false;
    }
    uint8_t out[32];
    struct pp_buf text = {0};
    pp_buf_add(&text, r->work_salt.data, r->work_salt.len);
    pp_buf_add(&text, r->identifier.data, r->identifier.len);
    pp_buf_add(&text, digest, 32);
    bool whole = !text.failed;
    pp_sha256(out, pp_buf_bytes(&text));
    pp_buf_free(&text);
    return whole && pp_leading_zeros(out) >= r->work_bits;
}

static int check_certificate(struct pp_check *check)
{
    int code = pp_certificate_parse(&check->parsed, check->certificate);
    if (code != PP_OK) {
        return code;
    }
    if (check->chain && !check->authority) {
        return PP_UNTRUSTED;
    }
    if (check->chain) {
        return pp_authority_check(check->authority, check->parsed, PP_CERT_ADDRESS, check->wall);
    }
    return check->authority && pp_authority_revoked(check->authority, check->parsed) ? PP_REVOKED
                                                                                     : PP_OK;
}

bool pp_check_run(struct pp_check *check)
{
    check->code = check_certificate(check);
    if (check->code == PP_OK && check->signature) {
        check->code = pp_signed_verify(check->signature, pp_certificate_key(check->parsed));
    }
    return check->code == PP_OK;
}
