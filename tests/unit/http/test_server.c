/*
 * The server over a real loopback socket with raw octets: what HTTP/1.1 promises on a connection,
 * in order, under pipelining, and when the peer stops in the midst.
 */
#include "harness.h"

#include <sys/socket.h>
#include <stdio.h>

#define H " HTTP/1.1\r\nHost: a\r\n"

static void test_get_and_keep_alive(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    for (size_t i = 1; i <= 3; i++) {
        peer_say(&p, "GET /hello" H "\r\n");
        CU_ASSERT_TRUE(peer_await(&p, "\r\n\r\nhello\n", i));
    }
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 200 OK\r\nDate: "), 3);
    CU_ASSERT_EQUAL(peer_count(&p, "Content-Length: 6\r\n"), 3);
    CU_ASSERT_EQUAL(peer_count(&p, "Connection:"), 0);
    CU_ASSERT_TRUE(app_logged(&app, "begin /hello;gone 1;begin /hello;gone 1;"));
    peer_close(&p);
    app_stop(&app);
}

static void test_pipelined_requests_are_answered_in_order(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /hello" H "\r\nPUT /put" H "Content-Length: 3\r\n\r\nabc"
                 "PUT /put" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                 "HEAD /hello" H "\r\nGET /later" H "\r\nGET /hello" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "got 2\n", 1));
    app_await(&app, "begin /later;");
    CU_ASSERT_EQUAL(peer_count(&p, "hello\n"), 1); /* HEAD has none, the last waits its turn */
    struct pp_bytes body = pp_str("at last\n");
    pp_exchange_answer(app.waiting, 200, NULL, 0, 8);
    pp_exchange_emit(app.waiting, &body, 1);
    pp_exchange_finish(app.waiting);
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 2));
    const char *text = (const char *)p.in.data;
    CU_ASSERT_TRUE(strstr(text, "hello") < strstr(text, "got 3"));
    CU_ASSERT_TRUE(strstr(text, "got 3") < strstr(text, "got 2"));
    CU_ASSERT_TRUE(strstr(text, "got 2") < strstr(text, "at last"));
    peer_close(&p);
    app_stop(&app);
}

static void test_a_thousand_pipelined_requests(void)
{
    struct app app;
    struct peer p;
    struct pp_buf b = {0};
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    for (int i = 0; i < 999; i++) {
        pp_buf_add_str(&b, "GET /hello" H "\r\n");
    }
    peer_send(&p, b.data, b.len);
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 999));
    CU_ASSERT_EQUAL(peer_count(&p, "Connection: close"), 0);
    peer_say(&p, "GET /hello" H "\r\n"); /* the last that a connection may make */
    CU_ASSERT_TRUE(peer_await(&p, "Connection: close", 1));
    peer_await_end(&p);
    CU_ASSERT_FALSE(p.reset);
    pp_buf_free(&b);
    peer_close(&p);
    app_stop(&app);
}

static void test_who_closes(void)
{
    static const char *const last[] = {"GET /hello HTTP/1.0\r\n\r\n",
                                       "GET /hello" H "Connection: close\r\n\r\n",
                                       "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"};
    struct app app;
    app_start(&app, NULL, NULL);
    for (size_t i = 0; i < 3; i++) {
        struct peer p;
        peer_open(&p, &app);
        peer_say(&p, last[i]);
        peer_await_end(&p);
        CU_ASSERT_EQUAL(peer_count(&p, "Connection: close\r\n"), 1);
        CU_ASSERT_EQUAL(peer_count(&p, "hello\n"), 1);
        CU_ASSERT_FALSE(p.reset);
        peer_close(&p);
    }
    app_stop(&app);
}

static void test_octet_by_octet(void)
{
    static const char text[] = "PUT /put" H "Transfer-Encoding: chunked\r\n\r\n"
                               "5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\nGET /hello" H "\r\n";
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        peer_send(&p, text + i, 1);
        pp_loop_turn(app.loop, false);
    }
    CU_ASSERT_TRUE(peer_await(&p, "got 5\n", 1));
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 1));
    peer_close(&p);
    app_stop(&app);
}

