/* Asking nodes for the revocation list; see revocations.h. The note "r:crl" is when it was asked
 * for and whether anybody answered. It must not know where the list is kept. */
#include <mail/revocations.h>

#include <mail/record.h>
#include <mail/spread.h>
#include <stdlib.h>

#define ASKED 3
#define LIST_MAX (16u << 20)
#define AGAIN_SECONDS 600
#define KEY "r:crl" /* no address: those have an @ */
#define PATH ".well-known/peerpost/crl"

struct pp_revocations {
    struct pp_spread spread;
    struct pp_mail *mail;
    bool taken;
    pp_revocations_fn *done;
    void *ctx;
};

static void note_asked(struct pp_mail *mail, bool answered)
{
    struct pp_buf value = {0};
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(mail));
    pp_record_u8(&value, answered);
    pp_mail_note(mail, pp_str(KEY), pp_buf_bytes(&value));
    pp_buf_free(&value);
}

bool pp_revocations_due(struct pp_mail *mail, pp_ns every)
{
    struct pp_buf value = {0};
    bool due = true;
    if (pp_mail_recall(mail, pp_str(KEY), &value) == PP_OK && value.len == 9) {
        int64_t age = pp_mail_seconds(mail) - (int64_t)pp_get64(value.data);
        int64_t most = (int64_t)(every / PP_SECOND);
        most = value.data[8] || most < AGAIN_SECONDS ? most : AGAIN_SECONDS;
        due = age < 0 || age >= most;
    }
    pp_buf_free(&value);
    return due;
}

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    (void)s;
    (void)t;
    ask->request.method = "GET";
    ask->request.identifier = pp_str(PATH);
    ask->request.is_path = true;
    return PP_OK;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_revocations *r = s->ctx;
    if (t->error || t->status != 200) {
        return t->error ? PP_VERDICT_BAD : PP_VERDICT_MISSING;
    }
    int rc = pp_authority_offer_crl(pp_mail_is(r->mail)->authority, pp_buf_bytes(&t->body));
    r->taken |= rc == PP_OK;
    if (rc != PP_OK && rc != PP_EXISTS) {
        pp_mail_blame(r->mail, &t->peer, "its revocation list is not the authority's");
        return PP_VERDICT_BAD;
    }
    return PP_VERDICT_DONE;
}

static void done(struct pp_spread *s)
{
    struct pp_revocations *r = s->ctx;
    pp_revocations_fn *fn = r->done;
    void *ctx = r->ctx;
    bool taken = r->taken;
    note_asked(r->mail, s->done + s->missing > 0);
    pp_revocations_cancel(r);
    fn(ctx, taken);
}

static const struct pp_spread_kind kind = {.request = request, .judge = judge, .done = done};

void pp_revocations_cancel(struct pp_revocations *r)
{
    if (r) {
        pp_spread_finish(&r->spread);
        free(r);
    }
}

struct pp_revocations *pp_revocations_start(struct pp_mail *mail, pp_revocations_fn *fn, void *ctx)
{
    struct pp_id key;
    struct pp_revocations *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    *r = (struct pp_revocations){.mail = mail, .done = fn, .ctx = ctx};
    note_asked(mail, false); /* whoever is killed in it does not ask at once again */
    pp_mail_random(mail, &key, sizeof key);
    pp_spread_init(&r->spread, mail, &kind, r, &key);
    r->spread.k = ASKED;
    r->spread.answer_max = LIST_MAX;
    pp_spread_start(&r->spread);
    return r;
}
