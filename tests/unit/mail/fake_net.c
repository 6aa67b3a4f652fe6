/* The fake world's clock, events, disk and look-ups; see fake_net.h. */
#include "fake_net.h"

#include "fake_node.h"

#include <base/crash.h>
#include <base/hash.h>
#include <http/multipart.h>
#include <stdio.h>

struct pp_blob {
    int refs;
    struct pp_buf octets;
};

struct fake_request {
    struct pp_peer peer;
    char method[16];
    struct pp_buf identifier, body, set;
    struct pp_buf fields; /* lines with NUL between */
    struct pp_blob *blob;
    char boundary[40];
    uint64_t answer_max;
    struct pp_net_times times;
    pp_ns until; /* Prefer: wait ends */
};

enum fake_kind {
    FAKE_WAKE,
    FAKE_FOUND,
    FAKE_REQUEST,
    FAKE_TIMEOUT,
    FAKE_SYNC,
    FAKE_NOTED,
    FAKE_KEEP,
    FAKE_JUDGE
};

struct fake_event {
    struct fake_event *next;
    enum fake_kind kind;
    pp_ns at;
    uint64_t order;
    struct pp_act *act;
    uint64_t token;
    bool cancelled; /* while it is being carried out */
    struct pp_id key;
    unsigned k;
    int error;
    struct fake_request *request;
    struct pp_blob *blob;
    enum pp_place place;
    char name[128];
};

static struct fake_event *running;

/* --- events -------------------------------------------------------------------------------- */

static struct fake_event *add(struct pp_net_impl *net, enum fake_kind kind, pp_ns delay,
                              struct pp_act *act, uint64_t token)
{
    struct fake_event *e = calloc(1, sizeof *e);
    *e = (struct fake_event){
        .kind = kind, .at = net->mono + delay, .order = net->order++, .act = act, .token = token};
    struct fake_event **at = &net->events;
    while (*at && (*at)->at <= e->at) {
        at = &(*at)->next;
    }
    e->next = *at;
    *at = e;
    return e;
}

static void unref(struct pp_net_impl *net, struct pp_blob *b)
{
    if (b && --b->refs == 0) {
        net->live_blobs--;
        pp_buf_free(&b->octets);
        free(b);
    }
}

static void request_free(struct pp_net_impl *net, struct fake_request *r)
{
    if (r) {
        pp_buf_free(&r->identifier);
        pp_buf_free(&r->body);
        pp_buf_free(&r->set);
        pp_buf_free(&r->fields);
        unref(net, r->blob);
        free(r);
    }
}

static void event_free(struct pp_net_impl *net, struct fake_event *e)
{
    request_free(net, e->request);
    unref(net, e->blob);
    free(e);
}

/* The act no longer waits: what is only for it goes; durable work goes on unheard. */
static void drop(struct pp_net_impl *net, struct pp_act *act, bool all, uint64_t token)
{
    if (running && running->act == act && (all || running->token == token)) {
        running->cancelled = true;
    }
    for (struct fake_event **at = &net->events; *at;) {
        struct fake_event *e = *at;
        bool mine = e->act == act && (all || (e->token == token && e->kind != FAKE_WAKE));
        if (mine && (e->kind == FAKE_KEEP || e->kind == FAKE_SYNC)) {
            e->act = NULL;
            at = &e->next;
        } else if (mine) {
            *at = e->next;
            event_free(net, e);
        } else {
            at = &e->next;
        }
    }
}

/* A durable step: the kill may fall here. */
static bool point(struct pp_net_impl *net, const char *name)
{
    net->last_point = name;
    if (!net->killed && ++net->points == net->kill_at) {
        net->killed = true;
    }
    return net->killed;
}

/* --- pp_net: time and wakes ---------------------------------------------------------------- */

static struct pp_now f_now(struct pp_net_impl *net)
{
    return (struct pp_now){net->mono, net->wall_base + net->mono};
}

static void f_random(struct pp_net_impl *net, void *out, size_t len)
{
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++) {
        net->random = net->random * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(net->random >> 56);
    }
}

