/* The loop over libev; see loop.h. Knows descriptors, deadlines and signals, not their meaning. */
#include <io/loop.h>

#include <ev.h>
#include <io/post.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A hook that gives another hook work has it run again at once, but not for ever. */
#define STIR_ROUNDS 16

struct pp_hook {
    struct pp_loop *loop;
    void (*fn)(void *ctx);
    void *ctx;
    struct pp_hook *next;
    bool dead;
};

struct signal_watch {
    ev_signal ev;
    void (*fn)(void *ctx, int signo);
    void *ctx;
    struct signal_watch *next;
};

struct pp_loop {
    struct ev_loop *ev;
    struct pp_now now;
    ev_prepare prepare;
    ev_check check;
    ev_async wakeup;
    struct pp_hook *hooks;
    struct signal_watch *signals;
    bool in_hooks, stirred, dead_hooks, stopped;
    pthread_mutex_t lock; /* guards the posts */
    struct pp_post *first, **last;
};

static pp_ns clock_read(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

static void refresh(struct pp_loop *loop)
{
    loop->now.mono = clock_read(CLOCK_MONOTONIC);
    loop->now.wall = clock_read(CLOCK_REALTIME);
}

struct pp_now pp_loop_now(const struct pp_loop *loop)
{
    return loop->now;
}

/* ---- hooks ---- */

static void bury_hooks(struct pp_loop *loop)
{
    for (struct pp_hook **at = &loop->hooks; *at;) {
        struct pp_hook *hook = *at;
        if (hook->dead) {
            *at = hook->next;
            free(hook);
        } else {
            at = &hook->next;
        }
    }
    loop->dead_hooks = false;
}

static void run_hooks(struct pp_loop *loop)
{
    loop->in_hooks = true;
    int rounds = 0;
    do {
        loop->stirred = false;
        for (struct pp_hook *hook = loop->hooks; hook; hook = hook->next) {
            if (!hook->dead) {
                hook->fn(hook->ctx);
            }
        }
    } while (loop->stirred && ++rounds < STIR_ROUNDS);
    loop->in_hooks = false;
    if (loop->stirred) {
        ev_async_send(loop->ev, &loop->wakeup);
    }
    if (loop->dead_hooks) {
        bury_hooks(loop);
    }
}

struct pp_hook *pp_hook_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct pp_hook *hook = calloc(1, sizeof *hook);
    if (!hook) {
        return NULL;
    }
    *hook = (struct pp_hook){.loop = loop, .fn = fn, .ctx = ctx};
    struct pp_hook **at = &loop->hooks;
    while (*at) {
        at = &(*at)->next;
    }
    *at = hook;
    return hook;
}

void pp_hook_destroy(struct pp_hook *hook)
{
    if (!hook) {
        return;
    }
    hook->dead = true;
    hook->loop->dead_hooks = true;
    if (!hook->loop->in_hooks) {
        bury_hooks(hook->loop);
    }
}

void pp_loop_stir(struct pp_loop *loop)
{
    loop->stirred = true;
}

/* ---- posts ---- */

static bool queue_post(struct pp_loop *loop, struct pp_post *post)
{
    pthread_mutex_lock(&loop->lock);
    bool fresh = !post->queued;
    if (fresh) {
        post->queued = true;
        post->next = NULL;
        *loop->last = post;
        loop->last = &post->next;
    }
    pthread_mutex_unlock(&loop->lock);
    return fresh;
}

void pp_loop_post_own(struct pp_loop *loop, struct pp_post *post)
{
    if (queue_post(loop, post)) {
        ev_async_send(loop->ev, &loop->wakeup);
    }
}

void pp_loop_unpost(struct pp_loop *loop, struct pp_post *post)
{
    pthread_mutex_lock(&loop->lock);
    for (struct pp_post **at = &loop->first; post->queued && *at; at = &(*at)->next) {
        if (*at == post) {
            *at = post->next;
            if (!*at) {
                loop->last = at;
            }
            post->queued = false;
            break;
        }
    }
    pthread_mutex_unlock(&loop->lock);
}

