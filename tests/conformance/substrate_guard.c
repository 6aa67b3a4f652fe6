/* The face of substrate_guard.h: calls. What the substrate calls back is at the top. */
#include "substrate_guard.h"
#include "substrate_rules.h"

#include <stdio.h>
#include <stdlib.h>

#define TICKS_MAX 20000 /* of one node in one second of virtual time */
#define ANSWER_MAX (110 * PP_SECOND)

enum entry { NONE, CREATE, DESTROY, MEET, MOVE, LEAVE, RECEIVE, TICK, NEXT, LOOKUP, OTHER };
static const char *const entry_names[] = {"no entry",
                                          "create",
                                          "destroy",
                                          "meet",
                                          "move",
                                          "leave",
                                          "receive",
                                          "tick",
                                          "next",
                                          "lookup",
                                          "an entry that only tells"};

struct question {
    uint64_t token;
    pp_ns asked;
    unsigned k, flags;
};

struct guard_node {
    struct pp_substrate_node *real;
    void *ctx;
    enum entry entry;
    enum pp_state state;
    struct question *open;
    size_t n_open, cap_open;
    pp_ns now, second;
    unsigned ticks_in_second;
    uint64_t ticks, sent;
};

static const struct pp_substrate *real;
static const struct pp_substrate_host *outer;
static struct guard_last *last;
static struct pp_id doubted;
static bool doubting;
static size_t n_open;

static struct guard_node *of(const struct pp_substrate_node *face)
{
    return (struct guard_node *)(uintptr_t)face;
}

static void *owned(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

static void tell_entry(const char *name)
{
    if (last) {
        snprintf(last->entry, sizeof last->entry, "%s", name);
    }
}

static void enter(struct guard_node *g, enum entry entry, pp_ns now)
{
    g->entry = entry;
    g->now = now;
    tell_entry(entry_names[entry]);
    REQUIRE(g->n_open == 0 || g->open[0].asked + ANSWER_MAX > now, RULE_ONCE,
            "a look-up that was accepted has not come back after %.0f s",
            (double)(now - g->open[0].asked) / 1e9);
}

static void leave_entry(struct guard_node *g)
{
    g->entry = NONE;
    tell_entry("nothing");
}

/* Entries that only tell may also be asked from within a callback: the oracle asks `rank`. */
static enum entry enter_telling(struct guard_node *g, enum entry entry, const char *name)
{
    enum entry before = g->entry;
    g->entry = entry;
    tell_entry(name);
    return before;
}

static void leave_telling(struct guard_node *g, enum entry before)
{
    g->entry = before;
    tell_entry(entry_names[before]);
}

/* ---- what the substrate calls ---- */

static void may_call(const struct guard_node *g, const char *what)
{
    switch (g->entry) {
    case MEET:
    case MOVE:
    case LEAVE:
    case RECEIVE:
    case TICK:
        return;
    case DESTROY:
        rule_broken(RULE_DESTROY, "`destroy` calls host.%s", what);
    case LOOKUP:
        rule_broken(RULE_LOOKUP_SENDS, "`lookup` calls host.%s before it has returned", what);
    case NONE:
        rule_broken(RULE_ENTRIES, "host.%s is called for a node none of whose entries runs", what);
    case CREATE:
    case NEXT:
    case OTHER:
        rule_broken(RULE_ENTRIES, "host.%s is called in %s", what, entry_names[g->entry]);
    }
}

static void on_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    struct guard_node *g = ctx;
    if (g->entry != LOOKUP) {
        may_call(g, "send");
    }
    REQUIRE(payload.len <= PP_PAYLOAD_MAX, RULE_SEND, "%zu octets in one datagram, over %d",
            payload.len, PP_PAYLOAD_MAX);
    REQUIRE(payload.len == 0 || payload.data, RULE_SEND, "%zu octets at NULL", payload.len);
    REQUIRE(to && to->udp != 0, RULE_SEND, "a datagram to nowhere (no peer, or UDP port 0)");
    REQUIRE(g->state != PP_LEFT, RULE_LEFT, "a datagram is sent after the state LEFT");
    g->sent++;
    outer->send(g->ctx, to, payload);
}

static void judge_peers(const struct pp_peer *peers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REQUIRE(!pp_id_is_zero(&peers[i].id), RULE_CLIENT,
                "peer %zu of a result has id zero: a client, or nobody that was proved", i);
        for (size_t j = 0; j < i; j++) {
            REQUIRE(!pp_id_equal(&peers[i].id, &peers[j].id), RULE_CLOSEST,
                    "peers %zu and %zu of a result are the same node", j, i);
        }
    }
}

