/*
 * Asking the nodes what became of what was sent: each recipient's right to delete the body, on the
 * nodes closest to it (HEAD), one message after another; what expired is reported, what a node lost
 * is stored again. See sent.h. It must not know how it was sent.
 */
#include <mail/sent.h>

#include <base/hash.h>
#include <mail/maintain_object.h>
#include <mail/record.h>
#include <mail/report.h>
#include <mail/spread.h>
#include <stdio.h>
#include <stdlib.h>

#define PARALLEL 16

struct look {
    struct pp_sent_check *check;
    struct pp_spread spread;
    uint32_t recipient;
    unsigned here, deleted, n_lost;
    struct pp_peer lost[PP_K_MAX]; /* acknowledged it, and lack it now */
    bool running;
};

struct pp_sent_check {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    struct pp_buf names; /* of messages to come: length (4), octets */
    unsigned asked;
    char name[112];
    struct pp_sent sent; /* of the one at work */
    size_t next;         /* its next recipient */
    struct look looks[PARALLEL];
    unsigned active;
    struct pp_keeper *keeper; /* what was lost is stored again */
    char restoring[64];       /* its identifier */
    unsigned beyond;          /* nodes more than it has copies */
    bool reporting;           /* its report is in the mailbox, not noted yet */
    int code;
    pp_sent_checked_fn *done;
    void *ctx;
};

static const struct pp_mailnet *net_of(const struct pp_sent_check *c)
{
    return &pp_mail_is(c->mail)->net;
}

void pp_sent_check_cancel(struct pp_sent_check *c)
{
    if (!c) {
        return;
    }
    net_of(c)->ops->forget(net_of(c)->impl, &c->act);
    for (size_t i = 0; i < PARALLEL; i++) {
        pp_spread_finish(&c->looks[i].spread);
    }
    if (c->keeper) {
        pp_keeper_cancel(c->keeper);
    }
    pp_sent_finish(&c->sent);
    pp_buf_free(&c->names);
    free(c);
}

static void end(struct pp_sent_check *c)
{
    pp_sent_checked_fn *done = c->done;
    void *ctx = c->ctx;
    int code = c->code;
    unsigned asked = c->asked;
    pp_sent_check_cancel(c);
    done(ctx, code, asked);
}

/* --- one recipient ------------------------------------------------------------------------- */

static void step(struct pp_sent_check *c);
static void message_done(struct pp_sent_check *c);

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct look *look = s->ctx;
    const struct pp_sent_recipient *to = &look->check->sent.recipients[look->recipient];
    (void)t;
    pp_ask_status(ask, pp_str(to->object), to->keyid);
    return PP_OK;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    struct look *look = s->ctx;
    if (t->error || (t->status != 200 && t->status != 404 && t->status != 410)) {
        return PP_VERDICT_BAD;
    }
    const struct pp_sent *sent = &look->check->sent;
    const struct pp_sent_object *o = pp_sent_object(sent, sent->recipients[look->recipient].object);
    look->here += t->status == 200;
    look->deleted += t->status == 410;
    if (t->status == 404 && o && pp_ids_have(&o->have, &t->peer.id) && look->n_lost < PP_K_MAX) {
        look->lost[look->n_lost++] = t->peer;
    }
    return t->status == 404 ? PP_VERDICT_MISSING : PP_VERDICT_DONE;
}

/* Others have it, and nobody deleted it: these few broke their word. */
static void note_losses(struct pp_sent_check *c, const struct look *look)
{
    struct pp_sent_recipient *to = &c->sent.recipients[look->recipient];
    struct pp_sent_object *o = pp_sent_object(&c->sent, to->object);
    to->why[0] = '\0';
    if (!o || !look->here || look->deleted || !look->n_lost) {
        return;
    }
    for (unsigned i = 0; i < look->n_lost; i++) {
        pp_mail_blame(c->mail, &look->lost[i], "has lost a body that it had acknowledged");
    }
    snprintf(to->why, sizeof to->why, "%u of the nodes that took it have lost it", look->n_lost);
    o->lost = look->n_lost > o->lost ? look->n_lost : o->lost;
}

/* Deleted on most of those that know of it: one node alone may lie, or have slept through it. */
static void conclude(struct pp_sent_check *c, struct look *look)
{
    struct pp_sent_recipient *to = &c->sent.recipients[look->recipient];
    const struct pp_spread *s = &look->spread;
    bool over = c->sent.created + (int64_t)c->sent.life <= pp_mail_seconds(c->mail);
    to->unknown = false;
    if (look->deleted > look->here && look->deleted >= (s->found > 2 ? 2 : 1)) {
        to->state = PP_SENT_FETCHED;
    } else if (over) {
        to->state = PP_SENT_EXPIRED;
    } else {
        to->copies = look->here > to->copies ? look->here : to->copies;
        to->unknown = !look->here && s->missing >= pp_min_copies(s->found);
        note_losses(c, look);
    }
}

