/*
 * One line of a chat to the nodes of its inbox: certificate, seal, append; see outbox_line.h. For
 * some minutes the nodes found are remembered, so that a line costs one round trip. It must not
 * know other lines.
 */
#include <mail/outbox_line.h>

#include <base/crash.h>
#include <base/hash.h>
#include <stdio.h>

#define PEERS_AGE (5 * PP_MINUTE)

static pp_ns mono(const struct pp_outbox *box)
{
    return pp_mail_now(box->mail).mono;
}

/* --- the nodes of an inbox ----------------------------------------------------------------- */

static struct pp_line_place *place_of(struct pp_outbox *box, const struct pp_id *key)
{
    for (size_t i = 0; i < PEERS_KEPT; i++) {
        if (box->places[i].n && pp_id_equal(&box->places[i].key, key)) {
            return &box->places[i];
        }
    }
    return NULL;
}

/* Remembers them when all answered; else the next line looks them up anew. */
static void learn_place(struct pp_outbox *box, const struct pp_spread *s)
{
    struct pp_line_place *p = place_of(box, &s->key);
    if (s->bad || s->code != PP_OK) {
        if (p) {
            p->n = 0;
        }
        return;
    }
    if (p && p->until > mono(box)) {
        return;
    }
    p = p ? p : &box->places[box->next_place++ % PEERS_KEPT];
    *p = (struct pp_line_place){.key = s->key, .until = mono(box) + PEERS_AGE};
    for (size_t i = 0; i < s->n_targets && p->n < PP_K_MAX; i++) {
        if (s->targets[i]->closest) {
            p->peers[p->n++] = s->targets[i]->peer;
        }
    }
}

/* --- appending ----------------------------------------------------------------------------- */

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_line *l = s->ctx;
    l->append.inbox = pp_buf_bytes(&l->inbox);
    l->append.sealed = pp_buf_bytes(&l->sealed);
    return pp_append_request(s, t, ask, &l->append);
}

static void head(struct pp_spread *s, struct pp_target *t, const struct pp_net_field *fields,
                 size_t n)
{
    pp_append_head(&((struct pp_line *)s->ctx)->append, t, fields, n);
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct pp_line *l = s->ctx;
    enum pp_verdict verdict = pp_append_judge(s, t, &l->append);
    if (verdict == PP_VERDICT_DONE) {
        pp_ids_add(&l->have, &t->peer.id);
        pp_mail_crash(s->mail, "chat-appended");
    }
    return verdict;
}

static bool already(struct pp_spread *s, const struct pp_peer *peer)
{
    return pp_ids_have(&((struct pp_line *)s->ctx)->have, &peer->id);
}

static int seal(struct pp_line *l, const struct pp_spread *s)
{
    const struct pp_mail_options *o = pp_mail_is(l->box->mail);
    struct pp_notification n = {.life = o->life, .created = l->moment / 1000, .moment = l->moment};
    struct pp_signer signer = {o->n_keys ? o->certificates[0] : NULL,
                               o->n_keys ? o->keys[0] : NULL};
    struct pp_error error = {0};
    pp_buf_add(&n.recipient, l->inbox.data, l->inbox.len);
    memcpy(n.recipient_keyid, l->certificate->keyid, sizeof n.recipient_keyid);
    pp_buf_add_str(&n.object_id, l->id);
    pp_buf_add(&n.text, l->text.data, l->text.len);
    pp_buf_add_str(&n.after, l->after);
    pp_sha256(n.object_digest, pp_buf_bytes(&n.text));
    pp_buf_add(&n.from, o->address.data, o->address.len);
    pp_buf_add(&n.rollover, o->rollover.data, o->rollover.len);
    for (size_t i = 0; i < s->n_targets && n.n_inbox_asked < PP_K_MAX; i++) {
        n.inbox_asked[n.n_inbox_asked++] = s->targets[i]->peer.id;
    }
    l->sealed.len = 0;
    int rc = pp_seal_notification(&l->sealed, &n, &signer, l->certificate, true, &error);
    if (rc != PP_OK) {
        snprintf(l->why, sizeof l->why, "%.180s", error.text);
    }
    pp_notification_finish(&n);
    return rc;
}

static enum pp_spread_next looked(struct pp_spread *s)
{
    struct pp_line *l = s->ctx;
    if (s->code != PP_OK) {
        return PP_SPREAD_GO;
    }
    if (!pp_mail_saw(s->mail, s->found)) {
        l->partition = true;
        return PP_SPREAD_STOP;
    }
    l->wanted = pp_spread_goal(s);
    return l->sealed.len || seal(l, s) == PP_OK ? PP_SPREAD_GO : PP_SPREAD_STOP;
}

/* Enough nodes have it: the next line may leave. */
static void progress(struct pp_spread *s)
{
    struct pp_line *l = s->ctx;
    unsigned copies = pp_ids_count(&l->have);
    if (pp_line_is_sent(l) && copies != l->told && copies < l->wanted) {
        l->told = copies;
        pp_line_tell(l, PP_LINE_SENT);
        pp_outbox_stir(l->box);
    }
}

static void done(struct pp_spread *s)
{
    struct pp_line *l = s->ctx;
    l->why[0] = '\0';
    if (l->partition) {
        snprintf(l->why, sizeof l->why, "under half of the nodes seen in the last 7 days answer");
    } else if (!l->wanted || pp_ids_count(&l->have) < l->wanted) {
        pp_spread_why(s, l->why, sizeof l->why);
    }
    learn_place(l->box, s);
    pp_spread_finish(s);
    pp_line_settle(l, false);
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

static void append(struct pp_line *l)
{
    struct pp_outbox *box = l->box;
    struct pp_id key = pp_inbox_place(pp_buf_bytes(&l->inbox));
    const struct pp_line_place *p = place_of(box, &key);
    pp_spread_init(&l->spread, box->mail, &kind, l, &key);
    l->spread.ops = pp_mail_is(box->mail)->ops_append;
    l->partition = false;
    if (p && p->until > mono(box)) {
        pp_spread_known(&l->spread, p->peers, p->n);
    }
    pp_spread_start(&l->spread);
}

static void found(void *ctx, int code, struct pp_certificate *certificate, const char *text)
{
    struct pp_line *l = ctx;
    if (code == PP_OK) {
        struct pp_bytes inbox = pp_find_address(l->find);
        l->find = NULL;
        l->inbox.len = 0;
        pp_buf_add(&l->inbox, inbox.data, inbox.len);
        l->certificate = pp_certificate_ref(certificate);
        append(l);
        return;
    }
    l->find = NULL;
    snprintf(l->why, sizeof l->why, "%.199s", text);
    pp_line_settle(l, code == PP_NOT_FOUND);
}

void pp_line_start(struct pp_line *l)
{
    l->running = true;
    if (l->certificate) {
        append(l);
        return;
    }
    l->find = pp_directory_find(l->box->mail, pp_buf_bytes(&l->to), false, found, l);
    if (!l->find) {
        snprintf(l->why, sizeof l->why, "out of memory");
        pp_line_settle(l, false);
    }
}
