/*
 * The world's clock and its inhabitants: creation, death, return, deadlines, and core's part around
 * a substrate (remembered peers, merging, other contacts when alone).
 */
#include <sim/world/internal.h>

#include <config/loader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALONE_PERIOD (5 * PP_SECOND)

/* Loaded once a process and kept: its code must outlive every world. */
const struct pp_substrate *pp_world_plugin(const char *name)
{
    static struct {
        struct pp_loaded *loaded;
        const struct pp_substrate *plugin;
    } kept[8];
    size_t at = 0;
    struct pp_error error;
    while (kept[at].plugin && strcmp(kept[at].plugin->plugin.name, name) != 0) {
        if (++at == sizeof kept / sizeof *kept) {
            return NULL;
        }
    }
    if (!kept[at].plugin &&
        pp_load_substrate(&kept[at].loaded, &kept[at].plugin, NULL, name, &error)) {
        fprintf(stderr, "world: %s\n", error.text);
    }
    return kept[at].plugin;
}

static bool serves(enum pp_state state)
{
    return state == PP_ACTIVE || state == PP_DEGRADED;
}

void world_state(struct member *m, enum pp_state state)
{
    if (serves(m->state) != serves(state)) {
        m->changed = m->world->now;
    }
    m->state = state;
}

static void on_state(void *ctx, enum pp_state state, const char *text)
{
    struct member *m = ctx;
    (void)text;
    world_state(m, state);
    if (state == PP_ALONE && m->merge_at > m->world->now + ALONE_PERIOD) {
        m->merge_at = m->world->now + ALONE_PERIOD;
    }
}

static void on_log(void *ctx, int level, const char *text)
{
    struct member *m = ctx;
    if (getenv("WORLD_LOG")) {
        fprintf(stderr, "[%.3f] node %u: %d %s\n", (double)m->world->now / 1e9, m->index, level,
                text);
    }
}

static const struct pp_substrate_host host = {world_send, world_found, on_state, on_log};

struct pp_world *pp_world_create(const struct pp_world_options *options)
{
    struct pp_world *w = need(calloc(1, sizeof *w));
    w->options = *options;
    if (w->options.latency_max == 0) {
        w->options.latency_min = 10 * PP_MS;
        w->options.latency_max = 90 * PP_MS;
    }
    w->options.merge_period = options->merge_period ? options->merge_period : 5 * PP_MINUTE;
    if (!options->values) {
        w->defaults = pp_world_values(&options->plugin->plugin, NULL);
        w->options.values = w->defaults;
    }
    pp_prng_seed(&w->prng, options->seed);
    w->now = PP_HOUR; /* a zero clock hides mistakes */
    struct pp_error error = {0};
    if (options->plugin->open(&w->net, w->options.values, &host, &error) != PP_OK) {
        fprintf(stderr, "world: %s\n", error.text);
        abort();
    }
    return w;
}

void pp_world_destroy(struct pp_world *w)
{
    if (!w) {
        return;
    }
    for (size_t i = 0; i < w->n_members; i++) {
        pp_world_kill(w, i);
        free(w->members[i]->remembered);
        free(w->members[i]);
    }
    w->options.plugin->close(w->net);
    world_free_datagrams(w);
    pp_queue_finish(&w->deadlines);
    pp_queue_finish(&w->flights);
    free(w->members);
    free(w->at);
    free(w->defaults);
    free(w);
}

pp_ns pp_world_now(const struct pp_world *w)
{
    return w->now;
}

struct pp_prng *pp_world_prng(struct pp_world *w)
{
    return &w->prng;
}

void pp_world_set_loss(struct pp_world *w, uint32_t loss, uint32_t duplicate)
{
    w->options.loss = loss;
    w->options.duplicate = duplicate;
}

static pp_ns jittered(struct pp_world *w, pp_ns period)
{
    return w->now + period - period / 4 + pp_prng_below(&w->prng, period / 2 + 1);
}

static void birth(struct member *m)
{
    struct pp_world *w = m->world;
    uint8_t seed[16];
    pp_prng_fill(&w->prng, seed, sizeof seed);
    world_state(m, PP_JOINING);
    m->merge_at = w->options.no_memory ? PP_NEVER : jittered(w, w->options.merge_period);
    m->instance = need(w->options.plugin->create(w->net, m, m->role, &m->self, seed));
    world_after(m);
}

