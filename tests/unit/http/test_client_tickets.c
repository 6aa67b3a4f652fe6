/*
 * Session tickets: kept by node, used once, bounded, and a file that only its owner may read and
 * that no fault makes matter. And with a server: a second run is known again without its
 * certificate, another node is not.
 */
#include "harness.h"

#include <fcntl.h>
#include <http/client.h>
#include <http/client_tickets.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW (1000 * PP_SECOND)

static struct pp_id id_of(uint16_t n)
{
    struct pp_id id = {{1, (uint8_t)(n >> 8), (uint8_t)n}};
    return id;
}

/* A session that OpenSSL takes for resumable. */
static SSL_SESSION *session_until(long begun, long life)
{
    SSL_SESSION *s = SSL_SESSION_new();
    SSL_SESSION_set_protocol_version(s, TLS1_3_VERSION);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_SESSION_set_cipher(s, SSL_CIPHER_find(ssl, (const unsigned char *)"\x13\x01"));
    SSL_SESSION_set1_id(s, (const unsigned char *)"0123", 4);
    SSL_SESSION_set_time(s, begun);
    SSL_SESSION_set_timeout(s, life);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return s;
}

static void put(struct pp_tickets *t, uint16_t n, long begun, long life)
{
    struct pp_id id = id_of(n);
    SSL_SESSION *s = session_until(begun, life);
    pp_tickets_put(t, &id, s);
    SSL_SESSION_free(s);
}

static bool take(struct pp_tickets *t, uint16_t n)
{
    struct pp_id id = id_of(n);
    SSL_SESSION *s = pp_tickets_take(t, &id, NOW);
    SSL_SESSION_free(s);
    return s != NULL;
}

static void test_each_is_used_once_and_before_its_end(void)
{
    struct pp_tickets *t = pp_tickets_open(NULL, NOW);
    put(t, 1, 900, 200);
    put(t, 2, 900, 100);
    put(t, 0x0101, 900, 200);
    CU_ASSERT_TRUE(take(t, 1));
    CU_ASSERT_FALSE(take(t, 1));
    CU_ASSERT_FALSE(take(t, 2));
    CU_ASSERT_FALSE(take(t, 3));
    CU_ASSERT_TRUE(take(t, 0x0101));
    pp_tickets_close(t, NOW);
}

static void test_they_are_bounded(void)
{
    struct pp_tickets *t = pp_tickets_open(NULL, NOW);
    for (uint16_t n = 0; n < 600; n++) {
        put(t, n, 900, 200);
    }
    CU_ASSERT_FALSE(take(t, 87)); /* the oldest made room */
    CU_ASSERT_TRUE(take(t, 88));
    CU_ASSERT_TRUE(take(t, 599));
    pp_tickets_close(t, NOW);
}

static void test_the_file(void)
{
    char folder[] = "/tmp/peerpost-tickets-XXXXXX", path[64];
    struct stat st;
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tickets", folder);
    struct pp_tickets *t = pp_tickets_open(path, NOW);
    put(t, 1, 900, 200);
    put(t, 2, 900, 50);
    put(t, 3, 900, 200);
    pp_tickets_close(t, NOW);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    /* Cut anywhere it gives what is whole, and no fault. */
    static uint8_t whole[10000];
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, whole, sizeof whole);
    CU_ASSERT_EQUAL(size, st.st_size);
    unsigned ones = 0, threes = 0;
    for (ssize_t len = size; len >= 0; len--) {
        CHECK_FATAL(ftruncate(fd, 0) == 0 && pwrite(fd, whole, (size_t)len, 0) == len);
        t = pp_tickets_open(path, NOW);
        ones += take(t, 1);
        CU_ASSERT_FALSE(take(t, 2)); /* which had ended */
        threes += take(t, 3);
        pp_tickets_close(t, NOW); /* which writes it anew */
        close(fd);
        fd = open(path, O_RDWR);
    }
    CU_ASSERT_EQUAL(threes, 1);
    CU_ASSERT_EQUAL(ones, 1 + (size - 8) / 2);
    close(fd);
    unlink(path);
    rmdir(folder);
}

