/* One short request, to servers that answer well, badly, too much, or not at all. */
#include <check.h>
#include <http/brief.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Accepts one connection, reads a request's head, says its text (again and again when endless),
 * then closes, or stays silent until `go`. */
struct server {
    int listener;
    uint16_t port;
    const char *says;
    bool endless, stays;
    char heard[1024];
    atomic_bool go;
    pthread_t thread;
};

static void *serve(void *ctx)
{
    struct server *s = ctx;
    struct pollfd p = {.fd = s->listener, .events = POLLIN};
    if (poll(&p, 1, 5000) <= 0) {
        return NULL;
    }
    int fd = accept(s->listener, NULL, NULL);
    size_t len = 0;
    while (len < sizeof s->heard - 1 && !strstr(s->heard, "\r\n\r\n")) {
        ssize_t n = recv(fd, s->heard + len, sizeof s->heard - 1 - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    do {
        if (send(fd, s->says, strlen(s->says), MSG_NOSIGNAL) < 0) {
            break;
        }
    } while (s->endless);
    while (s->stays && !atomic_load(&s->go)) {
        poll(NULL, 0, 5);
    }
    close(fd);
    return NULL;
}

static void start(struct server *s, const char *says)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    memset(s->heard, 0, sizeof s->heard);
    s->says = says;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_FATAL(bind(s->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
                listen(s->listener, 1) == 0 &&
                getsockname(s->listener, (struct sockaddr *)&a, &len) == 0);
    s->port = ntohs(a.sin_port);
    CHECK_FATAL(pthread_create(&s->thread, NULL, serve, s) == 0);
}

static void stop(struct server *s)
{
    atomic_store(&s->go, true);
    pthread_join(s->thread, NULL);
    close(s->listener);
}

static struct pp_brief ask(uint16_t port, const char *method)
{
    struct pp_brief b = {.peer = {.address = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .http = port},
                         .method = method,
                         .time = 2 * PP_SECOND,
                         .answer_max = 100};
    pp_buf_add_str(&b.target, "/x");
    return b;
}

/* The code of asking a server that says so. */
static int code_of(const char *says, bool endless)
{
    struct server s = {.endless = endless};
    start(&s, says);
    struct pp_brief b = ask(s.port, "GET");
    pp_brief_run(&b);
    int code = b.code;
    pp_brief_finish(&b);
    stop(&s);
    return code;
}

static void test_an_answer(void)
{
    struct server s = {0};
    start(&s, "HTTP/1.1 201 Created\r\nA: b\r\ncontent-length: 5\r\n\r\nhello and more");
    struct pp_brief b = ask(s.port, "PUT");
    pp_buf_add_str(&b.fields, "X: y\r\n");
    pp_buf_add_str(&b.body, "body");
    pp_brief_run(&b);
    CU_ASSERT_EQUAL(b.code, PP_OK);
    CU_ASSERT_EQUAL(b.status, 201);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&b.answer), "hello"));
    stop(&s);
    CU_ASSERT_TRUE(strncmp(s.heard, "PUT /x HTTP/1.1\r\nHost: 0000", 27) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.heard, "X: y\r\nContent-Length: 4\r\n\r\n"));
    pp_brief_finish(&b);
}

static void test_answers_that_are_none(void)
{
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false), PP_OK);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 204 No\r\n\r\n", false), PP_OK);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 200 OK\r\n\r\nhello", false), PP_MALFORMED);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", false), PP_MALFORMED);
    CU_ASSERT_EQUAL(code_of("SSH-2.0-x\r\n\r\n\r\n", false), PP_MALFORMED);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", false), PP_TOO_BIG);
    CU_ASSERT_EQUAL(
        code_of("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", false),
        PP_TOO_BIG);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", false),
                    PP_UNREACHABLE);
    CU_ASSERT_EQUAL(code_of("", false), PP_UNREACHABLE);
    CU_ASSERT_EQUAL(code_of("HTTP/1.1 200 OK and so on for ever ", true), PP_TOO_BIG);
}

static void test_nobody_there(void)
{
    struct server s = {0};
    start(&s, "");
    struct pp_brief b = ask(s.port, "GET");
    pp_brief_run(&b);
    stop(&s); /* and now nobody listens at that port */
    pp_brief_run(&b);
    CU_ASSERT_EQUAL(b.code, PP_UNREACHABLE);
    pp_brief_finish(&b);
}

static void test_time_and_stop(void)
{
    struct server s = {.stays = true};
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    struct pp_brief b = ask(s.port, "GET");
    b.time = 150 * PP_MS;
    pp_brief_run(&b);
    CU_ASSERT_EQUAL(b.code, PP_TIMEOUT);
    stop(&s);
    pp_brief_finish(&b);
    struct server t = {.stays = true};
    start(&t, "");
    atomic_bool now = true;
    b = ask(t.port, "GET");
    b.stop = &now;
    pp_brief_run(&b);
    CU_ASSERT_EQUAL(b.code, PP_CANCELLED);
    stop(&t);
    pp_brief_finish(&b);
}

CHECK_MAIN("brief", CHECK(test_an_answer), CHECK(test_answers_that_are_none),
           CHECK(test_nobody_there), CHECK(test_time_and_stop))
