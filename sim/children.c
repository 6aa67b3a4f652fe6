/* Trials in processes; see children.h. */
#include <sim/children.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What comes through a pipe; shorter than PIPE_BUF, so that it comes whole. */
struct message {
    char doing[40]; /* empty: the result */
    unsigned percent;
    int code;
    struct pp_error error;
    struct trial_figures figures;
};
_Static_assert(sizeof(struct message) <= PIPE_BUF, "a message goes through a pipe at once");

static void post(int to, const struct message *m)
{
    ssize_t n;
    do {
        n = write(to, m, sizeof *m);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof *m) {
        _exit(1); /* nobody listens any more */
    }
}

static void on_progress(void *ctx, const char *doing, unsigned percent)
{
    int *to = ctx;
    struct message m = {.percent = percent};
    snprintf(m.doing, sizeof m.doing, "%s", doing);
    post(*to, &m);
}

struct work {
    const struct child *child;
    const struct trial_setup *setup;
    bool talk;
    int to;
};

static void *work(void *arg)
{
    struct work *w = arg;
    struct message m = {.percent = 100};
    m.code = trial_run(w->child->plugin, w->setup, w->child->settings, w->talk ? on_progress : NULL,
                       &w->to, &m.figures, &m.error);
    post(w->to, &m);
    return NULL;
}

/* A thread, because it begins with an empty heap: what instances take of one that others used
 * before depends on those others. */
static void be_child(struct work *w)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, w) != 0 || pthread_join(thread, NULL) != 0) {
        _exit(1);
    }
    _exit(0);
}

static int start(struct child *c, const struct trial_setup *setup, bool talk,
                 struct pp_error *error)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return pp_fail(error, PP_IO, "cannot make a pipe: %s", strerror(errno));
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_child(&(struct work){c, setup, talk, ends[1]});
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return pp_fail(error, PP_IO, "cannot start a process: %s", strerror(errno));
    }
    c->pid = pid;
    c->from = ends[0];
    c->code = PP_BROKEN; /* until it says otherwise */
    return PP_OK;
}

static void end(struct child *c)
{
    int status = 0;
    close(c->from);
    c->from = -1;
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (c->code == PP_BROKEN) {
        const char *how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it gave up";
        pp_fail(&c->error, PP_BROKEN, "its process died (%s)%s%s", how,
                c->doing[0] ? " while: " : "", c->doing);
    }
    snprintf(c->doing, sizeof c->doing, "%s", c->code ? "failed" : "done");
}

static void hear(struct child *c)
{
    struct message m;
    ssize_t n = read(c->from, &m, sizeof m);
    if (n < 0 && errno == EINTR) {
        return;
    }
    if (n != (ssize_t)sizeof m) {
        end(c);
        return;
    }
    c->percent = m.percent;
    if (m.doing[0]) {
        memcpy(c->doing, m.doing, sizeof c->doing);
        return;
    }
    c->code = m.code;
    c->error = m.error;
    c->figures = m.figures;
    end(c);
}

static void wait_for_news(struct child *children, size_t n)
{
    struct pollfd fds[CHILDREN_MAX];
    for (size_t i = 0; i < n; i++) {
        fds[i] = (struct pollfd){.fd = children[i].from, .events = POLLIN};
    }
    if (poll(fds, n, -1) <= 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents) {
            hear(&children[i]);
        }
    }
}

int children_run(struct child *children, size_t n, unsigned jobs, const struct trial_setup *setup,
                 void (*changed)(void *ctx, const struct child *children, size_t n), void *ctx,
                 struct pp_error *error)
{
    int code = PP_OK;
    size_t started = 0, running;
    fflush(NULL); /* or a child would write it again */
    for (size_t i = 0; i < n; i++) {
        children[i].from = -1;
    }
    do {
        running = 0;
        for (size_t i = 0; i < started; i++) {
            running += children[i].from >= 0;
        }
        while (!code && running < jobs && started < n) {
            code = start(&children[started], setup, changed != NULL, error);
            started += !code;
            running += !code;
        }
        if (running) {
            wait_for_news(children, started);
        }
        if (changed) {
            changed(ctx, children, n);
        }
    } while (running || (!code && started < n));
    return code;
}
