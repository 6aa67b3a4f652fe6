/*
 * One operation on several nodes; see spread.h. It must not know what is asked of them.
 */
#include <mail/spread.h>

#include <stdio.h>
#include <stdlib.h>

#define HEDGE (1500 * PP_MS)      /* no answer for so long: ask another beside it */
#define LEAST_RATE 16384u         /* octets a second: what moves more slowly is slow, too */
#define LOOKUP_TOKEN (1ull << 63) /* else generation << 32 | index */
#define PROBLEM_MAX 4096
#define TARGETS_MAX (PP_K_MAX + PP_HOLDERS_MAX)

static const struct pp_net_ops *ops_of(const struct pp_spread *s)
{
    return pp_mail_is(s->mail)->net.ops;
}

static struct pp_net_impl *impl_of(const struct pp_spread *s)
{
    return pp_mail_is(s->mail)->net.impl;
}

static void step(struct pp_spread *s);

unsigned pp_spread_goal(const struct pp_spread *s)
{
    return s->ops && s->ops < s->found ? s->ops : s->found;
}

static struct pp_target *target_of(struct pp_spread *s, const struct pp_id *id)
{
    for (size_t i = 0; i < s->n_targets; i++) {
        if (pp_id_equal(&s->targets[i]->peer.id, id)) {
            return s->targets[i];
        }
    }
    return NULL;
}

