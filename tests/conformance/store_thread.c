/*
 * Readers on other threads beside the writer. The writer keeps a pair of objects and an inbox in
 * step within each batch; a reader that ever sees them out of step saw a batch in pieces.
 */
#include "store_kit.h"

#include <pthread.h>
#include <stdatomic.h>

#define PAIRS 8
#define READERS 3

struct shared {
    struct store_suite *s;
    struct pp_store *store;
    atomic_bool over;
    atomic_uint torn, failed, views;
};

/* Objects 2p and 2p+1 carry the same stamp, and their bodies are of text `size`. */
static bool pair_is_whole(struct shared *x, struct pp_view *v, unsigned p)
{
    struct pp_head a, b;
    struct pp_name one = kit_name(2 * p), two = kit_name(2 * p + 1);
    struct pp_spans spans;
    int err = x->s->p->head(v, PP_OBJECT, &one, &a);
    int other = x->s->p->head(v, PP_OBJECT, &two, &b);
    if (err != other || (err && err != PP_NOT_FOUND)) {
        return false;
    }
    if (err) {
        return true;
    }
    return a.stamp == b.stamp && a.size == b.size &&
           x->s->p->read(v, &one, a.serial, a.size / 2, &spans) == PP_OK &&
           x->s->p->read(v, &two, b.serial, 0, &spans) == PP_OK;
}

static void *read_on(void *ctx)
{
    struct shared *x = ctx;
    for (unsigned p = 0; !atomic_load(&x->over); p = (p + 1) % PAIRS) {
        struct pp_view *v = x->s->p->begin_view(x->store);
        if (!v) {
            atomic_fetch_add(&x->failed, 1);
            break;
        }
        atomic_fetch_add(&x->torn, !pair_is_whole(x, v, p));
        struct pp_usage u;
        x->s->p->usage(v, &u);
        atomic_fetch_add(&x->torn, u.objects % 2);
        x->s->p->end_view(v);
        atomic_fetch_add(&x->views, 1);
    }
    return NULL;
}

static int write_pair(struct shared *x, unsigned p, uint64_t round, uint64_t size)
{
    const struct pp_store_plugin *plugin = x->s->p;
    struct pp_batch *b = plugin->begin(x->store);
    int err = b ? PP_OK : PP_BROKEN;
    for (unsigned i = 0; !err && i < 2; i++) {
        unsigned n = 2 * p + i;
        struct pp_name name = kit_name(n);
        uint64_t serial = 0;
        err = plugin->remove(b, PP_OBJECT, &name, false);
        err = err == PP_NOT_FOUND ? PP_OK : err;
        err = err ? err : kit_pieces(x->s, b, &serial, n, 0, size, PP_PIECE_MAX);
        struct pp_head head = kit_head(n, serial, size);
        head.stamp = round;
        err = err ? err : plugin->put(b, &name, &head);
    }
    if (!b) {
        return err;
    }
    if (err || round % 9 == 0) {
        plugin->abort(b);
        return err;
    }
    return plugin->commit(b);
}

static void readers_beside_the_writer(struct store_suite *s)
{
    struct shared x = {.s = s, .store = kit_fresh(s)};
    pthread_t thread[READERS];
    int err = PP_OK;
    RULE(s, x.store, "a store opens");
    for (int i = 0; i < READERS; i++) {
        RULE(s, pthread_create(&thread[i], NULL, read_on, &x) == 0, "a thread starts");
    }
    for (uint64_t round = 1; !err && round <= (s->lengthy ? 4000 : 400); round++) {
        uint64_t size = round % 10 == 3 ? 400000 : 100 + round % 7000;
        err = write_pair(&x, (unsigned)(round % PAIRS), round, size);
    }
    atomic_store(&x.over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(thread[i], NULL);
    }
    RULE(s, err == PP_OK, "the writer goes on beside readers (%s)", pp_error_text(err));
    RULE(s, atomic_load(&x.failed) == 0, "begin_view works on any thread");
    RULE(s, atomic_load(&x.torn) == 0, "a view sees whole batches only (%u did not)",
         atomic_load(&x.torn));
    RULE(s, atomic_load(&x.views) > 0, "readers read");
    s->p->close(x.store);
}

const struct store_case store_cases_thread[] = {
    {"threads: readers beside the writer", readers_beside_the_writer},
    {NULL, NULL},
};