static void test_large_answers_arrive_whole(void)
{
    static const char *const asks[] = {"GET /big?3000000" H "\r\n", "GET /big?17000" H "\r\n",
                                       "GET /big?1" H "\r\n", "GET /file" H "\r\n"};
    static const size_t sizes[] = {3000000, 17000, 1, APP_FILE_OCTETS};
    struct app app;
    app_start(&app, NULL, NULL);
    for (size_t i = 0; i < 4; i++) {
        struct peer p;
        peer_open(&p, &app);
        peer_read(&p, false); /* so that the socket fills */
        peer_say(&p, asks[i]);
        app_await(&app, "begin");
        for (int turns = 0; turns < 20; turns++) {
            pp_loop_turn(app.loop, false);
        }
        peer_read(&p, true);
        CU_ASSERT_TRUE(peer_await(&p, "\r\n\r\n", 1));
        size_t head = (size_t)(strstr((char *)p.in.data, "\r\n\r\n") + 4 - (char *)p.in.data);
        CU_ASSERT_TRUE(peer_await_octets(&p, head + sizes[i]));
        bool equal = true;
        for (size_t j = 0; j < sizes[i]; j++) {
            equal &= p.in.data[head + j] == app_octet(j);
        }
        CU_ASSERT_TRUE(equal);
        peer_say(&p, "GET /hello" H "\r\n");
        CU_ASSERT_TRUE(peer_await(&p, "hello\n", 1));
        peer_close(&p);
    }
    app_stop(&app);
}

static void test_chunked_answers(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /chunks?5" H "\r\nGET /chunks?0" H "\r\nGET /chunks?500000" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "\r\n0\r\n\r\n", 3));
    CU_ASSERT_EQUAL(peer_count(&p, "Transfer-Encoding: chunked\r\n"), 3);
    CU_ASSERT_EQUAL(peer_count(&p, "Content-Length"), 0);
    CU_ASSERT_TRUE(p.in.len > 500000);
    peer_close(&p);
    peer_open(&p, &app);
    peer_say(&p, "GET /chunks?5000 HTTP/1.0\r\n\r\n"); /* which knows no chunks */
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "Transfer-Encoding"), 0);
    size_t head = (size_t)(strstr((char *)p.in.data, "\r\n\r\n") + 4 - (char *)p.in.data);
    CU_ASSERT_EQUAL(p.in.len, head + 5000);
    peer_close(&p);
    app_stop(&app);
}

static void test_answers_without_body(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "HEAD /big?1000" H "\r\nGET /nothing" H "\r\nHEAD /chunks?9" H "\r\nGET /hello" H
                 "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 1));
    CU_ASSERT_EQUAL(peer_count(&p, "Content-Length: 1000\r\n\r\nHTTP/1.1 204 No Content\r\n"), 1);
    CU_ASSERT_EQUAL(peer_count(&p, "Content-Length"), 2);
    CU_ASSERT_EQUAL(peer_count(&p, "chunked\r\n\r\nHTTP/1.1 200"), 1);
    peer_close(&p);
    app_stop(&app);
}

static void test_expectations(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "PUT /put" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "HTTP/1.1 100 Continue\r\n\r\n", 1));
    peer_say(&p, "abc");
    CU_ASSERT_TRUE(peer_await(&p, "got 3\n", 1));
    /* Nothing of the body asked for when the answer is known. */
    peer_say(&p, "PUT /refuse" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "100 Continue"), 1);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 413 "), 1);
    CU_ASSERT_EQUAL(peer_count(&p, "Connection: close"), 1);
    peer_close(&p);
    /* Over the bound: before the handler hears of it. */
    peer_open(&p, &app);
    peer_say(&p, "PUT /x" H "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "100 Continue"), 0);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 413 "), 1);
    CU_ASSERT_FALSE(app_logged(&app, "begin /x"));
    peer_close(&p);
    /* Decided later. */
    peer_open(&p, &app);
    peer_say(&p, "PUT /unwanted" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    app_await(&app, "begin /unwanted");
    pp_exchange_answer(app.waiting, 403, NULL, 0, 0);
    pp_exchange_finish(app.waiting);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "100 Continue"), 0);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 403 "), 1);
    peer_close(&p);
    app_stop(&app);
}

