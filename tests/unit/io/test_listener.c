/* Sockets that listen: who comes, where from, and each refusal's sentence. */
#include <check.h>
#include <io/stream.h>
#include <peerpost/id.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct door {
    struct pp_loop *loop;
    struct pp_listener *listener;
    unsigned came, exhausted;
    uint8_t from[16];
    bool close_at_once;
};

static void on_accepted(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    struct door *d = ctx;
    CU_ASSERT_PTR_EQUAL(listener, d->listener);
    if (fd < 0) {
        d->exhausted++;
        return;
    }
    d->came++;
    memcpy(d->from, from, 16);
    CU_ASSERT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    if (d->close_at_once) {
        pp_listener_close(d->listener);
    }
}

static int call_tcp(const char *address, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
    if (!is_v4) {
        inet_pton(AF_INET6, address, &v6.sin6_addr);
    }
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    int err = is_v4 ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                    : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    CU_ASSERT_EQUAL(err, 0);
    return fd;
}

static void await(struct door *d, const unsigned *count, unsigned n)
{
    while (*count < n) {
        pp_loop_turn(d->loop, true);
    }
}

static void test_tcp_on_both_families(void)
{
    static const char *const addresses[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        struct door d = {.loop = pp_loop_create()};
        struct pp_error error = {0};
        uint8_t address[16];
        pp_address_parse(address, addresses[i]);
        int err = pp_listener_open(&d.listener, d.loop, address, 0, on_accepted, &d, &error);
        CU_ASSERT_EQUAL_FATAL(err, 0);
        CU_ASSERT_NOT_EQUAL(pp_listener_port(d.listener), 0);
        int fds[3];
        for (size_t j = 0; j < 3; j++) {
            fds[j] = call_tcp(addresses[i], pp_listener_port(d.listener));
        }
        await(&d, &d.came, 3);
        CU_ASSERT_EQUAL(memcmp(d.from, address, 16), 0);
        for (size_t j = 0; j < 3; j++) {
            close(fds[j]);
        }
        pp_listener_close(d.listener);
        pp_loop_destroy(d.loop);
    }
}

static void test_closing_inside_the_callback(void)
{
    struct door d = {.loop = pp_loop_create(), .close_at_once = true};
    struct pp_error error = {0};
    uint8_t address[16];
    pp_address_parse(address, "127.0.0.1");
    pp_listener_open(&d.listener, d.loop, address, 0, on_accepted, &d, &error);
    int one = call_tcp("127.0.0.1", pp_listener_port(d.listener));
    int two = call_tcp("127.0.0.1", pp_listener_port(d.listener));
    await(&d, &d.came, 1);
    CU_ASSERT_EQUAL(d.came, 1);
    close(one);
    close(two);
    pp_loop_destroy(d.loop);
}

static void test_refusals_say_what_to_do(void)
{
    struct door d = {.loop = pp_loop_create()};
    struct pp_error error = {0};
    struct pp_listener *other;
    uint8_t address[16];
    pp_address_parse(address, "127.0.0.1");
    pp_listener_open(&d.listener, d.loop, address, 0, on_accepted, &d, &error);
    uint16_t port = pp_listener_port(d.listener);
    CU_ASSERT_EQUAL(pp_listener_open(&other, d.loop, address, port, on_accepted, &d, &error),
                    PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "another program listens there"));
    pp_address_parse(address, "203.0.113.1");
    CU_ASSERT_EQUAL(pp_listener_open(&other, d.loop, address, port, on_accepted, &d, &error),
                    PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "203.0.113.1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no such address"));
    pp_listener_close(d.listener);
    pp_loop_destroy(d.loop);
}

static int call_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void test_unix_sockets(void)
{
    char folder[] = "/tmp/peerpost-listener-XXXXXX", path[64];
    static const uint8_t nowhere[16];
    struct door d = {.loop = pp_loop_create()};
    struct pp_listener *other = NULL;
    struct pp_error error = {0};
    struct stat st;
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/socket", folder);
    CU_ASSERT_EQUAL_FATAL(pp_listener_open_unix(&d.listener, d.loop, path, on_accepted, &d, &error),
                          0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    int fd = call_unix(path);
    await(&d, &d.came, 1);
    CU_ASSERT_EQUAL(memcmp(d.from, nowhere, 16), 0);
    close(fd);
    /* One that is served is left alone ... */
    CU_ASSERT_EQUAL(pp_listener_open_unix(&other, d.loop, path, on_accepted, &d, &error), PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    pp_listener_close(d.listener);
    CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
    /* ... one that a crash left behind is replaced, a file is not. */
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_FATAL(bind(dead, (struct sockaddr *)&a, sizeof a) == 0);
    close(dead);
    CU_ASSERT_EQUAL(pp_listener_open_unix(&d.listener, d.loop, path, on_accepted, &d, &error), 0);
    pp_listener_close(d.listener);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    CU_ASSERT_EQUAL(pp_listener_open_unix(&other, d.loop, path, on_accepted, &d, &error), PP_IO);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    unlink(path);
    rmdir(folder);
    pp_loop_destroy(d.loop);
}

static void test_a_long_path_is_refused(void)
{
    char path[200];
    struct pp_loop *loop = pp_loop_create();
    struct pp_listener *l = NULL;
    struct pp_error error = {0};
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CU_ASSERT_EQUAL(pp_listener_open_unix(&l, loop, path, on_accepted, NULL, &error), PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "107"));
    pp_loop_destroy(loop);
}

/* Out of descriptors it rests, tells, and takes the waiting when there are some again. */
static void test_out_of_descriptors(void)
{
    struct door d = {.loop = pp_loop_create()};
    struct pp_error error = {0};
    struct rlimit old, low;
    uint8_t address[16];
    pp_address_parse(address, "127.0.0.1");
    pp_listener_open(&d.listener, d.loop, address, 0, on_accepted, &d, &error);
    pp_loop_turn(d.loop, false);
    int fd = call_tcp("127.0.0.1", pp_listener_port(d.listener));
    CHECK_FATAL(getrlimit(RLIMIT_NOFILE, &old) == 0);
    low = (struct rlimit){(rlim_t)fd + 1, old.rlim_max};
    CHECK_FATAL(setrlimit(RLIMIT_NOFILE, &low) == 0);
    await(&d, &d.exhausted, 1);
    CU_ASSERT_EQUAL(d.came, 0);
    CHECK_FATAL(setrlimit(RLIMIT_NOFILE, &old) == 0);
    await(&d, &d.came, 1);
    close(fd);
    pp_listener_close(d.listener);
    pp_loop_destroy(d.loop);
}

CHECK_MAIN("listener", CHECK(test_tcp_on_both_families), CHECK(test_closing_inside_the_callback),
           CHECK(test_refusals_say_what_to_do), CHECK(test_unix_sockets),
           CHECK(test_a_long_path_is_refused), CHECK(test_out_of_descriptors))
