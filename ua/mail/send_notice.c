/*
 * Sending, the notification's part: sealed to each recipient once his inbox's nodes are known,
 * durable, then appended to the k copies of the inbox (Kangasharju et al. 2003, section 3.1, step
 * 5). It must not know how the body got to its nodes.
 */
#include <mail/send_pass.h>

#include <base/crash.h>
#include <stdio.h>

static void copy_ids(struct pp_id *out, size_t *n, const struct pp_buf *ids)
{
    *n = pp_ids_count(ids) < PP_K_MAX ? pp_ids_count(ids) : PP_K_MAX;
    if (*n) {
        memcpy(out, ids->data, *n * PP_ID_LEN);
    }
}

/* Whose inbox it is. */
static struct pp_bytes inbox_of(const struct pp_job_recipient *r)
{
    return pp_buf_bytes(r->inbox.len ? &r->inbox : &r->address);
}

static void fill(struct pp_notification *n, struct pp_send_recipient *run)
{
    struct pp_send *send = run->send;
    const struct pp_job_recipient *r = &send->job.recipients[run->index];
    const struct pp_job_group *g = &send->job.groups[r->group];
    pp_buf_add(&n->recipient, inbox_of(r).data, inbox_of(r).len);
    memcpy(n->recipient_keyid, run->certificate->keyid, sizeof n->recipient_keyid);
    pp_buf_add_str(&n->object_id, g->id);
    n->object_size = g->size;
    memcpy(n->object_digest, g->digest, sizeof n->object_digest);
    memcpy(n->session_key, g->key, sizeof n->session_key);
    n->has_seed = true;
    memcpy(n->deletion_seed, r->seed, sizeof n->deletion_seed);
    copy_ids(n->asked, &n->n_asked, &g->asked);
    for (size_t i = 0; i < run->spread.n_targets && n->n_inbox_asked < PP_K_MAX; i++) {
        n->inbox_asked[n->n_inbox_asked++] = run->spread.targets[i]->peer.id;
    }
    pp_buf_add(&n->from, send->from.data, send->from.len);
    pp_buf_add(&n->to, send->to.data, send->to.len);
    pp_buf_add(&n->cc, send->cc.data, send->cc.len);
    pp_buf_add(&n->subject, send->subject.data, send->subject.len);
    pp_buf_add(&n->date, send->date.data, send->date.len);
    struct pp_bytes rollover = pp_mail_is(send->mail)->rollover;
    pp_buf_add(&n->rollover, rollover.data, rollover.len);
    n->life = pp_mail_is(send->mail)->life;
    n->created = (uint64_t)send->job.created;
}

static int seal(struct pp_send_recipient *run, struct pp_error *error)
{
    const struct pp_mail_options *o = pp_mail_is(run->send->mail);
    struct pp_notification n = {0};
    struct pp_signer signer = {o->n_keys ? o->certificates[0] : NULL,
                               o->n_keys ? o->keys[0] : NULL};
    fill(&n, run);
    run->sealed.len = 0;
    int rc = pp_seal_notification(&run->sealed, &n, &signer, run->certificate, true, error);
    pp_notification_finish(&n);
    return rc;
}

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_send_recipient *run = s->ctx;
    run->append.inbox = inbox_of(&run->send->job.recipients[run->index]);
    run->append.sealed = pp_buf_bytes(&run->sealed);
    return pp_append_request(s, t, ask, &run->append);
}

static void head(struct pp_spread *s, struct pp_target *t, const struct pp_net_field *fields,
                 size_t n)
{
    pp_append_head(&((struct pp_send_recipient *)s->ctx)->append, t, fields, n);
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_send_recipient *run = s->ctx;
    enum pp_verdict verdict = pp_append_judge(s, t, &run->append);
    if (verdict == PP_VERDICT_DONE) {
        pp_ids_add(&run->send->job.recipients[run->index].have, &t->peer.id);
        pp_mail_crash(s->mail, "send-appended");
    }
    return verdict;
}

