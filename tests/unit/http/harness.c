/* See harness.h. */
#include "harness.h"

#include <errno.h>
#include <http/message.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (20 * PP_SECOND)

const uint8_t app_loopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

struct job { /* one exchange's state */
    size_t left, at;
    bool chunked, used;
    char path[64];
    size_t got;
};
static struct job jobs[64];

uint8_t app_octet(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static struct job *new_job(void)
{
    for (size_t i = 0; i < 64; i++) {
        if (!jobs[i].used) {
            jobs[i] = (struct job){.used = true};
            return &jobs[i];
        }
    }
    abort();
}

static void plain(struct pp_exchange *x, int status, const char *text)
{
    struct pp_bytes body = pp_str(text);
    struct pp_field type = {pp_str("Content-Type"), pp_str("text/plain")};
    pp_exchange_answer(x, status, &type, 1, (int64_t)body.len);
    pp_exchange_emit(x, &body, 1);
    pp_exchange_finish(x);
}

static bool path_is(const struct job *job, const char *path)
{
    return strcmp(job->path, path) == 0;
}

static void on_begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    struct app *app = ctx;
    struct job *job = new_job();
    snprintf(job->path, sizeof job->path, "%.*s", (int)head->path.len, head->path.data);
    pp_buf_printf(&app->log, "begin %s;", job->path);
    memcpy(app->source, pp_exchange_source(x), 16);
    app->certificate_len = pp_exchange_peer_certificate(x).len;
    pp_exchange_set(x, job);
    if (path_is(job, "/hello")) {
        plain(x, 200, "hello\n");
    } else if (path_is(job, "/refuse")) {
        plain(x, 413, "too big\n");
    } else if (path_is(job, "/unwanted")) {
        pp_exchange_refuse_body(x);
        app->waiting = x;
    } else if (path_is(job, "/nothing")) {
        pp_exchange_answer(x, 204, NULL, 0, 0);
        pp_exchange_finish(x);
    } else if (path_is(job, "/short")) {
        pp_exchange_answer(x, 200, NULL, 0, 100);
        pp_exchange_finish(x);
    } else if (path_is(job, "/inject")) {
        struct pp_field bad = {pp_str("X"), pp_str("a\r\nY: b")};
        pp_exchange_answer(x, 200, &bad, 1, 0);
        pp_exchange_finish(x);
    } else if (path_is(job, "/later")) {
        app->waiting = x;
    } else if (path_is(job, "/file")) {
        job->left = APP_FILE_OCTETS;
        pp_exchange_answer(x, 200, NULL, 0, (int64_t)job->left);
    } else if (path_is(job, "/big") || path_is(job, "/chunks")) {
        job->left = (size_t)atoi((const char *)head->query.data);
        job->chunked = path_is(job, "/chunks");
        pp_exchange_answer(x, 200, NULL, 0, job->chunked ? -1 : (int64_t)job->left);
        if (job->left == 0) {
            pp_exchange_finish(x);
        }
    }
}

static size_t on_body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    struct app *app = ctx;
    struct job *job = pp_exchange_get(x);
    size_t n = app->greed && app->greed < bytes.len ? app->greed : bytes.len;
    app->body_octets += n;
    job->got += n;
    if (n < bytes.len) {
        pp_loop_post(app->loop, (void (*)(void *))pp_exchange_resume, x);
    }
    return n;
}

static void on_end(void *ctx, struct pp_exchange *x)
{
    struct app *app = ctx;
    struct job *job = pp_exchange_get(x);
    pp_buf_add_str(&app->log, "end;");
    if (path_is(job, "/put") || path_is(job, "/get")) {
        char text[64];
        snprintf(text, sizeof text, "got %zu\n", job->got);
        plain(x, 201, text);
    }
}

static void on_pull(void *ctx, struct pp_exchange *x)
{
    static uint8_t data[256 * 1024 + 64];
    struct app *app = ctx;
    struct job *job = pp_exchange_get(x);
    size_t n = job->left < 256 * 1024 ? job->left : 256 * 1024, took;
    if (path_is(job, "/later")) {
        return;
    }
    if (path_is(job, "/file")) {
        took = pp_exchange_emit_file(x, app->file, job->at, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            data[i] = app_octet(job->at + i);
        }
        struct pp_bytes spans[3] = {{data, n / 3}, {data + n / 3, 0}, {data + n / 3, n - n / 3}};
        took = pp_exchange_emit(x, spans, 3);
    }
    job->at += took;
    job->left -= took;
    if (job->left == 0) {
        pp_exchange_finish(x);
    }
}

static void on_gone(void *ctx, struct pp_exchange *x, bool whole)
{
    struct app *app = ctx;
    struct job *job = pp_exchange_get(x);
    pp_buf_printf(&app->log, "gone %d;", whole);
    job->used = false;
    if (app->waiting == x) {
        app->waiting = NULL;
    }
}

static int pattern_file(void)
{
    int fd = memfd_create("pattern", MFD_CLOEXEC);
    static uint8_t data[APP_FILE_OCTETS];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = app_octet(i);
    }
    CHECK_FATAL(write(fd, data, sizeof data) == (ssize_t)sizeof data);
    return fd;
}