static void f_wake(struct pp_net_impl *net, struct pp_act *act, pp_ns at)
{
    for (struct fake_event **p = &net->events; *p;) {
        struct fake_event *e = *p;
        if (e->act == act && e->kind == FAKE_WAKE) {
            *p = e->next;
            event_free(net, e);
        } else {
            p = &e->next;
        }
    }
    if (at != PP_NEVER) {
        add(net, FAKE_WAKE, at > net->mono ? at - net->mono : 0, act, 0);
    }
}

/* --- look-ups and requests ----------------------------------------------------------------- */

static void f_lookup(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key,
                     unsigned k, unsigned paths, uint64_t token)
{
    (void)paths;
    struct fake_event *e = add(net, FAKE_FOUND, 5 * PP_MS, act, token);
    e->key = *key;
    e->k = k;
}

static void f_request(struct pp_net_impl *net, struct pp_act *act, const struct pp_net_request *q,
                      uint64_t token)
{
    struct fake_event *e = add(net, FAKE_REQUEST, 10 * PP_MS, act, token);
    struct fake_request *r = calloc(1, sizeof *r);
    if (net->n_circuits < sizeof net->circuits / sizeof *net->circuits) {
        snprintf(net->circuits[net->n_circuits++], sizeof net->circuits[0], "%s",
                 q->circuit ? q->circuit : "");
    }
    r->peer = *q->peer;
    snprintf(r->method, sizeof r->method, "%s", q->method);
    pp_buf_add(&r->identifier, q->identifier.data, q->identifier.len);
    pp_buf_add(&r->body, q->body.data, q->body.len);
    pp_buf_add(&r->set, q->certificates.data, q->certificates.len);
    for (size_t i = 0; i < q->n_fields; i++) {
        pp_buf_add(&r->fields, q->fields[i], strlen(q->fields[i]) + 1);
    }
    r->blob = q->blob;
    if (r->blob) {
        r->blob->refs++;
    }
    snprintf(r->boundary, sizeof r->boundary, "%s", q->boundary ? q->boundary : "");
    r->answer_max = q->answer_max;
    r->times = q->times;
    e->request = r;
}

static void f_resume(struct pp_net_impl *net, struct pp_act *act, uint64_t token)
{
    (void)net;
    (void)act;
    (void)token;
}

static void f_cancel(struct pp_net_impl *net, struct pp_act *act, uint64_t token)
{
    drop(net, act, false, token);
}

static void f_forget(struct pp_net_impl *net, struct pp_act *act)
{
    drop(net, act, true, 0);
}

/* --- notes --------------------------------------------------------------------------------- */

static void set(struct pp_buf *b, struct pp_bytes value)
{
    struct pp_buf copy = {0}; /* value may lie in b */
    pp_buf_add(&copy, value.data, value.len);
    pp_buf_free(b);
    *b = copy;
}

static void f_note(struct pp_net_impl *net, struct pp_act *act, struct pp_bytes key,
                   struct pp_bytes value, uint64_t token)
{
    struct fake_note *n = fake_find_note(net, key);
    if (!n) {
        if (net->n_notes == net->cap_notes) {
            net->cap_notes = net->cap_notes ? 2 * net->cap_notes : 64;
            net->notes = realloc(net->notes, net->cap_notes * sizeof *net->notes);
        }
        n = &net->notes[net->n_notes++];
        *n = (struct fake_note){0};
        set(&n->key, key);
    }
    set(&n->value, value);
    n->dirty = true;
    if (!net->sync_queued) {
        net->sync_queued = true;
        add(net, FAKE_SYNC, PP_MS, NULL, 0);
    }
    if (act) {
        add(net, FAKE_NOTED, PP_MS, act, token);
    }
}

/* --- blobs --------------------------------------------------------------------------------- */

static struct pp_blob *f_blob_new(struct pp_net_impl *net)
{
    struct pp_blob *b = calloc(1, sizeof *b);
    b->refs = 1;
    net->live_blobs++;
    return b;
}

