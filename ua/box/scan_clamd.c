/* clamd (its manual page, "COMMANDS": zINSTREAM, zVERSION); see scan.h. */
#include <box/scan.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536
#define DAY 86400

/* The answer up to its NUL. */
static int answer(int fd, char *out, size_t cap)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, out + len, cap - 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        if (memchr(out, '\0', len) || len == cap - 1) {
            break;
        }
    }
    out[len] = '\0';
    return len ? 0 : -1;
}

/* Chunks of length (4, big-endian) and octets; one of length 0 ends. */
static int stream(int fd, const struct pp_scanned *message)
{
    unsigned char piece[4 + PIECE];
    uint64_t at = 0;
    for (int64_t n = 1; n > 0; at += (uint64_t)n) {
        n = message->read(message->ctx, at, piece + 4, PIECE);
        if (n < 0) {
            return -1;
        }
        piece[0] = 0;
        piece[1] = (unsigned char)(n >> 16);
        piece[2] = (unsigned char)(n >> 8);
        piece[3] = (unsigned char)n;
        if (pp_scan_write(fd, piece, 4 + (size_t)n) != 0) {
            return -1;
        }
    }
    return 0;
}

/* "stream: OK", "stream: NAME FOUND", or an error. */
static enum pp_scan judge(char *said, char text[PP_SCAN_TEXT])
{
    size_t len = strlen(said);
    const char *name = strncmp(said, "stream: ", 8) == 0 ? said + 8 : said;
    if (strcmp(name, "OK") == 0) {
        return PP_SCAN_CLEAN;
    }
    if (len > 6 && strcmp(said + len - 6, " FOUND") == 0) {
        said[len - 6] = '\0';
        snprintf(text, PP_SCAN_TEXT, "the virus scanner found %.150s", name);
        return PP_SCAN_FOUND;
    }
    snprintf(text, PP_SCAN_TEXT, "the virus scanner cannot say: %.150s", said);
    return PP_SCAN_FAILED;
}

enum pp_scan pp_scan_clamd(const char *address, const struct pp_scanned *message,
                           char text[PP_SCAN_TEXT])
{
    char said[512] = "";
    int fd = pp_scan_connect(address, text);
    if (fd < 0) {
        return PP_SCAN_FAILED;
    }
    /* it answers and hangs up in the middle when the message is over its limit: read that too */
    bool sent = pp_scan_write(fd, "zINSTREAM", 10) == 0 && stream(fd, message) == 0;
    bool heard = answer(fd, said, sizeof said) == 0;
    close(fd);
    if (!heard) {
        snprintf(text, PP_SCAN_TEXT, "the virus scanner at %.100s %s", address,
                 sent ? "gave no answer" : "hung up");
        return PP_SCAN_FAILED;
    }
    return judge(said, text);
}

/* "ClamAV 1.4.3/27500/Tue Nov 24 10:00:00 2026" */
int pp_scan_clamd_age(const char *address, time_t now, char text[PP_SCAN_TEXT])
{
    char said[512] = "";
    struct tm made = {0};
    int fd = pp_scan_connect(address, text);
    if (fd < 0) {
        return -1;
    }
    bool ok = pp_scan_write(fd, "zVERSION", 9) == 0 && answer(fd, said, sizeof said) == 0;
    close(fd);
    const char *date = ok ? strrchr(said, '/') : NULL;
    if (!date || !strptime(date + 1, "%a %b %e %H:%M:%S %Y", &made)) {
        snprintf(text, PP_SCAN_TEXT, "the virus scanner does not tell the age of its definitions");
        return -1;
    }
    time_t then = timegm(&made);
    return now > then ? (int)((now - then) / DAY) : 0;
}
