/* Plays plans and judges answers; see tally.h. */
#include <sim/tally.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_PERIOD (5 * PP_SECOND)
#define PATIENCE (2 * PP_MINUTE) /* longer than any look-up may take */

struct question {
    struct player *player;
    struct tally *tally;
    struct pp_id key;
    size_t node;
    pp_ns asked_at;
};

static void *need(void *p)
{
    if (!p) {
        fputs("peerpost-sim: out of memory\n", stderr);
        abort();
    }
    return p;
}

static void note_time(struct tally *t, pp_ns elapsed)
{
    if (t->n_times == t->cap_times) {
        t->cap_times = t->cap_times ? 2 * t->cap_times : 1024;
        t->times = need(realloc(t->times, t->cap_times * sizeof *t->times));
    }
    t->times[t->n_times++] = elapsed;
    t->elapsed += elapsed;
}

static void note_bad(const struct question *q, const char *what, size_t right, size_t wanted)
{
    struct tally *t = q->tally;
    t->last_bad = q->asked_at > t->last_bad ? q->asked_at : t->last_bad;
    if (!t->first[0]) {
        char key[41];
        pp_hex(key, q->key.b, PP_ID_LEN);
        snprintf(t->first, sizeof t->first, "node %zu, key %.12s: %.60s (%zu of %zu right)",
                 q->node, key, what, right, wanted);
    }
}

static void judge(const struct question *q, const struct pp_result *r)
{
    struct pp_world *w = q->player->world;
    struct tally *t = q->tally;
    unsigned k = q->player->k;
    size_t same = pp_world_right(w, &q->key, k, q->asked_at, r->peers, r->n_peers);
    bool exact = same == k;
    t->exact += exact;
    t->nearest += same > 0;
    if (!exact) {
        note_bad(q, "not the closest", same, k);
    }
}

static void answered(void *ctx, const struct pp_result *r)
{
    struct question *q = ctx;
    struct tally *t = q->tally;
    t->open--;
    if (r->code == PP_CANCELLED) { /* its asker died: nobody waits for an answer */
        free(q);
        return;
    }
    t->asked++;
    if (r->code != PP_OK) {
        t->failed++;
        note_bad(q, r->reason ? r->reason : pp_error_text(r->code), 0, q->player->k);
    } else {
        judge(q, r);
        t->hops += r->hops;
        t->messages += r->messages;
        t->timeouts += r->timeouts;
        note_time(t, pp_world_now(q->player->world) - q->asked_at);
    }
    free(q);
}

static size_t active_from(const struct pp_world *w, size_t node)
{
    size_t n = pp_world_count(w);
    for (size_t i = 0; i < n; i++) {
        if (pp_world_active(w, (node + i) % n)) {
            return (node + i) % n;
        }
    }
    return SIZE_MAX;
}

static void ask(struct player *p, const struct load_event *e, struct tally *t)
{
    size_t node = active_from(p->world, e->node);
    struct question *q = need(malloc(sizeof *q));
    *q = (struct question){p, t, e->key, node, pp_world_now(p->world)};
    int code = node == SIZE_MAX ? PP_OFFLINE
                                : pp_world_lookup(p->world, node, &q->key, p->k, 1, answered, q);
    t->open++;
    if (code != PP_OK) {
        answered(q, &(struct pp_result){.code = code});
    }
}

void player_return(struct player *p, size_t node)
{
    pp_world_restart(p->world, node);
    if (!pp_world_rejoin(p->world, node, 8)) {
        size_t contact = active_from(p->world, pp_prng_below(&p->help, pp_world_count(p->world)));
        if (contact != SIZE_MAX) {
            pp_world_meet(p->world, node, &contact, 1);
        }
    }
}

static void act(struct player *p, const struct load_event *e, struct tally *t)
{
    switch (e->kind) {
    case LOAD_LOOKUP:
        ask(p, e, t);
        break;
    case LOAD_DOWN:
        pp_world_kill(p->world, e->node);
        break;
    case LOAD_UP:
        player_return(p, e->node);
        break;
    }
}

/* The smallest id founds when no member is left. */
static void found_anew(struct pp_world *w)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (pp_world_alive(w, i) &&
            (first == SIZE_MAX ||
             pp_id_compare(&pp_world_peer(w, i)->id, &pp_world_peer(w, first)->id) < 0)) {
            first = i;
        }
    }
    if (first != SIZE_MAX) {
        pp_world_found(w, first);
    }
}

static void help(struct player *p)
{
    struct pp_world *w = p->world;
    size_t n = pp_world_count(w);
    if (n && active_from(w, 0) == SIZE_MAX) {
        found_anew(w);
    }
    for (size_t i = 0; i < n; i++) {
        if (pp_world_alive(w, i) && pp_world_state(w, i) == PP_ALONE) {
            size_t contact = active_from(w, pp_prng_below(&p->help, n));
            if (contact != SIZE_MAX && contact != i) {
                pp_world_meet(w, i, &contact, 1);
            }
        }
    }
}

void player_run(struct player *p, pp_ns duration)
{
    pp_ns end = pp_world_now(p->world) + duration;
    while (pp_world_now(p->world) < end) {
        pp_ns left = end - pp_world_now(p->world);
        pp_ns until_help = HELP_PERIOD - pp_world_now(p->world) % HELP_PERIOD;
        pp_world_run(p->world, left < until_help ? left : until_help);
        if (pp_world_now(p->world) % HELP_PERIOD == 0) {
            help(p);
        }
    }
}

bool player_settle(struct player *p, pp_ns limit)
{
    pp_ns end = pp_world_now(p->world) + limit;
    while (!pp_world_settle(p->world, 0)) {
        if (pp_world_now(p->world) >= end) {
            return false;
        }
        player_run(p, PP_SECOND);
    }
    return true;
}

bool player_play(struct player *p, const struct load_plan *plan, pp_ns duration, struct tally *t)
{
    pp_ns start = pp_world_now(p->world), told = start;
    for (size_t i = 0; i < plan->n && plan->events[i].at < duration; i++) {
        pp_ns now = pp_world_now(p->world);
        player_run(p, start + plan->events[i].at - now);
        act(p, &plan->events[i], t);
        if (p->progress && now - told >= HELP_PERIOD) {
            told = now;
            p->progress(p->ctx, (unsigned)((now - start) * 100 / duration));
        }
    }
    player_run(p, start + duration - pp_world_now(p->world));
    for (pp_ns waited = 0; t->open > 0 && waited < PATIENCE; waited += PP_SECOND) {
        player_run(p, PP_SECOND);
    }
    return t->open == 0;
}

static int shorter(const void *a, const void *b)
{
    const pp_ns *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

pp_ns tally_quantile(struct tally *t, unsigned thousandths)
{
    if (t->n_times == 0) {
        return 0;
    }
    qsort(t->times, t->n_times, sizeof *t->times, shorter);
    return t->times[(t->n_times - 1) * thousandths / 1000];
}

void tally_finish(struct tally *t)
{
    free(t->times);
    memset(t, 0, sizeof *t);
}
