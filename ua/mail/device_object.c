/* Sealed objects on the nodes; see device_object.h. It must not know what is in them. */
#include <mail/device_object.h>

#include <base/hash.h>
#include <mail/blob_io.h>
#include <mail/kept.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <seal/plain.h>
#include <stdio.h>

static void drop(const struct pp_mailnet *net, struct pp_blob **blob)
{
    if (*blob) {
        net->ops->blob_free(net->impl, *blob);
    }
    *blob = NULL;
}

int pp_device_seal(struct pp_mail *mail, const struct pp_source *source, const uint8_t key[32],
                   struct pp_blob **blob, uint8_t digest[32], uint64_t *size)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    const struct pp_signer nobody = {NULL, NULL};
    struct pp_error error = {0};
    struct pp_blob_io io = {net, net->ops->blob_new(net->impl)};
    struct pp_out out = {pp_blob_io_write, &io};
    *blob = io.blob;
    int rc =
        io.blob ? pp_seal_body(source, &nobody, key, true, &out, digest, size, &error) : PP_FULL;
    if (rc != PP_OK) {
        drop(net, blob);
    }
    return rc;
}

int pp_device_open(struct pp_mail *mail, struct pp_blob *sealed, uint64_t size,
                   const uint8_t key[32], struct pp_blob **blob)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_opened opened = {0};
    struct pp_error error = {0};
    struct pp_blob_io in = {net, sealed}, scratch = {net, net->ops->blob_new(net->impl)},
                      plain = {net, net->ops->blob_new(net->impl)};
    struct pp_source object = {pp_blob_io_read, &in, size}, back = {pp_blob_io_read, &scratch, 0};
    struct pp_out to_scratch = {pp_blob_io_write, &scratch}, to_plain = {pp_blob_io_write, &plain};
    int rc = scratch.blob && plain.blob
                 ? pp_open_body(&object, key, &to_scratch, &back, &to_plain, &opened, &error)
                 : PP_FULL;
    pp_opened_finish(&opened);
    drop(net, &scratch.blob);
    if (rc != PP_OK) {
        drop(net, &plain.blob);
    }
    *blob = plain.blob;
    return rc;
}

static int64_t octets_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct pp_buf *b = ctx;
    size_t left = offset < b->len ? b->len - (size_t)offset : 0;
    size_t n = left < cap ? left : cap;
    if (n) {
        memcpy(out, b->data + offset, n);
    }
    return (int64_t)n;
}

static int octets_write(void *ctx, struct pp_bytes bytes)
{
    return pp_buf_add(ctx, bytes.data, bytes.len);
}

int pp_device_seal_octets(struct pp_mail *mail, const struct pp_buf *plain, const uint8_t key[32],
                          struct pp_blob **blob, uint8_t digest[32], uint64_t *size)
{
    const struct pp_bytes octets = pp_buf_bytes(plain);
    const struct pp_source source = pp_source_of(&octets);
    return pp_device_seal(mail, &source, key, blob, digest, size);
}

int pp_device_open_octets(struct pp_bytes sealed, const uint8_t key[32], struct pp_buf *out)
{
    struct pp_buf scratch = {0};
    struct pp_opened opened = {0};
    struct pp_error error = {0};
    struct pp_source object = pp_source_of(&sealed), back = {octets_read, &scratch, 0};
    struct pp_out to_scratch = {octets_write, &scratch}, to_out = {octets_write, out};
    int rc = pp_open_body(&object, key, &to_scratch, &back, &to_out, &opened, &error);
    pp_opened_finish(&opened);
    pp_buf_wipe(&scratch);
    return rc;
}

/* --- storing ------------------------------------------------------------------------------- */

static int put_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_put *put = s->ctx;
    ask->request.method = "PUT";
    ask->request.identifier = pp_str(put->object.identifier);
    ask->request.certificates = pp_buf_bytes(&put->set);
    ask->request.blob = put->blob;
    ask->request.times.total += put->size / 16384 * PP_SECOND;
    pp_ask_field(ask, "Peerpost-Life", "%llu", (unsigned long long)pp_mail_is(s->mail)->life);
    return t->retried ? pp_sign_ask_as_user(s->mail, ask, NULL, NULL) : PP_OK;
}

static enum pp_verdict put_judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_put *put = s->ctx;
    if (pp_spread_throttled(s, t)) {
        return PP_VERDICT_AGAIN;
    }
    if (!t->error && (t->status == 409 || t->status == 410)) {
        put->taken++;
        return PP_VERDICT_MISSING; /* no farther node in its place */
    }
    if (!t->error && (t->status == 200 || t->status == 201)) {
        pp_mail_crash(s->mail, "device-stored");
        return PP_VERDICT_DONE;
    }
    return PP_VERDICT_BAD;
}

static void put_done(struct pp_spread *s)
{
    struct pp_put *put = s->ctx;
    put->done(put);
}

static const struct pp_spread_kind put_kind = {
    .request = put_request, .judge = put_judge, .done = put_done, .late = true, .replaces = true};

static int make_set(struct pp_put *put)
{
    struct pp_certificate *c = NULL;
    EVP_PKEY *key = NULL;
    int rc = pp_capability(put->object.seed, &key, &c);
    if (rc == PP_OK) {
        pp_certificate_pem(&put->set, c);
        rc = put->set.failed ? PP_NOMEM : PP_OK;
    }
    EVP_PKEY_free(key);
    pp_certificate_free(c);
    return rc;
}

