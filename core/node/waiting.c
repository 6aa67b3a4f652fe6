/*
 * Readers of an empty inbox who asked to wait (Prefer: wait=N, RFC 7240): each is held until a
 * notification for his address is durable, his time is over, or others crowd him out. Bounded for
 * the node and for an address. Knows no store, and nothing of what is answered.
 */
#include <node/internal.h>

#include <base/crash.h>
#include <stdlib.h>

#define BUCKETS 256

struct node_waiting {
    struct node_waiter *bucket[BUCKETS]; /* by the first octet of the name, the oldest first */
    unsigned n;
    pp_ns earliest; /* nobody's time ends before it; mono */
    bool closed;
};

struct node_waiting *node_waiting_create(void)
{
    struct node_waiting *t = calloc(1, sizeof *t);
    if (t) {
        t->earliest = PP_NEVER;
    }
    return t;
}

void node_waiting_destroy(struct node_waiting *t)
{
    free(t);
}

static struct node_waiter **bucket_of(struct node_waiting *t, const struct pp_name *name)
{
    return &t->bucket[name->b[0]];
}

static bool is_for(const struct node_waiter *w, const struct pp_name *name)
{
    return memcmp(w->x->r->name.b, name->b, sizeof name->b) == 0;
}

void node_wait_forget(struct node_waiter *w)
{
    if (!w->waits) {
        return;
    }
    struct node_waiting *t = w->x->node->waiting;
    struct node_waiter **at = bucket_of(t, &w->x->r->name);
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    w->waits = false;
    t->n--;
}

static void answer(struct node_waiter *w, uint64_t *count, struct pp_now now)
{
    node_wait_forget(w);
    ++*count;
    w->wake(w->x, now);
}

/* The oldest waiter for an address, and how many there are. */
static struct node_waiter *oldest(struct node_waiting *t, const struct pp_name *name, unsigned *n)
{
    struct node_waiter *first = NULL;
    *n = 0;
    for (struct node_waiter *w = *bucket_of(t, name); w; w = w->next) {
        if (is_for(w, name)) {
            first = first ? first : w;
            ++*n;
        }
    }
    return first;
}

bool node_wait(struct node_exchange *x, struct node_waiter *w, pp_ns span, struct pp_now now)
{
    struct pp_node *node = x->node;
    struct node_waiting *t = node->waiting;
    const struct pp_node_config *c = &node->config;
    unsigned n;
    struct node_waiter *first = oldest(t, &x->r->name, &n);
    span = span < c->wait ? span : c->wait;
    if (t->closed || !span || !c->waiting_inbox || (t->n >= c->waiting && !first)) {
        node->counts.waits_crowded += span && !t->closed;
        return false;
    }
    if (n >= c->waiting_inbox || t->n >= c->waiting) { /* a reader who went may still stand there */
        answer(first, &node->counts.waits_crowded, now);
    }
    *w = (struct node_waiter){.x = x, .until = now.mono + span, .wake = w->wake, .waits = true};
    struct node_waiter **at = bucket_of(t, &x->r->name);
    while (*at) {
        at = &(*at)->next;
    }
    *at = w;
    t->n++;
    t->earliest = w->until < t->earliest ? w->until : t->earliest;
    return true;
}

void node_wait_wake(struct pp_node *node, const struct pp_name *name, struct pp_now now)
{
    unsigned n;
    if (pp_mutant("node-wait-deaf")) {
        return;
    }
    for (struct node_waiter *w; (w = oldest(node->waiting, name, &n));) {
        answer(w, &node->counts.waits_woken, now);
    }
}

/* Answers all whose time is over at `until`. */
static void sweep(struct pp_node *node, pp_ns until, struct pp_now now)
{
    struct node_waiting *t = node->waiting;
    t->earliest = PP_NEVER;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct node_waiter *next;
        for (struct node_waiter *w = t->bucket[i]; w; w = next) {
            next = w->next;
            if (w->until <= until) {
                answer(w, &node->counts.waits_over, now);
            } else if (w->until < t->earliest) {
                t->earliest = w->until;
            }
        }
    }
}

void node_waiting_tick(struct pp_node *node, struct pp_now now)
{
    if (now.mono >= node->waiting->earliest) {
        sweep(node, now.mono, now);
    }
}

pp_ns node_waiting_next(const struct pp_node *node)
{
    return node->waiting->n ? node->waiting->earliest : PP_NEVER;
}

unsigned node_waiting_count(const struct pp_node *node)
{
    return node->waiting->n;
}

void pp_node_end_waiting(struct pp_node *node, struct pp_now now)
{
    node->waiting->closed = true;
    sweep(node, PP_NEVER, now);
}
