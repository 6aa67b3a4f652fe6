/* A node's probing: rounds by the clock, one request after the other; see probe.h. */
#include <node/probe.h>

#include <base/encode.h>
#include <base/hash.h>
#include <base/log.h>
#include <http/brief.h>
#include <http/multipart.h>
#include <node/daemon.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/authority.h>

#define LIFE (2 * PP_DAY)
#define SAMPLE_SIZE 256u
#define ASKED_A_ROUND 16u /* samples: at most so many times k requests */
#define REQUEST_TIME (10 * PP_SECOND)
#define FIRST (5 * PP_MINUTE)
#define BOUNDARY "peerpost-probe"

struct daemon_probe {
    struct daemon *daemon;
    struct pp_timer *timer;
    struct pp_workers *thread;
    SSL_CTX *tls; /* of this round; NULL: plain */
    struct pp_brief brief;
    struct node_samples samples;
    struct daemon_probe_counts counts;
    pp_ns period;
    /* of the round */
    pp_ns began;
    unsigned asked, made;
    bool looking, running;
    atomic_bool stop;
    struct node_sample *old, fresh; /* asked for; on its way out */
    struct pp_buf parts;            /* of the fresh one */
    struct pp_peer peers[PP_K_MAX];
    size_t n_peers, at;
};

static void step(struct daemon_probe *p);

static pp_ns mono(const struct daemon_probe *p)
{
    return pp_loop_now(p->daemon->loop).mono;
}

static uint64_t today(const struct daemon_probe *p)
{
    return pp_loop_now(p->daemon->loop).wall / PP_DAY;
}

/* The time between two rounds, a quarter more or less, so that nodes do not ask in step. */
static pp_ns jittered(pp_ns period)
{
    uint8_t octets[4];
    pp_random(octets, sizeof octets);
    return period / 4 * 3 + (pp_ns)((double)(period / 2) * pp_get32(octets) / UINT32_MAX);
}

/* --- one request --------------------------------------------------------------------------- */

static int verify(void *ctx, X509 *leaf, const struct pp_id *expected)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return pp_authority_check_node(((struct daemon *)ctx)->authority, leaf, expected,
                                   (pp_ns)t.tv_sec * PP_SECOND);
}

static void work(void *ctx)
{
    pp_brief_run(&((struct daemon_probe *)ctx)->brief);
}

static void judge_old(struct daemon_probe *p)
{
    const struct pp_brief *b = &p->brief;
    uint8_t digest[32];
    pp_sha256(digest, pp_buf_bytes(&b->answer));
    bool good =
        b->code == PP_OK && b->status == 200 && memcmp(digest, p->old->digest, sizeof digest) == 0;
    p->counts.asked++;
    p->counts.good += good;
    node_samples_count(&p->samples, today(p), good);
}

static void judge_fresh(struct daemon_probe *p)
{
    const struct pp_brief *b = &p->brief;
    if (b->code == PP_OK && (b->status == 200 || b->status == 201)) {
        p->fresh.holders[p->fresh.n++] = b->peer;
        p->counts.stored++;
    }
}

static void done(void *ctx, bool dropped)
{
    struct daemon_probe *p = ctx;
    p->running = false;
    if (dropped) {
        return;
    }
    if (p->old) {
        judge_old(p);
    } else {
        judge_fresh(p);
    }
    p->at++;
    step(p);
}