static void test_an_open_file_is_not_trusted(void)
{
    char folder[] = "/tmp/peerpost-tickets-XXXXXX", path[64];
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tickets", folder);
    struct pp_tickets *t = pp_tickets_open(path, NOW);
    put(t, 1, 900, 200);
    pp_tickets_close(t, NOW);
    CHECK_FATAL(chmod(path, 0644) == 0);
    t = pp_tickets_open(path, NOW);
    CU_ASSERT_FALSE(take(t, 1));
    pp_tickets_close(t, NOW);
    unlink(path);
    rmdir(folder);
}

/* ---- with a server ---- */

struct visit {
    struct app *app;
    const char *file;
    unsigned verified;
    bool ended;
    int err, status;
};

static int verify(void *ctx, X509 *leaf, STACK_OF(X509) * chain, const struct pp_id *expected)
{
    (void)leaf;
    (void)chain;
    (void)expected;
    ((struct visit *)ctx)->verified++;
    return 0;
}

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    (void)fields;
    (void)n;
    ((struct visit *)ctx)->status = status;
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    (void)ctx;
    return bytes.len;
}

static void on_ended(void *ctx, int err, const char *text)
{
    struct visit *v = ctx;
    (void)text;
    v->err = err;
    v->ended = true;
}

/* A run of its own: one request to that node, and the client is gone. Was its certificate asked? */
static bool visit(struct app *app, const char *file, uint8_t node)
{
    static const struct pp_client_events events = {on_head, on_data, on_ended};
    struct visit v = {.app = app};
    struct pp_client *client = NULL;
    struct pp_client_options o = {
        .connections = 2, .tls = true, .ticket_file = file, .verify = verify, .verify_ctx = &v};
    struct pp_peer peer = {.id = {{node, 7}}, .http = app->port};
    struct pp_client_request r = {
        .peer = &peer, .method = "GET", .target = "/hello", .length = -1, .answer_max = 100};
    memcpy(peer.address, app_loopback, 16);
    CU_ASSERT_EQUAL_FATAL(pp_client_create(&client, app->loop, &o, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pp_client_start(client, &r, &events, &v));
    while (!v.ended) {
        pp_loop_turn(app->loop, true);
    }
    CU_ASSERT_EQUAL(v.err, 0);
    CU_ASSERT_EQUAL(v.status, 200);
    pp_client_destroy(client);
    return v.verified > 0;
}

static void test_a_node_is_known_again(void)
{
    char folder[] = "/tmp/peerpost-tickets-XXXXXX", path[64];
    struct tls_identity tls, other;
    struct app app;
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tickets", folder);
    tls_identity_make(&tls);
    tls_identity_make(&other);
    app_start(&app, NULL, tls.server);
    CU_ASSERT_TRUE(visit(&app, path, 1));
    CU_ASSERT_FALSE(visit(&app, path, 1));
    CU_ASSERT_FALSE(visit(&app, path, 1)); /* each visit brings a new ticket */
    CU_ASSERT_TRUE(visit(&app, path, 2));  /* another node at the same place */
    CU_ASSERT_TRUE(visit(&app, NULL, 1));
    pp_server_set_tls(app.server, other.server); /* restarted: the ticket means nothing there */
    CU_ASSERT_TRUE(visit(&app, path, 1));
    app_stop(&app);
    tls_identity_free(&tls);
    tls_identity_free(&other);
    unlink(path);
    rmdir(folder);
}

CHECK_MAIN("client_tickets", CHECK(test_each_is_used_once_and_before_its_end),
           CHECK(test_they_are_bounded), CHECK(test_the_file),
           CHECK(test_an_open_file_is_not_trusted), CHECK(test_a_node_is_known_again))
