/*
 * Sending, the body's part: which recipients share an object, its id, key and deletion rights, its
 * encryption, and the store on the k nodes closest to its id. To and Cc share one object (of at
 * most 1,000 recipients), each Bcc has his own (docs/security.md section 3). It must not know
 * inboxes.
 */
#include <mail/probe.h>
#include <mail/senders.h>
#include <mail/send_pass.h>

#include <base/crash.h>
#include <base/encode.h>
#include <base/hash.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define GROUP_MAX 1000
#define RESTARTS_MAX 3

static const struct pp_mailnet *net_of(const struct pp_send *send)
{
    return &pp_mail_is(send->mail)->net;
}

/* 26 characters of 128 random bits: no host, time or process in it. */
static void fresh_id(struct pp_send *send, struct pp_job_group *g)
{
    uint8_t random[16];
    struct pp_buf text = {0};
    pp_mail_random(send->mail, random, sizeof random);
    pp_base32(&text, pp_bytes(random, sizeof random));
    snprintf(g->id, sizeof g->id, "%s@peerpost.invalid", text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
}

static void renew(struct pp_send *send, struct pp_job_group *g)
{
    fresh_id(send, g);
    pp_mail_random(send->mail, g->key, sizeof g->key);
    g->sealed = false;
    g->asked.len = 0;
    g->have.len = 0;
}

static struct pp_send_group *add_group(struct pp_send *send, bool bcc)
{
    struct pp_send_group **grown = realloc(send->groups, (send->n_groups + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    send->groups = grown;
    struct pp_send_group *run = calloc(1, sizeof *run);
    struct pp_job_group *g = run ? pp_job_add_group(&send->job) : NULL;
    if (!g) {
        free(run);
        return NULL;
    }
    *run = (struct pp_send_group){.send = send, .index = (uint32_t)send->n_groups};
    g->bcc = bcc;
    renew(send, g);
    send->groups[send->n_groups++] = run;
    return run;
}

int pp_send_make_groups(struct pp_send *send)
{
    struct pp_send_group *shared = NULL;
    unsigned members = 0;
    for (uint32_t i = 0; i < send->job.n_recipients; i++) {
        struct pp_job_recipient *r = &send->job.recipients[i];
        if (r->state == PP_R_GROUPED || !send->recipients[i]->certificate) {
            continue;
        }
        struct pp_send_group *g = shared;
        if (r->bcc || !shared || members == GROUP_MAX) {
            g = add_group(send, r->bcc);
            if (!g) {
                return PP_NOMEM;
            }
            members = r->bcc ? members : 0;
            shared = r->bcc ? shared : g;
        }
        members += !r->bcc;
        r->state = PP_R_GROUPED;
        r->group = g->index;
        if (pp_mail_is(send->mail)->signed_only) {
            pp_sender_know(send->mail, (const char *)r->address.data); /* he may answer */
        }
        pp_mail_random(send->mail, r->seed, sizeof r->seed);
    }
    return PP_OK;
}

/* --- encryption ---------------------------------------------------------------------------- */

/* The message as it lies in the spool, with a line of Bcc before it where he has an own object. */
struct content {
    struct pp_send *send;
    struct pp_buf prefix;
};

static int64_t content_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct content *c = ctx;
    if (offset < c->prefix.len) {
        size_t n = c->prefix.len - (size_t)offset;
        n = n < cap ? n : cap;
        memcpy(out, c->prefix.data + offset, n);
        return (int64_t)n;
    }
    const struct pp_mailnet *net = net_of(c->send);
    return net->ops->blob_read(net->impl, c->send->spool,
                               c->send->message_at + offset - c->prefix.len, out, cap);
}

struct sink {
    struct pp_send *send;
    struct pp_blob *blob;
};

static int sink_write(void *ctx, struct pp_bytes bytes)
{
    struct sink *s = ctx;
    const struct pp_mailnet *net = net_of(s->send);
    return net->ops->blob_write(net->impl, s->blob, bytes);
}

static void name_bcc(struct pp_send *send, uint32_t group, struct pp_buf *out)
{
    for (size_t i = 0; i < send->job.n_recipients; i++) {
        const struct pp_job_recipient *r = &send->job.recipients[i];
        if (r->state == PP_R_GROUPED && r->group == group) {
            pp_buf_printf(out, "Bcc: %s\r\n", (const char *)r->address.data);
        }
    }
}

static int seal(struct pp_send_group *run, struct pp_error *error)
{
    struct pp_send *send = run->send;
    struct pp_job_group *g = &send->job.groups[run->index];
    const struct pp_mail_options *o = pp_mail_is(send->mail);
    const struct pp_mailnet *net = net_of(send);
    struct content content = {.send = send};
    if (g->bcc) {
        name_bcc(send, run->index, &content.prefix);
    }
    run->blob = net->ops->blob_new(net->impl);
    struct sink sink = {send, run->blob};
    struct pp_source source = {content_read, &content, send->message_size + content.prefix.len};
    struct pp_signer signer = {o->n_keys ? o->certificates[0] : NULL,
                               o->n_keys ? o->keys[0] : NULL};
    struct pp_out out = {sink_write, &sink};
    int rc = run->blob
                 ? pp_seal_body(&source, &signer, g->key, true, &out, g->digest, &g->size, error)
                 : pp_fail(error, PP_FULL, "no room for the encrypted message");
    pp_buf_free(&content.prefix);
    return rc;
}

bool pp_send_seal_next(struct pp_send *send)
{
    const struct pp_mailnet *net = net_of(send);
    for (size_t i = 0; i < send->n_groups; i++) {
        struct pp_error error = {0};
        char name[112];
        if (send->job.groups[i].sealed) {
            continue;
        }
        int rc = seal(send->groups[i], &error);
        if (rc != PP_OK) {
            pp_send_fail(send, rc, error.text);
            return true;
        }
        send->sealing = i;
        pp_send_blob_name(name, send, (uint32_t)i);
        net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name); /* of a pass that died here */
        net->ops->blob_keep(net->impl, &send->act, send->groups[i]->blob, PP_PLACE_SPOOL, name,
                            PP_SEND_KEPT);
        return true;
    }
    return false;
}

void pp_send_kept(struct pp_send *send, int error)
{
    if (error) {
        pp_send_fail(send, error, "cannot keep the encrypted message in the spool");
        return;
    }
    send->job.groups[send->sealing].sealed = true;
    pp_send_next(send);
}

/* --- the store ----------------------------------------------------------------------------- */

/* The nameless certificates of its recipients: whoever holds a seed may take his one out. */
static int make_set(struct pp_send_group *run)
{
    struct pp_send *send = run->send;
    for (size_t i = 0; i < send->job.n_recipients; i++) {
        struct pp_job_recipient *r = &send->job.recipients[i];
        if (r->state != PP_R_GROUPED || r->group != run->index) {
            continue;
        }
        struct pp_certificate *c = NULL;
        int rc = pp_job_right(r);
        rc = rc == PP_OK ? pp_certificate_parse(&c, pp_buf_bytes(&r->right)) : rc;
        if (rc != PP_OK) {
            return rc;
        }
        pp_certificate_pem(&run->set, c);
        pp_certificate_free(c);
    }
    return run->set.failed ? PP_NOMEM : PP_OK;
}

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_send_group *run = s->ctx;
    struct pp_job_group *g = &run->send->job.groups[run->index];
    ask->request.method = "PUT";
    ask->request.identifier = pp_str(g->id);
    ask->request.certificates = pp_buf_bytes(&run->set);
    ask->request.blob = run->blob;
    ask->request.times.total += g->size / 16384 * PP_SECOND;
    pp_ask_field(ask, "Peerpost-Life", "%llu", (unsigned long long)pp_mail_is(s->mail)->life);
    if (s->k > pp_mail_is(s->mail)->k) {
        pp_ask_field(ask, "Peerpost-Copies", "%u", s->k);
    }
    pp_ids_add(&g->asked, &t->peer.id);
    return t->retried ? pp_sign_ask_as_user(s->mail, ask, NULL, NULL) : PP_OK;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_send_group *run = s->ctx;
    struct pp_job_group *g = &run->send->job.groups[run->index];
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (pp_spread_throttled(s, t)) {
        return PP_VERDICT_AGAIN;
    }
    if (t->status == 410) {
        g->gone = true; /* its last reader deleted it: nothing is to do */
    }
    if (t->status == 409) {
        run->squatted = true;
    }
    if (t->status == 200 || t->status == 201 || g->gone) {
        pp_ids_add(&g->have, &t->peer.id);
        pp_mail_crash(s->mail, "send-stored");
        return PP_VERDICT_DONE;
    }
    return PP_VERDICT_BAD;
}