static void request(struct daemon_probe *p, const struct pp_peer *peer, const char *method,
                    const char *identifier)
{
    struct pp_brief *b = &p->brief;
    pp_brief_finish(b);
    *b = (struct pp_brief){.peer = *peer,
                           .method = method,
                           .tls = p->tls,
                           .verify = verify,
                           .verify_ctx = p->daemon,
                           .stop = &p->stop,
                           .time = REQUEST_TIME,
                           .answer_max = 2 * SAMPLE_SIZE};
    pp_address_parse(b->bind, pp_config_text(p->daemon->config, "node.listen"));
    if (pp_address_is_v4(b->bind) && pp_get32(b->bind + 12) == 0) {
        memset(b->bind, 0, sizeof b->bind);
    }
    pp_buf_printf(&b->target, "/%s", identifier);
    if (!p->old) {
        pp_buf_printf(&b->fields,
                      "Peerpost-Life: %llu\r\n"
                      "Content-Type: multipart/form-data; boundary=" BOUNDARY "\r\n",
                      (unsigned long long)(LIFE / PP_SECOND));
        pp_buf_add(&b->body, p->parts.data, p->parts.len);
        b->answer_max = 4096;
    }
    p->running = pp_workers_submit(p->thread, work, done, p) == PP_OK;
}

/* --- new samples --------------------------------------------------------------------------- */

/* Octets of chance under a name of chance, which a key that nobody keeps may delete. */
static bool make_fresh(struct daemon_probe *p)
{
    uint8_t name[16], seed[32], body[SAMPLE_SIZE];
    struct pp_certificate *right = NULL;
    struct pp_buf text = {0};
    EVP_PKEY *key = NULL;
    pp_random(name, sizeof name);
    pp_random(seed, sizeof seed);
    pp_random(body, sizeof body);
    p->fresh = (struct node_sample){.stored = mono(p), .asked = mono(p)};
    pp_base32(&text, pp_bytes(name, sizeof name));
    snprintf(p->fresh.identifier, sizeof p->fresh.identifier, "%.26s@peerpost.invalid",
             text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
    pp_sha256(p->fresh.digest, pp_bytes(body, sizeof body));
    pp_buf_free(&p->parts);
    pp_multipart_open_part(&p->parts, BOUNDARY, "certificates", "application/x-pem-file", true);
    bool ok =
        pp_capability(seed, &key, &right) == PP_OK && pp_certificate_pem(&p->parts, right) == PP_OK;
    pp_multipart_open_part(&p->parts, BOUNDARY, "object", "application/octet-stream", false);
    pp_buf_add(&p->parts, body, sizeof body);
    pp_multipart_close(&p->parts, BOUNDARY);
    EVP_PKEY_free(key);
    pp_certificate_free(right);
    return ok && !p->parts.failed;
}

static void found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct daemon_probe *p = ctx;
    (void)token;
    p->looking = false;
    for (size_t i = 0; i < result->n_peers && p->n_peers < PP_K_MAX; i++) {
        if (!pp_id_equal(&result->peers[i].id, &p->daemon->node.self)) {
            p->peers[p->n_peers++] = result->peers[i];
        }
    }
    step(p);
}

static void begin_fresh(struct daemon_probe *p)
{
    struct pp_name name;
    p->made++;
    p->n_peers = p->at = 0;
    if (!make_fresh(p)) {
        return;
    }
    name = pp_name_of(pp_str(p->fresh.identifier));
    struct pp_id key = pp_name_key(&name);
    p->looking = pp_overlay_lookup(p->daemon->overlay, &key, p->daemon->node.k, 1, p->counts.rounds,
                                   found, p) == PP_OK;
}

/* --- the round ----------------------------------------------------------------------------- */

static void rest(struct daemon_probe *p)
{
    SSL_CTX_free(p->tls);
    p->tls = NULL;
    p->began = 0;
    pp_timer_set(p->timer, mono(p) + jittered(p->period));
}

/* The next holder of the sample at work; false: there is none. */
static bool next_request(struct daemon_probe *p)
{
    if (p->old && p->at < p->old->n) {
        request(p, &p->old->holders[p->at], "GET", p->old->identifier);
        return p->running;
    }
    if (!p->old && p->at < p->n_peers) {
        request(p, &p->peers[p->at], "PUT", p->fresh.identifier);
        return p->running;
    }
    return false;
}