void app_start(struct app *app, const struct pp_server_options *options, SSL_CTX *tls)
{
    static const struct pp_handler handler = {on_begin, on_body, on_end, on_pull, on_gone};
    struct pp_server_options defaults;
    struct pp_error error = {0};
    pp_server_options_default(&defaults);
    memset(app, 0, sizeof *app);
    memset(jobs, 0, sizeof jobs);
    app->loop = pp_loop_create();
    app->workers = pp_workers_create(app->loop, 2, 100);
    app->file = pattern_file();
    CU_ASSERT_EQUAL_FATAL(pp_server_create(&app->server, app->loop, app->workers,
                                           options ? options : &defaults, &handler, app),
                          0);
    CU_ASSERT_EQUAL_FATAL(pp_server_listen(app->server, app_loopback, 0, tls, &app->port, &error),
                          0);
}

void app_stop(struct app *app)
{
    pp_server_destroy(app->server);
    pp_workers_destroy(app->workers);
    pp_loop_destroy(app->loop);
    pp_buf_free(&app->log);
    close(app->file);
}

static void on_peer(void *ctx, unsigned events)
{
    struct peer *p = ctx;
    uint8_t data[65536];
    (void)events;
    ssize_t n = recv(p->fd, data, sizeof data, MSG_DONTWAIT);
    if (n > 0) {
        pp_buf_add(&p->in, data, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        p->eof = true;
        p->reset = n < 0;
        pp_watch_set(p->watch, 0);
    }
}

void peer_open(struct peer *p, struct app *app)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(app->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memset(p, 0, sizeof *p);
    p->app = app;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_FATAL(connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0);
    p->watch = pp_watch_create(app->loop, p->fd, on_peer, p);
    peer_read(p, true);
}

void peer_read(struct peer *p, bool on)
{
    pp_watch_set(p->watch, on && !p->eof ? PP_READABLE : 0);
}

void peer_send(struct peer *p, const void *data, size_t len)
{
    size_t at = 0;
    while (at < len && !p->eof) {
        ssize_t n = send(p->fd, (const char *)data + at, len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            return;
        }
        at += n > 0 ? (size_t)n : 0;
        if (at < len) {
            pp_loop_turn(p->app->loop, false);
        }
    }
}

void peer_say(struct peer *p, const char *text)
{
    peer_send(p, text, strlen(text));
}

size_t peer_count(const struct peer *p, const char *text)
{
    size_t n = 0, len = strlen(text);
    const uint8_t *at = p->in.data, *end = p->in.data + p->in.len;
    while (at && (at = memmem(at, (size_t)(end - at), text, len))) {
        n++;
        at += len;
    }
    return n;
}

static void too_long(void *ctx)
{
    fprintf(stderr, "\n    nothing came for 20 s; the log says: %s\n", (char *)ctx);
    abort();
}

/* One turn that waits, but not for ever. */
static void turn(struct app *app)
{
    struct pp_timer *timer = pp_timer_create(app->loop, too_long, app->log.data);
    pp_timer_set(timer, pp_loop_now(app->loop).mono + PATIENCE);
    pp_loop_turn(app->loop, true);
    pp_timer_destroy(timer);
}

/* What is queued may already be what is awaited, so a turn that does not wait comes first. */
#define AWAIT(app, condition)                                                                      \
    for (bool waits = false; !(condition); waits = !waits) {                                       \
        waits ? turn(app) : pp_loop_turn((app)->loop, false);                                      \
    }

bool peer_await(struct peer *p, const char *text, size_t times)
{
    AWAIT(p->app, peer_count(p, text) >= times || p->eof);
    return peer_count(p, text) >= times;
}

bool peer_await_octets(struct peer *p, size_t n)
{
    AWAIT(p->app, p->in.len >= n || p->eof);
    return p->in.len >= n;
}

void peer_await_end(struct peer *p)
{
    AWAIT(p->app, p->eof);
}

void peer_close(struct peer *p)
{
    pp_watch_destroy(p->watch);
    close(p->fd);
    pp_buf_free(&p->in);
}

bool app_logged(const struct app *app, const char *text)
{
    return app->log.data && strstr((const char *)app->log.data, text) != NULL;
}

void app_await(struct app *app, const char *text)
{
    AWAIT(app, app_logged(app, text));
}

static int take_any(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

void tls_identity_make(struct tls_identity *t)
{
    t->key = EVP_EC_gen("P-256");
    t->certificate = X509_new();
    X509_set_version(t->certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(t->certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(t->certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(t->certificate), 3600);
    X509_set_pubkey(t->certificate, t->key);
    CHECK_FATAL(X509_sign(t->certificate, t->key, EVP_sha256()) > 0);
    t->server = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(t->server, TLS1_3_VERSION);
    SSL_CTX_set_session_id_context(t->server, (const unsigned char *)"t", 1);
    SSL_CTX_set_verify(t->server, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(t->server, take_any, NULL);
    CHECK_FATAL(SSL_CTX_use_certificate(t->server, t->certificate) == 1);
    CHECK_FATAL(SSL_CTX_use_PrivateKey(t->server, t->key) == 1);
}

void tls_identity_free(struct tls_identity *t)
{
    SSL_CTX_free(t->server);
    X509_free(t->certificate);
    EVP_PKEY_free(t->key);
}