static bool already(struct pp_spread *s, const struct pp_peer *peer)
{
    struct pp_send_group *run = s->ctx;
    return pp_ids_have(&run->send->job.groups[run->index].have, &peer->id);
}

static enum pp_spread_next looked(struct pp_spread *s)
{
    struct pp_send_group *run = s->ctx;
    struct pp_job_group *g = &run->send->job.groups[run->index];
    unsigned k = pp_mail_is(s->mail)->k; /* what all look-ups of the last days are compared by */
    if (s->code == PP_OK && s->k >= k && !pp_mail_saw(s->mail, s->found < k ? s->found : k)) {
        run->send->partition = true;
        return PP_SPREAD_STOP;
    }
    g->wanted = s->found ? pp_spread_goal(s) : g->wanted;
    return PP_SPREAD_GO;
}

static bool is_reached(const struct pp_send_group *run)
{
    const struct pp_job_group *g = &run->send->job.groups[run->index];
    return g->gone || (g->wanted && pp_ids_count(&g->have) >= pp_min_copies(g->wanted));
}

static void progress(struct pp_spread *s)
{
    struct pp_send_group *run = s->ctx;
    bool before = run->reached;
    run->reached = is_reached(run);
    pp_send_changed(run->send);
    if (run->reached && !before) {
        pp_send_next(run->send);
    }
}

