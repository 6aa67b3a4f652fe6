/*
 * A file by its URL: taken when newer, left when not; too big, unreachable; and a server that never
 * answers is left soon after another thread says stop.
 */
#include <check.h>

#include <arpa/inet.h>
#include <http/client.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64], from[96], to[96], url[120];

static void write_file(const char *path, const char *text, time_t when)
{
    FILE *f = fopen(path, "we");
    CHECK_FATAL(f && fputs(text, f) >= 0 && fclose(f) == 0);
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    CHECK_FATAL(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static bool is(const char *path, const char *text)
{
    char is[64] = "";
    FILE *f = fopen(path, "re");
    if (f) {
        is[fread(is, 1, sizeof is - 1, f)] = '\0';
        fclose(f);
    }
    return strcmp(is, text) == 0;
}

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/peerpost-download-XXXXXX");
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(from, sizeof from, "%s/from", folder);
    snprintf(to, sizeof to, "%s/to", folder);
    snprintf(url, sizeof url, "file://%s", from);
}

static void end(void)
{
    unlink(from);
    unlink(to);
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* nothing is left aside */
}

static void test_newer_alone(void)
{
    begin();
    write_file(from, "first\n", 1000000);
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 100, 5, NULL, NULL), PP_OK);
    CU_ASSERT(is(to, "first\n"));
    write_file(from, "older\n", 1000000); /* than the copy, which is of now */
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 100, 5, NULL, NULL), PP_OK);
    CU_ASSERT(is(to, "first\n"));
    write_file(to, "first\n", 1000000);
    write_file(from, "newer\n", 2000000);
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 100, 5, NULL, NULL), PP_OK);
    CU_ASSERT(is(to, "newer\n"));
    end();
}

static void test_failures_keep_the_old(void)
{
    struct pp_error error = {0};
    begin();
    write_file(to, "old\n", 1000000);
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 100, 5, NULL, &error), PP_UNREACHABLE);
    CU_ASSERT(strstr(error.text, url) != NULL);
    write_file(from, "more than six octets\n", 2000000);
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 6, 5, NULL, &error), PP_TOO_BIG);
    CU_ASSERT(is(to, "old\n"));
    end();
}

static void *say_stop(void *ctx)
{
    const struct timespec soon = {0, 100000000};
    nanosleep(&soon, NULL);
    atomic_store((atomic_bool *)ctx, true);
    return NULL;
}

static void test_a_silent_server_is_left(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    atomic_bool stop = false;
    pthread_t thread;
    begin();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_FATAL(bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 4) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/list", ntohs(at.sin_port));
    CHECK_FATAL(pthread_create(&thread, NULL, say_stop, &stop) == 0);
    time_t began = time(NULL);
    CU_ASSERT_EQUAL(pp_download(url, to, NULL, 100, 60, &stop, NULL), PP_CANCELLED);
    CU_ASSERT(time(NULL) - began < 10);
    pthread_join(thread, NULL);
    close(fd);
    end();
}

CHECK_MAIN("client_download", CHECK(test_newer_alone), CHECK(test_failures_keep_the_old),
           CHECK(test_a_silent_server_is_left))
