/*
 * The server with curl, the program, as the client that everybody has: plain, over TLS, and over a
 * unix socket. curl runs beside; the loop turns here until it has ended.
 */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct output {
    struct pp_buf text;
    struct pp_watch *watch;
    int fd;
    bool ended;
};

static void on_output(void *ctx, unsigned events)
{
    struct output *o = ctx;
    char data[65536];
    (void)events;
    ssize_t n = read(o->fd, data, sizeof data);
    if (n > 0) {
        pp_buf_add(&o->text, data, (size_t)n);
    } else {
        o->ended = true;
    }
}

/* curl -s -w '[%{http_code}]' with these arguments; its exit status. */
static int curl(struct app *app, struct output *o, const char *const *arguments)
{
    const char *argv[24] = {"curl", "-s", "-k", "--noproxy", "*", "-w", "[%{http_code}]"};
    size_t n = 7;
    int pair[2], status = 0;
    while (*arguments) {
        argv[n++] = *arguments++;
    }
    memset(o, 0, sizeof *o);
    CHECK_FATAL(pipe2(pair, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pair[1], 1);
        execvp("curl", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(pair[1]);
    o->fd = pair[0];
    o->watch = pp_watch_create(app->loop, o->fd, on_output, o);
    pp_watch_set(o->watch, PP_READABLE);
    while (!o->ended) {
        pp_loop_turn(app->loop, true);
    }
    pp_watch_destroy(o->watch);
    close(o->fd);
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static bool says(struct output *o, const char *text)
{
    bool equal = pp_bytes_is(pp_buf_bytes(&o->text), text);
    if (!equal) {
        printf("\n    %.*s", (int)(o->text.len < 200 ? o->text.len : 200), (char *)o->text.data);
    }
    pp_buf_free(&o->text);
    return equal;
}

/* A file of 3 MiB to send. */
static void make_file(char path[64])
{
    static char data[3u << 20];
    snprintf(path, 64, "/tmp/peerpost-curl-XXXXXX");
    int fd = mkstemp(path);
    CHECK_FATAL(fd >= 0 && write(fd, data, sizeof data) == (ssize_t)sizeof data);
    close(fd);
}

static void all_ways(struct app *app, const char *scheme)
{
    char hello[64], put[64], big[64], file[64], refuse[64], path[64], form[80];
    struct output o;
    snprintf(hello, sizeof hello, "%s://127.0.0.1:%u/hello", scheme, app->port);
    snprintf(put, sizeof put, "%s://127.0.0.1:%u/put", scheme, app->port);
    snprintf(refuse, sizeof refuse, "%s://127.0.0.1:%u/refuse", scheme, app->port);
    snprintf(big, sizeof big, "%s://127.0.0.1:%u/big?2000000", scheme, app->port);
    snprintf(file, sizeof file, "%s://127.0.0.1:%u/file", scheme, app->port);
    make_file(path);
    snprintf(form, sizeof form, "object=@%s", path);
    const char *get[] = {hello, hello, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, get), 0);
    CU_ASSERT_TRUE(says(&o, "hello\n[200]hello\n[200]"));
    const char *old[] = {"--http1.0", hello, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, old), 0);
    CU_ASSERT_TRUE(says(&o, "hello\n[200]"));
    const char *upload[] = {"-T", path, put, NULL}; /* over 1 MiB: Expect */
    CU_ASSERT_EQUAL(curl(app, &o, upload), 0);
    CU_ASSERT_TRUE(says(&o, "got 3145728\n[201]"));
    const char *chunked[] = {"-H", "Transfer-Encoding: chunked", "-T", path, put, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, chunked), 0);
    CU_ASSERT_TRUE(says(&o, "got 3145728\n[201]"));
    const char *parts[] = {"-X", "PUT", "-F", form, "-o", "/dev/null", put, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, parts), 0);
    CU_ASSERT_TRUE(says(&o, "[201]"));
    const char *refused[] = {"-T", path, refuse, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, refused), 0);
    CU_ASSERT_TRUE(says(&o, "too big\n[413]"));
    const char *large[] = {"-o", "/dev/null", "-w", "%{size_download}", big, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, large), 0);
    CU_ASSERT_TRUE(says(&o, "2000000"));
    const char *from_file[] = {file, NULL};
    CU_ASSERT_EQUAL(curl(app, &o, from_file), 0);
    bool equal = o.text.len == APP_FILE_OCTETS + 5;
    for (size_t i = 0; equal && i < APP_FILE_OCTETS; i++) {
        equal = o.text.data[i] == app_octet(i);
    }
    CU_ASSERT_TRUE(equal);
    pp_buf_free(&o.text);
    unlink(path);
}

static void test_curl_plain(void)
{
    struct app app;
    app_start(&app, NULL, NULL);
    all_ways(&app, "http");
    app_stop(&app);
}

static void test_curl_over_tls(void)
{
    struct tls_identity tls;
    struct app app;
    struct output o;
    char url[64];
    tls_identity_make(&tls);
    app_start(&app, NULL, tls.server);
    all_ways(&app, "https");
    /* Nothing older than TLS 1.3. */
    snprintf(url, sizeof url, "https://127.0.0.1:%u/hello", app.port);
    const char *old[] = {"--tls-max", "1.2", url, NULL};
    CU_ASSERT_NOT_EQUAL(curl(&app, &o, old), 0);
    CU_ASSERT_TRUE(says(&o, "[000]"));
    /* A new certificate serves new connections. */
    struct tls_identity next;
    tls_identity_make(&next);
    pp_server_set_tls(app.server, next.server);
    tls_identity_free(&tls);
    const char *get[] = {url, NULL};
    CU_ASSERT_EQUAL(curl(&app, &o, get), 0);
    CU_ASSERT_TRUE(says(&o, "hello\n[200]"));
    app_stop(&app);
    tls_identity_free(&next);
}

static void test_curl_over_a_unix_socket(void)
{
    char folder[] = "/tmp/peerpost-unix-XXXXXX", path[64];
    struct pp_error error = {0};
    struct app app;
    struct output o;
    static const uint8_t nowhere[16];
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/s", folder);
    app_start(&app, NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(pp_server_listen_unix(app.server, path, &error), 0);
    const char *get[] = {"--unix-socket", path, "http://x/hello", NULL};
    CU_ASSERT_EQUAL(curl(&app, &o, get), 0);
    CU_ASSERT_TRUE(says(&o, "hello\n[200]"));
    CU_ASSERT_EQUAL(memcmp(app.source, nowhere, 16), 0);
    app_stop(&app);
    rmdir(folder);
}

CHECK_MAIN("server_curl", CHECK(test_curl_plain), CHECK(test_curl_over_tls),
           CHECK(test_curl_over_a_unix_socket))
