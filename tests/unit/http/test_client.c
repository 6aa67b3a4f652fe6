/*
 * The client against the server, plain and over TLS: what comes back, over how many connections,
 * and how each failure is told.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <http/client.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct ask {
    struct pp_call *call;
    int status, err;
    bool ended, headed, cancel_in_data;
    char text[300];
    struct pp_buf body;
    size_t greed; /* octets taken a call; 0: all */
    size_t to_send;
    unsigned reads;
    size_t n_fields;
};

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    struct ask *a = ctx;
    CU_ASSERT_FALSE(a->headed);
    a->headed = true;
    a->status = status;
    a->n_fields = n;
    CU_ASSERT_PTR_NOT_NULL(pp_field_find(fields, n, "date"));
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    struct ask *a = ctx;
    size_t n = a->greed && a->greed < bytes.len ? a->greed : bytes.len;
    pp_buf_add(&a->body, bytes.data, n);
    if (a->cancel_in_data) {
        pp_call_cancel(a->call);
        a->call = NULL;
    } else if (n < bytes.len) {
        pp_call_resume(a->call);
    }
    return n;
}

static void on_ended(void *ctx, int err, const char *text)
{
    struct ask *a = ctx;
    CU_ASSERT_FALSE(a->ended);
    a->ended = true;
    a->err = err;
    snprintf(a->text, sizeof a->text, "%s", text);
}

static const struct pp_client_events events = {on_head, on_data, on_ended};

static int64_t read_body(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct ask *a = ctx;
    size_t left = a->to_send - (size_t)offset, n = left < cap ? left : cap;
    memset(out, 'b', n);
    a->reads++;
    return (int64_t)n;
}

struct setting {
    struct app app;
    struct pp_client *client;
    struct pp_peer peer;
    struct tls_identity tls;
    int verdict; /* of verify */
    unsigned verified;
    struct pp_id asked;
};

static int verify(void *ctx, X509 *leaf, STACK_OF(X509) * chain, const struct pp_id *expected)
{
    struct setting *s = ctx;
    (void)chain;
    s->verified++;
    s->asked = *expected;
    CU_ASSERT_EQUAL(X509_cmp(leaf, s->tls.certificate), 0);
    return s->verdict;
}

static void start(struct setting *s, bool tls, unsigned connections)
{
    struct pp_error error = {0};
    memset(s, 0, sizeof *s);
    if (tls) {
        tls_identity_make(&s->tls);
    }
    app_start(&s->app, NULL, s->tls.server);
    struct pp_client_options o = {
        .connections = connections, .tls = tls, .verify = verify, .verify_ctx = s};
    CU_ASSERT_EQUAL_FATAL(pp_client_create(&s->client, s->app.loop, &o, &error), 0);
    memset(s->peer.id.b, 0xab, PP_ID_LEN);
    memcpy(s->peer.address, app_loopback, 16);
    s->peer.http = s->app.port;
}

static void stop(struct setting *s)
{
    pp_client_destroy(s->client);
    app_stop(&s->app);
    if (s->tls.server) {
        tls_identity_free(&s->tls);
    }
}

static struct pp_client_request request(struct setting *s, const char *method, const char *target)
{
    return (struct pp_client_request){.peer = &s->peer,
                                      .method = method,
                                      .target = target,
                                      .length = -1,
                                      .answer_max = 1u << 30,
                                      .connect_time = 5 * PP_SECOND};
}

static void ask(struct setting *s, struct ask *a, const struct pp_client_request *r)
{
    a->call = pp_client_start(s->client, r, &events, a);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a->call);
    CU_ASSERT_FALSE(a->ended);
}

static void await(struct setting *s, struct ask *a)
{
    while (!a->ended) {
        pp_loop_turn(s->app.loop, true);
    }
}

static void forget(struct ask *a)
{
    pp_buf_free(&a->body);
}

static uint64_t accepted(struct setting *s)
{
    struct pp_server_counts counts;
    pp_server_counts(s->app.server, &counts);
    return counts.accepted;
}

static void get(struct setting *s, const char *target, int status, const char *body)
{
    struct ask a = {0};
    struct pp_client_request r = request(s, "GET", target);
    ask(s, &a, &r);
    await(s, &a);
    CU_ASSERT_EQUAL(a.err, 0);
    CU_ASSERT_EQUAL(a.status, status);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&a.body), body));
    forget(&a);
}

