/*
 * The event loop: the only header through which the rest of Peerpost waits for anything. libev is
 * behind it and nowhere else. One thread runs a loop; pp_loop_post and pp_work_submit are the only
 * calls for other threads. Nothing here knows what the descriptors carry.
 */
#ifndef PP_IO_LOOP_H
#define PP_IO_LOOP_H

#include <peerpost/error.h>
#include <peerpost/now.h>
#include <stdbool.h>

struct pp_loop;
struct pp_timer;
struct pp_watch;

struct pp_loop *pp_loop_create(void); /* NULL: no memory or no descriptors */
void pp_loop_destroy(struct pp_loop *loop);
void pp_loop_run(struct pp_loop *loop); /* until pp_loop_stop */
/* One turn; waits for an event only when `wait`. */
void pp_loop_turn(struct pp_loop *loop, bool wait);
void pp_loop_stop(struct pp_loop *loop);
/* The time of this turn: read once a turn. */
struct pp_now pp_loop_now(const struct pp_loop *loop);

/* A one-shot timer at a monotonic time; setting it again moves it; PP_NEVER stops it. */
struct pp_timer *pp_timer_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx);
void pp_timer_set(struct pp_timer *timer, pp_ns mono);
void pp_timer_destroy(struct pp_timer *timer);

#define PP_READABLE 0x1u
#define PP_WRITABLE 0x2u
/* Watches a descriptor, which stays the caller's. Starts with no interest. */
struct pp_watch *pp_watch_create(struct pp_loop *loop, int fd,
                                 void (*fn)(void *ctx, unsigned events), void *ctx);
void pp_watch_set(struct pp_watch *watch, unsigned events);
void pp_watch_destroy(struct pp_watch *watch); /* legal inside its own callback */

/* Called once at the end of each turn, before the loop waits: where queued output is flushed.
 * Hooks run in the order they were added. */
struct pp_hook;
struct pp_hook *pp_hook_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx);
void pp_hook_destroy(struct pp_hook *hook);
/* Inside a hook: all hooks run once more before the loop waits, because this one gave another one
 * work (queued output whose flush had its turn already). */
void pp_loop_stir(struct pp_loop *loop);

/* Runs fn(ctx) on the loop's thread in its next turn. Thread-safe, in order of the posts. Returns
 * false (fn will not run) when there is no memory. */
bool pp_loop_post(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx);

/* fn runs on the loop's thread at each such signal; SIG_IGN semantics otherwise untouched. */
int pp_loop_signal(struct pp_loop *loop, int signo, void (*fn)(void *ctx, int signo), void *ctx);

/* A pool of threads for work that blocks or computes. `work` runs on a worker, then `done` on the
 * loop's thread. Destroy waits for the running, drops the queued (their `done` is called with
 * dropped = true). */
struct pp_workers;
struct pp_workers *pp_workers_create(struct pp_loop *loop, unsigned threads, unsigned queue_max);
/* ! PP_BUSY: the queue is full */
int pp_workers_submit(struct pp_workers *w, void (*work)(void *ctx),
                      void (*done)(void *ctx, bool dropped), void *ctx);
void pp_workers_destroy(struct pp_workers *w);

#endif
