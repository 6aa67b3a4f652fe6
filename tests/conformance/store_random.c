/* Random batches against the model, with aborts, old views and restarts. */
#include "store_model.h"

#include <stdlib.h>

struct run {
    struct store_suite *s;
    struct pp_store *store;
    char path[256];
    struct model *m, *then; /* now; when the old view began */
    struct model_real real;
    struct pp_view *old;
};

/* One batch on both; a difference of answers is a breach. */
static void one_batch(struct run *r, uint64_t n)
{
    struct model_act acts[MODEL_ACTS];
    struct model *before = malloc(sizeof *before);
    struct model_real real = r->real;
    bool abort;
    unsigned count = model_batch(r->s->seed, n, acts, &abort);
    struct pp_batch *b = r->s->p->begin(r->store);
    *before = *r->m;
    for (unsigned i = 0; b && i < count; i++) {
        struct model at = *r->m;
        int want = model_act(r->m, &acts[i]);
        int got = want == PP_LIMIT ? want : model_run(r->s, b, &r->real, &at, &acts[i]);
        if (got != want) {
            kit_breach(r->s, __FILE__, __LINE__, "the answer of the model",
                       "batch %llu, act %u, %s: answers %s, should answer %s",
                       (unsigned long long)n, i, model_act_text(&acts[i]), pp_error_text(got),
                       pp_error_text(want));
        }
    }
    if (b && abort) {
        uint64_t last = r->real.last_seq;
        r->s->p->abort(b);
        *r->m = *before;
        r->real = real;
        r->real.last_seq = last;
    } else if (!b || r->s->p->commit(b) != PP_OK) {
        kit_breach(r->s, __FILE__, __LINE__, "commit() == 0", "batch %llu commits",
                   (unsigned long long)n);
    }
    free(before);
}

static void compare(struct run *r, struct pp_view *v, const struct model *m, uint64_t n,
                    const char *what)
{
    char text[256] = "no view";
    if (!v || !model_same(r->s, v, m, text)) {
        kit_breach(r->s, __FILE__, __LINE__, "the model", "after batch %llu %s differs: %s",
                   (unsigned long long)n, what, text);
    }
}

static void now_and_then(struct run *r, uint64_t n)
{
    if (n % 5 == 0) {
        struct pp_view *v = r->s->p->begin_view(r->store);
        compare(r, v, r->m, n, "a new view");
        if (v) {
            r->s->p->end_view(v);
        }
    }
    if (n % 11 == 0 && r->old) {
        compare(r, r->old, r->then, n, "an old view");
        r->s->p->end_view(r->old);
        r->old = NULL;
    }
    if (n % 13 == 0 && !r->old) {
        r->old = r->s->p->begin_view(r->store);
        *r->then = *r->m;
    }
    if (n % 97 == 0 && r->s->keeps) {
        if (r->old) {
            r->s->p->end_view(r->old);
            r->old = NULL;
        }
        /* A sequence given in an undone batch may come again after a restart. */
        struct pp_view *v = r->s->p->begin_view(r->store);
        r->real.last_seq = v ? r->s->p->last_seq(v) : 0;
        if (v) {
            r->s->p->end_view(v);
        }
        r->s->p->close(r->store);
        int faults = r->s->p->check(r->path, r->s->values, false, NULL, NULL);
        if (faults != 0) {
            kit_breach(r->s, __FILE__, __LINE__, "check() == 0",
                       "check finds %d faults after batch %llu", faults, (unsigned long long)n);
        }
        r->store = kit_open(r->s, r->path, r->s->values);
        model_restart(r->m);
    }
}

static void random_batches(struct store_suite *s)
{
    struct run r = {.s = s, .m = calloc(1, sizeof *r.m), .then = calloc(1, sizeof *r.then)};
    kit_path(s, r.path);
    r.store = kit_open(s, r.path, s->values);
    uint64_t batches = s->lengthy ? 20000 : 1200;
    for (uint64_t n = 1; n <= batches && r.store && !s->broken; n++) {
        one_batch(&r, n);
        if (!s->broken) {
            now_and_then(&r, n);
        }
    }
    if (r.old) {
        s->p->end_view(r.old);
    }
    if (r.store) {
        s->p->close(r.store);
    }
    free(r.m);
    free(r.then);
}

const struct store_case store_cases_model[] = {
    {"model: random batches", random_batches},
    {NULL, NULL},
};
