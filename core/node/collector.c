/*
 * The garbage collector (Kangasharju et al. 2003, section 2.3). Removable is
 *   1. what is past its life, due here or not;
 *   2. what is not due here (this node is none of the k closest) and was last stored or accessed
 *      over `grace` ago;
 *   3. only while a request does not fit: what is not due here, least recent access first.
 * A periodic run takes 1 and 2, a run on demand all three until the request fits. What is within
 * its life and due here is never removed. It walks in views of at most 256 heads, one a tick, and
 * removes through ops that look again on the writer's thread; so it never blocks serving.
 */
#include <node/internal.h>

#include <base/crash.h>
#include <inttypes.h>
#include <stdlib.h>

#define REMOVALS_A_WRITE 64u
#define LOOKUPS_A_RUN 64u
#define LOOKUP_TOKEN UINT64_C(0x67617262)

enum reason { EXPIRED, FOREIGN, PRESSURE, SURPLUS };

struct victim {
    enum pp_kind kind;
    struct pp_name name;
    bool tombstone;
    enum reason reason;
    uint64_t serial, size;
    pp_ns stamp;  /* as seen; a later one spares it */
    bool removed; /* by the last apply */
};

struct removal {
    struct node_op op;
    struct victim victim[REMOVALS_A_WRITE];
    unsigned n;
    pp_ns wall;
};

struct node_collector {
    struct pp_node *node;
    bool running, pressing, again, removing, asking;
    pp_ns due; /* mono, of the next periodic run */
    struct pp_cursor cursor;
    struct pp_listed *listed; /* heads of the last view, while running */
    int n_listed, at;
    struct removal removal;
    struct victim asked; /* the network is asked whether it is due here */
    unsigned lookups;
    uint64_t surplus; /* tombstones over their bound */
    uint64_t removed, freed, kept;
    uint64_t goal, chosen; /* octets to free for those who wait; of the victims chosen */
    struct node_exchange *waiting, **last_waiting;
    pp_ns now_wall;
};

int node_collector_create(struct pp_node *node, struct pp_now now)
{
    struct node_collector *c = calloc(1, sizeof *c);
    if (!c) {
        return PP_NOMEM;
    }
    c->node = node;
    c->due = now.mono + node->config.period;
    c->last_waiting = &c->waiting;
    node->collector = c;
    return PP_OK;
}

void node_collector_destroy(struct node_collector *c)
{
    if (c) {
        free(c->listed);
        free(c);
    }
}

static void collector_begin(struct node_collector *c)
{
    struct pp_usage usage = {0};
    struct pp_view *view = c->node->api->begin_view(c->node->store);
    c->listed = c->listed ? c->listed : malloc(PP_OLDEST_MAX * sizeof *c->listed);
    if (!view || !c->listed) {
        if (view) {
            c->node->api->end_view(view);
        }
        return; /* the next tick tries again */
    }
    c->node->api->usage(view, &usage);
    c->node->api->end_view(view);
    uint64_t bound = c->node->config.tombstones;
    c->surplus = usage.tombstones > bound ? usage.tombstones - bound : 0;
    c->cursor = (struct pp_cursor){{0}};
    c->n_listed = c->at = 0;
    c->removed = c->freed = c->kept = 0;
    c->lookups = 0;
    c->running = true;
    c->pressing = c->waiting != NULL;
    c->node->counts.collector_runs++;
}

void node_collector_start(struct pp_node *node, struct pp_now now)
{
    struct node_collector *c = node->collector;
    if (c->running) {
        c->again = true;
    } else {
        c->due = now.mono;
    }
}

pp_ns node_collector_next(const struct node_collector *c)
{
    if (c->removing || c->asking) {
        return PP_NEVER; /* done or found goes on */
    }
    return c->running || c->waiting ? 0 : c->due;
}

