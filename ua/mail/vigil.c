/*
 * Waiting for mail; see vigil.h. One post a node and inbox: it asks, waits, journals, confirms with
 * its next question.
 */
#include <mail/vigil.h>

#include <base/crash.h>
#include <mail/directory.h>
#include <mail/read.h>
#include <mail/read_pass.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_SECONDS 25
#define LOOK_AGAIN PP_MINUTE
#define POSTS_MAX 64
#define PAUSE_FIRST (2 * PP_SECOND)
#define PAUSE_MOST PP_MINUTE
#define AT_ONCE PP_SECOND /* an empty answer within it: that node lets nobody wait */
#define CREDIT_MOST 256   /* answers in a row; nodes remember 1,024 signatures in 300 s .. */
#define CREDIT_EACH (PP_SECOND / 2) /* .. and one more each */

struct post {
    struct pp_peer peer;
    size_t address;
    bool due_here;    /* among the k when last looked up */
    bool asked, held; /* a question is out; its answer is being journaled */
    bool listens, skewed;
    pp_ns next, asked_at; /* mono; next: when to ask */
    pp_ns pause;
    unsigned credit;
    pp_ns credited;
    uint32_t generation;
    int status;
    char batch[96], confirmed[96], date[40], circuit[20];
    struct pp_buf body;
    struct pp_buf fresh; /* hashes of what its answer brought, 64 digits each */
};

struct pp_vigil {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    struct pp_vigil_events events;
    void *ctx;
    struct post posts[POSTS_MAX];
    size_t n_posts;
    size_t address; /* looked up next, or now */
    bool looking;
    pp_ns look; /* mono */
    unsigned told, told_of;
};

#define LOOKUP_TOKEN (1ull << 63) /* else generation << 32 | index */

static const struct pp_mailnet *net_of(const struct pp_vigil *v)
{
    return &pp_mail_is(v->mail)->net;
}

static pp_ns mono(const struct pp_vigil *v)
{
    return pp_mail_now(v->mail).mono;
}

static void tell(struct pp_vigil *v)
{
    unsigned listen = 0, of = 0;
    for (size_t i = 0; i < v->n_posts; i++) {
        listen += v->posts[i].due_here && v->posts[i].listens;
        of += v->posts[i].due_here;
    }
    if (v->events.listens && (listen != v->told || of != v->told_of)) {
        v->told = listen;
        v->told_of = of;
        v->events.listens(v->ctx, listen, of);
    }
}

/* --- asking -------------------------------------------------------------------------------- */

static void ask(struct pp_vigil *v, struct post *p)
{
    struct pp_ask a;
    uint64_t index = (uint64_t)(p - v->posts);
    pp_ask_init(&a, v->mail, &p->peer);
    a.request.method = "GET";
    a.request.identifier = pp_mail_address(v->mail, p->address);
    a.request.answer_max = PP_INBOX_ANSWER_MAX;
    a.request.times.stall = (WAIT_SECONDS + 10) * PP_SECOND;
    a.request.times.total = (WAIT_SECONDS + 120) * PP_SECOND;
    a.request.circuit = p->circuit; /* a connection of its own: others to that node do not wait */
    pp_ask_field(&a, "Prefer", "wait=%d", WAIT_SECONDS);
    int rc = pp_sign_ask_as_user(v->mail, &a, "read-inbox", p->batch[0] ? p->batch : NULL);
    memcpy(p->confirmed, p->batch, sizeof p->confirmed);
    p->body.len = 0;
    p->status = 0;
    p->date[0] = '\0';
    p->asked_at = mono(v);
    p->next = PP_NEVER;
    if (rc == PP_OK && !a.failed) {
        p->asked = p->listens = true;
        p->generation++;
        a.request.fields = (const char *const *)a.fields;
        a.request.n_fields = a.n_fields;
        net_of(v)->ops->request(net_of(v)->impl, &v->act, &a.request,
                                (uint64_t)p->generation << 32 | index);
    } else {
        p->next = p->asked_at + PAUSE_MOST;
    }
    pp_ask_finish(&a);
}

static void look(struct pp_vigil *v)
{
    struct pp_id key = pp_inbox_place(pp_mail_address(v->mail, v->address));
    v->looking = true;
    v->look = PP_NEVER;
    net_of(v)->ops->lookup(net_of(v)->impl, &v->act, &key, pp_mail_is(v->mail)->k,
                           pp_mail_is(v->mail)->paths, LOOKUP_TOKEN | v->address);
}

