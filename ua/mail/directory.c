/*
 * Finding and authenticating certificates; see directory.h. It must not know what they are wanted
 * for.
 */
#include <mail/directory.h>

#include <base/hash.h>
#include <mail/pins.h>
#include <mail/record.h>
#include <stdio.h>
#include <stdlib.h>

#define CACHE_SECONDS 86400
#define PATIENCE (300 * PP_MS) /* for the rest, once a good one and most answers are there */

struct pp_find {
    struct pp_act act; /* first: its timer */
    struct pp_spread spread;
    struct pp_mail *mail;
    struct pp_buf address, identifier;
    struct pp_certificate *best;
    int invalid; /* why the ones that we saw are no good */
    bool cached, hurried, untagged;
    bool fresh;
    pp_found_fn *found;
    void *ctx;
};

struct pp_id pp_inbox_place(struct pp_bytes address)
{
    return pp_place_of(address);
}

struct pp_id pp_certificate_place(struct pp_bytes address)
{
    struct pp_buf b = {0};
    pp_buf_add(&b, address.data, address.len);
    pp_buf_add_str(&b, "-certificate");
    struct pp_id id = pp_place_of(pp_buf_bytes(&b));
    pp_buf_free(&b);
    return id;
}

static void note_key(struct pp_buf *out, const char *prefix, struct pp_bytes address)
{
    pp_buf_add_str(out, prefix);
    pp_buf_add(out, address.data, address.len);
}

void pp_find_cancel(struct pp_find *f)
{
    if (!f) {
        return;
    }
    const struct pp_mailnet *net = &pp_mail_is(f->mail)->net;
    net->ops->forget(net->impl, &f->act);
    pp_spread_finish(&f->spread);
    pp_certificate_free(f->best);
    pp_buf_free(&f->address);
    pp_buf_free(&f->identifier);
    free(f);
}

static void answer(struct pp_find *f, int code, const char *text)
{
    f->found(f->ctx, code, code == PP_OK ? f->best : NULL, text);
    pp_find_cancel(f);
}

static int parse_any(struct pp_certificate **c, struct pp_bytes octets);

/* One PEM block, for pp_pem_each: takes the first. */
static int take_pem(void *ctx, struct pp_bytes der)
{
    struct pp_certificate **c = ctx;
    return *c ? PP_OK : pp_certificate_parse(c, der);
}

static int parse_any(struct pp_certificate **c, struct pp_bytes octets)
{
    *c = NULL;
    if (octets.len && octets.data[0] == '-') {
        int rc = pp_pem_each(octets, take_pem, c);
        return rc == PP_OK && !*c ? PP_MALFORMED : rc;
    }
    return pp_certificate_parse(c, octets);
}

/* --- the pin ------------------------------------------------------------------------------- */

static bool is_good(struct pp_find *f, struct pp_certificate *c, int *why);

/* Where the answers show only an earlier certificate than the known one, that is used. */
static int check_pin(struct pp_find *f, char *text, size_t cap)
{
    struct pp_certificate *known = NULL;
    int why;
    int rc =
        pp_pin_check(f->mail, pp_buf_bytes(&f->address), f->best, pp_bytes(NULL, 0), text, cap);
    if (rc != PP_EXISTS) {
        return rc;
    }
    if (pp_pin_get(f->mail, pp_buf_bytes(&f->address), &known) == PP_OK &&
        is_good(f, known, &why)) {
        pp_certificate_free(f->best);
        f->best = known;
        return PP_OK;
    }
    pp_certificate_free(known);
    snprintf(text, cap,
             "only an old certificate of %s is found: its owner must publish the new one",
             (const char *)f->address.data);
    return PP_AGAIN;
}

/* --- the cache: "c:<address>" = seconds (8), DER ------------------------------------------- */

static void cache_put(struct pp_find *f)
{
    struct pp_buf key = {0}, value = {0};
    note_key(&key, "c:", pp_buf_bytes(&f->address));
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(f->mail));
    pp_record_fixed(&value, f->best->der.data, f->best->der.len);
    pp_mail_note(f->mail, pp_buf_bytes(&key), pp_buf_bytes(&value));
    pp_buf_free(&key);
    pp_buf_free(&value);
}