static int f_blob_write(struct pp_net_impl *net, struct pp_blob *b, struct pp_bytes bytes)
{
    (void)net;
    return pp_buf_add(&b->octets, bytes.data, bytes.len);
}

static int64_t f_blob_read(struct pp_net_impl *net, struct pp_blob *b, uint64_t offset, void *out,
                           size_t cap)
{
    (void)net;
    size_t left = offset < b->octets.len ? b->octets.len - (size_t)offset : 0;
    size_t n = left < cap ? left : cap;
    if (n) {
        memcpy(out, b->octets.data + offset, n);
    }
    return (int64_t)n;
}

static uint64_t f_blob_size(struct pp_net_impl *net, struct pp_blob *b)
{
    (void)net;
    return b->octets.len;
}

static void f_blob_free(struct pp_net_impl *net, struct pp_blob *b)
{
    unref(net, b);
}

static struct fake_file *find_file(struct pp_net_impl *net, enum pp_place place, const char *name)
{
    for (size_t i = 0; i < net->n_files; i++) {
        if (net->files[i].place == place && strcmp(net->files[i].name, name) == 0) {
            return &net->files[i];
        }
    }
    return NULL;
}

static void f_blob_keep(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b,
                        enum pp_place place, const char *name, uint64_t token)
{
    struct fake_event *e = add(net, FAKE_KEEP, 2 * PP_MS, act, token);
    e->blob = b;
    b->refs++;
    e->place = place;
    snprintf(e->name, sizeof e->name, "%s", name);
}

static struct pp_blob *f_blob_open(struct pp_net_impl *net, enum pp_place place, const char *name)
{
    struct fake_file *f = find_file(net, place, name);
    net->junk_opened += place == PP_PLACE_JUNK;
    if (!f) {
        return NULL;
    }
    struct pp_blob *b = f_blob_new(net);
    pp_buf_add(&b->octets, f->octets.data, f->octets.len);
    return b;
}

static void f_blob_drop(struct pp_net_impl *net, enum pp_place place, const char *name)
{
    struct fake_file *f = find_file(net, place, name);
    if (!f || net->killed) {
        return;
    }
    f->linked = false;
    if (place != PP_PLACE_NEW && place != PP_PLACE_JUNK && place != PP_PLACE_CHAT) {
        pp_buf_free(&f->octets);
        *f = net->files[--net->n_files];
    }
}

static bool holds(const struct pp_blob *b, const char *word)
{
    return memmem(b->octets.data, b->octets.len, word, strlen(word)) != NULL;
}

static void f_judge(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b, uint64_t token)
{
    struct fake_event *e = add(net, FAKE_JUDGE, 2 * PP_MS, act, token);
    e->error = !net->scans         ? PP_JUDGED_CLEAN
               : net->scanner_down ? PP_JUDGED_HOLD
               : holds(b, "EICAR") ? PP_JUDGED_QUARANTINE
               : holds(b, "CHEAP") ? PP_JUDGED_JUNK
                                   : PP_JUDGED_CLEAN;
}

static void f_crash(struct pp_net_impl *net, const char *name)
{
    point(net, name);
}

static void f_log(struct pp_net_impl *net, int level, const char *text)
{
    (void)level;
    net->logged++;
    net->blamed += strstr(text, "other octets") != NULL || strstr(text, "more octets") != NULL;
    snprintf(net->last_log, sizeof net->last_log, "%s", text);
}

const struct pp_net_ops fake_ops = {
    f_now,        f_random,    f_wake,      f_lookup,    f_request,   f_resume,
    f_cancel,     f_forget,    f_note,      fake_replay, fake_recall, f_blob_new,
    f_blob_write, f_blob_read, f_blob_size, f_blob_free, f_blob_keep, f_blob_open,
    f_blob_drop,  f_judge,     f_crash,     f_log,
};

/* --- carrying out -------------------------------------------------------------------------- */