int pp_put_start(struct pp_put *put, struct pp_mail *mail, const struct pp_device_object *object,
                 struct pp_blob *blob, uint64_t size, const uint8_t digest[32], pp_put_done *done,
                 void *ctx)
{
    struct pp_id key = pp_place_of(pp_str(object->identifier));
    *put = (struct pp_put){.object = *object, .blob = blob, .size = size, .done = done, .ctx = ctx};
    memcpy(put->digest, digest, sizeof put->digest);
    pp_spread_init(&put->spread, mail, &put_kind, put, &key);
    int rc = make_set(put);
    if (rc != PP_OK) {
        pp_put_finish(put);
        return rc;
    }
    put->spread.hedge = 5 * PP_SECOND + size / 65536 * PP_SECOND;
    pp_spread_start(&put->spread);
    return PP_OK;
}

bool pp_put_reached(const struct pp_put *put)
{
    unsigned enough = pp_min_copies(put->spread.found);
    return put->spread.found && put->spread.done >= enough && put->taken < enough;
}

bool pp_put_lost(const struct pp_put *put)
{
    return put->taken && !pp_put_reached(put);
}

void pp_put_keep(struct pp_mail *mail, const struct pp_device_object *object, uint64_t size,
                 const uint8_t digest[32], int64_t stored)
{
    struct pp_kept kept = {
        .size = size, .has_seed = true, .life = pp_mail_is(mail)->life, .renewed = stored};
    memcpy(kept.digest, digest, sizeof kept.digest);
    memcpy(kept.seed, object->seed, sizeof kept.seed);
    if (pp_buf_add_str(&kept.identifier, object->identifier) == PP_OK) {
        pp_kept_note(mail, &kept);
    }
    pp_kept_finish(&kept);
}

void pp_put_finish(struct pp_put *put)
{
    struct pp_mail *mail = put->spread.mail;
    if (!mail) {
        return;
    }
    pp_spread_finish(&put->spread);
    drop(&pp_mail_is(mail)->net, &put->blob);
    pp_buf_free(&put->set);
    OPENSSL_cleanse(put, sizeof *put);
}

/* --- looking ------------------------------------------------------------------------------- */

static int peek_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_peek *peek = s->ctx;
    (void)t;
    ask->request.method = "GET";
    ask->request.identifier = pp_str(peek->object.identifier);
    ask->request.times.total += s->answer_max / 65536 * PP_SECOND;
    return PP_OK;
}

/* The variant of these octets, opened when they are new; NULL: they are not the user's. */
static struct pp_peek_variant *variant_of(struct pp_peek *peek, struct pp_bytes octets)
{
    uint8_t digest[32];
    pp_sha256(digest, octets);
    for (size_t i = 0; i < peek->n; i++) {
        if (memcmp(peek->variants[i].digest, digest, sizeof digest) == 0) {
            return &peek->variants[i];
        }
    }
    struct pp_peek_variant *v = peek->n < PP_PEEK_VARIANTS ? &peek->variants[peek->n] : NULL;
    if (!v || pp_device_open_octets(octets, peek->object.key, &v->plain) != PP_OK) {
        if (v) {
            pp_buf_wipe(&v->plain);
        }
        return NULL;
    }
    v->size = octets.len;
    memcpy(v->digest, digest, sizeof v->digest);
    peek->n++;
    return v;
}

static enum pp_verdict peek_judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_peek *peek = s->ctx;
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (t->status == 404 || t->status == 410) {
        peek->absent += t->status == 404;
        peek->gone += t->status == 410;
        return PP_VERDICT_MISSING;
    }
    struct pp_peek_variant *v = t->status == 200 ? variant_of(peek, pp_buf_bytes(&t->body)) : NULL;
    if (!v) {
        if (t->status == 200) {
            pp_mail_blame(s->mail, &t->peer,
                          "gives other octets than a computer of yours stored; passed over");
        }
        return PP_VERDICT_BAD;
    }
    v->copies++;
    if (peek->any) {
        s->ops = 1; /* the others need not be waited for */
    }
    return PP_VERDICT_DONE;
}

static void peek_ended(struct pp_spread *s)
{
    struct pp_peek *peek = s->ctx;
    peek->done(peek);
}

static const struct pp_spread_kind peek_kind = {
    .request = peek_request, .judge = peek_judge, .done = peek_ended, .late = true};
static const struct pp_spread_kind peek_wide_kind = {
    .request = peek_request, .judge = peek_judge, .done = peek_ended, .late = true, .widens = true};

void pp_peek_start(struct pp_peek *peek, struct pp_mail *mail,
                   const struct pp_device_object *object, uint64_t most, bool any, bool wide,
                   pp_peek_done *done, void *ctx)
{
    struct pp_id key = pp_place_of(pp_str(object->identifier));
    *peek = (struct pp_peek){.object = *object, .any = any, .done = done, .ctx = ctx};
    pp_spread_init(&peek->spread, mail, wide ? &peek_wide_kind : &peek_kind, peek, &key);
    peek->spread.answer_max = most;
    pp_spread_start(&peek->spread);
}

void pp_peek_finish(struct pp_peek *peek)
{
    if (!peek->spread.mail) {
        return;
    }
    pp_spread_finish(&peek->spread);
    for (size_t i = 0; i < PP_PEEK_VARIANTS; i++) {
        pp_buf_wipe(&peek->variants[i].plain);
    }
    OPENSSL_cleanse(peek, sizeof *peek);
}
