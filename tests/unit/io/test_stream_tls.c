/*
 * TLS streams against an OpenSSL client in the same thread, over a socket pair: handshakes on a
 * worker, records in both directions, back-pressure, and streams closed at each moment.
 */
#include <check.h>
#include <io/stream.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct pp_stream *stream;
    SSL_CTX *server, *client_context;
    SSL *client;
    X509 *certificate;
    EVP_PKEY *key;
    int fd;
    bool open, failed;
    unsigned readable, writable;
};

static void on_stream(void *ctx, unsigned events)
{
    struct end *e = ctx;
    e->open |= (events & PP_STREAM_OPEN) != 0;
    e->failed |= (events & PP_STREAM_FAILED) != 0;
    e->readable += events & PP_READABLE ? 1 : 0;
    e->writable += events & PP_WRITABLE ? 1 : 0;
}

static int take_any(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static void make_identity(struct end *e)
{
    e->key = EVP_EC_gen("P-256");
    e->certificate = X509_new();
    X509_set_version(e->certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(e->certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(e->certificate), 3600);
    X509_set_pubkey(e->certificate, e->key);
    CHECK_FATAL(X509_sign(e->certificate, e->key, EVP_sha256()) > 0);
    e->server = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(e->server, e->certificate);
    SSL_CTX_use_PrivateKey(e->server, e->key);
    SSL_CTX_set_verify(e->server, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(e->server, take_any, NULL);
    e->client_context = SSL_CTX_new(TLS_client_method());
}

static void open_end(struct end *e, bool threads)
{
    int pair[2];
    memset(e, 0, sizeof *e);
    make_identity(e);
    CHECK_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    e->loop = pp_loop_create();
    e->workers = threads ? pp_workers_create(e->loop, 2, 10) : NULL;
    e->fd = pair[1];
    e->stream = pp_stream_create(e->loop, pair[0], on_stream, e);
    CU_ASSERT_EQUAL_FATAL(pp_stream_accept_tls(e->stream, e->server, e->workers), 0);
    e->client = SSL_new(e->client_context);
    SSL_set_fd(e->client, e->fd);
    SSL_set_connect_state(e->client);
    SSL_set_mode(e->client, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void close_end(struct end *e)
{
    pp_stream_close(e->stream);
    pp_workers_destroy(e->workers);
    pp_loop_destroy(e->loop);
    SSL_free(e->client);
    SSL_CTX_free(e->client_context);
    SSL_CTX_free(e->server);
    X509_free(e->certificate);
    EVP_PKEY_free(e->key);
    close(e->fd);
}

static void shake(struct end *e)
{
    while (!e->open && !e->failed) {
        SSL_do_handshake(e->client);
        pp_loop_turn(e->loop, false);
    }
    CHECK_FATAL(e->open);
}

static void test_handshakes_on_a_worker_and_without(void)
{
    for (int threads = 0; threads < 2; threads++) {
        struct end e;
        open_end(&e, threads);
        shake(&e);
        CU_ASSERT_TRUE(pp_stream_is_tls(e.stream));
        CU_ASSERT_PTR_NULL(pp_stream_peer(e.stream));
        close_end(&e);
    }
}

/* Everything the client writes arrives, in turns that are woken only by readiness. */
static void test_records_in(void)
{
    static uint8_t data[100000], got[sizeof data];
    struct end e;
    size_t sent = 0, have = 0;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 31 + i / 255);
    }
    open_end(&e, true);
    shake(&e);
    pp_stream_want(e.stream, PP_READABLE);
    while (have < sizeof data) {
        size_t n = 0;
        if (sent < sizeof data && SSL_write_ex(e.client, data + sent, sizeof data - sent, &n)) {
            sent += n;
        }
        unsigned before = e.readable;
        pp_loop_turn(e.loop, sent == sizeof data);
        if (e.readable > before) {
            int64_t r = pp_stream_read(e.stream, got + have, 777); /* less than a record */
            CU_ASSERT_TRUE(r > 0 || r == PP_AGAIN);
            have += r > 0 ? (size_t)r : 0;
            pp_stream_want(e.stream, PP_READABLE);
        }
    }
    CU_ASSERT_EQUAL(memcmp(got, data, sizeof data), 0);
    SSL_shutdown(e.client);
    int64_t end;
    while ((end = pp_stream_read(e.stream, got, 10)) == PP_AGAIN) {
        pp_loop_turn(e.loop, true);
    }
    CU_ASSERT_EQUAL(end, 0);
    close_end(&e);
}

/* Part of a record wakes the stream once, not for ever. */
static void test_part_of_a_record_does_not_spin(void)
{
    struct end e;
    uint8_t out[10];
    open_end(&e, false);
    shake(&e);
    CU_ASSERT_EQUAL(pp_stream_read(e.stream, out, sizeof out), PP_AGAIN);
    pp_stream_want(e.stream, PP_READABLE);
    CU_ASSERT_EQUAL(write(e.fd, "\x17\x03\x03\x01\x00partial", 12), 12);
    pp_loop_turn(e.loop, true);
    CU_ASSERT_EQUAL(e.readable, 1);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(pp_stream_read(e.stream, out, sizeof out), PP_AGAIN);
        pp_stream_want(e.stream, PP_READABLE);
        pp_loop_turn(e.loop, false);
    }
    CU_ASSERT_EQUAL(e.readable, 1);
    close_end(&e);
}

static void read_all(struct end *e, uint8_t *out, size_t want)
{
    size_t have = 0;
    while (have < want) {
        size_t n = 0;
        if (SSL_read_ex(e->client, out + have, want - have, &n)) {
            have += n;
        } else {
            pp_loop_turn(e->loop, false);
        }
    }
}

static void test_records_out_and_back_pressure(void)
{
    static uint8_t data[2000000], got[sizeof data];
    struct end e;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 17 + i / 254);
    }
    open_end(&e, true);
    shake(&e);
    struct pp_bytes spans[] = {{data, 100}, {data + 100, sizeof data - 100}};
    int64_t took = pp_stream_write(e.stream, spans, 2, false);
    CU_ASSERT_TRUE(took > 100 && took < (int64_t)sizeof data);
    CU_ASSERT_TRUE(pp_stream_unsent(e.stream)); /* the last record is kept for the caller */
    struct pp_bytes rest = pp_bytes(data + took, sizeof data - (size_t)took);
    CU_ASSERT_EQUAL(pp_stream_write(e.stream, &rest, 1, false), 0);
    pp_stream_want(e.stream, PP_WRITABLE);
    pp_loop_turn(e.loop, false);
    CU_ASSERT_EQUAL(e.writable, 0);
    read_all(&e, got, (size_t)took);
    CU_ASSERT_TRUE(e.writable > 0);
    CU_ASSERT_FALSE(pp_stream_unsent(e.stream));
    CU_ASSERT_EQUAL(memcmp(got, data, (size_t)took), 0);
    CU_ASSERT_EQUAL(pp_stream_write(e.stream, &rest, 1, false) > 0, 1);
    close_end(&e);
}