static void test_an_early_answer_reads_a_short_rest(void)
{
    struct app app;
    struct peer p;
    char body[1000];
    memset(body, 'b', sizeof body);
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "PUT /refuse" H "Content-Length: 1000\r\n\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "too big\n", 1));
    peer_send(&p, body, sizeof body);
    peer_say(&p, "GET /hello" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 1));
    CU_ASSERT_EQUAL(app.body_octets, 0);
    CU_ASSERT_TRUE(app_logged(&app, "begin /refuse;gone 1;begin /hello;gone 1;"));
    peer_close(&p);
    app_stop(&app);
}

/* The answer is read although the client is still sending megabytes: no reset. */
static void test_an_early_answer_closes_on_a_long_rest(void)
{
    struct app app;
    struct peer p;
    static char body[1000000];
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "PUT /refuse" H "Content-Length: 9000000\r\n\r\n");
    peer_send(&p, body, sizeof body);
    CU_ASSERT_TRUE(peer_await(&p, "too big\n", 1));
    CU_ASSERT_EQUAL(peer_count(&p, "Connection: close\r\n"), 1);
    peer_await_end(&p);
    CU_ASSERT_FALSE(p.reset);
    peer_close(&p);
    app_stop(&app);
}

static void test_a_slow_handler_holds_the_upload_back(void)
{
    struct app app;
    struct peer p;
    static char body[300000];
    app_start(&app, NULL, NULL);
    app.greed = 4096;
    peer_open(&p, &app);
    peer_say(&p, "PUT /put" H "Content-Length: 300000\r\n\r\n");
    peer_send(&p, body, sizeof body);
    peer_say(&p, "GET /hello" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "got 300000\n", 1));
    CU_ASSERT_TRUE(peer_await(&p, "hello\n", 1));
    peer_close(&p);
    app_stop(&app);
}

static void test_a_half_closed_client_gets_its_answers(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /later" H "\r\nGET /hello" H "\r\n");
    shutdown(p.fd, SHUT_WR);
    app_await(&app, "begin /later");
    pp_loop_turn(app.loop, false);
    pp_exchange_answer(app.waiting, 200, NULL, 0, 0);
    pp_exchange_finish(app.waiting);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 200"), 2);
    CU_ASSERT_EQUAL(peer_count(&p, "hello\n"), 1);
    CU_ASSERT_FALSE(p.reset);
    peer_close(&p);
    app_stop(&app);
}

static void test_an_aborted_upload_is_gone(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "PUT /put" H "Content-Length: 10\r\n\r\nabc");
    app_await(&app, "begin /put");
    peer_close(&p);
    app_await(&app, "gone 0;");
    CU_ASSERT_FALSE(app_logged(&app, "end;"));
    /* And a peer that resets while an answer is owed. */
    struct linger now = {1, 0};
    peer_open(&p, &app);
    setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_say(&p, "GET /big?9000000" H "\r\n");
    app_await(&app, "begin /big");
    peer_close(&p);
    app_await(&app, "begin /big;gone 0;");
    struct pp_server_counts counts;
    pp_server_counts(app.server, &counts);
    CU_ASSERT_EQUAL(counts.open, 0);
    app_stop(&app);
}

