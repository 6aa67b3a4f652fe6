/*
 * The server's bounds: slow, silent and many clients, each cut at its limit and no sooner, with the
 * status that says why. Limits are milliseconds here; what is awaited are events.
 */
#include "harness.h"

#define H " HTTP/1.1\r\nHost: a\r\n"

static struct pp_server_options short_times(void)
{
    struct pp_server_options o;
    pp_server_options_default(&o);
    o.handshake_time = o.header_time = o.idle_time = o.request_time = 60 * PP_MS;
    return o;
}

static struct pp_server_counts counts(const struct app *app)
{
    struct pp_server_counts c;
    pp_server_counts(app->server, &c);
    return c;
}

static pp_ns mono(const struct app *app)
{
    return pp_loop_now(app->loop).mono;
}

/* Sends an octet each time the loop turns, for as long as the server lets it. */
static void drip(struct peer *p, const char *octet)
{
    while (!p->eof) {
        peer_send(p, octet, 1);
        pp_loop_turn(p->app->loop, false);
    }
}

static void test_a_dripping_header_is_cut(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer p;
    o.header_octets = 1u << 30;
    o.idle_time = PP_MINUTE;
    app_start(&app, &o, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /hello" H "X: ");
    pp_ns began = mono(&app);
    drip(&p, "x");
    CU_ASSERT_TRUE(mono(&app) - began >= 50 * PP_MS);
    CU_ASSERT_TRUE(mono(&app) - began < 10 * PP_SECOND);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 408 "), 1);
    CU_ASSERT_FALSE(app_logged(&app, "begin"));
    CU_ASSERT_EQUAL(counts(&app).timeouts, 1);
    peer_close(&p);
    app_stop(&app);
}

static void test_a_dripping_body_is_cut(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer p;
    o.idle_time = PP_MINUTE;
    app_start(&app, &o, NULL);
    peer_open(&p, &app);
    peer_say(&p, "PUT /put" H "Content-Length: 1000000\r\n\r\n");
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 408 "), 1);
    CU_ASSERT_TRUE(app_logged(&app, "begin /put;gone 0;"));
    peer_close(&p);
    app_stop(&app);
}

/* Each 16 KiB of a body earn a second. */
static void test_a_body_that_moves_has_more_time(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer p;
    static char body[40000];
    o.idle_time = PP_MINUTE;
    app_start(&app, &o, NULL);
    peer_open(&p, &app);
    pp_ns began = mono(&app);
    peer_say(&p, "PUT /put" H "Content-Length: 40001\r\n\r\n");
    peer_send(&p, body, sizeof body);
    while (mono(&app) - began < 300 * PP_MS) {
        struct pp_timer *t = pp_timer_create(app.loop, (void (*)(void *))pp_loop_stop, app.loop);
        pp_timer_set(t, began + 300 * PP_MS);
        pp_loop_turn(app.loop, true);
        pp_timer_destroy(t);
    }
    CU_ASSERT_FALSE(p.eof);
    peer_say(&p, "x");
    CU_ASSERT_TRUE(peer_await(&p, "got 40001\n", 1));
    peer_close(&p);
    app_stop(&app);
}

static void test_the_silent_are_closed_without_a_word(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer never, once;
    app_start(&app, &o, NULL);
    peer_open(&never, &app);
    peer_open(&once, &app);
    peer_say(&once, "GET /hello" H "\r\n");
    peer_await_end(&never);
    peer_await_end(&once);
    CU_ASSERT_EQUAL(never.in.len, 0);
    CU_ASSERT_EQUAL(peer_count(&once, "HTTP/1.1"), 1);
    CU_ASSERT_EQUAL(counts(&app).open, 0);
    CU_ASSERT_EQUAL(counts(&app).timeouts, 0);
    peer_close(&never);
    peer_close(&once);
    app_stop(&app);
}

static void test_a_handler_that_never_answers(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer p;
    app_start(&app, &o, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /later" H "\r\n");
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 503 "), 1);
    CU_ASSERT_TRUE(app_logged(&app, "end;gone 0;"));
    peer_close(&p);
    app_stop(&app);
}

/* It has the time that its octets earned, and then it goes, whatever waits for it. */
static void test_a_client_that_does_not_read(void)
{
    struct pp_server_options o = short_times();
    struct app app;
    struct peer p;
    app_start(&app, &o, NULL);
    peer_open(&p, &app);
    peer_read(&p, false);
    peer_say(&p, "GET /later" H "\r\n");
    app_await(&app, "begin /later");
    struct pp_bytes half = pp_str("half");
    pp_exchange_answer(app.waiting, 200, NULL, 0, 8);
    pp_exchange_emit(app.waiting, &half, 1);
    app_await(&app, "gone 0;");
    CU_ASSERT_EQUAL(counts(&app).timeouts, 1);
    peer_read(&p, true);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 "), 1); /* nothing is added to a begun answer */
    peer_close(&p);
    app_stop(&app);
}

static void test_the_oldest_idle_makes_room(void)
{
    struct pp_server_options o;
    struct app app;
    struct peer p[4];
    pp_server_options_default(&o);
    o.connections = 3;
    app_start(&app, &o, NULL);
    for (size_t i = 0; i < 3; i++) {
        peer_open(&p[i], &app);
        peer_say(&p[i], i == 0 ? "GET /later" H "\r\n" : "GET /hello" H "\r\n");
        i == 0 ? app_await(&app, "begin /later") : (void)peer_await(&p[i], "hello\n", 1);
    }
    peer_open(&p[3], &app);
    peer_say(&p[3], "GET /hello" H "\r\n");
    CU_ASSERT_TRUE(peer_await(&p[3], "hello\n", 1));
    peer_await_end(&p[1]); /* the oldest idle, not the oldest */
    CU_ASSERT_FALSE(p[0].eof || p[2].eof);
    CU_ASSERT_EQUAL(counts(&app).open, 3);
    for (size_t i = 0; i < 4; i++) {
        peer_close(&p[i]);
    }
    app_stop(&app);
}

/* n busy connections and one more; what does that one get? */
static bool one_too_many(const struct pp_server_options *o, size_t n)
{
    struct app app;
    struct peer p[4], more;
    app_start(&app, o, NULL);
    for (size_t i = 0; i < n; i++) {
        peer_open(&p[i], &app);
        peer_say(&p[i], "GET /later" H "\r\n");
        while (counts(&app).requests < i + 1) {
            pp_loop_turn(app.loop, true);
        }
    }
    peer_open(&more, &app);
    peer_await(&more, "HTTP/1.1 503 ", 1);
    bool refused = peer_count(&more, "HTTP/1.1 503 ") == 1;
    CU_ASSERT_EQUAL(counts(&app).refused_busy, refused);
    CU_ASSERT_EQUAL(peer_count(&more, "Retry-After: "), refused);
    for (size_t i = 0; i < n; i++) {
        peer_close(&p[i]);
    }
    peer_close(&more);
    app_stop(&app);
    return refused;
}

static void test_connections_are_bounded_in_all_and_a_source(void)
{
    static const char *const all[] = {"127.0.0.0/8"}, *const other[] = {"127.1.0.0/16", "::/0"};
    struct pp_server_options o = short_times();
    o.request_time = PP_MINUTE;
    o.connections = 2;
    CU_ASSERT_TRUE(one_too_many(&o, 2));
    o.connections = 100;
    CU_ASSERT_FALSE(one_too_many(&o, 2));
    o.connections_per_source = 2;
    CU_ASSERT_TRUE(one_too_many(&o, 2));
    o.exempt = other;
    o.n_exempt = 2;
    CU_ASSERT_TRUE(one_too_many(&o, 2));
    o.exempt = all;
    o.n_exempt = 1;
    CU_ASSERT_FALSE(one_too_many(&o, 2));
}

static void test_exempt_ranges_must_be_ranges(void)
{
    static const char *const bad[] = {"127.0.0.0/33", "127.0.0.1/", "nonsense", "::/129",
                                      "127.0.0.0/8x"};
    struct pp_server_options o;
    struct pp_handler handler = {0};
    struct pp_server *server = NULL;
    struct pp_loop *loop = pp_loop_create();
    pp_server_options_default(&o);
    o.n_exempt = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.exempt = &bad[i];
        CU_ASSERT_EQUAL(pp_server_create(&server, loop, NULL, &o, &handler, NULL), PP_INVALID);
    }
    pp_loop_destroy(loop);
}

static void test_full_buffers_refuse(void)
{
    struct pp_server_options o;
    struct app app;
    struct peer slow, p;
    pp_server_options_default(&o);
    o.buffers_all = 1000;
    app_start(&app, &o, NULL);
    peer_open(&slow, &app);
    peer_read(&slow, false);
    peer_say(&slow, "GET /big?90000000" H "\r\n");
    app_await(&app, "begin /big");
    for (int i = 0; i < 20; i++) {
        pp_loop_turn(app.loop, false);
    }
    peer_open(&p, &app);
    peer_say(&p, "GET /hello" H "\r\n");
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 503 "), 1);
    peer_close(&slow);
    peer_close(&p);
    app_stop(&app);
}

static void test_header_bounds_answer_with_their_status(void)
{
    static char line[9000], fields[40000];
    struct app app;
    struct peer p;
    memset(line, 'a', sizeof line - 1);
    memset(fields, 'b', sizeof fields - 1);
    app_start(&app, NULL, NULL);
    peer_open(&p, &app);
    peer_say(&p, "GET /");
    peer_say(&p, line);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 414 "), 1);
    peer_close(&p);
    peer_open(&p, &app);
    peer_say(&p, "GET /hello" H "X: ");
    peer_say(&p, fields);
    peer_await_end(&p);
    CU_ASSERT_EQUAL(peer_count(&p, "HTTP/1.1 431 "), 1);
    peer_close(&p);
    app_stop(&app);
}

static void test_a_silent_handshake_is_closed(void)
{
    struct pp_server_options o = short_times();
    struct tls_identity tls;
    struct app app;
    struct peer silent, noisy;
    tls_identity_make(&tls);
    app_start(&app, &o, tls.server);
    peer_open(&silent, &app);
    peer_open(&noisy, &app);
    peer_say(&noisy, "GET /hello" H "\r\n");
    peer_await_end(&silent);
    peer_await_end(&noisy);
    CU_ASSERT_EQUAL(counts(&app).open, 0);
    CU_ASSERT_FALSE(app_logged(&app, "begin"));
    peer_close(&silent);
    peer_close(&noisy);
    app_stop(&app);
    tls_identity_free(&tls);
}

CHECK_MAIN("server_limits", CHECK(test_a_dripping_header_is_cut),
           CHECK(test_a_dripping_body_is_cut), CHECK(test_a_body_that_moves_has_more_time),
           CHECK(test_the_silent_are_closed_without_a_word),
           CHECK(test_a_handler_that_never_answers), CHECK(test_a_client_that_does_not_read),
           CHECK(test_the_oldest_idle_makes_room),
           CHECK(test_connections_are_bounded_in_all_and_a_source),
           CHECK(test_exempt_ranges_must_be_ranges), CHECK(test_full_buffers_refuse),
           CHECK(test_header_bounds_answer_with_their_status),
           CHECK(test_a_silent_handshake_is_closed))