static void test_requests_share_a_connection(void)
{
    struct setting s;
    start(&s, false, 8);
    get(&s, "/hello", 200, "hello\n");
    get(&s, "/hello", 200, "hello\n");
    struct ask many[20] = {0};
    struct pp_client_request r = request(&s, "GET", "/hello");
    for (size_t i = 0; i < 20; i++) {
        ask(&s, &many[i], &r);
    }
    for (size_t i = 0; i < 20; i++) {
        await(&s, &many[i]);
        CU_ASSERT_EQUAL(many[i].err, 0);
        forget(&many[i]);
    }
    CU_ASSERT_EQUAL(accepted(&s), 1);
    stop(&s);
}

static void test_bodies_go_out_and_come_in(void)
{
    static const char *const fields[] = {"Peerpost-Copies: 7"};
    struct setting s;
    start(&s, false, 8);
    struct ask put = {.to_send = 3000000}, empty = {0}, big = {.greed = 1000}, head = {0};
    struct pp_client_request r = request(&s, "PUT", "/put");
    r.length = 3000000;
    r.read = read_body;
    r.fields = fields;
    r.n_fields = 1;
    ask(&s, &put, &r);
    r.length = 0;
    ask(&s, &empty, &r);
    struct pp_client_request g = request(&s, "GET", "/big?1000000");
    ask(&s, &big, &g);
    g.method = "HEAD";
    ask(&s, &head, &g);
    await(&s, &head);
    await(&s, &big); /* which takes its time, while the node already serves the next */
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&put.body), "got 3000000\n"));
    CU_ASSERT_EQUAL(put.status, 201);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&empty.body), "got 0\n"));
    CU_ASSERT_EQUAL(big.body.len, 1000000);
    bool equal = true;
    for (size_t i = 0; i < big.body.len; i++) {
        equal &= big.body.data[i] == app_octet(i);
    }
    CU_ASSERT_TRUE(equal);
    CU_ASSERT_EQUAL(head.status, 200);
    CU_ASSERT_EQUAL(head.body.len, 0);
    CU_ASSERT_EQUAL(accepted(&s), 1);
    forget(&put);
    forget(&empty);
    forget(&big);
    stop(&s);
}

static void test_an_early_refusal_of_a_large_body(void)
{
    struct setting s;
    start(&s, false, 8);
    struct ask a = {.to_send = 50000000};
    struct pp_client_request r = request(&s, "PUT", "/refuse");
    r.length = 50000000;
    r.read = read_body;
    ask(&s, &a, &r);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, 0);
    CU_ASSERT_EQUAL(a.status, 413);
    CU_ASSERT_EQUAL(a.reads, 0); /* it waited for 100-continue */
    forget(&a);
    stop(&s);
}

static void test_an_answer_may_not_exceed_its_bound(void)
{
    struct setting s;
    start(&s, false, 8);
    struct ask a = {0};
    struct pp_client_request r = request(&s, "GET", "/big?100000");
    r.answer_max = 99999;
    ask(&s, &a, &r);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, PP_TOO_BIG);
    forget(&a);
    get(&s, "/hello", 200, "hello\n");
    stop(&s);
}

static void test_sockets_are_bounded_and_the_rest_waits(void)
{
    struct setting s;
    uint16_t ports[6];
    struct pp_error error = {0};
    start(&s, false, 2);
    struct ask a[12] = {0};
    for (size_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(pp_server_listen(s.app.server, app_loopback, 0, NULL, &ports[i], &error),
                        0);
    }
    for (size_t i = 0; i < 12; i++) {
        s.peer.http = ports[i % 6];
        struct pp_client_request r = request(&s, "GET", "/hello");
        ask(&s, &a[i], &r);
    }
    struct pp_server_counts counts;
    for (size_t i = 0; i < 12; i++) {
        while (!a[i].ended) {
            pp_loop_turn(s.app.loop, true);
            pp_server_counts(s.app.server, &counts);
            CU_ASSERT_TRUE(counts.open <= 3); /* one may be closed and not yet seen so */
        }
        CU_ASSERT_EQUAL(a[i].err, 0);
        forget(&a[i]);
    }
    stop(&s);
}

static void test_cancelling(void)
{
    struct setting s;
    start(&s, false, 1);
    struct ask running = {0}, waiting = {0}, inside = {.cancel_in_data = true}, last = {0};
    struct pp_client_request later = request(&s, "GET", "/later");
    struct pp_client_request big = request(&s, "GET", "/big?3000000");
    struct pp_client_request hello = request(&s, "GET", "/hello");
    ask(&s, &running, &later);
    ask(&s, &waiting, &hello);
    ask(&s, &inside, &big);
    ask(&s, &last, &hello);
    app_await(&s.app, "begin /later");
    pp_call_cancel(waiting.call);
    pp_call_cancel(running.call);
    await(&s, &last);
    CU_ASSERT_EQUAL(last.err, 0);
    CU_ASSERT_FALSE(running.ended || waiting.ended || inside.ended);
    CU_ASSERT_TRUE(inside.body.len > 0 && inside.body.len < 3000000);
    forget(&inside);
    forget(&last);
    stop(&s);
}