/* Which rule takes it, or none. Life first: it alone takes what is due here. */
static bool collector_judges(struct node_collector *c, const struct pp_listed *l,
                             enum reason *reason, bool *unsure)
{
    const struct pp_node_config *config = &c->node->config;
    *unsure = false;
    *reason = EXPIRED;
    if (l->head.expires <= c->now_wall) {
        return true;
    }
    if (l->tombstone) {
        *reason = SURPLUS;
        return c->surplus > 0;
    }
    pp_ns noted = node_stamps_get(&c->node->stamps, l->kind, &l->name);
    pp_ns stamp = noted > l->head.stamp ? noted : l->head.stamp;
    bool idle = stamp + config->grace <= c->now_wall;
    if (!idle && !c->pressing) {
        return false;
    }
    *reason = idle ? FOREIGN : PRESSURE;
    unsigned k = l->head.copies > config->k ? l->head.copies : config->k;
    struct pp_id key = pp_name_key(&l->name);
    enum pp_covers covers = c->node->host->covers(c->node->ctx, &key, k);
    *unsure = covers == PP_COVERS_UNKNOWN;
    if (covers == PP_COVERS_YES) {
        c->kept++;
        c->node->counts.kept_due++;
    }
    return covers == PP_COVERS_NO || (c->pressing && pp_mutant("node-collect-due"));
}

static struct victim victim_of(const struct pp_listed *l, enum reason reason)
{
    return (struct victim){.kind = l->kind,
                           .name = l->name,
                           .tombstone = l->tombstone,
                           .reason = reason,
                           .serial = l->head.serial,
                           .size = l->head.size,
                           .stamp = l->head.stamp};
}

/* Single entries past their life. They are gathered first: a batch is not changed while walked. */
struct expired_entries {
    uint64_t seq[64];
    size_t n;
    pp_ns wall;
};

static int gather_expired(void *ctx, const struct pp_entry *e)
{
    struct expired_entries *x = ctx;
    if (e->expires <= x->wall) {
        x->seq[x->n++] = e->seq;
    }
    return x->n == sizeof x->seq / sizeof *x->seq;
}

static int remove_expired_entries(struct removal *r, struct victim *v, struct pp_batch *batch)
{
    const struct pp_store_plugin *api = r->op.api;
    struct expired_entries x = {.wall = r->wall};
    int code = api->entries(api->view(batch), &v->name, 0, gather_expired, &x);
    for (size_t i = 0; i < x.n && code >= 0; i++) {
        code = api->drop(batch, &v->name, x.seq[i], x.seq[i]);
        v->removed = true;
    }
    return code < 0 ? code : PP_OK;
}

/* Looks again: between the view and now it may have been read, renewed, replaced or deleted. */
static int remove_one(struct removal *r, struct victim *v, struct pp_batch *batch)
{
    const struct pp_store_plugin *api = r->op.api;
    struct pp_head head;
    v->removed = false;
    int code = api->head(api->view(batch), v->kind, &v->name, &head);
    if (code != (v->tombstone ? PP_GONE : PP_OK)) {
        return code == PP_BROKEN ? code : PP_OK;
    }
    if (v->reason == EXPIRED && head.expires > r->wall) {
        return PP_OK;
    }
    if (v->kind == PP_INBOX && v->reason == EXPIRED) {
        return remove_expired_entries(r, v, batch);
    }
    if (!v->tombstone && (head.serial != v->serial || head.stamp > v->stamp) &&
        v->reason != EXPIRED) {
        return PP_OK;
    }
    code = api->remove(batch, v->kind, &v->name, false);
    v->removed = code == PP_OK;
    return code == PP_NOT_FOUND ? PP_OK : code;
}

static int removal_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct removal *r = op->node;
    int code = PP_OK;
    for (unsigned i = 0; i < r->n && code == PP_OK; i++) {
        code = remove_one(r, &r->victim[i], batch);
    }
    return code;
}

static void removal_count(struct node_collector *c, const struct victim *v)
{
    struct pp_node_counts *counts = &c->node->counts;
    switch (v->reason) {
    case EXPIRED:
    case SURPLUS:
        counts->collected_expired++;
        break;
    case FOREIGN:
        counts->collected_foreign++;
        break;
    case PRESSURE:
        counts->collected_pressure++;
        break;
    }
    c->removed++;
    c->freed += v->tombstone ? 0 : v->size;
    counts->collected_octets += v->tombstone ? 0 : v->size;
}

