/*
 * Publishing and unpublishing the own certificate; see publish.h. It must not know who will look
 * for it.
 */
#include <mail/publish.h>

#include <mail/directory.h>
#include <mail/read.h>
#include <mail/spread.h>
#include <stdio.h>
#include <stdlib.h>

struct pp_publish {
    struct pp_spread spread, inbox;
    struct pp_mail *mail;
    const struct pp_spread_kind *kind;
    size_t address; /* the i-th of the user's */
    struct pp_buf identifier, set;
    struct pp_blob *blob;
    int refused; /* why a node said no for good */
    int code;
    unsigned copies, wanted;
    char why[256];
    pp_published_fn *done;
    void *ctx;
};

void pp_publish_cancel(struct pp_publish *p)
{
    if (!p) {
        return;
    }
    const struct pp_mailnet *net = &pp_mail_is(p->mail)->net;
    pp_spread_finish(&p->spread);
    pp_spread_finish(&p->inbox);
    if (p->blob) {
        net->ops->blob_free(net->impl, p->blob);
    }
    pp_buf_free(&p->identifier);
    pp_buf_free(&p->set);
    free(p);
}

static void end(struct pp_publish *p)
{
    pp_published_fn *done = p->done;
    void *ctx = p->ctx;
    int code = p->code;
    unsigned copies = p->copies, wanted = p->wanted;
    char why[sizeof p->why];
    memcpy(why, p->why, sizeof why);
    pp_publish_cancel(p);
    done(ctx, code, copies, wanted, why);
}

/* --- the inbox's holders: a look-up, no request -------------------------------------------- */

static enum pp_spread_next inbox_looked(struct pp_spread *s)
{
    struct pp_peer peers[PP_K_MAX];
    size_t n = 0;
    for (size_t i = 0; i < s->n_targets && n < PP_K_MAX; i++) {
        peers[n++] = s->targets[i]->peer;
    }
    pp_holders_note(s->mail, peers, n);
    return PP_SPREAD_STOP;
}

static void start(struct pp_publish *p);

/* Another address of the certificate? As long as all goes well. */
static void next_or_end(struct pp_publish *p)
{
    if (p->code == PP_OK && pp_mail_address(p->mail, p->address + 1).len) {
        p->address++;
        pp_spread_finish(&p->spread);
        pp_spread_finish(&p->inbox);
        start(p);
    } else {
        end(p);
    }
}

static void inbox_done(struct pp_spread *s)
{
    next_or_end(s->ctx);
}

static const struct pp_spread_kind inbox_kind = {.looked = inbox_looked, .done = inbox_done};

/* --- store --------------------------------------------------------------------------------- */

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_publish *p = s->ctx;
    (void)t;
    ask->request.method = "PUT";
    ask->request.identifier = pp_buf_bytes(&p->identifier);
    ask->request.certificates = pp_buf_bytes(&p->set);
    ask->request.blob = p->blob;
    return PP_OK;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_publish *p = s->ctx;
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (t->status == 200 || t->status == 201) {
        return PP_VERDICT_DONE;
    }
    if (t->status == 409) {
        p->refused = PP_EXISTS;
    } else if (t->status == 400 || t->status == 403 || t->status == 410) {
        p->refused = PP_DENIED;
    }
    return PP_VERDICT_BAD;
}

/* Of the address that is on the fewest nodes. */
static void count(struct pp_publish *p, const struct pp_spread *s)
{
    if (p->address == 0 || s->done < p->copies) {
        p->copies = s->done;
        p->wanted = s->found;
    }
}

static void done(struct pp_spread *s)
{
    struct pp_publish *p = s->ctx;
    count(p, s);
    bool enough = s->found && s->done >= pp_min_copies(s->found);
    if (!enough) {
        p->code = s->local ? PP_LOCAL : s->code ? s->code : p->refused ? p->refused : PP_AGAIN;
        pp_spread_why(s, p->why, sizeof p->why);
    }
    struct pp_id key = pp_inbox_place(pp_mail_address(p->mail, p->address));
    pp_spread_init(&p->inbox, p->mail, &inbox_kind, p, &key);
    p->inbox.paths = pp_mail_is(p->mail)->paths;
    pp_spread_start(&p->inbox);
}

static const struct pp_spread_kind kind = {
    .request = request, .judge = judge, .done = done, .replaces = true};

/* --- delete -------------------------------------------------------------------------------- */

static int delete_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_publish *p = s->ctx;
    const struct pp_mail_options *o = pp_mail_is(s->mail);
    (void)t;
    ask->request.method = "DELETE";
    ask->request.identifier = pp_buf_bytes(&p->identifier);
    return pp_sign_ask(s->mail, ask, o->keys[0], o->certificates[0]->keyid, NULL, NULL);
}

static enum pp_verdict delete_judge(struct pp_spread *s, struct pp_target *t)
{
    (void)s;
    if (!t->error && (t->status == 204 || t->status == 200)) {
        return PP_VERDICT_DONE;
    }
    return !t->error && (t->status == 404 || t->status == 410) ? PP_VERDICT_MISSING
                                                               : PP_VERDICT_BAD;
}

static void delete_done(struct pp_spread *s)
{
    struct pp_publish *p = s->ctx;
    count(p, s);
    if (s->code || s->bad) {
        p->code = s->local ? PP_LOCAL : s->code ? s->code : PP_AGAIN;
        pp_spread_why(s, p->why, sizeof p->why);
    }
    next_or_end(p);
}

static const struct pp_spread_kind delete_kind = {
    .request = delete_request, .judge = delete_judge, .done = delete_done, .widens = true};

static void start(struct pp_publish *p)
{
    struct pp_bytes address = pp_mail_address(p->mail, p->address);
    struct pp_id key = pp_certificate_place(address);
    p->identifier.len = 0;
    pp_buf_add(&p->identifier, address.data, address.len);
    pp_buf_add_str(&p->identifier, "-certificate");
    pp_spread_init(&p->spread, p->mail, p->kind, p, &key);
    p->spread.paths = pp_mail_is(p->mail)->paths;
    pp_spread_start(&p->spread);
}

static struct pp_publish *make(struct pp_mail *mail, const struct pp_spread_kind *which,
                               pp_published_fn *fn, void *ctx)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_publish *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->mail = mail;
    p->done = fn;
    p->ctx = ctx;
    p->kind = which;
    pp_certificate_pem(&p->set, o->certificates[0]);
    p->blob = o->net.ops->blob_new(o->net.impl);
    if (!p->blob || p->set.failed ||
        o->net.ops->blob_write(o->net.impl, p->blob, pp_buf_bytes(&o->certificates[0]->der))) {
        pp_publish_cancel(p);
        return NULL;
    }
    start(p);
    return p;
}

struct pp_publish *pp_publish_start(struct pp_mail *mail, pp_published_fn *fn, void *ctx)
{
    return make(mail, &kind, fn, ctx);
}

struct pp_publish *pp_unpublish_start(struct pp_mail *mail, pp_published_fn *fn, void *ctx)
{
    return make(mail, &delete_kind, fn, ctx);
}