static void judge_result(const struct question *q, const struct pp_result *r)
{
    REQUIRE(r->code == PP_OK || r->code == PP_TIMEOUT || r->code == PP_OFFLINE ||
                r->code == PP_UNREACHABLE,
            RULE_CODE, "a result's code is %d (%s)", r->code, pp_error_text(r->code));
    REQUIRE((r->code == PP_OK) == !r->reason, RULE_REASON, "code %d with %s reason", r->code,
            r->reason ? "a" : "no");
    REQUIRE(r->n_peers <= q->k, RULE_CLOSEST, "%zu peers where k is %u", r->n_peers, q->k);
    REQUIRE(r->n_peers == 0 || r->peers, RULE_CLOSEST, "%zu peers at NULL", r->n_peers);
    REQUIRE(r->code != PP_OK || r->n_peers > 0, RULE_CLOSEST, "code PP_OK and no peer");
    REQUIRE(r->n_path == 0 || (q->flags & PP_LOOKUP_TRACE), RULE_PATH,
            "a path of %zu although nobody asked for it", r->n_path);
    REQUIRE(r->n_path == 0 || r->path, RULE_PATH, "a path of %zu at NULL", r->n_path);
    judge_peers(r->peers, r->n_peers);
}

static void forget(struct guard_node *g, size_t i)
{
    memmove(&g->open[i], &g->open[i + 1], (--g->n_open - i) * sizeof *g->open);
    n_open--;
}

static size_t find_open(const struct guard_node *g, uint64_t token)
{
    size_t i = 0;
    while (i < g->n_open && g->open[i].token != token) {
        i++;
    }
    return i;
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct guard_node *g = ctx;
    may_call(g, "found");
    size_t i = find_open(g, token);
    REQUIRE(i < g->n_open, RULE_CANCEL,
            "token %llu comes back; it was cancelled, or came back before, or was never asked",
            (unsigned long long)token);
    judge_result(&g->open[i], result);
    forget(g, i);
    if (token < GUARD_TOKENS) {
        outer->found(g->ctx, token, result);
    }
}

static void on_state(void *ctx, enum pp_state state, const char *text)
{
    struct guard_node *g = ctx;
    may_call(g, "state");
    REQUIRE(state <= PP_LEFT, RULE_DEGRADED, "state %d is none", (int)state);
    REQUIRE(text && (state != PP_DEGRADED || text[0]), RULE_DEGRADED, "state %d comes with no text",
            (int)state);
    REQUIRE(g->state != PP_LEFT || state == PP_LEFT, RULE_LEFT, "state %d comes after LEFT",
            (int)state);
    g->state = state;
    outer->state(g->ctx, state, text);
}

static void on_log(void *ctx, int level, const char *text)
{
    struct guard_node *g = ctx;
    may_call(g, "log");
    REQUIRE(level >= 0 && level <= 3 && text, RULE_ENTRIES, "log level %d, text %s", level,
            text ? text : "NULL");
    outer->log(g->ctx, level, text);
}

static const struct pp_substrate_host host = {on_send, on_found, on_state, on_log};

/* ---- what the world calls; whatever is lent is gone after the call ---- */

static int face_open(struct pp_net **net, const union pp_value *values,
                     const struct pp_substrate_host *world, struct pp_error *error)
{
    outer = world;
    tell_entry("open");
    return real->open(net, values, &host, error);
}

static void face_close(struct pp_net *net)
{
    tell_entry("close");
    real->close(net);
}

static struct pp_substrate_node *face_create(struct pp_net *net, void *ctx, enum pp_role role,
                                             const struct pp_peer *self, const uint8_t seed[16])
{
    struct guard_node *g = owned(calloc(1, sizeof *g));
    struct pp_peer peer = *self;
    uint8_t key[16];
    memcpy(key, seed, sizeof key);
    g->ctx = ctx;
    g->entry = CREATE;
    tell_entry("create");
    g->real = real->create(net, g, role, &peer, key);
    REQUIRE(g->real != NULL, RULE_CREATE, "`create` returns NULL");
    memset(&peer, 0xee, sizeof peer);
    memset(key, 0xee, sizeof key);
    leave_entry(g);
    return (struct pp_substrate_node *)(void *)g;
}

