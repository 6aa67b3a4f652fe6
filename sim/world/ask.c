/*
 * Look-ups in the world, the oracle that knows the right answer, and how the two compare. Also
 * reads option values for tests and tools that have no YAML.
 */
#include <sim/world/internal.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct asked **bucket(struct pp_world *w, uint64_t token)
{
    return &w->asked[token % (sizeof w->asked / sizeof *w->asked)];
}

int pp_world_lookup(struct pp_world *w, size_t node, const struct pp_id *key, unsigned k,
                    unsigned paths, pp_world_found_fn *fn, void *ctx)
{
    struct member *m = w->members[node];
    uint64_t token = ++w->token;
    int code = w->options.plugin->lookup(m->instance, w->now, key, k, paths, 0, token);
    if (code == PP_OK) {
        struct asked *a = malloc(sizeof *a);
        if (!a) {
            abort();
        }
        *a = (struct asked){token, (uint32_t)node, fn, ctx, *bucket(w, token)};
        *bucket(w, token) = a;
    }
    world_after(m);
    return code;
}

void world_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct member *m = ctx;
    for (struct asked **at = bucket(m->world, token); *at; at = &(*at)->next) {
        struct asked *a = *at;
        if (a->token == token) {
            *at = a->next;
            a->fn(a->ctx, result);
            free(a);
            return;
        }
    }
    fprintf(stderr, "world: node %u answers a look-up that nobody asked\n", m->index);
    abort();
}

void world_forget(struct pp_world *w, size_t node)
{
    static const struct pp_result died = {.code = PP_CANCELLED, .reason = "the node died"};
    for (size_t i = 0; i < sizeof w->asked / sizeof *w->asked; i++) {
        for (struct asked **at = &w->asked[i]; *at;) {
            struct asked *a = *at;
            if (a->node != node) {
                at = &a->next;
                continue;
            }
            *at = a->next;
            a->fn(a->ctx, &died);
            free(a);
        }
    }
}

struct question {
    struct pp_world *world;
    struct pp_world_verdict *verdict;
    struct pp_id key;
    unsigned k;
    size_t node, *open;
    pp_ns asked_at;
};

static void complain(struct question *q, const char *what, size_t got, size_t wanted)
{
    struct pp_world_verdict *v = q->verdict;
    if (!v->first[0]) {
        char key[41];
        pp_hex(key, q->key.b, PP_ID_LEN);
        snprintf(v->first, sizeof v->first,
                 "node %zu key %.8s k %u at %.1f s: %s (%zu, oracle %zu)", q->node, key, q->k,
                 (double)q->world->now / 1e9, what, got, wanted);
    }
}

static void judge(void *ctx, const struct pp_result *r)
{
    struct question *q = ctx;
    struct pp_world_verdict *v = q->verdict;
    size_t right[PP_K_MAX], n = pp_world_closest(q->world, &q->key, q->k, right), same = 0;
    --*q->open;
    if (r->code != PP_OK) {
        v->failed++;
        complain(q, r->reason ? r->reason : pp_error_text(r->code), r->n_peers, n);
        return;
    }
    while (same < n && same < r->n_peers &&
           pp_id_equal(&r->peers[same].id, &q->world->members[right[same]]->self.id)) {
        same++;
    }
    if (same == n && r->n_peers == n) {
        v->exact++;
    } else {
        v->wrong++;
        complain(q, "first difference at", same, n);
    }
    v->hops += r->hops;
    v->messages += r->messages;
    v->timeouts += r->timeouts;
    v->elapsed += q->world->now - q->asked_at;
}

static size_t random_active(struct pp_world *w)
{
    for (size_t tries = 0; tries < 100 * w->n_members + 100; tries++) {
        size_t i = pp_prng_below(&w->prng, w->n_members);
        if (w->members[i]->role == PP_MEMBER && pp_world_active(w, i)) {
            return i;
        }
    }
    return SIZE_MAX;
}