static void run_found(struct pp_net_impl *net, struct fake_event *e)
{
    struct fake_node *closest[PP_K_MAX];
    struct pp_peer peers[PP_K_MAX];
    size_t n = fake_closest(net, &e->key, e->k, closest);
    for (size_t i = 0; i < n; i++) {
        peers[i] = closest[i]->peer;
    }
    int code = net->no_network ? PP_LOCAL : n ? PP_OK : PP_UNREACHABLE;
    e->act->found(e->act, e->token, code, peers, code ? 0 : n);
}

static struct fake_node *node_of(struct pp_net_impl *net, const struct pp_id *id)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (pp_id_equal(&net->nodes[i].peer.id, id)) {
            return &net->nodes[i];
        }
    }
    return NULL;
}

static void give(struct fake_event *e, const struct fake_answer *a)
{
    struct pp_net_field fields[8];
    for (size_t i = 0; i < a->n_fields; i++) {
        fields[i] = (struct pp_net_field){pp_str(a->names[i]), pp_str(a->values[i])};
    }
    e->act->head(e->act, e->token, a->status, fields, a->n_fields);
    uint64_t given = 0;
    for (size_t at = 0; at < a->body.len && !e->cancelled;) {
        size_t n = a->body.len - at < 1000 ? a->body.len - at : 1000;
        given += n;
        if (given > e->request->answer_max) {
            e->act->ended(e->act, e->token, PP_TOO_BIG, "its answer is too big");
            return;
        }
        e->act->data(e->act, e->token, pp_bytes(a->body.data + at, n));
        at += n;
        if (a->endless && at == a->body.len) {
            at = 0;
        }
    }
    if (!e->cancelled) {
        e->act->ended(e->act, e->token, 0, "");
    }
}

/* The body as it would travel: what a signature's digest is of. */
static void wire(const struct fake_request *r, struct pp_buf *out)
{
    if (!r->blob) {
        pp_buf_add(out, r->body.data, r->body.len);
        return;
    }
    pp_multipart_open_part(out, r->boundary, "certificates", "application/x-pem-file", true);
    pp_buf_add(out, r->set.data, r->set.len);
    pp_multipart_open_part(out, r->boundary, "object", "application/octet-stream", false);
    pp_buf_add(out, r->blob->octets.data, r->blob->octets.len);
    pp_multipart_close(out, r->boundary);
}

/* An empty inbox lets its reader wait: the question is put again a little later. */
static void ask_again(struct pp_net_impl *net, struct fake_event *e)
{
    struct fake_event *again = add(net, FAKE_REQUEST, 500 * PP_MS, e->act, e->token);
    again->request = e->request;
    e->request = NULL;
}

static bool waits(struct pp_net_impl *net, struct fake_request *r, const struct fake_node *node,
                  const struct fake_answer *a)
{
    if (a->status != 200 || a->body.len || !a->wait || node->hurries) {
        return false;
    }
    r->until = r->until ? r->until : net->mono + a->wait * PP_SECOND;
    return net->mono < r->until;
}

/* Does it wait already, and nothing came? */
static bool waits_on(struct pp_net_impl *net, const struct fake_request *r, struct fake_node *node)
{
    const struct fake_inbox *box = fake_inbox(node, pp_buf_bytes(&r->identifier));
    return r->until > net->mono && !(box && box->n);
}

