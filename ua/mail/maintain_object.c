/* One kept object in one round; see maintain_object.h. It must not know why it is kept. */
#include <mail/maintain_object.h>

#include <base/hash.h>
#include <mail/job.h>
#include <mail/retrieve.h>
#include <stdio.h>
#include <stdlib.h>

struct pp_keeper {
    struct pp_mail *mail;
    struct pp_kept kept;
    struct pp_certificate *right;
    struct pp_buf set;       /* PEM */
    struct pp_spread spread; /* asking, then storing */
    struct pp_retrieve retrieve;
    struct pp_buf have; /* ids of the nodes that have it */
    bool due;           /* its life is to be renewed */
    bool listed;        /* among what is kept */
    unsigned beyond;    /* store it on so many more nodes */
    unsigned gone;      /* nodes that say that it was deleted */
    char why[256];
    pp_keeper_done *done;
    void *ctx;
};

void pp_keeper_cancel(struct pp_keeper *k)
{
    pp_spread_finish(&k->spread);
    pp_retrieve_finish(&k->retrieve);
    pp_certificate_free(k->right);
    pp_kept_finish(&k->kept);
    pp_buf_free(&k->set);
    pp_buf_free(&k->have);
    free(k);
}

static void end(struct pp_keeper *k, enum pp_maintained outcome, unsigned copies, int code)
{
    if (outcome == PP_MAINTAIN_DELETED && k->listed) {
        pp_kept_forget(k->mail, pp_buf_bytes(&k->kept.identifier));
    }
    k->done(k->ctx, pp_buf_bytes(&k->kept.identifier), outcome, copies, k->spread.found, code,
            k->why);
    pp_keeper_cancel(k);
}

static void start_spread(struct pp_keeper *k, const struct pp_spread_kind *kind, unsigned beyond)
{
    struct pp_id key = pp_place_of(pp_buf_bytes(&k->kept.identifier));
    pp_spread_finish(&k->spread);
    pp_spread_init(&k->spread, k->mail, kind, k, &key);
    unsigned wanted = (k->kept.copies ? k->kept.copies : k->spread.k) + beyond;
    k->spread.k = wanted < PP_K_MAX ? wanted : PP_K_MAX;
    pp_spread_start(&k->spread);
}

/* --- storing ------------------------------------------------------------------------------- */

static int store_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_keeper *k = s->ctx;
    ask->request.method = "PUT";
    ask->request.identifier = pp_buf_bytes(&k->kept.identifier);
    ask->request.certificates = pp_buf_bytes(&k->set);
    ask->request.blob = k->retrieve.body;
    ask->request.times.total += k->kept.size / 16384 * PP_SECOND;
    pp_ask_field(ask, "Peerpost-Life", "%llu", (unsigned long long)k->kept.life);
    if (k->kept.copies) {
        pp_ask_field(ask, "Peerpost-Copies", "%u", k->kept.copies);
    }
    return t->retried ? pp_sign_ask_as_user(s->mail, ask, NULL, NULL) : PP_OK;
}

static enum pp_verdict store_judge(struct pp_spread *s, struct pp_target *t)
{
    if (pp_spread_throttled(s, t)) {
        return PP_VERDICT_AGAIN;
    }
    return !t->error && (t->status == 200 || t->status == 201) ? PP_VERDICT_DONE : PP_VERDICT_BAD;
}

static bool store_already(struct pp_spread *s, const struct pp_peer *peer)
{
    struct pp_keeper *k = s->ctx;
    return !k->due && pp_ids_have(&k->have, &peer->id);
}

static void store_done(struct pp_spread *s)
{
    struct pp_keeper *k = s->ctx;
    bool all = s->found && s->done >= s->found;
    if (all && k->due) {
        k->kept.renewed = pp_mail_seconds(k->mail);
        pp_kept_note(k->mail, &k->kept);
    }
    if (!all) {
        pp_spread_why(s, k->why, sizeof k->why);
    }
    end(k, all ? PP_MAINTAIN_RESTORED : PP_MAINTAIN_PARTLY, s->done, s->code);
}

static const struct pp_spread_kind store_kind = {.request = store_request,
                                                 .judge = store_judge,
                                                 .already = store_already,
                                                 .done = store_done,
                                                 .replaces = true};

