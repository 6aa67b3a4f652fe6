/* The canary on its way into the user's own inbox, and back; see canary.h. */
#include <mail/canary.h>

#include <base/encode.h>
#include <base/hash.h>
#include <mail/append.h>
#include <mail/directory.h>
#include <mail/job.h>
#include <mail/record.h>
#include <stdio.h>
#include <stdlib.h>

#define EVERY ((int64_t)20 * 3600)
#define LIFE_DAYS 30
#define SHARE_DAYS 14u
#define LAST "y:last"
#define SHARE "y:p"

struct pp_canary {
    struct pp_act act; /* first: ends one that is not due */
    struct pp_mail *mail;
    struct pp_spread spread;
    struct pp_append append;
    struct pp_buf sealed, have;
    pp_canary_fn *done;
    void *ctx;
};

static const struct pp_mailnet *net_of(const struct pp_canary *c)
{
    return &pp_mail_is(c->mail)->net;
}

static int64_t last(struct pp_mail *mail)
{
    struct pp_buf value = {0};
    int64_t at = 0;
    if (pp_mail_recall(mail, pp_str(LAST), &value) == PP_OK && value.len == 8) {
        at = (int64_t)pp_get64(value.data);
    }
    pp_buf_free(&value);
    return at;
}

static void note_now(struct pp_mail *mail, const char *key)
{
    uint8_t now[8];
    pp_put64(now, (uint64_t)pp_mail_seconds(mail));
    pp_mail_note(mail, pp_str(key), pp_bytes(now, sizeof now));
}

/* --- out ----------------------------------------------------------------------------------- */

void pp_canary_cancel(struct pp_canary *c)
{
    if (!c) {
        return;
    }
    net_of(c)->ops->forget(net_of(c)->impl, &c->act);
    pp_spread_finish(&c->spread);
    pp_buf_free(&c->sealed);
    pp_buf_free(&c->have);
    free(c);
}

static void end(struct pp_canary *c, unsigned copies)
{
    pp_canary_fn *done = c->done;
    void *ctx = c->ctx;
    pp_canary_cancel(c);
    done(ctx, copies);
}

static void on_wake(struct pp_act *act)
{
    end((struct pp_canary *)act, 0);
}

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_canary *c = s->ctx;
    c->append.inbox = pp_mail_is(s->mail)->address;
    c->append.sealed = pp_buf_bytes(&c->sealed);
    return pp_append_request(s, t, ask, &c->append);
}

static void head(struct pp_spread *s, struct pp_target *t, const struct pp_net_field *fields,
                 size_t n)
{
    pp_append_head(&((struct pp_canary *)s->ctx)->append, t, fields, n);
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_canary *c = s->ctx;
    enum pp_verdict verdict = pp_append_judge(s, t, &c->append);
    if (verdict == PP_VERDICT_DONE) {
        pp_ids_add(&c->have, &t->peer.id);
    }
    return verdict;
}

/* As any notification: to the size, the fields that others have, the signature. */
static int seal(struct pp_canary *c, const struct pp_spread *s)
{
    const struct pp_mail_options *o = pp_mail_is(c->mail);
    struct pp_notification n = {
        .life = o->life, .created = (uint64_t)pp_mail_seconds(c->mail), .canary = true};
    struct pp_signer signer = {o->certificates[0], o->keys[0]};
    struct pp_error error = {0};
    uint8_t random[16];
    pp_mail_random(c->mail, random, sizeof random);
    pp_base32(&n.object_id, pp_bytes(random, sizeof random));
    pp_buf_add_str(&n.object_id, "@peerpost.invalid");
    pp_buf_add(&n.recipient, o->address.data, o->address.len);
    pp_buf_add(&n.from, o->address.data, o->address.len);
    memcpy(n.recipient_keyid, o->certificates[0]->keyid, sizeof n.recipient_keyid);
    for (size_t i = 0; i < s->n_targets && n.n_inbox_asked < PP_K_MAX; i++) {
        n.inbox_asked[n.n_inbox_asked++] = s->targets[i]->peer.id;
    }
    int rc = pp_seal_notification(&c->sealed, &n, &signer, o->certificates[0], true, &error);
    pp_notification_finish(&n);
    return rc;
}

static enum pp_spread_next looked(struct pp_spread *s)
{
    struct pp_canary *c = s->ctx;
    return s->code == PP_OK && seal(c, s) != PP_OK ? PP_SPREAD_STOP : PP_SPREAD_GO;
}

static void key_of(char out[80], const char *hash)
{
    snprintf(out, 80, "y:c:%.64s", hash);
}

static void done(struct pp_spread *s)
{
    struct pp_canary *c = s->ctx;
    unsigned copies = pp_ids_count(&c->have);
    if (copies) {
        struct pp_buf value = {0};
        uint8_t digest[32];
        char hash[65], key[80];
        pp_sha256(digest, pp_buf_bytes(&c->sealed));
        pp_hex(hash, digest, sizeof digest);
        key_of(key, hash);
        pp_record_u64(&value, (uint64_t)pp_mail_seconds(c->mail));
        pp_record_bytes(&value, pp_buf_bytes(&c->have));
        pp_mail_note(c->mail, pp_str(key), pp_buf_bytes(&value));
        pp_buf_free(&value);
        note_now(c->mail, LAST);
    }
    end(c, copies);
}