static bool is_good(struct pp_find *f, struct pp_certificate *c, int *why)
{
    *why = PP_MALFORMED;
    if (!pp_certificate_has_address(c, pp_buf_bytes(&f->address))) {
        return false;
    }
    *why = pp_authority_check(pp_mail_is(f->mail)->authority, c, PP_CERT_ADDRESS,
                              pp_mail_now(f->mail).wall);
    return *why == PP_OK;
}

static void cache_get(struct pp_find *f, uint64_t age_max)
{
    struct pp_buf key = {0}, value = {0};
    int why;
    note_key(&key, "c:", pp_buf_bytes(&f->address));
    if (pp_mail_recall(f->mail, pp_buf_bytes(&key), &value) == PP_OK && value.len > 8) {
        uint64_t age = (uint64_t)pp_mail_seconds(f->mail) - pp_get64(value.data);
        if (age <= age_max &&
            pp_certificate_parse(&f->best, pp_bytes(value.data + 8, value.len - 8)) == PP_OK &&
            !is_good(f, f->best, &why)) {
            pp_certificate_free(f->best);
            f->best = NULL;
        }
    }
    pp_buf_free(&key);
    pp_buf_free(&value);
}

int pp_directory_seen(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate **c)
{
    struct pp_buf key = {0}, value = {0};
    note_key(&key, "c:", address);
    int rc = pp_mail_recall(mail, pp_buf_bytes(&key), &value);
    if (rc == PP_OK) {
        rc = value.len > 8 ? pp_certificate_parse(c, pp_bytes(value.data + 8, value.len - 8))
                           : PP_NOT_FOUND;
    }
    pp_buf_free(&key);
    pp_buf_free(&value);
    return rc;
}

int pp_directory_accept(struct pp_mail *mail, struct pp_bytes address)
{
    struct pp_certificate *c = NULL;
    int rc = pp_directory_seen(mail, address, &c);
    if (rc == PP_OK) {
        pp_pin_set(mail, address, c);
    }
    pp_certificate_free(c);
    return rc;
}

/* --- asking -------------------------------------------------------------------------------- */

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_find *f = s->ctx;
    (void)t;
    ask->request.method = "GET";
    ask->request.identifier = pp_buf_bytes(&f->identifier);
    return PP_OK;
}

static enum pp_verdict judge_certificate(struct pp_find *f, struct pp_target *t)
{
    struct pp_certificate *c = NULL;
    int why;
    if (parse_any(&c, pp_buf_bytes(&t->body)) != PP_OK) {
        pp_mail_blame(f->mail, &t->peer, "its answer is no certificate");
        return PP_VERDICT_BAD;
    }
    if (!is_good(f, c, &why)) {
        pp_certificate_free(c);
        f->invalid = why;
        snprintf(t->text, sizeof t->text, "has a certificate that is %s", pp_error_text(why));
        return PP_VERDICT_MISSING;
    }
    if (!f->best || c->not_before > f->best->not_before) {
        pp_certificate_free(f->best);
        f->best = c;
    } else {
        pp_certificate_free(c);
    }
    return PP_VERDICT_DONE;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (t->status == 200) {
        return judge_certificate(s->ctx, t);
    }
    return t->status == 404 || t->status == 410 ? PP_VERDICT_MISSING : PP_VERDICT_BAD;
}

static void progress(struct pp_spread *s)
{
    struct pp_find *f = s->ctx;
    const struct pp_mailnet *net = &pp_mail_is(f->mail)->net;
    if (f->best && !f->hurried && s->done + s->missing >= pp_min_copies(s->found)) {
        f->hurried = true;
        net->ops->wake(net->impl, &f->act, pp_mail_now(f->mail).mono + PATIENCE);
    }
}

static void ask(struct pp_find *f);