static void face_destroy(struct pp_substrate_node *face)
{
    struct guard_node *g = of(face);
    if (g) {
        g->entry = DESTROY;
        tell_entry("destroy");
        real->destroy(g->real);
        tell_entry("nothing");
        n_open -= g->n_open;
        free(g->open);
        free(g);
    }
}

static void face_meet(struct pp_substrate_node *face, pp_ns now, const struct pp_peer *contacts,
                      size_t n)
{
    struct guard_node *g = of(face);
    struct pp_peer *copy = n ? owned(malloc(n * sizeof *copy)) : NULL;
    if (n) {
        memcpy(copy, contacts, n * sizeof *copy);
    }
    enter(g, MEET, now);
    real->meet(g->real, now, copy, n);
    leave_entry(g);
    if (n) {
        memset(copy, 0xee, n * sizeof *copy);
    }
    free(copy);
}

static void face_move(struct pp_substrate_node *face, pp_ns now, const struct pp_peer *self)
{
    struct guard_node *g = of(face);
    struct pp_peer copy = *self;
    enter(g, MOVE, now);
    real->move(g->real, now, &copy);
    memset(&copy, 0xee, sizeof copy);
    leave_entry(g);
}

static void face_leave(struct pp_substrate_node *face, pp_ns now, pp_ns until)
{
    struct guard_node *g = of(face);
    enter(g, LEAVE, now);
    real->leave(g->real, now, until);
    REQUIRE(g->n_open == 0, RULE_LEAVE, "%zu look-ups still run after `leave` has returned",
            g->n_open);
    leave_entry(g);
}

static void face_receive(struct pp_substrate_node *face, pp_ns now, const struct pp_rx *rx,
                         struct pp_bytes payload)
{
    struct guard_node *g = of(face);
    struct pp_rx copy = *rx;
    if (doubting && pp_id_equal(&copy.from.id, &doubted)) {
        copy.facts &= ~PP_ID_PROVED;
    }
    uint8_t *octets = owned(malloc(payload.len + 1));
    if (payload.len) {
        memcpy(octets, payload.data, payload.len);
    }
    enter(g, RECEIVE, now);
    real->receive(g->real, now, &copy, pp_bytes(octets, payload.len));
    leave_entry(g);
    memset(octets, 0xee, payload.len);
    memset(&copy, 0xee, sizeof copy);
    free(octets);
}

static void face_tick(struct pp_substrate_node *face, pp_ns now)
{
    struct guard_node *g = of(face);
    enter(g, TICK, now);
    g->ticks++;
    if (now >= g->second + PP_SECOND) {
        g->second = now;
        g->ticks_in_second = 0;
    }
    REQUIRE(++g->ticks_in_second < TICKS_MAX, RULE_NEXT,
            "a busy loop: %d ticks in one second, `next` is always the past or the next moment",
            TICKS_MAX);
    real->tick(g->real, now);
    leave_entry(g);
}

static pp_ns face_next(const struct pp_substrate_node *face)
{
    struct guard_node *g = of(face);
    enum entry before = enter_telling(g, NEXT, "next");
    pp_ns at = real->next(g->real);
    REQUIRE(real->next(g->real) == at, RULE_NEXT, "`next` asked twice gives two deadlines");
    leave_telling(g, before);
    return at;
}

static int face_lookup(struct pp_substrate_node *face, pp_ns now, const struct pp_id *key,
                       unsigned k, unsigned paths, unsigned flags, uint64_t token)
{
    struct guard_node *g = of(face);
    struct pp_id copy = *key;
    enter(g, LOOKUP, now);
    int code = real->lookup(g->real, now, &copy, k, paths, flags, token);
    memset(&copy, 0xee, sizeof copy);
    leave_entry(g);
    REQUIRE(code == PP_OK || code == PP_BUSY || code == PP_OFFLINE, RULE_LOOKUP,
            "`lookup` returns %d (%s); only PP_OK, PP_BUSY and PP_OFFLINE are its answers", code,
            pp_error_text(code));
    if (code == PP_OK) {
        if (g->n_open == g->cap_open) {
            g->cap_open = 2 * g->cap_open + 8;
            g->open = owned(realloc(g->open, g->cap_open * sizeof *g->open));
        }
        g->open[g->n_open++] = (struct question){token, now, k, flags};
        n_open++;
    }
    return code;
}

