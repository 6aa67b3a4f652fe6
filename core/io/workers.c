/*
 * A pool of threads for what blocks or computes; see loop.h. Threads start when work comes that no
 * idle one takes, so that a process that never needs them pays nothing. Results go back through one
 * post of the pool, which needs no memory.
 */
#include <io/loop.h>

#include <io/post.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define STACK_OCTETS (1024 * 1024)

struct job {
    void (*work)(void *ctx);
    void (*done)(void *ctx, bool dropped);
    void *ctx;
    struct job *next;
};

struct queue {
    struct job *first, **last;
};

struct pp_workers {
    struct pp_post drain; /* first: a post is cast back to its pool */
    struct pp_loop *loop;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t ready;
    struct queue waiting, finished;
    unsigned n_waiting, queue_max;
    unsigned n_threads, threads_max, idle;
    bool ending;
    pthread_t threads[];
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct queue *q, struct job *job)
{
    job->next = NULL;
    *q->last = job;
    q->last = &job->next;
}

static struct job *queue_take(struct queue *q)
{
    struct job *job = q->first;
    if (job) {
        q->first = job->next;
        if (!q->first) {
            q->last = &q->first;
        }
    }
    return job;
}

static struct job *await_job(struct pp_workers *w)
{
    while (!w->ending && !w->waiting.first) {
        w->idle++;
        pthread_cond_wait(&w->ready, &w->lock);
        w->idle--;
    }
    if (w->ending) {
        return NULL;
    }
    w->n_waiting--;
    return queue_take(&w->waiting);
}

static void *worker(void *arg)
{
    struct pp_workers *w = arg;
    pthread_mutex_lock(&w->lock);
    for (struct job *job = await_job(w); job; job = await_job(w)) {
        pthread_mutex_unlock(&w->lock);
        job->work(job->ctx);
        pthread_mutex_lock(&w->lock);
        queue_put(&w->finished, job);
        pp_loop_post_own(w->loop, &w->drain);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void finish_all(struct pp_workers *w)
{
    for (;;) {
        pthread_mutex_lock(&w->lock);
        struct job *job = queue_take(&w->finished);
        pthread_mutex_unlock(&w->lock);
        if (!job) {
            return;
        }
        void (*done)(void *ctx, bool dropped) = job->done;
        void *ctx = job->ctx;
        free(job);
        done(ctx, false);
    }
}

static void on_drain(struct pp_post *post)
{
    finish_all((struct pp_workers *)post);
}

struct pp_workers *pp_workers_create(struct pp_loop *loop, unsigned threads, unsigned queue_max)
{
    if (threads == 0) {
        threads = 1;
    }
    struct pp_workers *w = calloc(1, sizeof *w + threads * sizeof w->threads[0]);
    if (!w) {
        return NULL;
    }
    w->drain.fn = on_drain;
    w->loop = loop;
    w->threads_max = threads;
    w->queue_max = queue_max;
    queue_init(&w->waiting);
    queue_init(&w->finished);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->ready, NULL);
    return w;
}

/* Signals stay with the loop's thread. */
static bool start_thread(struct pp_workers *w)
{
    sigset_t all, old;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_OCTETS);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&w->threads[w->n_threads], &attr, worker, w) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    w->n_threads += ok;
    return ok;
}

int pp_workers_submit(struct pp_workers *w, void (*work)(void *ctx),
                      void (*done)(void *ctx, bool dropped), void *ctx)
{
    struct job *job = malloc(sizeof *job);
    if (!job) {
        return PP_BUSY;
    }
    *job = (struct job){work, done, ctx, NULL};
    pthread_mutex_lock(&w->lock);
    bool room = w->n_waiting < w->queue_max;
    if (room && w->idle <= w->n_waiting && w->n_threads < w->threads_max) {
        room = start_thread(w) || w->n_threads > 0;
    }
    if (room) {
        queue_put(&w->waiting, job);
        w->n_waiting++;
        pthread_cond_signal(&w->ready);
    }
    pthread_mutex_unlock(&w->lock);
    if (!room) {
        free(job);
        return PP_BUSY;
    }
    return PP_OK;
}

void pp_workers_destroy(struct pp_workers *w)
{
    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->ready);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->n_threads; i++) {
        pthread_join(w->threads[i], NULL);
    }
    pp_loop_unpost(w->loop, &w->drain);
    finish_all(w);
    for (struct job *job = queue_take(&w->waiting); job; job = queue_take(&w->waiting)) {
        void (*done)(void *ctx, bool dropped) = job->done;
        void *ctx = job->ctx;
        free(job);
        done(ctx, true);
    }
    pthread_cond_destroy(&w->ready);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
