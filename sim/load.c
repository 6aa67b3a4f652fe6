/* The load; see load.h. */
#include <sim/load.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *p)
{
    if (!p) {
        fputs("peerpost-sim: out of memory\n", stderr);
        abort();
    }
    return p;
}

struct pp_id load_id(uint64_t seed, size_t node)
{
    struct pp_prng r;
    struct pp_id id;
    pp_prng_stream(&r, seed, "id", node);
    pp_prng_fill(&r, id.b, sizeof id.b);
    return id;
}

size_t load_contact(uint64_t seed, size_t node)
{
    struct pp_prng r;
    pp_prng_stream(&r, seed, "contact", node);
    return pp_prng_below(&r, node);
}

bool *load_victims(uint64_t seed, size_t nodes, unsigned share)
{
    bool *dies = need(calloc(nodes + 1, sizeof *dies));
    struct pp_prng r;
    pp_prng_stream(&r, seed, "victims", 0);
    for (size_t left = nodes * share / 100; left > 0;) {
        size_t i = pp_prng_below(&r, nodes);
        left -= !dies[i];
        dies[i] = true;
    }
    return dies;
}

static struct load_event *add(struct load_plan *p, pp_ns at, enum load_kind kind, size_t node)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 256;
        p->events = need(realloc(p->events, p->cap * sizeof *p->events));
    }
    struct load_event *e = &p->events[p->n];
    *e = (struct load_event){
        .at = at, .node = (uint32_t)node, .order = (uint32_t)p->n, .kind = kind};
    p->n++;
    return e;
}

void load_lookups(struct load_plan *p, uint64_t seed, const char *purpose, size_t nodes, size_t n,
                  pp_ns duration)
{
    struct pp_prng r;
    pp_prng_stream(&r, seed, purpose, 0);
    for (size_t i = 0; i < n; i++) {
        pp_ns at = pp_prng_below(&r, duration);
        struct load_event *e = add(p, at, LOAD_LOOKUP, pp_prng_below(&r, nodes));
        pp_prng_fill(&r, e->key.b, sizeof e->key.b);
    }
}

void load_churn(struct load_plan *p, uint64_t seed, size_t nodes, pp_ns median, pp_ns duration)
{
    for (size_t i = 0; i < nodes; i++) {
        struct pp_prng r;
        pp_prng_stream(&r, seed, "churn", i);
        bool up = true;
        for (pp_ns at = pp_prng_exponential(&r, median); at < duration;
             at += pp_prng_exponential(&r, up ? median : median / 4)) {
            add(p, at, up ? LOAD_DOWN : LOAD_UP, i);
            up = !up;
        }
    }
}

static int earlier(const void *a, const void *b)
{
    const struct load_event *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

void load_sort(struct load_plan *p)
{
    if (p->n) {
        qsort(p->events, p->n, sizeof *p->events, earlier);
    }
}

void load_finish(struct load_plan *p)
{
    free(p->events);
    memset(p, 0, sizeof *p);
}
