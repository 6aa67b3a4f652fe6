/*
 * Probe objects out and back; see probe.h. Samples are the notes "e:<identifier>" = stored at (8),
 * last asked (8), asked (4), good (4), digest (32), size (4), then each holder's id, address, port.
 * It must not know what the estimate is used for.
 */
#include <mail/probe.h>

#include <base/encode.h>
#include <base/hash.h>
#include <base/persistence.h>
#include <mail/canary.h>
#include <mail/record.h>
#include <mail/spread.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define PREFIX "e:"
#define SAMPLE_SIZE 256
#define SAMPLES_MAX 512
#define LIFE ((uint64_t)PP_PROBE_DAYS * 86400)
#define CHECKS 64 /* samples asked for in one round: the oldest asks first */
#define ASK_TIME (20 * PP_SECOND)

struct sample {
    struct pp_buf identifier;
    int64_t stored, asked_at;
    uint32_t asked, good;
    uint8_t digest[32];
    uint32_t n;
    struct pp_peer holders[PP_K_MAX];
};

/* A new sample on its way out. */
struct out {
    struct pp_probe *probe;
    struct pp_spread spread;
    struct sample sample;
    struct pp_blob *blob;
    struct pp_buf set;
    bool running;
};

/* An old sample asked for: one request a holder, no look-up - the same nodes are meant. */
struct back {
    struct pp_act act; /* first */
    struct pp_probe *probe;
    struct sample sample;
    struct pp_buf answers[PP_K_MAX];
    int status[PP_K_MAX];
    unsigned pending;
};

struct pp_probe {
    struct pp_act act; /* first: ends a round in which nothing is due */
    struct pp_mail *mail;
    struct pp_probe_options options;
    struct out *outs;
    struct back *backs;
    size_t n_outs, n_backs;
    unsigned active;
    struct pp_probe_result result;
    pp_probed_fn *done;
    void *ctx;
};

static const struct pp_mailnet *net_of(const struct pp_probe *p)
{
    return &pp_mail_is(p->mail)->net;
}

/* --- samples as notes ---------------------------------------------------------------------- */

static void sample_note(struct pp_mail *mail, const struct sample *s)
{
    struct pp_buf key = {0}, value = {0};
    pp_buf_add_str(&key, PREFIX);
    pp_buf_add(&key, s->identifier.data, s->identifier.len);
    pp_record_u64(&value, (uint64_t)s->stored);
    pp_record_u64(&value, (uint64_t)s->asked_at);
    pp_record_u32(&value, s->asked);
    pp_record_u32(&value, s->good);
    pp_record_fixed(&value, s->digest, sizeof s->digest);
    pp_record_u32(&value, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        pp_record_fixed(&value, s->holders[i].id.b, PP_ID_LEN);
        pp_record_fixed(&value, s->holders[i].address, sizeof s->holders[i].address);
        pp_record_u32(&value, s->holders[i].http);
    }
    pp_mail_note(mail, pp_buf_bytes(&key), pp_buf_bytes(&value));
    pp_buf_free(&key);
    pp_buf_free(&value);
}

static bool sample_read(struct sample *s, struct pp_bytes value)
{
    struct pp_reader r = pp_reader(value);
    s->stored = (int64_t)pp_read64(&r);
    s->asked_at = (int64_t)pp_read64(&r);
    s->asked = pp_read32(&r);
    s->good = pp_read32(&r);
    pp_reads_fixed(&r, s->digest, sizeof s->digest);
    s->n = pp_read32(&r);
    for (uint32_t i = 0; i < s->n && i < PP_K_MAX; i++) {
        pp_reads_fixed(&r, s->holders[i].id.b, PP_ID_LEN);
        pp_reads_fixed(&r, s->holders[i].address, sizeof s->holders[i].address);
        s->holders[i].http = (uint16_t)pp_read32(&r);
    }
    return !r.failed && s->n <= PP_K_MAX && !pp_reader_left(&r);
}

/* --- the estimate -------------------------------------------------------------------------- */

static int add_up(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct pp_probe_estimate *e = ctx;
    struct sample s = {0};
    (void)key;
    if (sample_read(&s, value)) {
        e->asked += s.asked;
        e->good += s.good;
        e->samples++;
    }
    return 0;
}

void pp_probe_estimate(struct pp_mail *mail, struct pp_probe_estimate *e)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    *e = (struct pp_probe_estimate){0};
    o->net.ops->replay(o->net.impl, pp_str(PREFIX), add_up, e);
    uint64_t asked, good;
    pp_canary_share(mail, &asked, &good);
    e->asked += asked;
    e->good += good;
    e->p = pp_up_share(e->good, e->asked);
    e->copies = pp_copies_needed(e->p, o->copies_target, o->copies_operations, PP_K_MAX);
}

