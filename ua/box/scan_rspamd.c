/* rspamd's normal worker over HTTP (POST /checkv2, JSON answer); see scan.h. */
#include <box/scan.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536
#define ANSWER_MAX (1 << 20)

static uint64_t size_of(const struct pp_scanned *message)
{
    char piece[PIECE];
    uint64_t size = 0;
    for (int64_t n; (n = message->read(message->ctx, size, piece, sizeof piece)) > 0;) {
        size += (uint64_t)n;
    }
    return size;
}

static int ask(int fd, const struct pp_scanned *message)
{
    char piece[PIECE];
    uint64_t at = 0, size = size_of(message);
    int n = snprintf(piece, sizeof piece,
                     "POST /checkv2 HTTP/1.0\r\nContent-Type: message/rfc822\r\n"
                     "Content-Length: %llu\r\n\r\n",
                     (unsigned long long)size);
    if (pp_scan_write(fd, piece, (size_t)n) != 0) {
        return -1;
    }
    while (at < size) {
        int64_t got = message->read(message->ctx, at, piece, sizeof piece);
        if (got <= 0 || pp_scan_write(fd, piece, (size_t)got) != 0) {
            return -1;
        }
        at += (uint64_t)got;
    }
    return 0;
}

/* All until it hangs up, NUL after it. */
static char *read_all(int fd)
{
    char *all = malloc(ANSWER_MAX + 1);
    size_t len = 0;
    while (all && len < ANSWER_MAX) {
        ssize_t n = read(fd, all + len, ANSWER_MAX - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    if (all) {
        all[len] = '\0';
    }
    return all;
}

static enum pp_scan judge(const char *answer, char text[PP_SCAN_TEXT])
{
    static const char *const spam[] = {"reject", "rewrite subject", "add header"};
    const char *body = answer ? strstr(answer, "\r\n\r\n") : NULL;
    json_t *root = body ? json_loads(body + 4, 0, NULL) : NULL;
    const char *action = json_string_value(json_object_get(root, "action"));
    enum pp_scan verdict = action ? PP_SCAN_CLEAN : PP_SCAN_FAILED;
    for (size_t i = 0; action && i < sizeof spam / sizeof *spam; i++) {
        verdict = strcmp(action, spam[i]) == 0 ? PP_SCAN_FOUND : verdict;
    }
    if (verdict == PP_SCAN_FOUND) {
        snprintf(text, PP_SCAN_TEXT, "rspamd says: %.100s", action);
    } else if (verdict == PP_SCAN_FAILED) {
        snprintf(text, PP_SCAN_TEXT, "rspamd gave no answer that can be read");
    }
    json_decref(root);
    return verdict;
}

enum pp_scan pp_scan_rspamd(const char *address, const struct pp_scanned *message,
                            char text[PP_SCAN_TEXT])
{
    int fd = pp_scan_connect(address, text);
    if (fd < 0) {
        return PP_SCAN_FAILED;
    }
    char *answer = ask(fd, message) == 0 ? read_all(fd) : NULL;
    close(fd);
    enum pp_scan verdict = judge(answer, text);
    free(answer);
    return verdict;
}