/* --- taking it from a node that has it ----------------------------------------------------- */

static void retrieved(struct pp_retrieve *r)
{
    struct pp_keeper *k = r->ctx;
    if (r->body) {
        start_spread(k, &store_kind, k->beyond);
        return;
    }
    snprintf(k->why, sizeof k->why, "%s", r->why);
    /* silent nodes may have it: it is lost only when all that were asked deny it */
    end(k, r->spread.code || r->spread.bad ? PP_MAINTAIN_PARTLY : PP_MAINTAIN_LOST, 0,
        r->spread.code);
}

/* --- asking -------------------------------------------------------------------------------- */

static int ask_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_keeper *k = s->ctx;
    (void)t;
    pp_ask_status(ask, pp_buf_bytes(&k->kept.identifier), k->right->keyid);
    return PP_OK;
}

static enum pp_verdict ask_judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_keeper *k = s->ctx;
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (t->status == 200) {
        pp_ids_add(&k->have, &t->peer.id);
        return PP_VERDICT_DONE;
    }
    k->gone += t->status == 410;
    return t->status == 404 || t->status == 410 ? PP_VERDICT_MISSING : PP_VERDICT_BAD;
}

static void ask_done(struct pp_spread *s)
{
    struct pp_keeper *k = s->ctx;
    if (s->code || s->bad) {
        pp_spread_why(s, k->why, sizeof k->why);
    }
    if (s->code) {
        end(k, PP_MAINTAIN_PARTLY, 0, s->code);
    } else if (k->gone >= pp_min_copies(s->found)) { /* one node alone may lie */
        end(k, PP_MAINTAIN_DELETED, 0, PP_OK);
    } else if (!s->missing && !k->due) {
        end(k, s->bad ? PP_MAINTAIN_PARTLY : PP_MAINTAIN_WHOLE, s->done, PP_OK);
    } else if (pp_retrieve_start(&k->retrieve, k->mail, pp_buf_bytes(&k->kept.identifier),
                                 k->kept.size, k->kept.digest, retrieved, k) != PP_OK) {
        snprintf(k->why, sizeof k->why, "out of memory");
        end(k, PP_MAINTAIN_PARTLY, s->done, PP_NOMEM);
    }
}

static const struct pp_spread_kind ask_kind = {
    .request = ask_request, .judge = ask_judge, .done = ask_done};

struct pp_keeper *pp_keeper_start(struct pp_mail *mail, struct pp_bytes identifier,
                                  pp_keeper_done *done, void *ctx)
{
    struct pp_keeper *k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    *k = (struct pp_keeper){.mail = mail, .done = done, .ctx = ctx};
    int rc = pp_kept_recall(mail, identifier, &k->kept);
    rc = rc == PP_OK ? pp_kept_right(mail, &k->kept, &k->right, NULL) : rc;
    if (rc == PP_OK) {
        pp_certificate_pem(&k->set, k->right);
        rc = k->set.failed ? PP_NOMEM : PP_OK;
    }
    if (rc != PP_OK) {
        pp_keeper_cancel(k);
        return NULL;
    }
    k->listed = true;
    k->due = k->kept.renewed + (int64_t)(k->kept.life / 3) <= pp_mail_seconds(mail);
    start_spread(k, &ask_kind, 0);
    return k;
}

struct pp_keeper *pp_keeper_restore(struct pp_mail *mail, const struct pp_kept *what,
                                    struct pp_bytes set, struct pp_certificate *right,
                                    unsigned beyond, pp_keeper_done *done, void *ctx)
{
    struct pp_keeper *k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    *k =
        (struct pp_keeper){.mail = mail, .kept = *what, .beyond = beyond, .done = done, .ctx = ctx};
    k->kept.identifier = (struct pp_buf){0};
    pp_buf_add(&k->kept.identifier, what->identifier.data, what->identifier.len);
    pp_buf_add(&k->set, set.data, set.len);
    k->right = pp_certificate_ref(right);
    if (k->kept.identifier.failed || k->set.failed) {
        pp_keeper_cancel(k);
        return NULL;
    }
    start_spread(k, &ask_kind, 0);
    return k;
}
