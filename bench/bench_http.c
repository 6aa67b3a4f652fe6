/*
 * The HTTP server alone, with 4 KiB behind every path: what core/http costs without a node behind
 * it. Runs until SIGTERM. Usage: bench_http PORT [CERTIFICATE KEY]
 */
#include <base/log.h>
#include <http/server.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>

static uint8_t object[4096];
static struct pp_server *server;
static struct pp_loop *loop;

static void begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    static const struct pp_bytes span = {object, sizeof object};
    static const struct pp_field type = {{(const uint8_t *)"Content-Type", 12},
                                         {(const uint8_t *)"application/octet-stream", 24}};
    (void)ctx;
    (void)head;
    pp_exchange_answer(x, 200, &type, 1, sizeof object);
    pp_exchange_emit(x, &span, 1);
    pp_exchange_finish(x);
}

static size_t body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    (void)ctx;
    (void)x;
    return bytes.len;
}

static void nothing(void *ctx, struct pp_exchange *x)
{
    (void)ctx;
    (void)x;
}

static void gone(void *ctx, struct pp_exchange *x, bool whole)
{
    (void)ctx;
    (void)x;
    (void)whole;
}

static void drained(void *ctx)
{
    pp_loop_stop(ctx);
}

static void on_term(void *ctx, int signo)
{
    (void)ctx;
    (void)signo;
    pp_server_drain(server, drained, loop);
}

static SSL_CTX *context(const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_file(tls, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "bench_http: cannot use %s with %s\n", certificate, key);
        exit(66);
    }
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    return tls;
}

int main(int argc, char **argv)
{
    static const uint8_t here[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    static const char *const exempt[] = {"127.0.0.0/8"};
    static const struct pp_handler handler = {begin, body, nothing, nothing, gone};
    struct pp_server_options options;
    struct pp_error error;
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: bench_http PORT [CERTIFICATE KEY]\n");
        return 64;
    }
    pp_server_options_default(&options);
    options.exempt = exempt;
    options.n_exempt = 1;
    options.requests_per_connection = 1000000000; /* as the peer is told */
    options.idle_time = PP_HOUR;
    loop = pp_loop_create();
    struct pp_workers *workers = pp_workers_create(loop, 2, 1000);
    SSL_CTX *tls = argc == 4 ? context(argv[2], argv[3]) : NULL;
    if (pp_server_create(&server, loop, workers, &options, &handler, NULL) ||
        pp_server_listen(server, here, (uint16_t)atoi(argv[1]), tls, NULL, &error)) {
        fprintf(stderr, "bench_http: %s\n", error.text);
        return 69;
    }
    pp_loop_signal(loop, SIGTERM, on_term, NULL);
    pp_loop_run(loop);
    pp_server_destroy(server);
    pp_workers_destroy(workers);
    pp_loop_destroy(loop);
    SSL_CTX_free(tls);
    return 0;
}