static void collector_serve(struct node_collector *c, struct pp_now now, bool at_end);

static void removal_done(struct node_op *op, struct pp_now now, int status)
{
    struct removal *r = (struct removal *)op;
    struct node_collector *c = op->owner;
    c->removing = false;
    for (unsigned i = 0; i < r->n && status == PP_OK; i++) {
        if (r->victim[i].removed) {
            removal_count(c, &r->victim[i]);
        }
    }
    r->n = 0;
    node_crash(c->node, "node-collect-committed");
    collector_serve(c, now, false);
}

static void collector_remove(struct node_collector *c)
{
    struct removal *r = &c->removal;
    node_crash(c->node, "node-collect-chosen");
    r->wall = c->now_wall;
    r->op = (struct node_op){.op = {.apply = removal_apply, .weight = 512 * (size_t)r->n},
                             .done = removal_done,
                             .owner = c};
    c->removing = true;
    node_submit_own(c->node, &r->op);
}

/* Octets that fit now. */
static uint64_t collector_room(struct pp_node *node)
{
    struct pp_usage usage = {0};
    struct pp_view *view = node->api->begin_view(node->store);
    if (!view) {
        return 0;
    }
    node->api->usage(view, &usage);
    node->api->end_view(view);
    return usage.capacity > usage.octets ? usage.capacity - usage.octets : 0;
}

/* Wakes those whose octets fit, first come first served; at the end of a run, all the others too:
 * one more try for each when anything was freed, else 507. */
static void collector_serve(struct node_collector *c, struct pp_now now, bool at_end)
{
    uint64_t room = c->waiting ? collector_room(c->node) : 0;
    while (c->waiting && (at_end || c->waiting->wanted <= room)) {
        struct node_exchange *x = c->waiting;
        bool fits = x->wanted <= room;
        room -= fits ? x->wanted : 0;
        node_collect_forget(x);
        x->act->collected(x, now, fits || c->freed > 0);
        node_settle(x);
    }
    c->pressing = c->waiting != NULL;
}

void node_collect_for(struct node_exchange *x, uint64_t octets, struct pp_now now)
{
    struct node_collector *c = x->node->collector;
    (void)now;
    x->waiting = true;
    x->wanted = octets;
    x->next_waiting = NULL;
    *c->last_waiting = x;
    c->last_waiting = &x->next_waiting;
    if (c->running && !c->pressing) {
        c->running = false; /* begin anew, from the least recent, with rule 3 */
        if (c->asking) {
            c->asking = false;
            x->node->host->cancel(x->node->ctx, LOOKUP_TOKEN);
        }
    }
}

void node_collect_forget(struct node_exchange *x)
{
    struct node_collector *c = x->node->collector;
    struct node_exchange **at = &c->waiting;
    while (*at != x) {
        at = &(*at)->next_waiting;
    }
    *at = x->next_waiting;
    if (c->last_waiting == &x->next_waiting) {
        c->last_waiting = at;
    }
    x->waiting = false;
}

static void collector_end(struct node_collector *c, struct pp_now now)
{
    c->running = false;
    bool pressed = c->pressing;
    if (c->removed > 0 || pressed) {
        node_log(c->node, 2,
                 "collected %" PRIu64 " objects and tombstones of %" PRIu64 " octets%s; %" PRIu64
                 " idle ones are due here and stay",
                 c->removed, c->freed, pressed ? " for a request that did not fit" : "", c->kept);
    }
    collector_serve(c, now, true);
    free(c->listed);
    c->listed = NULL;
    c->due = now.mono + (c->again ? 0 : c->node->config.period);
    c->again = false;
}