/* Does what is due, and wakes for the next. */
static void stir(struct pp_vigil *v)
{
    pp_ns now = mono(v), next = PP_NEVER;
    if (!v->looking && v->look <= now) {
        look(v);
    }
    for (size_t i = 0; i < v->n_posts; i++) {
        struct post *p = &v->posts[i];
        if (!p->asked && !p->held && p->next <= now) {
            ask(v, p);
        }
        next = p->next < next ? p->next : next;
    }
    next = v->look < next ? v->look : next;
    tell(v);
    net_of(v)->ops->wake(net_of(v)->impl, &v->act, next);
}

/* Asks again: at once, as long as there was not too much of that. */
static void again(struct pp_vigil *v, struct post *p)
{
    pp_ns now = mono(v);
    uint64_t more = (now - p->credited) / CREDIT_EACH;
    if (more) {
        p->credit = more < CREDIT_MOST - p->credit ? p->credit + (unsigned)more : CREDIT_MOST;
        p->credited = now;
    }
    p->next = p->credit ? now : now + CREDIT_EACH;
    p->credit -= p->credit > 0;
    p->pause = 0;
}

static void later(struct pp_vigil *v, struct post *p)
{
    p->pause = p->pause ? 2 * p->pause : PAUSE_FIRST;
    p->pause = p->pause < PAUSE_MOST ? p->pause : PAUSE_MOST;
    p->next = mono(v) + p->pause;
}

/* --- who is asked -------------------------------------------------------------------------- */

static struct post *post_of(struct pp_vigil *v, const struct pp_id *id)
{
    for (size_t i = 0; i < v->n_posts; i++) {
        struct post *p = &v->posts[i];
        if (p->address == v->address && pp_id_equal(&p->peer.id, id)) {
            return p;
        }
    }
    return NULL;
}

/* A new post; when all are taken, in the place of one that is not due any more. */
static struct post *make(struct pp_vigil *v, const struct pp_peer *peer)
{
    struct post *p = v->n_posts < POSTS_MAX ? &v->posts[v->n_posts] : NULL;
    if (p) {
        v->n_posts++;
    }
    for (size_t i = 0; !p && i < POSTS_MAX; i++) {
        struct post *old = &v->posts[i];
        p = !old->due_here && !old->asked && !old->held ? old : NULL;
    }
    if (p) {
        uint32_t generation = p->generation;
        pp_buf_free(&p->body);
        pp_buf_free(&p->fresh);
        *p = (struct post){.peer = *peer,
                           .address = v->address,
                           .generation = generation,
                           .credit = CREDIT_MOST,
                           .next = mono(v)};
        pp_mail_circuit(v->mail, p->circuit);
        if (!p->circuit[0]) {
            snprintf(p->circuit, sizeof p->circuit, "wait");
        }
    }
    return p;
}

static void on_found(struct pp_act *act, uint64_t token, int code, const struct pp_peer *peers,
                     size_t n)
{
    struct pp_vigil *v = (struct pp_vigil *)act;
    (void)token;
    v->looking = false;
    for (size_t i = 0; code == PP_OK && i < v->n_posts; i++) {
        v->posts[i].due_here &= v->posts[i].address != v->address;
    }
    for (size_t i = 0; code == PP_OK && i < n; i++) {
        struct post *p = post_of(v, &peers[i].id);
        p = p ? p : make(v, &peers[i]);
        if (p) {
            p->due_here = true;
            p->peer = peers[i];
        }
    }
    if (code == PP_OK) {
        pp_holders_note(v->mail, peers, n);
    }
    v->address++;
    bool round = !pp_mail_address(v->mail, v->address).len;
    v->address = round ? 0 : v->address;
    v->look = mono(v) + (!round ? 0 : code == PP_OK ? LOOK_AGAIN : PAUSE_FIRST);
    stir(v);
}

/* --- what comes ---------------------------------------------------------------------------- */

static struct post *awaited(struct pp_vigil *v, uint64_t token)
{
    size_t index = (size_t)(token & 0xffffffffu);
    if ((token & LOOKUP_TOKEN) || index >= v->n_posts) {
        return NULL;
    }
    struct post *p = &v->posts[index];
    return p->asked && p->generation == (uint32_t)(token >> 32) ? p : NULL;
}

static void take_field(char *out, size_t cap, struct pp_bytes value)
{
    if (value.len < cap) {
        snprintf(out, cap, "%.*s", (int)value.len, (const char *)value.data);
    }
}

static void on_head(struct pp_act *act, uint64_t token, int status,
                    const struct pp_net_field *fields, size_t n)
{
    struct post *p = awaited((struct pp_vigil *)act, token);
    if (!p) {
        return;
    }
    p->status = status;
    for (size_t i = 0; i < n; i++) {
        if (pp_bytes_is_nocase(fields[i].name, "peerpost-batch") && status == 200) {
            take_field(p->batch, sizeof p->batch, fields[i].value);
        } else if (pp_bytes_is_nocase(fields[i].name, "date")) {
            take_field(p->date, sizeof p->date, fields[i].value);
        }
    }
}

