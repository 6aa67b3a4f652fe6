/* The log; see log.h. One write(2) a line, so that lines of threads and processes never mix. */
#include <base/log.h>

#include <base/hash.h>
#include <errno.h>
#include <fcntl.h>
#include <peerpost/error.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static atomic_int log_fd = STDERR_FILENO;
static atomic_int log_max = PP_LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

int pp_log_level(const char *name)
{
    for (int i = 0; i <= PP_LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            return i;
        }
    }
    return PP_INVALID;
}

int pp_log_open(const char *path, enum pp_log_level level)
{
    int fd = STDERR_FILENO;
    if (path && strcmp(path, "-") != 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (fd < 0) {
            return PP_IO;
        }
    }
    int old = atomic_exchange(&log_fd, fd);
    if (old != STDERR_FILENO && old != fd) {
        close(old);
    }
    atomic_store(&log_max, (int)level);
    return PP_OK;
}

bool pp_log_wants(enum pp_log_level level)
{
    return (int)level <= atomic_load(&log_max);
}

void pp_log(enum pp_log_level level, const char *component, const char *format, ...)
{
    if (!pp_log_wants(level)) {
        return;
    }
    int saved = errno;
    char line[1024];
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ldZ %s %s: ", ts.tv_nsec / 1000000,
                          level_names[level], component);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof line - n - 1, format, args);
    va_end(args);
    size_t text = m < 0 ? 0 : (size_t)m;
    n = text < sizeof line - n - 1 ? n + text : sizeof line - 2;
    for (char *c = line; c < line + n; c++) {
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
    }
    line[n++] = '\n';
    ssize_t written = write(atomic_load(&log_fd), line, n);
    (void)written;
    errno = saved;
}

static uint8_t boot_key[16];

static void make_boot_key(void)
{
    pp_random(boot_key, sizeof boot_key);
}

void pp_log_tag(char out[9], struct pp_bytes secret_thing)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_boot_key);
    uint8_t digest[32];
    struct pp_buf b = {0};
    pp_buf_add(&b, boot_key, sizeof boot_key);
    pp_buf_add(&b, secret_thing.data, secret_thing.len);
    pp_sha256(digest, pp_buf_bytes(&b));
    pp_buf_free(&b);
    pp_hex(out, digest, 4);
}
