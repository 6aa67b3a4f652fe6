/* Timers, watches, hooks, posts from other threads, signals. */
#include <check.h>
#include <io/loop.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct seen {
    struct pp_loop *loop;
    struct pp_timer *timer;
    struct pp_watch *watch;
    char trace[64];
    pp_ns at;
    int n;
};

static void mark(struct seen *s, char c)
{
    size_t len = strlen(s->trace);
    if (len + 1 < sizeof s->trace) {
        s->trace[len] = c;
        s->trace[len + 1] = '\0';
    }
}

static void on_timer(void *ctx)
{
    struct seen *s = ctx;
    s->at = pp_loop_now(s->loop).mono;
    pp_loop_stop(s->loop);
}

static void test_timer_never_early(void)
{
    struct seen s = {.loop = pp_loop_create()};
    CHECK_FATAL(s.loop != NULL);
    s.timer = pp_timer_create(s.loop, on_timer, &s);
    pp_ns due = pp_loop_now(s.loop).mono + 15 * PP_MS;
    pp_timer_set(s.timer, due + PP_HOUR);
    pp_timer_set(s.timer, due);
    pp_loop_run(s.loop);
    CU_ASSERT_TRUE(s.at >= due);
    CU_ASSERT_TRUE(s.at < due + PP_SECOND);
    s.at = 0;
    pp_timer_set(s.timer, 1); /* long past: the next turn */
    pp_loop_turn(s.loop, true);
    CU_ASSERT_TRUE(s.at > 0);
    s.at = 0;
    pp_timer_set(s.timer, 1);
    pp_timer_set(s.timer, PP_NEVER);
    pp_loop_turn(s.loop, false);
    CU_ASSERT_EQUAL(s.at, 0);
    pp_timer_destroy(s.timer);
    pp_loop_destroy(s.loop);
}

static void on_readable(void *ctx, unsigned events)
{
    struct seen *s = ctx;
    s->n += events == PP_READABLE;
    pp_watch_destroy(s->watch); /* legal here */
    pp_loop_stop(s->loop);
}

static void test_watch_reads_and_ends_itself(void)
{
    struct seen s = {.loop = pp_loop_create()};
    int fds[2];
    CHECK_FATAL(pipe(fds) == 0);
    s.watch = pp_watch_create(s.loop, fds[0], on_readable, &s);
    CU_ASSERT_EQUAL(write(fds[1], "x", 1), 1);
    pp_loop_turn(s.loop, false);
    CU_ASSERT_EQUAL(s.n, 0); /* no interest yet */
    pp_watch_set(s.watch, PP_READABLE);
    pp_loop_run(s.loop);
    CU_ASSERT_EQUAL(s.n, 1);
    close(fds[0]);
    close(fds[1]);
    pp_loop_destroy(s.loop);
}

static void hook_a(void *ctx)
{
    mark(ctx, 'a');
}

static void hook_b(void *ctx)
{
    struct seen *s = ctx;
    mark(s, 'b');
    if (s->n++ == 0) {
        pp_loop_stir(s->loop);
    }
}

static void posted(void *ctx)
{
    mark(ctx, 'p');
}

static void test_hooks_run_in_order_after_a_turn(void)
{
    struct seen s = {.loop = pp_loop_create()};
    struct pp_hook *a = pp_hook_create(s.loop, hook_a, &s);
    struct pp_hook *b = pp_hook_create(s.loop, hook_b, &s);
    CU_ASSERT_TRUE(pp_loop_post(s.loop, posted, &s));
    pp_loop_turn(s.loop, true);
    /* before the wait (stirred once: twice), then the post, then the end of the turn */
    CU_ASSERT_STRING_EQUAL(s.trace, "ababpab");
    pp_hook_destroy(a);
    s.trace[0] = '\0';
    pp_loop_turn(s.loop, false);
    CU_ASSERT_STRING_EQUAL(s.trace, "bb");
    pp_hook_destroy(b);
    pp_loop_destroy(s.loop);
}

#define POSTS 2000
struct order {
    struct pp_loop *loop;
    int next, wrong;
};
struct numbered {
    struct order *order;
    int n;
};

static void in_order(void *ctx)
{
    struct numbered *x = ctx;
    x->order->wrong += x->n != x->order->next++;
    if (x->order->next == POSTS) {
        pp_loop_stop(x->order->loop);
    }
}

static struct numbered all[POSTS];

static void *poster(void *ctx)
{
    struct order *order = ctx;
    for (int i = 0; i < POSTS; i++) {
        all[i] = (struct numbered){order, i};
        pp_loop_post(order->loop, in_order, &all[i]);
    }
    return NULL;
}

static void test_posts_of_a_thread_in_order(void)
{
    struct order order = {.loop = pp_loop_create()};
    pthread_t thread;
    CHECK_FATAL(pthread_create(&thread, NULL, poster, &order) == 0);
    pp_loop_run(order.loop);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(order.next, POSTS);
    CU_ASSERT_EQUAL(order.wrong, 0);
    pp_loop_post(order.loop, posted, &order); /* never run: freed with the loop */
    pp_loop_destroy(order.loop);
}

static void again(void *ctx)
{
    struct seen *s = ctx;
    if (++s->n < 3) {
        pp_loop_post(s->loop, again, s);
    }
}

static void test_a_post_from_a_post_waits_a_turn(void)
{
    struct seen s = {.loop = pp_loop_create()};
    pp_loop_post(s.loop, again, &s);
    pp_loop_turn(s.loop, true);
    CU_ASSERT_EQUAL(s.n, 1);
    pp_loop_turn(s.loop, true);
    CU_ASSERT_EQUAL(s.n, 2);
    pp_loop_turn(s.loop, true);
    CU_ASSERT_EQUAL(s.n, 3);
    pp_loop_destroy(s.loop);
}

static void on_signal(void *ctx, int signo)
{
    struct seen *s = ctx;
    s->n = signo;
    pp_loop_stop(s->loop);
}

static void test_an_idle_loop_sleeps(void)
{
    struct seen s = {.loop = pp_loop_create()};
    struct pp_hook *hook = pp_hook_create(s.loop, hook_a, &s);
    pp_loop_post(s.loop, posted, &s);
    s.timer = pp_timer_create(s.loop, on_timer, &s);
    pp_timer_set(s.timer, pp_loop_now(s.loop).mono + 20 * PP_MS);
    pp_loop_run(s.loop);
    CU_ASSERT_TRUE(strlen(s.trace) <= 8); /* a turn for the post, one or two for the timer */
    pp_timer_destroy(s.timer);
    pp_hook_destroy(hook);
    pp_loop_destroy(s.loop);
}

static void test_signal_arrives_on_the_loop(void)
{
    struct seen s = {.loop = pp_loop_create()};
    CU_ASSERT_EQUAL(pp_loop_signal(s.loop, SIGUSR1, on_signal, &s), PP_OK);
    kill(getpid(), SIGUSR1);
    pp_loop_run(s.loop);
    CU_ASSERT_EQUAL(s.n, SIGUSR1);
    pp_loop_destroy(s.loop);
}

CHECK_MAIN("loop", CHECK(test_timer_never_early), CHECK(test_watch_reads_and_ends_itself),
           CHECK(test_hooks_run_in_order_after_a_turn), CHECK(test_posts_of_a_thread_in_order),
           CHECK(test_a_post_from_a_post_waits_a_turn), CHECK(test_an_idle_loop_sleeps),
           CHECK(test_signal_arrives_on_the_loop))