static void step(struct daemon_probe *p)
{
    unsigned samples = (unsigned)pp_config_number(p->daemon->config, "probe.samples");
    while (!p->running && !p->looking) {
        if (next_request(p)) {
            return;
        }
        if (!p->old && p->fresh.n) {
            node_samples_add(&p->samples, &p->fresh);
            p->fresh.n = 0;
        }
        p->old = p->asked < ASKED_A_ROUND && !p->made
                     ? node_samples_due(&p->samples, p->began, mono(p), LIFE)
                     : NULL;
        p->at = 0;
        if (p->old) {
            p->asked++;
            p->old->asked = mono(p);
        } else if (p->made < samples) {
            begin_fresh(p);
        } else {
            rest(p);
            return;
        }
    }
}

static void on_timer(void *ctx)
{
    struct daemon_probe *p = ctx;
    struct daemon *d = p->daemon;
    struct pp_error error;
    enum pp_state state = pp_overlay_state(d->overlay, NULL);
    bool plain = !pp_config_flag(d->config, "http.tls");
    if ((state != PP_ACTIVE && state != PP_DEGRADED) || d->stopping) {
        rest(p); /* cut off, it would learn of itself alone */
        return;
    }
    p->tls = plain ? NULL : pp_tls_client(d->certificate, d->key, &error);
    if (!plain && !p->tls) {
        pp_log(PP_LOG_WARN, "probe", "%s", error.text);
        rest(p);
        return;
    }
    p->began = mono(p);
    p->asked = p->made = 0;
    p->n_peers = p->at = 0;
    p->old = NULL;
    p->fresh.n = 0;
    p->counts.rounds++;
    step(p);
}

/* --- life ---------------------------------------------------------------------------------- */

int daemon_probe_open(struct daemon_probe **out, struct daemon *d, struct pp_error *error)
{
    const char *text = pp_config_text(d->config, "probe.target");
    char *end;
    double target = strtod(text, &end);
    pp_ns period = (pp_ns)pp_config_number(d->config, "probe.period");
    if (!*text || *end || !(target > 0 && target < 1)) {
        return pp_config_fail(d->config, "probe.target", error,
                              "%s is no number between 0 and 1, such as 0.999", text);
    }
    if (!period) {
        return PP_OK;
    }
    struct daemon_probe *p = calloc(1, sizeof *p);
    if (!p) {
        return pp_fail(error, PP_NOMEM, "no memory for probing");
    }
    p->daemon = d;
    p->period = period;
    p->counts.target = target;
    p->counts.operations = (unsigned)pp_config_number(d->config, "probe.operations");
    p->timer = pp_timer_create(d->loop, on_timer, p);
    p->thread = pp_workers_create(d->loop, 1, 4);
    if (!p->timer || !p->thread) {
        daemon_probe_close(p);
        return pp_fail(error, PP_NOMEM, "no memory or threads for probing");
    }
    pp_timer_set(p->timer, mono(p) + jittered(period < FIRST ? period : FIRST));
    *out = p;
    return PP_OK;
}

void daemon_probe_close(struct daemon_probe *p)
{
    if (!p) {
        return;
    }
    if (p->looking) {
        pp_overlay_cancel(p->daemon->overlay, p->counts.rounds, p);
    }
    atomic_store(&p->stop, true);
    if (p->thread) {
        pp_workers_destroy(p->thread);
    }
    if (p->timer) {
        pp_timer_destroy(p->timer);
    }
    SSL_CTX_free(p->tls);
    pp_brief_finish(&p->brief);
    pp_buf_free(&p->parts);
    free(p);
}

void daemon_probe_counts(const struct daemon_probe *p, struct daemon_probe_counts *out)
{
    *out = p ? p->counts : (struct daemon_probe_counts){.estimate.p = 0.5};
    if (p) {
        node_samples_estimate(&p->samples, today(p), out->target, out->operations, &out->estimate);
    }
}