static void test_a_file_over_tls(void)
{
    static uint8_t got[70000];
    struct end e;
    int file = memfd_create("file", MFD_CLOEXEC);
    CHECK_FATAL(write(file, "0123456789", 10) == 10 && ftruncate(file, 70005) == 0);
    open_end(&e, false);
    shake(&e);
    CU_ASSERT_EQUAL(pp_stream_send_file(e.stream, file, 5, 70000), 70000);
    read_all(&e, got, 70000);
    CU_ASSERT_EQUAL(memcmp(got, "56789\0\0", 7), 0);
    CU_ASSERT_EQUAL(pp_stream_send_file(e.stream, file, 70005, 1), PP_IO);
    close(file);
    close_end(&e);
}

static void test_a_clients_certificate_is_shown(void)
{
    struct end e;
    open_end(&e, true);
    SSL_use_certificate(e.client, e.certificate);
    SSL_use_PrivateKey(e.client, e.key);
    shake(&e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pp_stream_peer(e.stream));
    CU_ASSERT_EQUAL(X509_cmp(pp_stream_peer(e.stream), e.certificate), 0);
    close_end(&e);
}

static void test_what_is_no_tls_fails(void)
{
    struct end e;
    open_end(&e, true);
    CU_ASSERT_EQUAL(write(e.fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    while (!e.failed) {
        pp_loop_turn(e.loop, true);
    }
    CU_ASSERT_FALSE(e.open);
    close_end(&e);
}

/* Closed while a worker may hold it: nothing is called and nothing leaks, whoever comes first. */
static void test_closing_in_the_midst_of_a_handshake(void)
{
    for (int turns = 0; turns < 6; turns++) {
        struct end e;
        open_end(&e, true);
        for (int i = 0; i < turns; i++) {
            SSL_do_handshake(e.client);
            pp_loop_turn(e.loop, false);
        }
        pp_stream_close(e.stream);
        e.stream = NULL;
        e.open = e.failed = false;
        pp_loop_turn(e.loop, false);
        CU_ASSERT_FALSE(e.open || e.failed);
        close_end(&e);
    }
}

CHECK_MAIN("stream_tls", CHECK(test_handshakes_on_a_worker_and_without), CHECK(test_records_in),
           CHECK(test_part_of_a_record_does_not_spin), CHECK(test_records_out_and_back_pressure),
           CHECK(test_a_file_over_tls), CHECK(test_a_clients_certificate_is_shown),
           CHECK(test_what_is_no_tls_fails), CHECK(test_closing_in_the_midst_of_a_handshake))