static bool already(struct pp_spread *s, const struct pp_peer *peer)
{
    struct pp_send_recipient *run = s->ctx;
    return pp_ids_have(&run->send->job.recipients[run->index].have, &peer->id);
}

/* Seals now that the inbox's nodes are known; the octets become durable before anyone gets them. */
static enum pp_spread_next looked(struct pp_spread *s)
{
    struct pp_send_recipient *run = s->ctx;
    struct pp_send *send = run->send;
    struct pp_job_recipient *r = &send->job.recipients[run->index];
    const struct pp_mailnet *net = &pp_mail_is(s->mail)->net;
    struct pp_error error = {0};
    if (s->code != PP_OK) {
        return PP_SPREAD_GO;
    }
    if (!pp_mail_saw(s->mail, s->found)) {
        send->partition = true;
        return PP_SPREAD_STOP;
    }
    r->wanted = pp_spread_goal(s);
    if (r->sealed) {
        return PP_SPREAD_GO;
    }
    if (seal(run, &error) != PP_OK) {
        snprintf(r->why, sizeof r->why, "%.180s", error.text);
        return PP_SPREAD_STOP;
    }
    struct pp_buf key = {0};
    pp_send_note_key(&key, send, run->index);
    net->ops->note(net->impl, &send->act, pp_buf_bytes(&key), pp_buf_bytes(&run->sealed),
                   PP_SEND_NOTICE + (uint64_t)run->index);
    pp_buf_free(&key);
    return PP_SPREAD_WAIT;
}

void pp_send_noticed(struct pp_send *send, uint32_t recipient)
{
    send->job.recipients[recipient].sealed = true;
    pp_mail_crash(send->mail, "send-notice-noted");
    pp_spread_go(&send->recipients[recipient]->spread);
}

static void progress(struct pp_spread *s)
{
    struct pp_send_recipient *run = s->ctx;
    pp_send_changed(run->send);
}

static void done(struct pp_spread *s)
{
    struct pp_send_recipient *run = s->ctx;
    struct pp_send *send = run->send;
    struct pp_job_recipient *r = &send->job.recipients[run->index];
    if (!r->wanted || pp_ids_count(&r->have) < r->wanted) {
        if (r->sealed || s->code) {
            pp_spread_why(s, r->why, sizeof r->why);
        }
    } else {
        r->why[0] = '\0';
    }
    pp_spread_finish(s);
    pp_buf_free(&run->sealed);
    run->running = false;
    run->ended = true;
    send->active--;
    pp_send_changed(send);
    pp_send_next(send);
}

static const struct pp_spread_kind kind = {.request = request,
                                           .head = head,
                                           .judge = judge,
                                           .already = already,
                                           .looked = looked,
                                           .progress = progress,
                                           .done = done,
                                           .late = true,
                                           .replaces = true};

/* A notification of an earlier pass, or what is needed to make it. */
static bool ready(struct pp_send_recipient *run)
{
    struct pp_send *send = run->send;
    struct pp_job_recipient *r = &send->job.recipients[run->index];
    struct pp_buf key = {0};
    if (r->wanted && pp_ids_count(&r->have) >= r->wanted) {
        return false;
    }
    pp_send_note_key(&key, send, run->index);
    run->sealed.len = 0;
    r->sealed = pp_mail_recall(send->mail, pp_buf_bytes(&key), &run->sealed) == PP_OK;
    pp_buf_free(&key);
    if (!r->sealed && !run->certificate) {
        snprintf(r->why, sizeof r->why, "its certificate is not known now");
        return false;
    }
    return true;
}

void pp_send_start_notice(struct pp_send_recipient *run)
{
    struct pp_send *send = run->send;
    struct pp_job_recipient *r = &send->job.recipients[run->index];
    if (!ready(run)) {
        run->ended = true;
        return;
    }
    struct pp_id key = pp_inbox_place(inbox_of(r));
    pp_spread_init(&run->spread, send->mail, &kind, run, &key);
    run->spread.ops = pp_mail_is(send->mail)->ops_append;
    run->spread.hedge = 3 * PP_SECOND;
    run->running = true;
    send->active++;
    pp_spread_start(&run->spread);
}
