/*
 * The server when memory fails: every allocation in turn, while requests are read, held, answered
 * in pieces and cut. It may lose the connection that needed the memory; it may not fault, and it
 * serves the next.
 */
#include "failing_memory.h"
#include "harness.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const struct app *app)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(app->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_FATAL(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* Octets received meanwhile; -1: the server ended the connection. */
static long take(int fd)
{
    static char sink[65536];
    ssize_t n = recv(fd, sink, sizeof sink, MSG_DONTWAIT);
    return n > 0 ? (long)n : n < 0 && errno == EAGAIN ? 0 : -1;
}

/* Parts that arrive apart: a head in two, a body in two, pipelined requests, a large answer. */
static bool converse(struct app *app)
{
    static const char *const parts[] = {
        "PUT /put HTTP/1.1\r\nHo", "st: a\r\nContent-Length: 6\r\n\r\nabc",
        "defGET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /big?400000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /chunks?100000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"};
    int fd = dial(app);
    long got = 0, n = 0;
    for (size_t i = 0; i < 4 && n >= 0; i++) {
        (void)!send(fd, parts[i], strlen(parts[i]), MSG_NOSIGNAL);
        for (int turns = 0; turns < 3; turns++) {
            pp_loop_turn(app->loop, false);
        }
    }
    while (n >= 0) {
        pp_loop_turn(app->loop, false);
        n = take(fd);
        got += n > 0 ? n : 0;
    }
    close(fd);
    return got > 500000;
}

static void test_each_allocation_may_fail(void)
{
    long nth = 0;
    do {
        struct app app;
        app_start(&app, NULL, NULL);
        one_failed = false;
        countdown = nth;
        bool whole = converse(&app);
        CU_ASSERT_TRUE(whole || one_failed);
        countdown = -1;
        CU_ASSERT_TRUE(converse(&app)); /* and afterwards all is well */
        app_stop(&app);
        nth++;
    } while (one_failed && nth < 1000);
    CU_ASSERT_TRUE(nth > 5 && nth < 1000);
}

CHECK_MAIN("server_memory", CHECK(test_each_allocation_may_fail))