/* The substrate cannot tell from its tables: ask the network, a bounded number a run. */
static bool collector_ask(struct node_collector *c, const struct pp_listed *l, enum reason reason)
{
    if (c->lookups >= LOOKUPS_A_RUN || !c->node->host->lookup) {
        return false;
    }
    unsigned k = l->head.copies > c->node->config.k ? l->head.copies : c->node->config.k;
    struct pp_id key = pp_name_key(&l->name);
    c->lookups++;
    c->asked = victim_of(l, reason);
    if (c->node->host->lookup(c->node->ctx, &key, k, LOOKUP_TOKEN) != PP_OK) {
        return false;
    }
    c->asking = true;
    return true;
}

void node_collector_found(struct pp_node *node, struct pp_now now, uint64_t token,
                          const struct pp_result *result)
{
    struct node_collector *c = node->collector;
    (void)now;
    if (token != LOOKUP_TOKEN || !c->asking) {
        return;
    }
    c->asking = false;
    bool due = result->code != PP_OK || result->n_peers == 0;
    for (size_t i = 0; i < result->n_peers && !due; i++) {
        due = pp_id_equal(&result->peers[i].id, &node->config.self);
    }
    if (!due && c->running) {
        c->removal.victim[c->removal.n++] = c->asked;
    }
}

/* The next view's worth of heads. false: the walk is over. */
static bool collector_list(struct node_collector *c)
{
    struct pp_view *view = c->node->api->begin_view(c->node->store);
    c->at = 0;
    c->n_listed = view ? c->node->api->oldest(view, &c->cursor, c->listed) : 0;
    for (int i = 0; i < c->n_listed; i++) {
        c->listed[i].head.identifier = pp_bytes(NULL, 0); /* lent until the view ends */
    }
    if (view) {
        c->node->api->end_view(view);
    }
    return c->n_listed > 0;
}

/* Rule 3 takes no more than is asked for. */
static void collector_aim(struct node_collector *c)
{
    uint64_t room = c->waiting ? collector_room(c->node) : 0;
    c->goal = c->chosen = 0;
    for (const struct node_exchange *x = c->waiting; x; x = x->next_waiting) {
        c->goal += x->wanted;
    }
    c->goal = c->goal > room ? c->goal - room : 0;
    for (unsigned i = 0; i < c->removal.n; i++) {
        c->chosen += c->removal.victim[i].size;
    }
}

static bool collector_has_enough(const struct node_collector *c)
{
    return c->removal.n + 1 >= REMOVALS_A_WRITE || (c->pressing && c->chosen >= c->goal);
}

/* Judges what is listed until a write's worth is chosen or a question is out. */
static void collector_choose(struct node_collector *c)
{
    struct removal *r = &c->removal;
    collector_aim(c);
    while (c->at < c->n_listed && !collector_has_enough(c) && !c->asking) {
        const struct pp_listed *l = &c->listed[c->at++];
        enum reason reason;
        bool unsure;
        if (collector_judges(c, l, &reason, &unsure)) {
            r->victim[r->n++] = victim_of(l, reason);
            c->chosen += l->tombstone ? 0 : l->head.size;
            c->surplus -= reason == SURPLUS;
        } else if (unsure) {
            collector_ask(c, l, reason);
        }
    }
}

void node_collector_tick(struct pp_node *node, struct pp_now now)
{
    struct node_collector *c = node->collector;
    if (c->removing || c->asking) {
        return;
    }
    c->now_wall = now.wall;
    if (!c->running) {
        if (!c->waiting && now.mono < c->due) {
            return;
        }
        collector_begin(c);
        if (!c->running) {
            c->due = now.mono + PP_SECOND;
            return;
        }
    }
    if (c->at >= c->n_listed && !collector_list(c)) {
        if (c->removal.n > 0) {
            collector_remove(c);
        } else {
            collector_end(c, now);
        }
        return;
    }
    collector_choose(c);
    if (c->removal.n > 0 && !c->asking && (collector_has_enough(c) || c->pressing)) {
        collector_remove(c);
    } else if (c->pressing && c->goal == 0) {
        collector_serve(c, now, false); /* others made room meanwhile */
    }
}