unsigned pp_probe_copies(struct pp_mail *mail)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_probe_estimate e;
    if (!o->copies_adaptive) {
        return o->k;
    }
    pp_probe_estimate(mail, &e);
    unsigned least = o->k < 3 ? o->k : 3;
    if (e.asked < PP_PROBE_ENOUGH) {
        return o->k;
    }
    unsigned copies = e.copies ? e.copies : PP_K_MAX;
    return copies > least ? copies : least;
}

/* --- the round ----------------------------------------------------------------------------- */

void pp_probe_cancel(struct pp_probe *p)
{
    if (!p) {
        return;
    }
    const struct pp_mailnet *net = net_of(p);
    net->ops->forget(net->impl, &p->act);
    for (size_t i = 0; i < p->n_outs; i++) {
        pp_spread_finish(&p->outs[i].spread);
        if (p->outs[i].blob) {
            net->ops->blob_free(net->impl, p->outs[i].blob);
        }
        pp_buf_free(&p->outs[i].set);
        pp_buf_free(&p->outs[i].sample.identifier);
    }
    for (size_t i = 0; i < p->n_backs; i++) {
        net->ops->forget(net->impl, &p->backs[i].act);
        for (size_t j = 0; j < PP_K_MAX; j++) {
            pp_buf_free(&p->backs[i].answers[j]);
        }
        pp_buf_free(&p->backs[i].sample.identifier);
    }
    free(p->outs);
    free(p->backs);
    free(p);
}

static void one_less(struct pp_probe *p)
{
    if (--p->active) {
        return;
    }
    struct pp_probe_result result = p->result;
    pp_probed_fn *done = p->done;
    void *ctx = p->ctx;
    pp_probe_cancel(p);
    done(ctx, &result);
}

static void on_wake(struct pp_act *act)
{
    one_less((struct pp_probe *)act);
}

/* --- out ----------------------------------------------------------------------------------- */

static int out_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct out *out = s->ctx;
    ask->request.method = "PUT";
    ask->request.identifier = pp_buf_bytes(&out->sample.identifier);
    ask->request.certificates = pp_buf_bytes(&out->set);
    ask->request.blob = out->blob;
    pp_ask_field(ask, "Peerpost-Life", "%llu", (unsigned long long)LIFE);
    return t->retried ? pp_sign_ask_as_user(s->mail, ask, NULL, NULL) : PP_OK;
}

static enum pp_verdict out_judge(struct pp_spread *s, struct pp_target *t)
{
    struct out *out = s->ctx;
    if (pp_spread_throttled(s, t)) {
        return PP_VERDICT_AGAIN;
    }
    if (t->error || (t->status != 200 && t->status != 201)) {
        return PP_VERDICT_BAD;
    }
    if (out->sample.n < PP_K_MAX) {
        out->sample.holders[out->sample.n++] = t->peer;
    }
    return PP_VERDICT_DONE;
}

static void out_done(struct pp_spread *s)
{
    struct out *out = s->ctx;
    struct pp_probe *p = out->probe;
    if (out->sample.n) {
        sample_note(p->mail, &out->sample);
        p->result.stored++;
    } else {
        p->result.code = s->local ? PP_LOCAL : s->code ? s->code : PP_AGAIN;
        pp_spread_why(s, p->result.why, sizeof p->result.why);
    }
    one_less(p);
}

static const struct pp_spread_kind out_kind = {
    .request = out_request, .judge = out_judge, .done = out_done};

/* Random octets under a random name, which a random key may delete: nothing tells whose they are.
 */
static bool out_make(struct out *out)
{
    struct pp_probe *p = out->probe;
    const struct pp_mailnet *net = net_of(p);
    uint8_t name[16], seed[32], body[SAMPLE_SIZE];
    struct pp_certificate *right = NULL;
    EVP_PKEY *key = NULL;
    pp_mail_random(p->mail, name, sizeof name);
    pp_mail_random(p->mail, seed, sizeof seed);
    pp_mail_random(p->mail, body, sizeof body);
    pp_base32(&out->sample.identifier, pp_bytes(name, sizeof name));
    pp_buf_add_str(&out->sample.identifier, "@peerpost.invalid");
    pp_sha256(out->sample.digest, pp_bytes(body, sizeof body));
    out->sample.stored = out->sample.asked_at = pp_mail_seconds(p->mail);
    out->blob = net->ops->blob_new(net->impl);
    bool ok = out->blob && pp_capability(seed, &key, &right) == PP_OK &&
              pp_certificate_pem(&out->set, right) == PP_OK &&
              net->ops->blob_write(net->impl, out->blob, pp_bytes(body, sizeof body)) == PP_OK;
    EVP_PKEY_free(key);
    pp_certificate_free(right);
    return ok && !out->sample.identifier.failed;
}

static void out_start(struct out *out)
{
    struct pp_id key = pp_place_of(pp_buf_bytes(&out->sample.identifier));
    pp_spread_init(&out->spread, out->probe->mail, &out_kind, out, &key);
    pp_spread_start(&out->spread);
}

