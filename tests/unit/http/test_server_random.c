/*
 * The server under clients that do anything: pieces of good and bad requests in a seeded random
 * order, cut anywhere, with clients that stop, half-close, reset or do not read. Every exchange
 * that begins is told its end once, nothing stays open, and a good client is served in between.
 */
#include "harness.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 6
#define STEPS 4000

static uint64_t state = 20031025;

static unsigned pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % n);
}

static const char *const pieces[] = {
    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /big?70000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /big?70000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /big?300000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /chunks?90000 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /file HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /short HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /hello HTTP/1.0\r\n\r\n",
    "PUT /put HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /put HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "PUT /put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
    "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
    "PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
    "PUT /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
    "0\r\n\r\n",
    "\r\n",
    "nonsense",
    "GET /a\n",
};

static int dial(const struct app *app)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(app->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void hang_up(int fd)
{
    struct linger now = {1, 0};
    if (pick(2)) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(fd);
}

/* One thing that a client may do. */
static void act(const struct app *app, int *fd)
{
    static char sink[50000];
    const char *piece = pieces[pick(sizeof pieces / sizeof *pieces)];
    size_t len = strlen(piece), from = pick(4) ? 0 : pick((unsigned)len);
    switch (pick(12)) {
    case 0:
        hang_up(*fd);
        *fd = dial(app);
        break;
    case 1:
        shutdown(*fd, SHUT_WR);
        break;
    case 2:
    case 3:
    case 4:
        (void)!recv(*fd, sink, 1 + pick(sizeof sink), MSG_DONTWAIT);
        break;
    default:
        len = pick(4) ? len - from : pick((unsigned)(len - from) + 1);
        (void)!send(*fd, piece + from, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static size_t count(const struct app *app, const char *text)
{
    size_t n = 0;
    for (const char *at = (const char *)app->log.data; at && (at = strstr(at, text)); at++) {
        n++;
    }
    return n;
}

static void answer_one(struct app *app)
{
    if (app->waiting && pick(3) == 0) {
        struct pp_exchange *x = app->waiting;
        app->waiting = NULL;
        pp_exchange_answer(x, 200, NULL, 0, 0);
        pp_exchange_finish(x);
    }
}

static void run(uint64_t seed, size_t greed)
{
    struct app app;
    struct pp_server_options o;
    struct pp_server_counts counts;
    int fds[CLIENTS];
    state = seed;
    pp_server_options_default(&o);
    o.request_time = o.idle_time = o.header_time = 20 * PP_MS;
    app_start(&app, &o, NULL);
    app.greed = greed;
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = dial(&app);
    }
    for (size_t step = 0; step < STEPS; step++) {
        act(&app, &fds[pick(CLIENTS)]);
        pp_loop_turn(app.loop, false);
        answer_one(&app);
    }
    struct peer good;
    peer_open(&good, &app);
    peer_say(&good, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CU_ASSERT_TRUE(peer_await(&good, "hello\n", 1));
    peer_close(&good);
    for (size_t i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    do {
        pp_loop_turn(app.loop, false);
        pp_server_counts(app.server, &counts);
    } while (counts.open > 0);
    CU_ASSERT_TRUE(count(&app, "begin ") > 100);
    CU_ASSERT_EQUAL(count(&app, "begin "), count(&app, "gone "));
    app_stop(&app);
}

static void test_anything(void)
{
    run(1, 0);
    run(2, 0);
}

static void test_anything_with_a_slow_handler(void)
{
    run(3, 2);
    run(4, 1);
}

CHECK_MAIN("server_random", CHECK(test_anything), CHECK(test_anything_with_a_slow_handler))
