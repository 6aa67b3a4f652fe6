/*
 * The writer thread: group commit. What queued up while the last commit ran is the next batch (at
 * most 64 ops or 1 MiB), so that one flush of the disk serves many. Those whom a commit answered
 * often ask again at once; so while fewer wait than the last batch served, it gives them up to a
 * quarter of that commit's time before it flushes again (a lone client is never waited for). Ops
 * come from the loop's thread, once a turn; their ends go back to it by a post that cannot fail.
 * The thread alone writes to the store.
 */
#include <node/live_internal.h>

#include <io/post.h>
#include <node/batch.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_MAX (2 * PP_MS)

struct live_writer {
    struct pp_loop *loop;
    const struct pp_store_plugin *api;
    struct pp_store *store;
    void (*done)(void *ctx, struct pp_op *list, bool broken);
    void *ctx;
    struct pp_hook *hook;
    struct pp_op *fresh, **fresh_last; /* of this turn; the loop's thread alone */
    unsigned n_fresh;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pp_op *queued, **queued_last;
    unsigned n_queued;
    unsigned n_last; /* ops of the last batch */
    pp_ns patience;  /* until when more are waited for; CLOCK_MONOTONIC */
    struct pp_op *ended, **ended_last;
    bool stopping, broken;
    struct pp_post post;
};

/* Ends of ops, on the loop's thread. */
static void writer_deliver(struct live_writer *w)
{
    pthread_mutex_lock(&w->lock);
    struct pp_op *list = w->ended;
    bool broken = w->broken;
    w->ended = NULL;
    w->ended_last = &w->ended;
    pthread_mutex_unlock(&w->lock);
    if (list) {
        w->done(w->ctx, list, broken);
    }
}

static void writer_posted(struct pp_post *post)
{
    writer_deliver((struct live_writer *)((char *)post - offsetof(struct live_writer, post)));
}

/* Appends a list to another whose last pointer is `last`. */
static struct pp_op **list_append(struct pp_op **last, struct pp_op *list)
{
    *last = list;
    while (*last) {
        last = &(*last)->next;
    }
    return last;
}

static pp_ns monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

static void writer_run(struct live_writer *w, struct pp_op *list)
{
    pp_ns start = monotonic();
    bool broken = pp_batch_run(w->api, w->store, list) == PP_BROKEN;
    pp_ns end = monotonic(), took = end - start;
    w->patience = end + (took / 4 < PATIENCE_MAX ? took / 4 : PATIENCE_MAX);
    pthread_mutex_lock(&w->lock);
    w->ended_last = list_append(w->ended_last, list);
    w->broken |= broken;
    pthread_mutex_unlock(&w->lock);
    pp_loop_post_own(w->loop, &w->post);
}

/* With the lock. */
static void writer_wait(struct live_writer *w)
{
    struct timespec until = {.tv_sec = (time_t)(w->patience / PP_SECOND),
                             .tv_nsec = (long)(w->patience % PP_SECOND)};
    while (!w->stopping && w->n_queued < w->n_last && w->n_queued < PP_BATCH_OPS) {
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) != 0) {
            return;
        }
    }
}

static void *writer_main(void *ctx)
{
    struct live_writer *w = ctx;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping || w->queued) {
        if (!w->queued) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        writer_wait(w);
        struct pp_op *rest, *list = pp_batch_take(w->queued, &rest);
        w->n_last = 0;
        for (struct pp_op *op = list; op; op = op->next) {
            w->n_last++;
        }
        w->n_queued -= w->n_last;
        w->queued = rest;
        if (!rest) {
            w->queued_last = &w->queued;
        }
        bool broken = w->broken;
        pthread_mutex_unlock(&w->lock);
        if (broken) { /* nothing more is written: the process is about to exit */
            for (struct pp_op *op = list; op; op = op->next) {
                op->status = PP_BROKEN;
            }
            pthread_mutex_lock(&w->lock);
            w->ended_last = list_append(w->ended_last, list);
            pthread_mutex_unlock(&w->lock);
            pp_loop_post_own(w->loop, &w->post);
        } else {
            writer_run(w, list);
        }
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* At the end of a turn: what it submitted, at once. */
static void writer_flush(void *ctx)
{
    struct live_writer *w = ctx;
    if (!w->fresh) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    *w->queued_last = w->fresh;
    w->queued_last = w->fresh_last;
    w->n_queued += w->n_fresh;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    w->fresh = NULL;
    w->fresh_last = &w->fresh;
    w->n_fresh = 0;
}

struct live_writer *live_writer_create(struct pp_loop *loop, const struct pp_store_plugin *api,
                                       struct pp_store *store,
                                       void (*done)(void *ctx, struct pp_op *list, bool broken),
                                       void *ctx)
{
    struct live_writer *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    w->loop = loop;
    w->api = api;
    w->store = store;
    w->done = done;
    w->ctx = ctx;
    w->fresh_last = &w->fresh;
    w->queued_last = &w->queued;
    w->ended_last = &w->ended;
    w->post.fn = writer_posted;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    w->hook = pp_hook_create(loop, writer_flush, w);
    if (!w->hook || pthread_create(&w->thread, NULL, writer_main, w) != 0) {
        pp_hook_destroy(w->hook);
        free(w);
        return NULL;
    }
    return w;
}

void live_writer_submit(struct live_writer *w, struct pp_op *op)
{
    op->next = NULL;
    *w->fresh_last = op;
    w->fresh_last = &op->next;
    w->n_fresh++;
}

void live_writer_destroy(struct live_writer *w)
{
    if (!w) {
        return;
    }
    /* An end may bring another op (a discard): go on until none does. */
    do {
        writer_flush(w);
        pthread_mutex_lock(&w->lock);
        w->stopping = true;
        pthread_cond_signal(&w->wake);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        writer_deliver(w);
        w->stopping = false;
    } while (w->fresh && pthread_create(&w->thread, NULL, writer_main, w) == 0);
    pp_loop_unpost(w->loop, &w->post);
    pp_hook_destroy(w->hook);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->wake);
    free(w);
}