static void looked(struct pp_spread *s)
{
    struct look *look = s->ctx;
    struct pp_sent_check *c = look->check;
    if (s->code == PP_OK && s->done + s->missing) {
        conclude(c, look);
    } else {
        c->code = c->code ? c->code : s->local ? PP_LOCAL : s->code ? s->code : PP_AGAIN;
    }
    pp_spread_finish(s);
    look->running = false;
    c->active--;
    step(c);
}

static const struct pp_spread_kind kind = {.request = request, .judge = judge, .done = looked};

static void start_look(struct pp_sent_check *c, struct look *look, uint32_t recipient)
{
    struct pp_id key = pp_place_of(pp_str(c->sent.recipients[recipient].object));
    *look = (struct look){.check = c, .recipient = recipient, .running = true};
    pp_spread_init(&look->spread, c->mail, &kind, look, &key);
    c->active++;
    pp_spread_start(&look->spread);
}

static struct look *free_look(struct pp_sent_check *c)
{
    for (size_t i = 0; i < PARALLEL; i++) {
        if (!c->looks[i].running) {
            return &c->looks[i];
        }
    }
    return NULL;
}

/* --- one message --------------------------------------------------------------------------- */

static bool next_message(struct pp_sent_check *c)
{
    while (c->names.len) {
        uint32_t len = pp_get32(c->names.data);
        snprintf(c->name, sizeof c->name, "%.*s", (int)len, (const char *)c->names.data + 4);
        pp_buf_consume(&c->names, 4 + len);
        pp_sent_finish(&c->sent);
        c->next = 0;
        if (pp_sent_recall(c->mail, c->name, &c->sent) == PP_OK && pp_sent_is_open(&c->sent)) {
            c->asked++;
            return true;
        }
    }
    return false;
}

static void go_on(struct pp_sent_check *c)
{
    if (next_message(c)) {
        step(c);
    } else {
        end(c);
    }
}

static bool has_unread(const struct pp_sent *sent)
{
    for (size_t i = 0; i < sent->n; i++) {
        if (sent->recipients[i].state == PP_SENT_EXPIRED) {
            return true;
        }
    }
    return false;
}

/* --- what was lost ------------------------------------------------------------------------- */

static bool restore_one(struct pp_sent_check *c, struct pp_sent_object *o, unsigned beyond);

static void say_restored(struct pp_sent_check *c, const struct pp_sent_object *o, unsigned copies)
{
    for (size_t i = 0; i < c->sent.n; i++) {
        struct pp_sent_recipient *to = &c->sent.recipients[i];
        size_t len = strlen(to->why);
        if (len && to->state == PP_SENT_STORED && strcmp(to->object, o->id) == 0) {
            snprintf(to->why + len, sizeof to->why - len, "; stored again, %u nodes have it",
                     copies);
        }
    }
}

/* First it goes to where it was. Who lacks it even then gives his turn to a farther node. */
static void restored(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                     unsigned copies, unsigned wanted, int code, const char *why)
{
    struct pp_sent_check *c = ctx;
    struct pp_sent_object *o = pp_sent_object(&c->sent, c->restoring);
    unsigned lost = o->lost;
    bool done = outcome == PP_MAINTAIN_WHOLE || outcome == PP_MAINTAIN_RESTORED;
    (void)identifier;
    (void)wanted;
    (void)code;
    (void)why;
    c->keeper = NULL;
    if (done && !c->beyond && restore_one(c, o, lost)) {
        return;
    }
    o->lost = 0;
    if (done) {
        say_restored(c, o, copies);
    }
    message_done(c);
}

/* Those who have yet to fetch it may delete it; right: the first of them. */
static void gather_rights(const struct pp_sent_check *c, const struct pp_sent_object *o,
                          struct pp_buf *set, struct pp_certificate **right)
{
    for (size_t i = 0; i < c->sent.n; i++) {
        const struct pp_sent_recipient *to = &c->sent.recipients[i];
        struct pp_certificate *one = NULL;
        if (to->state != PP_SENT_STORED || strcmp(to->object, o->id) != 0 ||
            pp_certificate_parse(&one, pp_buf_bytes(&to->right)) != PP_OK) {
            continue;
        }
        pp_certificate_pem(set, one);
        *right = *right ? *right : pp_certificate_ref(one);
        pp_certificate_free(one);
    }
}

