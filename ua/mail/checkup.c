/* A look at the network; see checkup.h. It must not know what is made of it. */
#include <mail/checkup.h>

#include <mail/directory.h>
#include <mail/spread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct pp_checkup {
    struct pp_spread spread;
    struct pp_mail *mail;
    struct pp_buf identifier;
    struct pp_checkup_result result;
    int64_t skews[PP_K_MAX];
    pp_checkup_fn *done;
    void *ctx;
};

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_checkup *c = s->ctx;
    (void)t;
    ask->request.method = "GET";
    ask->request.identifier = pp_buf_bytes(&c->identifier);
    return PP_OK;
}

/* In its place by size. */
static void add_clock(struct pp_checkup *c, const char *date)
{
    struct tm tm = {0};
    const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end || c->result.clocks == PP_K_MAX) {
        return;
    }
    int64_t skew = (int64_t)timegm(&tm) - pp_mail_seconds(c->mail);
    unsigned at = c->result.clocks++;
    for (; at && c->skews[at - 1] > skew; at--) {
        c->skews[at] = c->skews[at - 1];
    }
    c->skews[at] = skew;
    c->result.skew = c->skews[c->result.clocks / 2];
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_checkup *c = s->ctx;
    const struct pp_certificate *own = pp_mail_is(c->mail)->certificates[0];
    add_clock(c, t->date);
    if (t->error || (t->status != 200 && t->status != 404 && t->status != 410)) {
        c->result.failed++;
        return PP_VERDICT_BAD;
    }
    bool there = t->status == 200;
    bool current = there && pp_bytes_equal(pp_buf_bytes(&t->body), pp_buf_bytes(&own->der));
    c->result.have += current;
    c->result.other += there && !current;
    c->result.missing += !there;
    return current ? PP_VERDICT_DONE : PP_VERDICT_MISSING;
}

static void done(struct pp_spread *s)
{
    struct pp_checkup *c = s->ctx;
    pp_checkup_fn *fn = c->done;
    void *ctx = c->ctx;
    struct pp_checkup_result result = c->result;
    result.code = s->local ? PP_LOCAL : s->code;
    result.found = s->found;
    if (result.code || result.failed) {
        pp_spread_why(s, result.why, sizeof result.why);
    }
    pp_checkup_cancel(c);
    fn(ctx, &result);
}

static const struct pp_spread_kind kind = {.request = request, .judge = judge, .done = done};

void pp_checkup_cancel(struct pp_checkup *c)
{
    if (c) {
        pp_spread_finish(&c->spread);
        pp_buf_free(&c->identifier);
        free(c);
    }
}

struct pp_checkup *pp_checkup_start(struct pp_mail *mail, pp_checkup_fn *fn, void *ctx)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_checkup *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    *c = (struct pp_checkup){.mail = mail, .done = fn, .ctx = ctx};
    pp_buf_add(&c->identifier, o->address.data, o->address.len);
    pp_buf_add_str(&c->identifier, "-certificate");
    struct pp_id key = pp_certificate_place(o->address);
    pp_spread_init(&c->spread, mail, &kind, c, &key);
    c->spread.answer_max = PP_CERTIFICATE_MAX;
    c->spread.paths = o->paths;
    pp_spread_start(&c->spread);
    return c;
}