size_t pp_world_add_at(struct pp_world *w, enum pp_role role, const struct pp_id *id)
{
    if (w->n_members == w->cap_members) {
        w->cap_members = w->cap_members ? 2 * w->cap_members : 64;
        w->members = need(realloc(w->members, w->cap_members * sizeof(struct member *)));
    }
    struct member *m = need(calloc(1, sizeof *m));
    m->world = w;
    m->role = role;
    m->index = (uint32_t)w->n_members;
    if (role == PP_MEMBER) {
        m->self.id = *id;
    }
    w->members[w->n_members++] = m;
    world_endpoint(w, m->index, &m->self);
    birth(m);
    return m->index;
}

size_t pp_world_add(struct pp_world *w, enum pp_role role)
{
    struct pp_id id;
    pp_prng_fill(&w->prng, id.b, sizeof id.b);
    return pp_world_add_at(w, role, &id);
}

size_t pp_world_count(const struct pp_world *w)
{
    return w->n_members;
}

void world_after(struct member *m)
{
    struct pp_world *w = m->world;
    pp_ns at = PP_NEVER;
    if (m->instance) {
        at = w->options.plugin->next(m->instance);
        at = m->merge_at < at ? m->merge_at : at;
        at = at < w->now ? w->now : at;
    }
    need(pp_queue_set(&w->deadlines, m->index, at) ? w : NULL);
}

void world_remember(struct member *m, const struct pp_peer *peer)
{
    struct pp_world *w = m->world;
    if (w->options.no_memory || pp_id_equal(&peer->id, &m->self.id)) {
        return;
    }
    if (!m->remembered) {
        m->remembered = need(calloc(REMEMBERED, sizeof *m->remembered));
    }
    for (uint32_t i = 0; i < m->n_remembered; i++) {
        if (pp_id_equal(&m->remembered[i].id, &peer->id)) {
            m->remembered[i] = *peer;
            return;
        }
    }
    if (m->n_remembered < REMEMBERED) {
        m->remembered[m->n_remembered++] = *peer;
    } else if (pp_prng_below(&w->prng, REMEMBERED) == 0) {
        /* A full memory changes slowly: an hour among one half's neighbours must not wipe out all
         * that is known of the other half. */
        m->remembered[pp_prng_below(&w->prng, REMEMBERED)] = *peer;
    }
}

void pp_world_found(struct pp_world *w, size_t node)
{
    w->options.plugin->meet(w->members[node]->instance, w->now, NULL, 0);
    world_after(w->members[node]);
}

void pp_world_meet(struct pp_world *w, size_t node, const size_t *contacts, size_t n)
{
    struct pp_peer peers[REMEMBERED];
    n = n < REMEMBERED ? n : REMEMBERED;
    for (size_t i = 0; i < n; i++) {
        peers[i] = w->members[contacts[i]]->self;
        memset(&peers[i].id, 0, sizeof peers[i].id); /* a configured contact has no id */
        peers[i].http = 0;
    }
    w->options.plugin->meet(w->members[node]->instance, w->now, peers, n);
    world_after(w->members[node]);
}

bool pp_world_rejoin(struct pp_world *w, size_t node, size_t n)
{
    struct member *m = w->members[node];
    if (!m->instance || m->n_remembered == 0) {
        return false;
    }
    struct pp_peer peers[REMEMBERED];
    n = n < m->n_remembered ? n : m->n_remembered;
    size_t start = pp_prng_below(&w->prng, m->n_remembered);
    for (size_t i = 0; i < n; i++) {
        peers[i] = m->remembered[(start + i) % m->n_remembered];
    }
    w->options.plugin->meet(m->instance, w->now, peers, n);
    world_after(m);
    return true;
}

void pp_world_leave(struct pp_world *w, size_t node, pp_ns until)
{
    if (w->members[node]->instance) {
        w->options.plugin->leave(w->members[node]->instance, w->now, until);
        world_after(w->members[node]);
    }
}

void pp_world_kill(struct pp_world *w, size_t node)
{
    struct member *m = w->members[node];
    if (m->instance) {
        w->options.plugin->destroy(m->instance);
        m->instance = NULL;
        world_state(m, PP_LEFT);
        world_forget(w, node);
        world_after(m);
    }
}

void pp_world_restart(struct pp_world *w, size_t node)
{
    pp_world_kill(w, node);
    birth(w->members[node]);
}