void pp_world_verify(struct pp_world *w, size_t n, unsigned k, struct pp_world_verdict *v)
{
    memset(v, 0, sizeof *v);
    struct question *questions = calloc(n ? n : 1, sizeof *questions);
    size_t open = 0;
    if (!questions) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        struct question *q = &questions[i];
        *q = (struct question){w, v, {{0}}, k, random_active(w), &open, w->now};
        pp_prng_fill(&w->prng, q->key.b, sizeof q->key.b);
        v->asked++;
        open++;
        if (q->node == SIZE_MAX || pp_world_lookup(w, q->node, &q->key, k, 1, judge, q) != PP_OK) {
            open--;
            v->failed++;
            complain(q, "not accepted", 0, 0);
        }
        if (i % 16 == 15) {
            pp_world_run(w, PP_MS);
        }
    }
    pp_ns end = w->now + 2 * PP_MINUTE;
    while (open > 0 && w->now < end && pp_world_step(w)) {
    }
    if (open > 0) {
        fprintf(stderr, "world: %zu look-ups never came back\n", open);
        abort();
    }
    free(questions);
}

size_t pp_world_false_no(struct pp_world *w, size_t keys, unsigned k)
{
    size_t bad = 0;
    for (size_t i = 0; i < keys; i++) {
        struct pp_id key;
        size_t right[PP_K_MAX];
        pp_prng_fill(&w->prng, key.b, sizeof key.b);
        size_t n = pp_world_closest(w, &key, k, right);
        for (size_t j = 0; j < n; j++) {
            bad +=
                w->options.plugin->covers(w->members[right[j]]->instance, &key, k) == PP_COVERS_NO;
        }
    }
    return bad;
}

static bool parse(const struct pp_option *o, const char *text, union pp_value *out)
{
    static const struct {
        const char *unit;
        int64_t factor;
    } units[] = {{"", 1},
                 {"ms", 1000000},
                 {"s", 1000000000},
                 {"min", 60000000000},
                 {"h", 3600000000000},
                 {"d", 86400000000000},
                 {"KiB", 1024},
                 {"MiB", 1048576},
                 {"GiB", 1073741824}};
    char *end;
    switch (o->type) {
    case PP_OPT_STRING:
    case PP_OPT_LIST:
        out->text = text;
        return true;
    case PP_OPT_BOOL:
        out->flag = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || !strcmp(text, "on");
        return true;
    case PP_OPT_INT:
    case PP_OPT_OCTETS:
    case PP_OPT_TIME:
        break;
    }
    errno = 0;
    int64_t number = strtoll(text, &end, 10);
    while (*end == ' ') {
        end++;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0 && end != text && errno == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, &out->number);
        }
    }
    return false;
}

static bool in_range(const struct pp_option *o, const union pp_value *value)
{
    bool is_number = o->type == PP_OPT_INT || o->type == PP_OPT_OCTETS || o->type == PP_OPT_TIME;
    return !is_number || (value->number >= o->min && value->number <= o->max);
}

static bool set(const struct pp_plugin *p, union pp_value *values, const char *name, size_t len,
                const char *text)
{
    for (size_t i = 0; i < p->n_options; i++) {
        if (strlen(p->options[i].name) == len && strncmp(p->options[i].name, name, len) == 0) {
            return parse(&p->options[i], text, &values[i]) && in_range(&p->options[i], &values[i]);
        }
    }
    return false;
}

union pp_value *pp_world_values(const struct pp_plugin *plugin, const char *const *settings)
{
    union pp_value *values = calloc(plugin->n_options + 1, sizeof *values);
    bool good = values != NULL;
    for (size_t i = 0; good && i < plugin->n_options; i++) {
        const struct pp_option *o = &plugin->options[i];
        good = !o->initial || parse(o, o->initial, &values[i]);
    }
    for (; good && settings && *settings; settings++) {
        const char *equals = strchr(*settings, '=');
        good = equals && set(plugin, values, *settings, (size_t)(equals - *settings), equals + 1);
    }
    if (!good) {
        free(values);
        return NULL;
    }
    return values;
}