static void run_request(struct pp_net_impl *net, struct fake_event *e)
{
    struct fake_request *r = e->request;
    struct fake_node *node = node_of(net, &r->peer.id);
    if (net->no_network || !node || node->dead) {
        e->act->ended(e->act, e->token, net->no_network ? PP_LOCAL : PP_UNREACHABLE,
                      "connection refused");
        return;
    }
    if (waits_on(net, r, node)) {
        ask_again(net, e);
        return;
    }
    node->requests++;
    if (node->silent) {
        struct fake_event *late = add(net, FAKE_TIMEOUT, r->times.stall, e->act, e->token);
        late->error = PP_TIMEOUT;
        return;
    }
    struct fake_answer a = {0};
    struct pp_buf octets = {0};
    wire(r, &octets);
    struct fake_ask ask = {.method = r->method,
                           .wire = pp_buf_bytes(&octets),
                           .identifier = pp_buf_bytes(&r->identifier),
                           .body =
                               r->blob ? pp_buf_bytes(&r->blob->octets) : pp_buf_bytes(&r->body),
                           .set = pp_buf_bytes(&r->set),
                           .fields = pp_buf_bytes(&r->fields),
                           .now = (int64_t)(f_now(net).wall / PP_SECOND)};
    fake_node_handle(node, &ask, &a);
    if (waits(net, r, node, &a)) {
        ask_again(net, e);
    } else if (node->dies_after && --node->dies_after == 0) {
        node->dead = true;
        e->act->ended(e->act, e->token, PP_UNREACHABLE, "connection reset");
    } else {
        give(e, &a);
    }
    fake_answer_finish(&a);
    pp_buf_free(&octets);
}

static void run_sync(struct pp_net_impl *net)
{
    net->sync_queued = false;
    if (point(net, "before sync")) {
        return;
    }
    for (size_t i = 0; i < net->n_notes && !net->lossy_disk; i++) {
        if (net->notes[i].dirty) {
            set(&net->notes[i].synced, pp_buf_bytes(&net->notes[i].value));
            net->notes[i].dirty = false;
        }
    }
    point(net, "synced");
}

static void run_keep(struct pp_net_impl *net, struct fake_event *e)
{
    if (point(net, "before keep")) {
        return;
    }
    int error = find_file(net, e->place, e->name) ? PP_EXISTS : PP_OK;
    if (error == PP_OK) {
        net->files = realloc(net->files, (net->n_files + 1) * sizeof *net->files);
        struct fake_file *f = &net->files[net->n_files++];
        *f = (struct fake_file){.place = e->place, .linked = true};
        snprintf(f->name, sizeof f->name, "%s", e->name);
        pp_buf_add(&f->octets, e->blob->octets.data, e->blob->octets.len);
    }
    if (!point(net, "kept") && e->act) {
        e->act->kept(e->act, e->token, error);
    }
}

static void carry_out(struct pp_net_impl *net, struct fake_event *e)
{
    switch (e->kind) {
    case FAKE_WAKE:
        e->act->wake(e->act);
        break;
    case FAKE_FOUND:
        run_found(net, e);
        break;
    case FAKE_REQUEST:
        run_request(net, e);
        break;
    case FAKE_TIMEOUT:
        e->act->ended(e->act, e->token, e->error, "no answer in time");
        break;
    case FAKE_SYNC:
        run_sync(net);
        break;
    case FAKE_NOTED:
        e->act->noted(e->act, e->token, net->lossy_disk ? PP_FULL : PP_OK);
        break;
    case FAKE_KEEP:
        run_keep(net, e);
        break;
    case FAKE_JUDGE:
        e->act->judged(e->act, e->token, (enum pp_judgement)e->error,
                       net->scanner_down ? "the scanner is down" : "found something");
        break;
    }
}

bool fake_run(struct pp_net_impl *net, const bool *flag, pp_ns limit)
{
    pp_ns until = net->mono + limit;
    while (!net->killed && !*flag && net->events && net->events->at <= until) {
        struct fake_event *e = net->events;
        net->events = e->next;
        net->mono = e->at > net->mono ? e->at : net->mono;
        running = e;
        carry_out(net, e);
        running = NULL;
        event_free(net, e);
    }
    return *flag;
}

void fake_reboot(struct pp_net_impl *net)
{
    while (net->events) {
        struct fake_event *e = net->events;
        net->events = e->next;
        event_free(net, e);
    }
    for (size_t i = 0; i < net->n_notes; i++) {
        set(&net->notes[i].value, pp_buf_bytes(&net->notes[i].synced));
        net->notes[i].dirty = false;
    }
    net->sync_queued = false;
    net->killed = false;
    net->points = 0;
    net->kill_at = 0;
}