static void test_garbage_is_refused_with_a_reason(void)
{
    static const struct {
        const char *text, *status;
    } cases[] = {{"\x16\x03\x01\x02\x00\x01", "HTTP/1.1 400 "},
                 {"GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
                 {"PUT /put" H "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 400 "},
                 {"GET /hello" H "\r\nGET /a" H "Content-Length: +2\r\n\r\n", "HTTP/1.1 400 "},
                 {"PUT /put" H "Expect: x\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 417 "}};
    struct app app;
    app_start(&app, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer p;
        peer_open(&p, &app);
        peer_say(&p, cases[i].text);
        peer_await_end(&p);
        CU_ASSERT_EQUAL(peer_count(&p, cases[i].status), 1);
        CU_ASSERT_EQUAL(peer_count(&p, "Content-Type: application/problem+json\r\n"), 1);
        CU_ASSERT_EQUAL(peer_count(&p, "\"detail\":\""), 1);
        CU_ASSERT_EQUAL(peer_count(&p, "Connection: close\r\n"), 1);
        CU_ASSERT_FALSE(p.reset);
        peer_close(&p);
    }
    struct pp_server_counts counts;
    pp_server_counts(app.server, &counts);
    CU_ASSERT_EQUAL(counts.bad_requests, 5);
    app_stop(&app);
}

/* After an answer has begun nothing may be added to it but its cut. */
static void test_a_broken_promise_cuts_the_connection(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /short" H "\r\n");
    peer_await_end(&p);
    CU_ASSERT_TRUE(app_logged(&app, "gone 0;"));
    peer_close(&p);
    peer_open(&p, &app);
    peer_say(&p, "GET /later" H "\r\n");
    app_await(&app, "begin /later");
    struct pp_bytes body = pp_str("half");
    pp_exchange_answer(app.waiting, 200, NULL, 0, 8);
    pp_exchange_emit(app.waiting, &body, 1);
    pp_exchange_abort(app.waiting);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "half\n"), 0);
    peer_close(&p);
    app_stop(&app);
}

static void test_a_field_cannot_split_an_answer(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /inject" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p, "\r\n\r\n", 1));
    CU_ASSERT_EQUAL(peer_count(&p, "Y: b"), 0);
    peer_close(&p);
    app_stop(&app);
}

static void on_drained(void *ctx)
{
    ((struct app *)ctx)->drained = true;
}

static void test_draining_finishes_what_runs(void)
{
    struct app app;
    struct peer idle, busy;
    app_start(&app, NULL, NULL);
    peer_open(&idle, &app);
    peer_say(&idle, "GET /hello" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&idle, "hello\n", 1));
    peer_open(&busy, &app);
    peer_say(&busy, "GET /later" H "\r\n");
    app_await(&app, "begin /later");
    pp_server_drain(app.server, on_drained, &app);
    peer_await_end(&idle);
    CU_ASSERT_FALSE(app.drained);
    pp_exchange_answer(app.waiting, 200, NULL, 0, 0);
    pp_exchange_finish(app.waiting);
    peer_await_end(&busy);
    CU_ASSERT_EQUAL(peer_count(&busy, "Connection: close\r\n"), 1);
    while (!app.drained) {
        pp_loop_turn(app.loop, false);
    }
    peer_close(&idle);
    peer_close(&busy);
    app_stop(&app);
}

static void test_destroy_tells_every_exchange(void)
{
    struct app app;
    struct peer p;
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /later" H "\r\n");
    app_await(&app, "begin /later");
    pp_server_destroy(app.server);
    app.server = NULL;
    CU_ASSERT_TRUE(app_logged(&app, "gone 0;"));
    peer_close(&p);
    app_stop(&app);
}

static void test_a_taken_port_is_explained(void)
{
    struct app app;
    struct pp_error error = {0};
    app_start(&app, NULL, NULL);
    CU_ASSERT_EQUAL(pp_server_listen(app.server, app_loopback, app.port, NULL, NULL, &error),
                    PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "127.0.0.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "another program"));
    app_stop(&app);
}

CHECK_MAIN("server", CHECK(test_get_and_keep_alive),
           CHECK(test_pipelined_requests_are_answered_in_order),
           CHECK(test_a_thousand_pipelined_requests), CHECK(test_who_closes),
           CHECK(test_octet_by_octet), CHECK(test_large_answers_arrive_whole),
           CHECK(test_chunked_answers), CHECK(test_answers_without_body), CHECK(test_expectations),
           CHECK(test_an_early_answer_reads_a_short_rest),
           CHECK(test_an_early_answer_closes_on_a_long_rest),
           CHECK(test_a_slow_handler_holds_the_upload_back),
           CHECK(test_a_half_closed_client_gets_its_answers), CHECK(test_an_aborted_upload_is_gone),
           CHECK(test_garbage_is_refused_with_a_reason),
           CHECK(test_a_broken_promise_cuts_the_connection),
           CHECK(test_a_field_cannot_split_an_answer), CHECK(test_draining_finishes_what_runs),
           CHECK(test_destroy_tells_every_exchange), CHECK(test_a_taken_port_is_explained))