/* Somebody else's octets lie under our fresh id on some node: start over with a new one, as long as
 * nobody was told the old one. */
static bool start_over(struct pp_send_group *run)
{
    struct pp_send *send = run->send;
    if (!run->squatted || run->reached || run->restarts == RESTARTS_MAX) {
        return false;
    }
    const struct pp_mailnet *net = net_of(send);
    net->ops->blob_free(net->impl, run->blob);
    run->blob = NULL;
    run->squatted = false;
    run->restarts++;
    pp_buf_free(&run->set);
    renew(send, &send->job.groups[run->index]);
    return true;
}

static void done(struct pp_spread *s)
{
    struct pp_send_group *run = s->ctx;
    struct pp_send *send = run->send;
    struct pp_job_group *g = &send->job.groups[run->index];
    run->reached = is_reached(run);
    g->why[0] = '\0';
    if (!run->reached || pp_ids_count(&g->have) < g->wanted) {
        pp_spread_why(s, g->why, sizeof g->why);
    }
    pp_spread_finish(s);
    send->active--;
    run->running = false;
    run->ended = !start_over(run);
    pp_send_changed(send);
    pp_send_next(send);
}

static const struct pp_spread_kind kind = {.request = request,
                                           .judge = judge,
                                           .already = already,
                                           .looked = looked,
                                           .progress = progress,
                                           .done = done,
                                           .late = true,
                                           .replaces = true};

void pp_send_start_store(struct pp_send_group *run)
{
    struct pp_send *send = run->send;
    struct pp_job_group *g = &send->job.groups[run->index];
    const struct pp_mailnet *net = net_of(send);
    char name[112];
    pp_send_blob_name(name, send, run->index);
    run->reached = is_reached(run);
    if (g->gone || (g->wanted && pp_ids_count(&g->have) >= g->wanted)) {
        run->ended = true;
        return;
    }
    if (!run->blob) {
        run->blob = net->ops->blob_open(net->impl, PP_PLACE_SPOOL, name);
    }
    if (!run->blob || (!run->set.len && make_set(run) != PP_OK)) {
        snprintf(g->why, sizeof g->why, "its encrypted copy is missing from the spool");
        run->ended = true;
        return;
    }
    struct pp_id key = pp_place_of(pp_str(g->id));
    pp_spread_init(&run->spread, send->mail, &kind, run, &key);
    run->spread.k = pp_probe_copies(send->mail);
    run->spread.ops = pp_mail_is(send->mail)->ops_store;
    run->spread.hedge = 5 * PP_SECOND + g->size / 65536 * PP_SECOND;
    run->running = true;
    send->active++;
    pp_spread_start(&run->spread);
}

void pp_send_group_finish(struct pp_send_group *run)
{
    const struct pp_mailnet *net = net_of(run->send);
    pp_spread_finish(&run->spread);
    if (run->blob) {
        net->ops->blob_free(net->impl, run->blob);
    }
    pp_buf_free(&run->set);
    free(run);
}
