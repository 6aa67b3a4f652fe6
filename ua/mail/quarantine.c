/* The quarantine's notes, and the way out; see quarantine.h. It must not know why it is there. */
#include <mail/quarantine.h>

#include <mail/record.h>
#include <mail/senders.h>
#include <stdio.h>
#include <stdlib.h>

static void note_key(char out[72], const char *hash)
{
    snprintf(out, 72, "q:%.64s", hash);
}

void pp_aside_note(struct pp_mail *mail, const char *hash, enum pp_aside kind, const char *sender,
                   const char *reason)
{
    struct pp_buf value = {0};
    char key[72];
    note_key(key, hash);
    pp_record_u8(&value, (uint8_t)kind);
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(mail));
    pp_record_bytes(&value, pp_str(sender));
    pp_record_bytes(&value, pp_str(reason));
    pp_mail_note(mail, pp_str(key), pp_buf_bytes(&value));
    pp_buf_free(&value);
}

static int read_note(struct pp_set_aside *s, struct pp_bytes value)
{
    struct pp_reader r = pp_reader(value);
    s->kind = pp_read8(&r);
    s->at = (int64_t)pp_read64(&r);
    pp_reads_buf(&r, &s->sender);
    pp_reads_buf(&r, &s->reason);
    return r.failed ? PP_MALFORMED : PP_OK;
}

int pp_aside_recall(struct pp_mail *mail, const char *hash, struct pp_set_aside *s)
{
    struct pp_buf value = {0};
    char key[72];
    note_key(key, hash);
    int rc = pp_mail_recall(mail, pp_str(key), &value);
    rc = rc == PP_OK ? read_note(s, pp_buf_bytes(&value)) : rc;
    pp_buf_free(&value);
    return rc;
}

void pp_aside_finish(struct pp_set_aside *s)
{
    pp_buf_free(&s->sender);
    pp_buf_free(&s->reason);
}

struct each {
    int (*fn)(void *ctx, const char *hash);
    void *ctx;
};

static int each_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct each *e = ctx;
    (void)value;
    return key.len == 66 ? e->fn(e->ctx, (const char *)key.data + 2) : 0;
}

int pp_aside_each(struct pp_mail *mail, int (*fn)(void *ctx, const char *hash), void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct each e = {fn, ctx};
    return net->ops->replay(net->impl, pp_str("q:"), each_one, &e);
}

struct due {
    struct pp_mail *mail;
    char *hash;
};

static int due_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct due *d = ctx;
    struct pp_set_aside s = {0};
    bool is = key.len == 66 && read_note(&s, value) == PP_OK && s.kind == PP_ASIDE_STRANGER &&
              s.sender.len && pp_sender_is_known(d->mail, (const char *)s.sender.data);
    if (is) {
        snprintf(d->hash, 65, "%.64s", (const char *)key.data + 2);
    }
    pp_aside_finish(&s);
    return is;
}

bool pp_aside_due(struct pp_mail *mail, char hash[65])
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct due d = {mail, hash};
    return net->ops->replay(net->impl, pp_str("q:"), due_one, &d) != 0;
}

static void forget(struct pp_mail *mail, const char *hash)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    char key[72];
    note_key(key, hash);
    pp_mail_note(mail, pp_str(key), pp_bytes(NULL, 0));
    net->ops->blob_drop(net->impl, PP_PLACE_QUARANTINE, hash);
}

void pp_aside_drop(struct pp_mail *mail, const char *hash)
{
    forget(mail, hash);
}

/* --- release: kept in the mailbox first, dropped here after --------------------------------- */

struct pp_release {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    char hash[65];
    int code;
    pp_released_fn *done;
    void *ctx;
};

void pp_release_cancel(struct pp_release *r)
{
    if (r) {
        const struct pp_mailnet *net = &pp_mail_is(r->mail)->net;
        net->ops->forget(net->impl, &r->act);
        free(r);
    }
}

static void end(struct pp_release *r, int code)
{
    pp_released_fn *done = r->done;
    void *ctx = r->ctx;
    pp_release_cancel(r);
    done(ctx, code);
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    struct pp_release *r = (struct pp_release *)act;
    (void)token;
    if (error && error != PP_EXISTS) {
        end(r, error);
        return;
    }
    const struct pp_mailnet *net = &pp_mail_is(r->mail)->net;
    pp_mail_crash(r->mail, "release-kept");
    forget(r->mail, r->hash);
    net->ops->blob_drop(net->impl, PP_PLACE_NEW, r->hash); /* its link in tmp/ */
    end(r, PP_OK);
}

static void on_wake(struct pp_act *act)
{
    struct pp_release *r = (struct pp_release *)act;
    end(r, r->code);
}

struct pp_release *pp_release_start(struct pp_mail *mail, const char *hash, pp_released_fn *done,
                                    void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_set_aside s = {0};
    struct pp_release *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    *r = (struct pp_release){
        .act = {.wake = on_wake, .kept = on_kept}, .mail = mail, .done = done, .ctx = ctx};
    snprintf(r->hash, sizeof r->hash, "%.64s", hash);
    r->code = pp_aside_recall(mail, hash, &s);
    pp_aside_finish(&s);
    struct pp_blob *blob =
        r->code == PP_OK ? net->ops->blob_open(net->impl, PP_PLACE_QUARANTINE, r->hash) : NULL;
    if (blob) {
        net->ops->blob_keep(net->impl, &r->act, blob, PP_PLACE_NEW, r->hash, 0);
        net->ops->blob_free(net->impl, blob);
        return r;
    }
    if (r->code == PP_OK) { /* the file is gone: whoever removed it meant it */
        forget(mail, r->hash);
        r->code = PP_NOT_FOUND;
    }
    net->ops->wake(net->impl, &r->act, pp_mail_now(mail).mono);
    return r;
}
