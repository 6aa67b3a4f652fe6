/* Scanners against small servers and programs of this test: verdicts, failures, endless ones. */
#include <box/scan.h>

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char mail[] = "Subject: x\n\nbuy cheap pills\n";

static int64_t from_text(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const char *text = ctx;
    size_t len = strlen(text), n = offset < len ? len - (size_t)offset : 0;
    n = n < cap ? n : cap;
    memcpy(out, text + offset, n);
    return (int64_t)n;
}

static const struct pp_scanned message = {from_text, (void *)(uintptr_t)mail};
static char text[PP_SCAN_TEXT], path[100], address[110];
static const char *reply;
static size_t reply_len;
static int listening;
static char got[4096];
static size_t n_got;

/* One client: reads until the end mark of what it expects, answers, hangs up. */
static void *serve(void *ctx)
{
    const char *end = ctx;
    size_t end_len = end ? strlen(end) + (end[0] == 'z') : 4; /* z-commands end with NUL */
    int fd = accept(listening, NULL, NULL);
    n_got = 0;
    while (fd >= 0 && n_got < sizeof got) {
        ssize_t n = read(fd, got + n_got, sizeof got - n_got);
        if (n <= 0) {
            break;
        }
        n_got += (size_t)n;
        if (n_got >= end_len &&
            memcmp(got + n_got - end_len, end ? end : "\0\0\0\0", end_len) == 0) {
            break;
        }
    }
    if (reply && write(fd, reply, reply_len) < 0) {
        n_got = 0;
    }
    close(fd);
    return NULL;
}

static pthread_t begin(const char *answer, size_t len, const char *end)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    pthread_t thread;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    snprintf(path, sizeof path, "/tmp/pp-scan-%d", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    unlink(path);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    listening = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_FATAL(bind(listening, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK_FATAL(listen(listening, 1) == 0);
    reply = answer;
    reply_len = len;
    pthread_create(&thread, NULL, serve, (void *)(uintptr_t)end);
    return thread;
}

static void finish(pthread_t thread)
{
    pthread_join(thread, NULL);
    close(listening);
    unlink(path);
}

static enum pp_scan ask_clamd(const char *answer, size_t len)
{
    pthread_t thread = begin(answer, len, NULL);
    enum pp_scan verdict = pp_scan_clamd(address, &message, text);
    finish(thread);
    return verdict;
}

static void test_clamd(void)
{
    CU_ASSERT_EQUAL(ask_clamd("stream: OK", 11), PP_SCAN_CLEAN);
    CU_ASSERT(n_got == 10 + 4 + sizeof mail - 1 + 4 && memcmp(got, "zINSTREAM", 10) == 0);
    CU_ASSERT_EQUAL(ask_clamd("stream: Eicar FOUND", 20), PP_SCAN_FOUND);
    CU_ASSERT_STRING_EQUAL(text, "the virus scanner found Eicar");
    CU_ASSERT_EQUAL(ask_clamd("INSTREAM size limit exceeded. ERROR", 36), PP_SCAN_FAILED);
    CU_ASSERT_EQUAL(ask_clamd("stream: OK or so", 17), PP_SCAN_FAILED);
    CU_ASSERT_EQUAL(ask_clamd(NULL, 0), PP_SCAN_FAILED);
    CU_ASSERT_EQUAL(pp_scan_clamd("unix:/nowhere/clamd", &message, text), PP_SCAN_FAILED);
    CU_ASSERT(strstr(text, "no scanner answers at unix:/nowhere/clamd") != NULL);
    CU_ASSERT_EQUAL(pp_scan_clamd("nonsense", &message, text), PP_SCAN_FAILED);
}

static int age_of(const char *answer)
{
    pthread_t thread = begin(answer, strlen(answer) + 1, "zVERSION");
    int days = pp_scan_clamd_age(address, 1795597200, text); /* 2026-11-25 09:00 */
    finish(thread);
    return days;
}

static void test_clamd_age(void)
{
    CU_ASSERT_EQUAL(age_of("ClamAV 1.4.3/27500/Tue Nov 24 09:00:00 2026"), 1);
    CU_ASSERT_EQUAL(age_of("ClamAV 1.4.3/27500/Sun Nov  1 09:00:00 2026"), 24);
    CU_ASSERT(age_of("ClamAV 1.4.3") < 0);
}

static void test_commands(void)
{
    CU_ASSERT_EQUAL(pp_scan_spam("grep -q pills && exit 1; exit 0", &message, text), PP_SCAN_FOUND);
    CU_ASSERT_EQUAL(pp_scan_spam("grep -q flowers && exit 1; exit 0", &message, text),
                    PP_SCAN_CLEAN);
    CU_ASSERT_EQUAL(pp_scan_spam("true", &message, text), PP_SCAN_CLEAN); /* reads nothing */
    CU_ASSERT_EQUAL(pp_scan_spam("exit 9", &message, text), PP_SCAN_FAILED);
    CU_ASSERT_EQUAL(pp_scan_spam("kill -9 $$", &message, text), PP_SCAN_FAILED);
    CU_ASSERT(strstr(text, "signal 9") != NULL);
    CU_ASSERT_EQUAL(pp_scan_spam("/nowhere/filter", &message, text), PP_SCAN_FAILED);
    CU_ASSERT(strstr(text, "is it installed?") != NULL);
}

static void test_train(void)
{
    CU_ASSERT_EQUAL(pp_scan_train("x", "grep -q pills", true, &message, text), 0);
    CU_ASSERT(pp_scan_train("x", "grep -q flowers", true, &message, text) < 0);
    CU_ASSERT(pp_scan_train("x", NULL, true, &message, text) < 0);
    CU_ASSERT(strstr(text, "filter.train_spam") != NULL);
}

static enum pp_scan ask_rspamd(const char *answer)
{
    char filter[120];
    pthread_t thread = begin(answer, strlen(answer), "pills\n");
    snprintf(filter, sizeof filter, "rspamd:%s", address);
    enum pp_scan verdict = pp_scan_spam(filter, &message, text);
    finish(thread);
    return verdict;
}

static void test_rspamd(void)
{
    CU_ASSERT_EQUAL(ask_rspamd("HTTP/1.1 200 OK\r\n\r\n{\"action\":\"reject\",\"score\":20}"),
                    PP_SCAN_FOUND);
    CU_ASSERT(strncmp(got, "POST /checkv2 HTTP/1.0\r\n", 24) == 0);
    CU_ASSERT_EQUAL(ask_rspamd("HTTP/1.1 200 OK\r\n\r\n{\"action\":\"no action\"}"), PP_SCAN_CLEAN);
    CU_ASSERT_EQUAL(ask_rspamd("HTTP/1.1 500 No\r\n\r\n<html>"), PP_SCAN_FAILED);
}

CHECK_MAIN("scan", CHECK(test_clamd), CHECK(test_clamd_age), CHECK(test_commands),
           CHECK(test_train), CHECK(test_rspamd))