/* anna+tag@x, whom nobody knows, becomes anna@x. */
static bool untag(struct pp_find *f)
{
    const char *tags = pp_mail_is(f->mail)->tag;
    uint8_t *local = f->address.data, *at = memchr(local, '@', f->address.len);
    uint8_t *cut = NULL;
    if (f->untagged || !tags || !*tags || !at || *local == '"') {
        return false;
    }
    for (uint8_t *p = local + 1; p < at && !cut; p++) {
        cut = strchr(tags, *p) ? p : NULL;
    }
    if (!cut) {
        return false;
    }
    size_t rest = f->address.len - (size_t)(at - local);
    memmove(cut, at, rest + 1);
    f->address.len = (size_t)(cut - local) + rest;
    f->untagged = true;
    return true;
}

static void unknown(struct pp_find *f)
{
    const struct pp_spread *s = &f->spread;
    char text[256], why[200];
    if (s->code != PP_OK || s->local) {
        pp_spread_why(s, why, sizeof why);
        answer(f, s->local ? PP_LOCAL : s->code, why);
    } else if (f->invalid) {
        snprintf(text, sizeof text, "the certificate of %s is %s: its owner must renew it",
                 (const char *)f->address.data, pp_error_text(f->invalid));
        answer(f, f->invalid, text);
    } else if (s->missing >= pp_min_copies(s->found) && untag(f)) {
        pp_spread_finish(&f->spread);
        ask(f);
    } else if (s->missing >= pp_min_copies(s->found)) {
        snprintf(text, sizeof text, "%s is unknown: none of the %u nodes asked has a certificate",
                 (const char *)f->address.data, s->missing);
        answer(f, PP_NOT_FOUND, text);
    } else {
        pp_spread_why(s, why, sizeof why);
        answer(f, PP_AGAIN, why);
    }
}

static void done(struct pp_spread *s)
{
    struct pp_find *f = s->ctx;
    char text[400] = "";
    if (!f->best) {
        unknown(f);
        return;
    }
    cache_put(f);
    int rc = check_pin(f, text, sizeof text);
    answer(f, rc, text);
}

static const struct pp_spread_kind kind = {
    .request = request, .judge = judge, .progress = progress, .done = done, .widens = true};

static void on_wake(struct pp_act *act)
{
    struct pp_find *f = (struct pp_find *)act;
    if (!f->cached) {
        pp_spread_enough(&f->spread);
        return;
    }
    char text[400] = "";
    int rc = check_pin(f, text, sizeof text);
    answer(f, rc, text);
}

/* From the cache, or of the nodes. */
static void ask(struct pp_find *f)
{
    struct pp_mail *mail = f->mail;
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    f->identifier.len = 0;
    pp_buf_add(&f->identifier, f->address.data, f->address.len);
    pp_buf_add_str(&f->identifier, "-certificate");
    if (!f->fresh) {
        cache_get(f, CACHE_SECONDS);
    }
    if (f->best) {
        f->cached = true;
        net->ops->wake(net->impl, &f->act, pp_mail_now(mail).mono);
        return;
    }
    struct pp_id key = pp_place_of(pp_buf_bytes(&f->identifier));
    pp_spread_init(&f->spread, mail, &kind, f, &key);
    f->spread.answer_max = 3 * PP_CERTIFICATE_MAX;
    if (pp_bytes_equal(pp_buf_bytes(&f->address), pp_mail_is(mail)->address)) {
        f->spread.paths = pp_mail_is(mail)->paths;
    }
    pp_spread_start(&f->spread);
}

struct pp_find *pp_directory_find(struct pp_mail *mail, struct pp_bytes address, bool fresh,
                                  pp_found_fn *found, void *ctx)
{
    struct pp_find *f = calloc(1, sizeof *f);
    if (!f) {
        return NULL;
    }
    *f = (struct pp_find){
        .act = {.wake = on_wake}, .mail = mail, .fresh = fresh, .found = found, .ctx = ctx};
    pp_buf_add(&f->address, address.data, address.len);
    ask(f);
    return f;
}

struct pp_bytes pp_find_address(const struct pp_find *find)
{
    return pp_buf_bytes(&find->address);
}