static struct pp_target *add_target(struct pp_spread *s, const struct pp_peer *peer)
{
    if (s->n_targets == TARGETS_MAX) {
        return NULL;
    }
    if (s->n_targets == s->cap_targets) {
        size_t cap = s->cap_targets ? 2 * s->cap_targets : 8;
        struct pp_target **grown = realloc(s->targets, cap * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        s->targets = grown;
        s->cap_targets = cap;
    }
    struct pp_target *t = calloc(1, sizeof *t);
    if (t) {
        t->peer = *peer;
        s->targets[s->n_targets++] = t;
    }
    return t;
}

static void ask(struct pp_spread *s, struct pp_target *t)
{
    struct pp_ask a;
    size_t index = 0;
    while (s->targets[index] != t) {
        index++;
    }
    pp_ask_init(&a, s->mail, &t->peer);
    a.request.answer_max = s->answer_max;
    a.request.circuit = s->circuit[0] ? s->circuit : NULL;
    int rc = s->kind->request(s, t, &a);
    pp_buf_free(&t->body);
    t->status = 0;
    t->error = 0;
    t->received = 0;
    t->date[0] = '\0';
    t->generation++;
    t->asked_at = pp_mail_now(s->mail).mono;
    if (pp_health_of(s->mail, &t->peer.id) == PP_HEALTH_SILENT) {
        t->state = PP_T_BAD;
        t->error = PP_TIMEOUT;
        snprintf(t->text, sizeof t->text, "did not answer a moment ago");
    } else if (rc == PP_OK && !a.failed) {
        t->state = PP_T_ASKED;
        a.request.fields = (const char *const *)a.fields;
        a.request.n_fields = a.n_fields;
        ops_of(s)->request(impl_of(s), &s->act, &a.request,
                           (uint64_t)t->generation << 32 | (uint64_t)index);
    } else {
        t->state = PP_T_BAD;
        snprintf(t->text, sizeof t->text, "cannot make the request: %s",
                 pp_error_text(rc ? rc : PP_NOMEM));
    }
    pp_ask_finish(&a);
}

struct tally {
    unsigned done, missing, bad, fast, slow, extras, asked;
    struct pp_target *idle; /* the next to ask: the closest that was not slow of late */
};

static struct tally count(const struct pp_spread *s)
{
    struct tally c = {0};
    bool well = false;
    for (size_t i = 0; i < s->n_targets; i++) {
        struct pp_target *t = s->targets[i];
        bool active = t->state == PP_T_ASKED || t->state == PP_T_HELD;
        if (t->extra) {
            c.extras += active;
            continue;
        }
        c.done += t->state == PP_T_DONE;
        c.missing += t->state == PP_T_MISSING;
        c.bad += t->state == PP_T_BAD;
        c.asked += t->state != PP_T_IDLE;
        c.fast += active && !(t->slow && t->state == PP_T_ASKED);
        c.slow += active && t->slow && t->state == PP_T_ASKED;
        if (t->state == PP_T_IDLE && !well) {
            well = pp_health_of(s->mail, &t->peer.id) == PP_HEALTH_WELL;
            c.idle = well || !c.idle ? t : c.idle;
        }
    }
    return c;
}

/* The width of the next look-up, or 0: k, min(2k, 32), min(4k, 32); no wider than the network. */
static unsigned next_width(const struct pp_spread *s, const struct tally *c)
{
    if (s->code != PP_OK || (!s->kind->widens && !(s->kind->replaces && c->bad))) {
        return 0;
    }
    unsigned most = s->kind->widens ? 4 * s->k : 2 * s->k, next = 2 * s->width;
    most = most < PP_K_MAX ? most : PP_K_MAX;
    next = next < most ? next : most;
    unsigned known = 0;
    for (size_t i = 0; i < s->n_targets; i++) {
        known += !s->targets[i]->extra;
    }
    return next > s->width && known >= s->width ? next : 0;
}

static void look_up(struct pp_spread *s, unsigned width)
{
    s->width = width;
    s->looking = true;
    if (s->n_known) {
        return; /* `begin` wakes */
    }
    ops_of(s)->lookup(impl_of(s), &s->act, &s->key, width, s->paths, LOOKUP_TOKEN | width);
}

static void finish(struct pp_spread *s)
{
    if (s->finished) {
        return;
    }
    s->finished = true;
    ops_of(s)->forget(impl_of(s), &s->act);
    s->kind->done(s);
}

static void ask_extras(struct pp_spread *s)
{
    for (size_t i = 0; i < s->n_targets; i++) {
        if (s->targets[i]->extra && s->targets[i]->state == PP_T_IDLE) {
            ask(s, s->targets[i]);
        }
    }
}

static void outran(struct pp_spread *s, struct pp_target *t)
{
    t->slow = true;
    pp_health_slow(s->mail, &t->peer.id);
    pp_mail_blame(s->mail, &t->peer,
                  t->received ? "answers too slowly: others are asked beside it"
                              : "is silent: others are asked beside it");
}

/* A second chance is due beside each request that outran the hedge; wakes for the next. */
static void hedge(struct pp_spread *s)
{
    pp_ns now = pp_mail_now(s->mail).mono, next = PP_NEVER;
    for (size_t i = 0; i < s->n_targets; i++) {
        struct pp_target *t = s->targets[i];
        if (t->state != PP_T_ASKED || t->slow) {
            continue;
        }
        pp_ns due = t->asked_at + s->hedge + t->received * PP_SECOND / LEAST_RATE;
        if (due <= now) {
            outran(s, t);
        } else if (due < next) {
            next = due;
        }
    }
    ops_of(s)->wake(impl_of(s), &s->act, next);
}

static void step(struct pp_spread *s)
{
    if (s->finished) {
        return;
    }
    unsigned goal = pp_spread_goal(s);
    unsigned most = s->connections > s->width ? s->connections : s->width;
    struct tally c = count(s);
    if (!s->waiting && !s->looking && !s->local) {
        while (c.done + c.fast < goal && c.asked < most && c.idle) {
            ask(s, c.idle);
            c = count(s);
        }
    }
    s->done = c.done;
    s->missing = c.missing;
    s->bad = c.bad;
    s->asked = c.asked;
    if (s->waiting || s->looking) {
        hedge(s);
        return;
    }
    unsigned wider = c.done < goal && !c.fast && !c.idle && !s->local ? next_width(s, &c) : 0;
    if (wider) {
        look_up(s, wider);
    } else if ((c.done >= goal || !(c.fast + c.slow)) && !c.extras) {
        finish(s);
        return;
    }
    hedge(s);
}

static void begin(struct pp_spread *s)
{
    s->late = false;
    look_up(s, s->k);
    ask_extras(s);
    hedge(s);
    if (s->n_known) {
        ops_of(s)->wake(impl_of(s), &s->act, pp_mail_now(s->mail).mono);
    }
}

static void on_found(struct pp_act *act, uint64_t token, int code, const struct pp_peer *peers,
                     size_t n);

static void on_wake(struct pp_act *act)
{
    struct pp_spread *s = (struct pp_spread *)act;
    size_t n = s->n_known;
    if (s->late) {
        begin(s);
        return;
    }
    if (n) {
        s->n_known = 0;
        on_found(act, LOOKUP_TOKEN | s->k, PP_OK, s->known, n);
        return;
    }
    hedge(s);
    step(s);
}

static void on_found(struct pp_act *act, uint64_t token, int code, const struct pp_peer *peers,
                     size_t n)
{
    struct pp_spread *s = (struct pp_spread *)act;
    bool first = (token & ~LOOKUP_TOKEN) == s->k && !s->found && s->code == PP_OK;
    s->looking = false;
    if (first) {
        s->code = code == PP_OK && !n ? PP_UNREACHABLE : code;
        s->found = (unsigned)(n < s->k ? n : s->k);
        s->local |= code == PP_LOCAL;
    }
    for (size_t i = 0; i < n; i++) {
        struct pp_target *t = target_of(s, &peers[i].id);
        if (t) {
            t->extra = false;
        } else if ((t = add_target(s, &peers[i])) && s->kind->already &&
                   s->kind->already(s, &t->peer)) {
            t->state = PP_T_DONE;
        }
        if (t && first && i < s->found && (!s->near || i < s->near)) {
            t->closest = true;
        }
    }
    if (first && s->kind->looked) {
        enum pp_spread_next next = s->kind->looked(s);
        s->waiting = next == PP_SPREAD_WAIT;
        if (next == PP_SPREAD_STOP) {
            finish(s);
            return;
        }
    }
    step(s);
}

/* The target of a token that is still waited for. */
static struct pp_target *awaited(struct pp_spread *s, uint64_t token)
{
    size_t index = (size_t)(token & 0xffffffffu);
    if ((token & LOOKUP_TOKEN) || index >= s->n_targets) {
        return NULL;
    }
    struct pp_target *t = s->targets[index];
    return t->generation == (uint32_t)(token >> 32) && t->state == PP_T_ASKED ? t : NULL;
}

static void on_head(struct pp_act *act, uint64_t token, int status,
                    const struct pp_net_field *fields, size_t n)
{
    struct pp_spread *s = (struct pp_spread *)act;
    struct pp_target *t = awaited(s, token);
    if (!t) {
        return;
    }
    t->status = status;
    for (size_t i = 0; i < n; i++) {
        if (pp_bytes_is_nocase(fields[i].name, "date")) {
            snprintf(t->date, sizeof t->date, "%.*s", (int)fields[i].value.len,
                     (const char *)fields[i].value.data);
        }
    }
    if (s->kind->head) {
        s->kind->head(s, t, fields, n);
    }
}

static size_t on_data(struct pp_act *act, uint64_t token, struct pp_bytes bytes)
{
    struct pp_spread *s = (struct pp_spread *)act;
    struct pp_target *t = awaited(s, token);
    if (!t) {
        return bytes.len;
    }
    t->received += bytes.len;
    if (t->status == 200 && s->kind->data) {
        size_t took = s->kind->data(s, t, bytes);
        if (took < bytes.len && t->state == PP_T_ASKED) {
            ops_of(s)->cancel(impl_of(s), &s->act, token);
            t->error = PP_TOO_BIG;
            t->state = PP_T_BAD;
            step(s);
        }
        return bytes.len;
    }
    size_t most = t->status == 200 ? (size_t)s->answer_max : PROBLEM_MAX;
    size_t room = most > t->body.len ? most - t->body.len : 0;
    pp_buf_add(&t->body, bytes.data, bytes.len < room ? bytes.len : room);
    return bytes.len;
}

/* The "detail" or "title" of a problem document (RFC 9457), for people; else nothing. */
static void problem_text(const struct pp_buf *body, char *out, size_t cap)
{
    static const char *const names[] = {"\"detail\"", "\"title\""};
    out[0] = '\0';
    for (size_t i = 0; body->len && i < 2 && !out[0]; i++) {
        const char *at = strstr((const char *)body->data, names[i]);
        const char *open = at ? strchr(at + strlen(names[i]), '"') : NULL;
        const char *close = open ? strchr(open + 1, '"') : NULL;
        if (close) {
            snprintf(out, cap, ": %.*s", (int)(close - open - 1), open + 1);
        }
    }
    for (char *p = out; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
    }
}

static void explain(struct pp_target *t, const char *text)
{
    char detail[120];
    if (t->error) {
        snprintf(t->text, sizeof t->text, "%s", text && *text ? text : pp_error_text(t->error));
        return;
    }
    problem_text(&t->body, detail, sizeof detail);
    snprintf(t->text, sizeof t->text, "answered %d%s", t->status, detail);
}

static bool clock_skew(struct pp_spread *s, struct pp_target *t)
{
    if (t->error || t->status != 401 || t->skewed || !t->body.len ||
        !strstr((const char *)t->body.data, "clock-skew")) {
        return false;
    }
    t->skewed = true;
    return pp_mail_learn_offset(s->mail, &t->peer.id, pp_str(t->date));
}

static void apply(struct pp_spread *s, struct pp_target *t, enum pp_verdict verdict)
{
    switch (verdict) {
    case PP_VERDICT_DONE:
        t->state = PP_T_DONE;
        break;
    case PP_VERDICT_MISSING:
        t->state = PP_T_MISSING;
        break;
    case PP_VERDICT_BAD:
        t->state = PP_T_BAD;
        break;
    case PP_VERDICT_AGAIN:
        ask(s, t);
        break;
    case PP_VERDICT_HOLD:
        t->state = PP_T_HELD;
        break;
    }
    if (t->state == PP_T_ASKED || t->state == PP_T_HELD) {
        return;
    }
    struct tally c = count(s);
    s->done = c.done;
    s->missing = c.missing;
    s->bad = c.bad;
    if (s->kind->progress) {
        s->kind->progress(s);
    }
}

/* What a node must answer for; one that cannot be reached may just be gone. */
static void note_health(struct pp_spread *s, const struct pp_target *t)
{
    switch (t->error) {
    case PP_OK:
        pp_health_well(s->mail, &t->peer.id);
        break;
    case PP_TIMEOUT:
        pp_health_silent(s->mail, &t->peer.id);
        pp_mail_blame(s->mail, &t->peer, "did not answer in time");
        break;
    case PP_TOO_BIG:
        pp_mail_blame(s->mail, &t->peer, "gives more octets than were asked for");
        break;
    case PP_IDENTITY:
        pp_mail_blame(s->mail, &t->peer, "is another node than the one looked up");
        break;
    case PP_MALFORMED:
        pp_mail_blame(s->mail, &t->peer, "its answer is malformed");
        break;
    default:
        break;
    }
}

static void on_ended(struct pp_act *act, uint64_t token, int error, const char *text)
{
    struct pp_spread *s = (struct pp_spread *)act;
    struct pp_target *t = awaited(s, token);
    if (!t) {
        return;
    }
    t->error = error;
    explain(t, text);
    note_health(s, t);
    if (error == PP_LOCAL) {
        s->local = true;
    }
    apply(s, t, clock_skew(s, t) ? PP_VERDICT_AGAIN : s->kind->judge(s, t));
    step(s);
}

void pp_spread_init(struct pp_spread *s, struct pp_mail *mail, const struct pp_spread_kind *kind,
                    void *ctx, const struct pp_id *key)
{
    *s = (struct pp_spread){
        .act = {.wake = on_wake,
                .found = on_found,
                .head = on_head,
                .data = on_data,
                .ended = on_ended},
        .mail = mail,
        .kind = kind,
        .ctx = ctx,
        .key = *key,
        .k = pp_mail_is(mail)->k,
        .connections = pp_mail_is(mail)->ops_connections,
        .paths = 1,
        .hedge = HEDGE,
        .answer_max = 65536,
    };
}

void pp_spread_extra(struct pp_spread *s, const struct pp_peer *peer)
{
    if (!target_of(s, &peer->id)) {
        struct pp_target *t = add_target(s, peer);
        if (t) {
            t->extra = true;
        }
    }
}

void pp_spread_known(struct pp_spread *s, const struct pp_peer *peers, size_t n)
{
    s->n_known = n < s->k ? n : s->k;
    memcpy(s->known, peers, s->n_known * sizeof *peers);
}

void pp_spread_start(struct pp_spread *s)
{
    const struct pp_mail_options *o = pp_mail_is(s->mail);
    s->started = true;
    pp_mail_circuit(s->mail, s->circuit);
    if (!o->delay || !s->kind->late) {
        begin(s);
        return;
    }
    s->late = true;
    ops_of(s)->wake(impl_of(s), &s->act, pp_mail_now(s->mail).mono + pp_mail_delay(s->mail));
}

void pp_spread_go(struct pp_spread *s)
{
    s->waiting = false;
    step(s);
}

void pp_spread_settle(struct pp_spread *s, struct pp_target *t, enum pp_verdict verdict)
{
    if (!s->finished && t->state == PP_T_HELD) {
        apply(s, t, verdict);
        step(s);
    }
}

void pp_spread_enough(struct pp_spread *s)
{
    finish(s);
}

void pp_spread_finish(struct pp_spread *s)
{
    if (s->started && s->mail) {
        ops_of(s)->forget(impl_of(s), &s->act);
    }
    for (size_t i = 0; i < s->n_targets; i++) {
        pp_buf_free(&s->targets[i]->body);
        free(s->targets[i]);
    }
    free(s->targets);
    *s = (struct pp_spread){0};
}

bool pp_spread_throttled(const struct pp_spread *s, struct pp_target *t)
{
    bool first = !t->error && t->status == 429 && !t->retried && pp_mail_may_sign(s->mail);
    t->retried = t->retried || first;
    return first;
}

void pp_spread_why(const struct pp_spread *s, char *out, size_t cap)
{
    if (s->code != PP_OK) {
        snprintf(out, cap, "%s",
                 s->code == PP_LOCAL ? "there is no network here"
                                     : "no node of the network answers (are the contacts right?)");
        return;
    }
    for (size_t i = 0; i < s->n_targets; i++) {
        const struct pp_target *t = s->targets[i];
        if (t->state == PP_T_BAD || t->state == PP_T_MISSING) {
            char who[96];
            pp_peer_text(who, &t->peer);
            snprintf(out, cap, "node %s %s", who, t->text);
            return;
        }
    }
    snprintf(out, cap, "no answer in time");
}