static struct pp_post *take_post(struct pp_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct pp_post *post = loop->first;
    if (post) {
        loop->first = post->next;
        if (!loop->first) {
            loop->last = &loop->first;
        }
        post->queued = false;
    }
    pthread_mutex_unlock(&loop->lock);
    return post;
}

/* What posts itself again from its own call waits for the next turn: a marker ends this one. */
static void end_of_turn(struct pp_post *post)
{
    (void)post;
}

static void on_wakeup(struct ev_loop *ev, ev_async *w, int events)
{
    (void)ev;
    (void)events;
    struct pp_loop *loop = w->data;
    struct pp_post marker = {.fn = end_of_turn};
    queue_post(loop, &marker);
    struct pp_post *post = take_post(loop);
    while (post && post != &marker) {
        post->fn(post);
        post = take_post(loop);
    }
}

struct plain_post {
    struct pp_post post;
    void (*fn)(void *ctx);
    void *ctx;
};

static void run_plain(struct pp_post *post)
{
    struct plain_post *p = (struct plain_post *)post;
    void (*fn)(void *ctx) = p->fn;
    void *ctx = p->ctx;
    free(p);
    fn(ctx);
}

bool pp_loop_post(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct plain_post *p = malloc(sizeof *p);
    if (!p) {
        return false;
    }
    *p = (struct plain_post){{.fn = run_plain}, fn, ctx};
    pp_loop_post_own(loop, &p->post);
    return true;
}

static void drop_posts(struct pp_loop *loop)
{
    for (struct pp_post *post = take_post(loop); post; post = take_post(loop)) {
        if (post->fn == run_plain) {
            free(post);
        }
    }
}

/* ---- the loop ---- */

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    (void)ev;
    (void)events;
    run_hooks(w->data);
}

static void on_check(struct ev_loop *ev, ev_check *w, int events)
{
    (void)ev;
    (void)events;
    refresh(w->data);
}

static void start_watchers(struct pp_loop *loop)
{
    ev_prepare_init(&loop->prepare, on_prepare);
    ev_check_init(&loop->check, on_check);
    ev_set_priority(&loop->check, EV_MAXPRI);
    ev_async_init(&loop->wakeup, on_wakeup);
    loop->prepare.data = loop->check.data = loop->wakeup.data = loop;
    ev_prepare_start(loop->ev, &loop->prepare);
    ev_check_start(loop->ev, &loop->check);
    ev_async_start(loop->ev, &loop->wakeup);
}

struct pp_loop *pp_loop_create(void)
{
    struct pp_loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        return NULL;
    }
    loop->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!loop->ev) {
        free(loop);
        return NULL;
    }
    loop->last = &loop->first;
    pthread_mutex_init(&loop->lock, NULL);
    start_watchers(loop);
    refresh(loop);
    return loop;
}