static size_t on_data(struct pp_act *act, uint64_t token, struct pp_bytes bytes)
{
    struct post *p = awaited((struct pp_vigil *)act, token);
    if (p && (p->status == 200 || p->body.len < 4096)) {
        pp_buf_add(&p->body, bytes.data, bytes.len);
    }
    return bytes.len;
}

static void add_fresh(void *ctx, const char *hash)
{
    pp_buf_add(&((struct post *)ctx)->fresh, hash, 64);
}

/* Journals what an answer holds; `noted` goes on when that is synced. */
static void received(struct pp_vigil *v, struct post *p)
{
    bool waited = mono(v) - p->asked_at >= AT_ONCE;
    p->skewed = false;
    int n = pp_inbox_journal(v->mail, pp_buf_bytes(&p->body), add_fresh, p);
    if (n < 0) {
        pp_mail_blame(v->mail, &p->peer, "its inbox answer is malformed");
        p->batch[0] = '\0';
        later(v, p);
    } else if (n && strcmp(p->batch, p->confirmed) == 0) {
        pp_mail_blame(v->mail, &p->peer, "hands out again what it was told to forget");
        p->batch[0] = '\0';
        later(v, p);
    } else if (n == 0) {
        p->batch[0] = '\0';
        if (waited) {
            again(v, p);
        } else {
            later(v, p);
        }
    } else {
        p->held = true;
        net_of(v)->ops->note(net_of(v)->impl, &v->act, pp_str("b:last"), pp_str(p->batch),
                             (uint64_t)(p - v->posts));
    }
}

static bool is_skewed(const struct post *p)
{
    return p->status == 401 && !p->skewed && p->body.len &&
           strstr((const char *)p->body.data, "clock-skew");
}

static void on_ended(struct pp_act *act, uint64_t token, int error, const char *text)
{
    struct pp_vigil *v = (struct pp_vigil *)act;
    struct post *p = awaited(v, token);
    (void)text;
    if (!p) {
        return;
    }
    p->asked = false;
    if (!error && p->status == 200) {
        received(v, p);
    } else if (!error && is_skewed(p) &&
               pp_mail_learn_offset(v->mail, &p->peer.id, pp_str(p->date))) {
        p->skewed = true;
        p->next = mono(v);
    } else {
        p->listens = !error && p->status == 404; /* an honest no */
        p->batch[0] = '\0';                      /* 409: its store began anew */
        later(v, p);
    }
    stir(v);
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_vigil *v = (struct pp_vigil *)act;
    struct post *p = token < v->n_posts ? &v->posts[token] : NULL;
    if (!p || !p->held) {
        return;
    }
    p->held = false;
    if (error) { /* it is not confirmed: it comes again */
        pp_mail_log(v->mail, 1, "cannot write the journal: %s", pp_error_text(error));
        p->batch[0] = '\0';
        p->fresh.len = 0;
        later(v, p);
        stir(v);
        return;
    }
    pp_mail_crash(v->mail, "vigil-journaled");
    again(v, p);
    stir(v);
    struct pp_buf fresh = p->fresh;
    p->fresh = (struct pp_buf){0};
    for (size_t at = 0; at + 64 <= fresh.len; at += 64) {
        char hash[65];
        snprintf(hash, sizeof hash, "%.64s", (const char *)fresh.data + at);
        v->events.came(v->ctx, hash);
    }
    pp_buf_free(&fresh);
}

/* --- life ---------------------------------------------------------------------------------- */

static void on_wake(struct pp_act *act)
{
    stir((struct pp_vigil *)act);
}

struct pp_vigil *pp_vigil_start(struct pp_mail *mail, const struct pp_vigil_events *events,
                                void *ctx)
{
    struct pp_vigil *v = calloc(1, sizeof *v);
    if (!v) {
        return NULL;
    }
    *v = (struct pp_vigil){.act = {.wake = on_wake,
                                   .found = on_found,
                                   .head = on_head,
                                   .data = on_data,
                                   .ended = on_ended,
                                   .noted = on_noted},
                           .mail = mail,
                           .events = *events,
                           .ctx = ctx};
    net_of(v)->ops->wake(net_of(v)->impl, &v->act, mono(v));
    return v;
}

void pp_vigil_cancel(struct pp_vigil *v)
{
    if (!v) {
        return;
    }
    net_of(v)->ops->forget(net_of(v)->impl, &v->act);
    for (size_t i = 0; i < v->n_posts; i++) {
        pp_buf_free(&v->posts[i].body);
        pp_buf_free(&v->posts[i].fresh);
    }
    free(v);
}