static bool restore_one(struct pp_sent_check *c, struct pp_sent_object *o, unsigned beyond)
{
    struct pp_buf set = {0};
    struct pp_certificate *right = NULL;
    int64_t left = c->sent.created + (int64_t)c->sent.life - pp_mail_seconds(c->mail);
    unsigned copies = pp_ids_count(&o->have);
    c->beyond = beyond;
    snprintf(c->restoring, sizeof c->restoring, "%s", o->id);
    gather_rights(c, o, &set, &right);
    struct pp_kept what = {.size = o->size, .life = (uint64_t)left};
    memcpy(what.digest, o->digest, sizeof what.digest);
    what.copies = copies > pp_mail_is(c->mail)->k ? copies : 0;
    pp_buf_add_str(&what.identifier, o->id);
    if (right && left > 0 && !set.failed && !what.identifier.failed) {
        c->keeper =
            pp_keeper_restore(c->mail, &what, pp_buf_bytes(&set), right, beyond, restored, c);
    }
    pp_certificate_free(right);
    pp_buf_free(&what.identifier);
    pp_buf_free(&set);
    return c->keeper != NULL;
}

/* True: one is on its way, and message_done comes again. */
static bool restore(struct pp_sent_check *c)
{
    for (size_t i = 0; i < c->sent.n_objects; i++) {
        struct pp_sent_object *o = &c->sent.objects[i];
        if (o->lost && restore_one(c, o, 0)) {
            return true;
        }
        o->lost = 0;
    }
    return false;
}

static void message_done(struct pp_sent_check *c)
{
    if (restore(c)) {
        return;
    }
    c->sent.looked = pp_mail_seconds(c->mail);
    if (has_unread(&c->sent) && !c->sent.reported) {
        pp_report_expired(c->mail, &c->act, c->name, &c->sent, 0); /* noted when it is there */
        return;
    }
    int rc = pp_sent_note(c->mail, c->name, &c->sent, c->reporting ? &c->act : NULL, 0);
    if (rc != PP_OK) {
        c->code = rc;
        end(c);
    } else if (!c->reporting) {
        go_on(c);
    }
}

/* Only now, for the link in tmp/ tells a run after a crash that the report is there. */
static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_sent_check *c = (struct pp_sent_check *)act;
    (void)token;
    c->reporting = false;
    if (error) {
        c->code = error;
        end(c);
        return;
    }
    pp_mail_crash(c->mail, "sent-noted");
    pp_report_expired_settle(c->mail, c->name);
    go_on(c);
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    struct pp_sent_check *c = (struct pp_sent_check *)act;
    (void)token;
    if (error && error != PP_EXISTS) {
        c->code = error;
        end(c);
        return;
    }
    pp_mail_crash(c->mail, "sent-reported");
    c->sent.reported = c->reporting = true;
    message_done(c);
}

static void step(struct pp_sent_check *c)
{
    struct look *look;
    while (c->next < c->sent.n && (look = free_look(c))) {
        const struct pp_sent_recipient *to = &c->sent.recipients[c->next];
        if (to->state == PP_SENT_STORED && to->object[0]) {
            start_look(c, look, (uint32_t)c->next);
        }
        c->next++;
    }
    if (!c->active && c->next == c->sent.n) {
        message_done(c);
    }
}

static void on_wake(struct pp_act *act)
{
    go_on((struct pp_sent_check *)act);
}

/* --- begin --------------------------------------------------------------------------------- */

static int by_look(const void *a, const void *b)
{
    const struct pp_sent_entry *x = a, *y = b;
    int order = (x->sent.looked > y->sent.looked) - (x->sent.looked < y->sent.looked);
    return order ? order : strcmp(x->name, y->name);
}

/* The open ones, the oldest look first. */
static void choose(struct pp_sent_check *c, unsigned most)
{
    struct pp_sent_list all;
    if (pp_sent_list(c->mail, &all) != PP_OK || !all.n) {
        return;
    }
    qsort(all.entries, all.n, sizeof *all.entries, by_look);
    for (size_t i = 0; i < all.n && most; i++) {
        if (pp_sent_is_open(&all.entries[i].sent)) {
            pp_record_bytes(&c->names, pp_str(all.entries[i].name));
            most--;
        }
    }
    pp_sent_list_finish(&all);
}

struct pp_sent_check *pp_sent_check_start(struct pp_mail *mail, const char *name, unsigned most,
                                          pp_sent_checked_fn *done, void *ctx)
{
    struct pp_sent_check *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    *c = (struct pp_sent_check){.act = {.wake = on_wake, .noted = on_noted, .kept = on_kept},
                                .mail = mail,
                                .done = done,
                                .ctx = ctx};
    const struct pp_mailnet *net = net_of(c);
    if (name) {
        pp_record_bytes(&c->names, pp_str(name));
    } else {
        choose(c, most);
    }
    net->ops->wake(net->impl, &c->act, pp_mail_now(mail).mono);
    return c;
}