static void face_cancel(struct pp_substrate_node *face, uint64_t token)
{
    struct guard_node *g = of(face);
    enum entry before = enter_telling(g, OTHER, "cancel");
    real->cancel(g->real, token);
    size_t i = find_open(g, token);
    if (i < g->n_open) {
        forget(g, i);
    }
    leave_telling(g, before);
}

static enum pp_covers face_covers(const struct pp_substrate_node *face, const struct pp_id *key,
                                  unsigned k)
{
    struct guard_node *g = of(face);
    enum entry before = enter_telling(g, OTHER, "covers");
    enum pp_covers answer = real->covers(g->real, key, k);
    REQUIRE(answer <= PP_COVERS_NO, RULE_COVERS, "`covers` returns %d", (int)answer);
    leave_telling(g, before);
    return answer;
}

static void face_rank(const struct pp_substrate_node *face, const struct pp_id *key,
                      uint8_t out[PP_RANK_LEN])
{
    struct guard_node *g = of(face);
    enum entry before = enter_telling(g, OTHER, "rank");
    real->rank(g->real, key, out);
    leave_telling(g, before);
}

static void face_snapshot(const struct pp_substrate_node *face, const struct pp_sink *sink)
{
    struct guard_node *g = of(face);
    enum entry before = enter_telling(g, OTHER, "snapshot");
    real->snapshot(g->real, sink);
    leave_telling(g, before);
}

static struct pp_substrate_node **unwrap(struct pp_substrate_node *const *faces, size_t n,
                                         enum entry entry)
{
    struct pp_substrate_node **nodes = owned(malloc((n + 1) * sizeof(*nodes)));
    for (size_t i = 0; i < n; i++) {
        of(faces[i])->entry = entry;
        nodes[i] = of(faces[i])->real;
    }
    return nodes;
}

struct counter {
    const struct pp_sink *sink;
    size_t lines;
};

static void count_line(void *ctx, const char *text)
{
    struct counter *c = ctx;
    c->lines++;
    REQUIRE(text && !strchr(text, '\n'), RULE_CHECK, "a breach is told in none or several lines");
    if (c->sink && c->sink->line) {
        c->sink->line(c->sink->ctx, text);
    }
}

static size_t face_check(struct pp_substrate_node *const *faces, size_t n,
                         const struct pp_sink *sink)
{
    struct pp_substrate_node **nodes = unwrap(faces, n, OTHER);
    struct counter counter = {sink, 0};
    struct pp_sink counting = {count_line, &counter};
    tell_entry("check");
    size_t breaches = real->check(nodes, n, &counting);
    REQUIRE(breaches == counter.lines, RULE_CHECK, "`check` returns %zu and gave %zu lines",
            breaches, counter.lines);
    free(nodes);
    free(unwrap(faces, n, NONE));
    return breaches;
}

static void face_arrange(struct pp_substrate_node *const *faces, size_t n, pp_ns now)
{
    struct pp_substrate_node **nodes = unwrap(faces, n, OTHER);
    tell_entry("arrange");
    real->arrange(nodes, n, now);
    free(nodes);
    free(unwrap(faces, n, NONE));
}

static void face_describe(struct pp_bytes payload, char *text, size_t cap)
{
    real->describe(payload, text, cap);
}

const struct pp_substrate *guard_face(const struct pp_substrate *under_test,
                                      struct guard_last *shared)
{
    static struct pp_substrate face;
    real = under_test;
    last = shared;
    face = (struct pp_substrate){
        .plugin = real->plugin,
        .wire = real->wire,
        .open = face_open,
        .close = face_close,
        .create = face_create,
        .destroy = face_destroy,
        .meet = face_meet,
        .move = face_move,
        .leave = face_leave,
        .receive = face_receive,
        .tick = face_tick,
        .next = face_next,
        .lookup = face_lookup,
        .cancel = face_cancel,
        .covers = face_covers,
        .rank = face_rank,
        .snapshot = face_snapshot,
        .check = face_check,
        .arrange = face_arrange,
        .describe = face_describe,
    };
    return &face;
}

void guard_doubt(const struct pp_id *id)
{
    doubting = id != NULL;
    if (id) {
        doubted = *id;
    }
}

size_t guard_open(void)
{
    return n_open;
}

struct pp_substrate_node *guard_real(const struct pp_substrate_node *face)
{
    return of(face)->real;
}

uint64_t guard_ticks(const struct pp_substrate_node *face)
{
    return of(face)->ticks;
}

uint64_t guard_sent(const struct pp_substrate_node *face)
{
    return of(face)->sent;
}
