/*
 * What peerpost says: failures with the exit codes of sysexits.h, progress on a terminal, other
 * people's octets made harmless. It must not know what it is said about.
 */
#include <cli/cli.h>
#include <session/agent.h>
#include <session/session.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cli_exit_code(int code)
{
    switch (code) {
    case PP_OK:
        return EX_OK;
    case PP_CONFIG:
    case PP_PLUGIN:
        return EX_CONFIG;
    case PP_NOT_FOUND:
        return EX_NOINPUT;
    case PP_MALFORMED:
    case PP_FORMAT:
    case PP_TOO_BIG:
        return EX_DATAERR;
    case PP_DENIED:
    case PP_UNTRUSTED:
    case PP_REVOKED:
    case PP_EXPIRED:
        return EX_NOPERM;
    case PP_UNREACHABLE:
    case PP_LOCAL:
    case PP_OFFLINE:
    case PP_BUSY:
    case PP_AGAIN:
    case PP_TIMEOUT:
        return EX_TEMPFAIL;
    case PP_IO:
    case PP_FULL:
    case PP_BROKEN:
        return EX_IOERR;
    case PP_INVALID:
        return EX_USAGE;
    default:
        return EX_SOFTWARE;
    }
}

int cli_fail(const struct pp_error *error)
{
    cli_progress("%s", "");
    fprintf(stderr, "peerpost: %s\n", error->text);
    return cli_exit_code(error->code);
}

int cli_fails(int exit_code, const char *format, ...)
{
    va_list args;
    cli_progress("%s", "");
    fputs("peerpost: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return exit_code;
}

void cli_progress(const char *format, ...)
{
    static bool shown;
    char text[200];
    va_list args;
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (text[0] || shown) {
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
    }
    shown = text[0] != '\0';
}

static void waiting(void)
{
    cli_progress("waiting for another peerpost of yours");
}

int cli_session(struct session **session, struct cli *cli, pp_ns patience, struct pp_error *error)
{
    return session_open(session, cli->config, patience, waiting, error);
}

int cli_agent(struct agent **agent, struct cli *cli, pp_ns patience, struct pp_error *error)
{
    return agent_open(agent, cli->config, patience, waiting, error);
}

void cli_print_safe(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0; /* control octets in UTF-8 */
        putchar(*p < ' ' || *p == 0x7f || c1 ? '?' : *p);
        p += c1;
    }
}

/* Octets of the well-formed UTF-8 character that starts here; 0: none does (RFC 3629). */
static size_t utf8_length(const unsigned char *p)
{
    size_t n = *p < 0x80                 ? 1
               : *p >= 0xc2 && *p < 0xe0 ? 2
               : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xf0 && *p < 0xf5 ? 4
                                         : 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool surrogate = n == 3 && p[0] == 0xed && p[1] >= 0xa0;
    bool overlong =
        (n == 3 && p[0] == 0xe0 && p[1] < 0xa0) || (n == 4 && p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = n == 4 && p[0] == 0xf4 && p[1] >= 0x90;
    return surrogate || overlong || beyond ? 0 : n;
}

void cli_print_json(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = utf8_length(p);
        if (n == 0) {
            fputs("\\ufffd", stdout);
            p++;
        } else if (*p == '"' || *p == '\\') {
            printf("\\%c", *p++);
        } else if (*p < ' ') {
            printf("\\u%04x", *p++);
        } else {
            fwrite(p, 1, n, stdout);
            p += n;
        }
    }
    putchar('"');
}