void pp_world_move(struct pp_world *w, size_t node)
{
    struct member *m = w->members[node];
    world_endpoint(w, node, &m->self);
    if (m->instance) {
        w->options.plugin->move(m->instance, w->now, &m->self);
        world_after(m);
    }
}

void pp_world_side(struct pp_world *w, size_t node, int side)
{
    w->members[node]->side = side;
}

static size_t living(const struct pp_world *w, int side, bool active_only,
                     struct pp_substrate_node ***out)
{
    size_t n = 0;
    *out = need(malloc((w->n_members + 1) * sizeof **out));
    for (size_t i = 0; i < w->n_members; i++) {
        const struct member *m = w->members[i];
        if (m->instance && m->role == PP_MEMBER && (side < 0 || m->side == side) &&
            (!active_only || pp_world_active(w, i))) {
            (*out)[n++] = m->instance;
        }
    }
    return n;
}

void pp_world_arrange(struct pp_world *w)
{
    struct pp_substrate_node **nodes;
    size_t n = living(w, -1, false, &nodes);
    w->options.plugin->arrange(nodes, n, w->now);
    free(nodes);
    for (size_t i = 0; i < w->n_members; i++) {
        if (w->members[i]->instance && w->members[i]->role == PP_MEMBER) {
            world_state(w->members[i], PP_ACTIVE);
            world_after(w->members[i]);
        }
    }
}

size_t pp_world_check(struct pp_world *w, int side, const struct pp_sink *sink)
{
    struct pp_substrate_node **nodes;
    size_t n = living(w, side, true, &nodes);
    size_t breaches = n ? w->options.plugin->check(nodes, n, sink) : 0;
    free(nodes);
    return breaches;
}

bool pp_world_alive(const struct pp_world *w, size_t node)
{
    return w->members[node]->instance != NULL;
}

bool pp_world_active(const struct pp_world *w, size_t node)
{
    const struct member *m = w->members[node];
    return m->instance && serves(m->state);
}

enum pp_state pp_world_state(const struct pp_world *w, size_t node)
{
    return w->members[node]->state;
}

const struct pp_peer *pp_world_peer(const struct pp_world *w, size_t node)
{
    return &w->members[node]->self;
}

struct pp_substrate_node *pp_world_instance(const struct pp_world *w, size_t node)
{
    return w->members[node]->instance;
}

static void expire(struct pp_world *w, uint32_t node)
{
    struct member *m = w->members[node];
    if (m->merge_at <= w->now) {
        m->merge_at = jittered(w, m->state == PP_ALONE ? ALONE_PERIOD : w->options.merge_period);
        pp_world_rejoin(w, node, m->state == PP_ALONE ? 8 : 1);
    }
    if (w->options.plugin->next(m->instance) <= w->now) {
        w->options.plugin->tick(m->instance, w->now);
    }
    world_after(m);
}

bool pp_world_step(struct pp_world *w)
{
    pp_ns deadline = pp_queue_first(&w->deadlines, NULL);
    pp_ns arrival = pp_queue_first(&w->flights, NULL);
    if (deadline == PP_NEVER && arrival == PP_NEVER) {
        return false;
    }
    w->counts.events++;
    w->now = arrival <= deadline ? arrival : deadline;
    if (arrival <= deadline) {
        world_deliver(w, pp_queue_pop(&w->flights));
    } else {
        expire(w, pp_queue_pop(&w->deadlines));
    }
    return true;
}

static pp_ns upcoming(const struct pp_world *w)
{
    pp_ns a = pp_queue_first(&w->deadlines, NULL), b = pp_queue_first(&w->flights, NULL);
    return a < b ? a : b;
}

void pp_world_run(struct pp_world *w, pp_ns duration)
{
    pp_ns end = w->now + duration;
    while (upcoming(w) <= end) {
        pp_world_step(w);
    }
    w->now = end;
}

bool pp_world_settle(struct pp_world *w, pp_ns limit)
{
    pp_ns end = w->now + limit;
    for (;;) {
        size_t waiting = 0;
        for (size_t i = 0; i < w->n_members; i++) {
            const struct member *m = w->members[i];
            waiting += m->instance && m->role == PP_MEMBER && !pp_world_active(w, i);
        }
        if (waiting == 0 || w->now >= end) {
            return waiting == 0;
        }
        pp_world_run(w, PP_SECOND);
    }
}

struct pp_world_counts pp_world_counts(const struct pp_world *w)
{
    return w->counts;
}