static void test_times(void)
{
    struct setting s;
    start(&s, false, 8);
    struct ask stalled = {0}, slow = {0}, behind = {0}, dropped = {0};
    struct pp_client_request r = request(&s, "GET", "/later");
    r.stall_time = 30 * PP_MS;
    ask(&s, &stalled, &r);
    await(&s, &stalled);
    CU_ASSERT_EQUAL(stalled.err, PP_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(stalled.text, "127.0.0.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(stalled.text, "Nothing moved"));
    r.stall_time = 0;
    r.total_time = 30 * PP_MS;
    ask(&s, &slow, &r);
    r.total_time = 0;
    ask(&s, &behind, &r); /* has no time of its own */
    ask(&s, &dropped, &r);
    await(&s, &slow);
    pp_call_cancel(dropped.call);
    await(&s, &behind);
    CU_ASSERT_EQUAL(slow.err, PP_TIMEOUT);
    CU_ASSERT_EQUAL(behind.err, PP_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(behind.text, "Another request"));
    CU_ASSERT_FALSE(dropped.ended);
    get(&s, "/hello", 200, "hello\n");
    stop(&s);
}

/* A caller that takes nothing for a while is not a node that stalls. */
static void test_a_slow_caller_is_not_a_stalled_node(void)
{
    struct setting s;
    start(&s, false, 8);
    struct ask a = {.greed = 1};
    struct pp_client_request r = request(&s, "GET", "/big?5");
    r.stall_time = PP_SECOND;
    ask(&s, &a, &r);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, 0);
    CU_ASSERT_EQUAL(a.body.len, 5);
    forget(&a);
    stop(&s);
}

/* A socket that listens and answers whatever it is asked with these octets. */
struct liar {
    int fd;
    struct pp_watch *watch;
    const char *text;
};

static void on_liar(void *ctx, unsigned unused)
{
    struct liar *l = ctx;
    char asked[1000];
    (void)unused;
    int fd = accept(l->fd, NULL, NULL);
    (void)!recv(fd, asked, sizeof asked, 0);
    (void)!send(fd, l->text, strlen(l->text), MSG_NOSIGNAL);
    close(fd);
}

static uint16_t liar_open(struct liar *l, struct pp_loop *loop, const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    l->text = text;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_FATAL(bind(l->fd, (struct sockaddr *)&a, len) == 0 && listen(l->fd, 5) == 0);
    CHECK_FATAL(getsockname(l->fd, (struct sockaddr *)&a, &len) == 0);
    l->watch = pp_watch_create(loop, l->fd, on_liar, l);
    pp_watch_set(l->watch, PP_READABLE);
    return ntohs(a.sin_port);
}

static void test_failures_are_told_apart(void)
{
    static const struct {
        const char *text;
        int err;
    } cases[] = {
        {"nonsense\r\n\r\n", PP_MALFORMED},
        {"", PP_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 10\r\n\r\nabc", PP_UNREACHABLE},
        {"HTTP/1.1 200 OK\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", PP_UNREACHABLE},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nDate: x\r\n"
         "Content-Length: 3\r\n\r\nabc",
         0}};
    struct setting s;
    start(&s, false, 8);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct liar l;
        struct ask a = {0};
        s.peer.http = liar_open(&l, s.app.loop, cases[i].text);
        struct pp_client_request r = request(&s, "GET", "/");
        ask(&s, &a, &r);
        await(&s, &a);
        if (a.err != cases[i].err) {
            printf("\n    case %zu: %d %s", i, a.err, a.text);
        }
        CU_ASSERT_EQUAL(a.err, cases[i].err);
        pp_watch_destroy(l.watch);
        close(l.fd);
        struct ask refused = {0}; /* now nobody listens there */
        ask(&s, &refused, &r);
        await(&s, &refused);
        CU_ASSERT_EQUAL(refused.err, PP_UNREACHABLE);
        CU_ASSERT_TRUE(strlen(refused.text) > 0);
        forget(&a);
    }
    stop(&s);
}