void pp_loop_destroy(struct pp_loop *loop)
{
    if (!loop) {
        return;
    }
    drop_posts(loop);
    while (loop->signals) {
        struct signal_watch *s = loop->signals;
        loop->signals = s->next;
        ev_signal_stop(loop->ev, &s->ev);
        free(s);
    }
    for (struct pp_hook *hook = loop->hooks; hook; hook = hook->next) {
        hook->dead = true;
    }
    bury_hooks(loop);
    ev_prepare_stop(loop->ev, &loop->prepare);
    ev_check_stop(loop->ev, &loop->check);
    ev_async_stop(loop->ev, &loop->wakeup);
    ev_loop_destroy(loop->ev);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static void turn(struct pp_loop *loop, int flags)
{
    ev_now_update(loop->ev);
    refresh(loop);
    ev_run(loop->ev, flags);
    run_hooks(loop);
}

void pp_loop_run(struct pp_loop *loop)
{
    while (!loop->stopped) {
        turn(loop, 0);
    }
    loop->stopped = false;
}

void pp_loop_turn(struct pp_loop *loop, bool wait)
{
    turn(loop, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
    loop->stopped = false;
}

void pp_loop_stop(struct pp_loop *loop)
{
    loop->stopped = true;
    ev_break(loop->ev, EVBREAK_ALL);
}

/* ---- timers ---- */

struct pp_timer {
    ev_timer ev;
    struct pp_loop *loop;
    void (*fn)(void *ctx);
    void *ctx;
    pp_ns at;
};

static void arm(struct pp_timer *t)
{
    pp_ns now = clock_read(CLOCK_MONOTONIC);
    double after = t->at > now ? (double)(t->at - now) / 1e9 : 0.0;
    /* libev counts from the time it read last; ours is fresher, so give it the same moment. */
    ev_now_update(t->loop->ev);
    ev_timer_stop(t->loop->ev, &t->ev);
    ev_timer_set(&t->ev, after, 0.0);
    ev_timer_start(t->loop->ev, &t->ev);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)events;
    struct pp_timer *t = w->data;
    if (t->at > t->loop->now.mono) {
        arm(t);
        return;
    }
    t->at = PP_NEVER;
    t->fn(t->ctx);
}

struct pp_timer *pp_timer_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct pp_timer *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->loop = loop;
    t->fn = fn;
    t->ctx = ctx;
    t->at = PP_NEVER;
    ev_timer_init(&t->ev, on_timer, 0.0, 0.0);
    t->ev.data = t;
    return t;
}

void pp_timer_set(struct pp_timer *timer, pp_ns mono)
{
    if (mono == timer->at) {
        return;
    }
    timer->at = mono;
    if (mono == PP_NEVER) {
        ev_timer_stop(timer->loop->ev, &timer->ev);
    } else {
        arm(timer);
    }
}

void pp_timer_destroy(struct pp_timer *timer)
{
    if (timer) {
        ev_timer_stop(timer->loop->ev, &timer->ev);
        free(timer);
    }
}

/* ---- descriptors and signals ---- */

struct pp_watch {
    ev_io ev;
    struct pp_loop *loop;
    void (*fn)(void *ctx, unsigned events);
    void *ctx;
    unsigned interest;
};

static void on_io(struct ev_loop *ev, ev_io *w, int events)
{
    (void)ev;
    struct pp_watch *watch = w->data;
    unsigned seen = (events & EV_READ ? PP_READABLE : 0) | (events & EV_WRITE ? PP_WRITABLE : 0);
    watch->fn(watch->ctx, seen);
}

struct pp_watch *pp_watch_create(struct pp_loop *loop, int fd,
                                 void (*fn)(void *ctx, unsigned events), void *ctx)
{
    struct pp_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    watch->loop = loop;
    watch->fn = fn;
    watch->ctx = ctx;
    ev_io_init(&watch->ev, on_io, fd, 0);
    watch->ev.data = watch;
    return watch;
}

void pp_watch_set(struct pp_watch *watch, unsigned events)
{
    if (events == watch->interest) {
        return;
    }
    watch->interest = events;
    ev_io_stop(watch->loop->ev, &watch->ev);
    if (events) {
        int mask = (events & PP_READABLE ? EV_READ : 0) | (events & PP_WRITABLE ? EV_WRITE : 0);
        ev_io_set(&watch->ev, watch->ev.fd, mask);
        ev_io_start(watch->loop->ev, &watch->ev);
    }
}

void pp_watch_destroy(struct pp_watch *watch)
{
    if (watch) {
        ev_io_stop(watch->loop->ev, &watch->ev);
        free(watch);
    }
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events)
{
    (void)ev;
    (void)events;
    struct signal_watch *s = w->data;
    s->fn(s->ctx, w->signum);
}

int pp_loop_signal(struct pp_loop *loop, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
    struct signal_watch *s = calloc(1, sizeof *s);
    if (!s) {
        return PP_NOMEM;
    }
    s->fn = fn;
    s->ctx = ctx;
    ev_signal_init(&s->ev, on_signal, signo);
    s->ev.data = s;
    s->next = loop->signals;
    loop->signals = s;
    ev_signal_start(loop->ev, &s->ev);
    return PP_OK;
}