static const struct pp_spread_kind kind = {
    .request = request, .head = head, .judge = judge, .looked = looked, .done = done, .late = true};

/* Canaries that nobody showed again in their whole life. */
static int sweep_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct pp_buf *old = ctx;
    int64_t before = (int64_t)pp_get64(old->data);
    if (value.len < 8 || (int64_t)pp_get64(value.data) < before) {
        pp_record_bytes(old, key);
    }
    return 0;
}

static void sweep(struct pp_mail *mail)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_buf old = {0};
    pp_record_u64(&old, (uint64_t)(pp_mail_seconds(mail) - (int64_t)LIFE_DAYS * 86400));
    if (!old.failed) {
        net->ops->replay(net->impl, pp_str("y:c:"), sweep_one, &old);
        pp_buf_consume(&old, 8);
        pp_mail_forget(mail, &old);
    }
    pp_buf_free(&old);
}

struct pp_canary *pp_canary_start(struct pp_mail *mail, pp_canary_fn *done_fn, void *ctx)
{
    struct pp_canary *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    *c = (struct pp_canary){.act = {.wake = on_wake}, .mail = mail, .done = done_fn, .ctx = ctx};
    sweep(mail);
    if (!pp_mail_is(mail)->n_keys || last(mail) + EVERY > pp_mail_seconds(mail)) {
        net_of(c)->ops->wake(net_of(c)->impl, &c->act, pp_mail_now(mail).mono);
        return c;
    }
    struct pp_id key = pp_inbox_place(pp_mail_is(mail)->address);
    pp_spread_init(&c->spread, mail, &kind, c, &key);
    c->spread.paths = pp_mail_is(mail)->paths;
    pp_spread_start(&c->spread);
    return c;
}

/* --- back ---------------------------------------------------------------------------------- */

bool pp_canary_is_own(struct pp_mail *mail, const struct pp_notification *n)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    for (size_t i = 0; n->is_signed && n->signer && i < o->n_keys; i++) {
        if (memcmp(n->signer->keyid, o->certificates[i]->keyid, 32) == 0) {
            return true;
        }
    }
    return false;
}

size_t pp_canary_taken(struct pp_mail *mail, const char *hash, struct pp_id nodes[PP_K_MAX])
{
    struct pp_buf value = {0};
    char key[80];
    size_t n = 0;
    key_of(key, hash);
    if (pp_mail_recall(mail, pp_str(key), &value) == PP_OK) {
        struct pp_reader r = pp_reader(pp_buf_bytes(&value));
        pp_read64(&r);
        struct pp_bytes ids = pp_reads(&r);
        for (; !r.failed && n < PP_K_MAX && (n + 1) * PP_ID_LEN <= ids.len; n++) {
            memcpy(nodes[n].b, ids.data + n * PP_ID_LEN, PP_ID_LEN);
        }
    }
    pp_buf_free(&value);
    return n;
}

/* Days with copies asked for and had: day (4), asked (4), good (4), the newest last. */
void pp_canary_read(struct pp_mail *mail, const char *hash, unsigned out, unsigned back)
{
    uint32_t today = (uint32_t)(pp_mail_seconds(mail) / 86400);
    struct pp_buf old = {0}, new = {0};
    char key[80];
    key_of(key, hash);
    pp_mail_note(mail, pp_str(key), pp_bytes(NULL, 0));
    pp_mail_recall(mail, pp_str(SHARE), &old);
    struct pp_reader r = pp_reader(pp_buf_bytes(&old));
    while (pp_reader_left(&r) >= 12) {
        uint32_t day = pp_read32(&r), asked = pp_read32(&r), good = pp_read32(&r);
        if (day == today) {
            out += asked;
            back += good;
        } else if (day + SHARE_DAYS > today && day < today) {
            pp_record_u32(&new, day);
            pp_record_u32(&new, asked);
            pp_record_u32(&new, good);
        }
    }
    pp_record_u32(&new, today);
    pp_record_u32(&new, out);
    pp_record_u32(&new, back);
    pp_mail_note(mail, pp_str(SHARE), pp_buf_bytes(&new));
    pp_buf_free(&old);
    pp_buf_free(&new);
}

void pp_canary_share(struct pp_mail *mail, uint64_t *asked, uint64_t *good)
{
    uint32_t today = (uint32_t)(pp_mail_seconds(mail) / 86400);
    struct pp_buf value = {0};
    *asked = *good = 0;
    pp_mail_recall(mail, pp_str(SHARE), &value);
    struct pp_reader r = pp_reader(pp_buf_bytes(&value));
    while (pp_reader_left(&r) >= 12) {
        uint32_t day = pp_read32(&r), out = pp_read32(&r), back = pp_read32(&r);
        bool counts = day + SHARE_DAYS > today && day <= today;
        *asked += counts ? out : 0;
        *good += counts ? back : 0;
    }
    pp_buf_free(&value);
}