static void test_tls_asks_who_answers(void)
{
    struct setting s;
    start(&s, true, 8);
    get(&s, "/hello", 200, "hello\n");
    get(&s, "/hello", 200, "hello\n");
    CU_ASSERT_EQUAL(s.verified, 1);
    CU_ASSERT_TRUE(pp_id_equal(&s.asked, &s.peer.id));
    CU_ASSERT_EQUAL(accepted(&s), 1);
    CU_ASSERT_EQUAL(s.app.certificate_len, 0);
    struct ask big = {.greed = 30000}, put = {.to_send = 3000000};
    struct pp_client_request r = request(&s, "GET", "/big?3000000");
    ask(&s, &big, &r);
    await(&s, &big);
    CU_ASSERT_EQUAL(big.body.len, 3000000);
    CU_ASSERT_EQUAL(big.body.data[2999999], app_octet(2999999));
    r = request(&s, "PUT", "/put");
    r.length = 3000000;
    r.read = read_body;
    ask(&s, &put, &r);
    await(&s, &put);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&put.body), "got 3000000\n"));

    forget(&big);
    forget(&put);
    stop(&s);
}

static void test_tls_turns_a_liar_away(void)
{
    struct setting s;
    start(&s, true, 8);
    s.verdict = PP_IDENTITY;
    struct ask a = {0}, plain = {0};
    struct pp_client_request r = request(&s, "GET", "/hello");
    ask(&s, &a, &r);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, PP_IDENTITY);
    CU_ASSERT_FALSE(app_logged(&s.app, "begin"));
    s.verdict = PP_UNTRUSTED;
    ask(&s, &plain, &r);
    CU_ASSERT_FALSE(plain.ended);
    await(&s, &plain);
    CU_ASSERT_EQUAL(plain.err, PP_UNTRUSTED);
    stop(&s);
}

static void test_own_certificate_and_source(void)
{
    struct setting s;
    struct pp_error error = {0};
    struct pp_client *client;
    start(&s, true, 8);
    struct pp_client_options o = {.connections = 2,
                                  .bind = "127.2.0.1",
                                  .tls = true,
                                  .certificate = s.tls.certificate,
                                  .key = s.tls.key,
                                  .verify = verify,
                                  .verify_ctx = &s};
    CU_ASSERT_EQUAL_FATAL(pp_client_create(&client, s.app.loop, &o, &error), 0);
    struct ask a = {0};
    struct pp_client_request r = request(&s, "GET", "/hello");
    a.call = pp_client_start(client, &r, &events, &a);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, 0);
    CU_ASSERT_TRUE(s.app.certificate_len > 100);
    CU_ASSERT_EQUAL(s.app.source[13], 2);
    forget(&a);
    pp_client_destroy(client);
    stop(&s);
}

static void test_a_dead_proxy_blames_no_node(void)
{
    struct setting s;
    struct pp_error error = {0};
    struct pp_client *client;
    start(&s, false, 8);
    struct pp_client_options o = {.connections = 2, .proxy = "socks5h://127.0.0.1:1"};
    CU_ASSERT_EQUAL_FATAL(pp_client_create(&client, s.app.loop, &o, &error), 0);
    struct ask a = {0};
    struct pp_client_request r = request(&s, "GET", "/hello");
    r.circuit = "act-1";
    a.call = pp_client_start(client, &r, &events, &a);
    await(&s, &a);
    CU_ASSERT_EQUAL(a.err, PP_LOCAL);
    pp_client_destroy(client);
    stop(&s);
}

static void test_destroy_drops_what_runs_and_waits(void)
{
    struct setting s;
    start(&s, false, 1);
    struct ask a[3] = {0};
    struct pp_client_request r = request(&s, "GET", "/later");
    for (size_t i = 0; i < 3; i++) {
        ask(&s, &a[i], &r);
    }
    app_await(&s.app, "begin /later");
    stop(&s);
    CU_ASSERT_FALSE(a[0].ended || a[1].ended || a[2].ended);
}

CHECK_MAIN("client", CHECK(test_requests_share_a_connection), CHECK(test_bodies_go_out_and_come_in),
           CHECK(test_an_early_refusal_of_a_large_body),
           CHECK(test_an_answer_may_not_exceed_its_bound),
           CHECK(test_sockets_are_bounded_and_the_rest_waits), CHECK(test_cancelling),
           CHECK(test_times), CHECK(test_a_slow_caller_is_not_a_stalled_node),
           CHECK(test_failures_are_told_apart), CHECK(test_tls_asks_who_answers),
           CHECK(test_tls_turns_a_liar_away), CHECK(test_own_certificate_and_source),
           CHECK(test_a_dead_proxy_blames_no_node), CHECK(test_destroy_drops_what_runs_and_waits))
