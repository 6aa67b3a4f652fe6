/*
 * One question of the resolver; see resolve.h. Its memory belongs to two, the asker and the thread:
 * whoever lets go last frees it.
 */
#include <io/resolve.h>

#include <io/post.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define STACK_OCTETS (256 * 1024)

struct pp_resolve {
    struct pp_post post; /* first: a post is cast back to its question */
    struct pp_loop *loop;
    pp_resolve_fn *done;
    void *ctx;
    char *name;
    bool v6;
    pthread_mutex_t lock; /* guards the two below; the answer is written before `answered` */
    bool cancelled, answered;
    uint8_t addresses[PP_RESOLVE_MAX][16];
    size_t n;
    const char *why;
};

static void destroy(struct pp_resolve *q)
{
    pthread_mutex_destroy(&q->lock);
    free(q->name);
    free(q);
}

static void take(struct pp_resolve *q, const struct sockaddr *address)
{
    uint8_t *out = q->addresses[q->n];
    if (address->sa_family == AF_INET) {
        memset(out, 0, 10);
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        q->n++;
    } else if (address->sa_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
        q->n++;
    }
}

static void ask(struct pp_resolve *q)
{
    struct addrinfo hints = {.ai_family = q->v6 ? AF_UNSPEC : AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(q->name, NULL, &hints, &list);
    for (const struct addrinfo *at = list; !code && at && q->n < PP_RESOLVE_MAX; at = at->ai_next) {
        take(q, at->ai_addr);
    }
    if (list) {
        freeaddrinfo(list);
    }
    q->why = code ? gai_strerror(code) : q->n == 0 ? "it has no address of a usable kind" : "";
}

static void *resolver(void *arg)
{
    struct pp_resolve *q = arg;
    ask(q);
    pthread_mutex_lock(&q->lock);
    q->answered = true;
    bool last = q->cancelled;
    if (!last) {
        pp_loop_post_own(q->loop, &q->post);
    }
    pthread_mutex_unlock(&q->lock);
    if (last) {
        destroy(q);
    }
    return NULL;
}

static void on_answer(struct pp_post *post)
{
    struct pp_resolve *q = (struct pp_resolve *)post;
    pthread_mutex_lock(&q->lock); /* the thread has let go */
    pthread_mutex_unlock(&q->lock);
    q->done(q->ctx, (const uint8_t(*)[16])q->addresses, q->n, q->why);
    destroy(q);
}

/* Signals stay with the loop's thread. */
static bool start_thread(struct pp_resolve *q)
{
    sigset_t all, old;
    pthread_attr_t attr;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_OCTETS);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&thread, &attr, resolver, q) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}

struct pp_resolve *pp_resolve_start(struct pp_loop *loop, const char *name, bool v6,
                                    pp_resolve_fn *done, void *ctx)
{
    struct pp_resolve *q = calloc(1, sizeof *q);
    if (!q) {
        return NULL;
    }
    q->post.fn = on_answer;
    q->loop = loop;
    q->done = done;
    q->ctx = ctx;
    q->v6 = v6;
    q->name = strdup(name);
    pthread_mutex_init(&q->lock, NULL);
    if (!q->name || !start_thread(q)) {
        destroy(q);
        return NULL;
    }
    return q;
}

void pp_resolve_cancel(struct pp_resolve *q)
{
    if (!q) {
        return;
    }
    pthread_mutex_lock(&q->lock);
    q->cancelled = true;
    bool last = q->answered;
    pthread_mutex_unlock(&q->lock);
    if (last) {
        pp_loop_unpost(q->loop, &q->post);
        destroy(q);
    }
}