/* --- back ---------------------------------------------------------------------------------- */

static void back_head(struct pp_act *act, uint64_t token, int status,
                      const struct pp_net_field *fields, size_t n)
{
    struct back *b = (struct back *)act;
    (void)fields;
    (void)n;
    b->status[token % PP_K_MAX] = status;
}

static size_t back_data(struct pp_act *act, uint64_t token, struct pp_bytes bytes)
{
    struct back *b = (struct back *)act;
    struct pp_buf *answer = &b->answers[token % PP_K_MAX];
    if (answer->len + bytes.len <= 2 * SAMPLE_SIZE) {
        pp_buf_add(answer, bytes.data, bytes.len);
    }
    return bytes.len;
}

/* Only what proves that the copy is there counts. No network here says nothing of the node. */
static void back_ended(struct pp_act *act, uint64_t token, int error, const char *text)
{
    struct back *b = (struct back *)act;
    struct pp_probe *p = b->probe;
    unsigned i = token % PP_K_MAX;
    uint8_t digest[32];
    (void)text;
    pp_sha256(digest, pp_buf_bytes(&b->answers[i]));
    bool good = !error && b->status[i] == 200 && memcmp(digest, b->sample.digest, 32) == 0;
    if (error == PP_LOCAL) {
        p->result.code = PP_LOCAL;
    } else {
        b->sample.asked++;
        b->sample.good += good;
        p->result.asked++;
        p->result.good += good;
    }
    if (--b->pending == 0) {
        b->sample.asked_at = pp_mail_seconds(p->mail);
        sample_note(p->mail, &b->sample);
        one_less(p);
    }
}

static void back_start(struct back *b)
{
    const struct pp_mailnet *net = net_of(b->probe);
    b->pending = b->sample.n;
    for (uint32_t i = 0; i < b->sample.n; i++) {
        struct pp_ask ask;
        char circuit[20];
        pp_mail_circuit(b->probe->mail, circuit);
        pp_ask_init(&ask, b->probe->mail, &b->sample.holders[i]);
        ask.request.circuit = circuit[0] ? circuit : NULL;
        ask.request.method = "GET";
        ask.request.identifier = pp_buf_bytes(&b->sample.identifier);
        ask.request.answer_max = 4096;
        ask.request.times.total = ASK_TIME;
        net->ops->request(net->impl, &b->act, &ask.request, i);
        pp_ask_finish(&ask);
    }
}

/* --- begin --------------------------------------------------------------------------------- */

struct choice {
    struct pp_probe *probe;
    struct pp_buf old; /* keys of samples past their life: length (4), octets */
    unsigned samples;
};

static int choose(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct choice *c = ctx;
    struct pp_probe *p = c->probe;
    struct sample s = {0};
    int64_t now = pp_mail_seconds(p->mail);
    if (!sample_read(&s, value) || s.stored + (int64_t)LIFE <= now) {
        pp_record_bytes(&c->old, key);
        return 0;
    }
    c->samples++;
    if (s.asked_at + p->options.age <= now && s.n && p->n_backs < CHECKS) {
        struct back *b = &p->backs[p->n_backs++];
        *b = (struct back){.probe = p,
                           .sample = s,
                           .act = {.head = back_head, .data = back_data, .ended = back_ended}};
        pp_buf_add(&b->sample.identifier, key.data + sizeof PREFIX - 1,
                   key.len - (sizeof PREFIX - 1));
    }
    return 0;
}

struct pp_probe *pp_probe_start(struct pp_mail *mail, const struct pp_probe_options *options,
                                pp_probed_fn *done, void *ctx)
{
    struct pp_probe *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    *p = (struct pp_probe){
        .act = {.wake = on_wake}, .mail = mail, .options = *options, .done = done, .ctx = ctx};
    p->outs = calloc(options->samples + 1, sizeof *p->outs);
    p->backs = calloc(CHECKS, sizeof *p->backs);
    if (!p->outs || !p->backs) {
        pp_probe_cancel(p);
        return NULL;
    }
    struct choice c = {.probe = p};
    net_of(p)->ops->replay(net_of(p)->impl, pp_str(PREFIX), choose, &c);
    pp_mail_forget(mail, &c.old);
    while (p->n_outs < options->samples && c.samples + p->n_outs < SAMPLES_MAX) {
        struct out *out = &p->outs[p->n_outs++];
        out->probe = p;
        if (!out_make(out)) {
            pp_probe_cancel(p);
            return NULL;
        }
    }
    p->active = (unsigned)(p->n_outs + p->n_backs) + 1;
    net_of(p)->ops->wake(net_of(p)->impl, &p->act, pp_mail_now(mail).mono);
    for (size_t i = 0; i < p->n_backs; i++) {
        back_start(&p->backs[i]);
    }
    for (size_t i = 0; i < p->n_outs; i++) {
        out_start(&p->outs[i]);
    }
    return p;
}
