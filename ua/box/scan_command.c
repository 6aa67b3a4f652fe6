/*
 * Spam filters that are programs: the message on standard input, the verdict as exit code; see
 * scan.h. It must not know what becomes of a message.
 */
#include <box/scan.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 65536

static const struct preset {
    const char *name, *command;
    int spam, ham, unsure; /* exit codes */
    const char *learn_spam, *learn_ham;
} presets[] = {
    {"bogofilter", "exec bogofilter", 0, 1, 2, "exec bogofilter -s", "exec bogofilter -n"},
    {"spamc", "exec spamc -c -x", 1, 0, 0, "exec spamc -x -L spam", "exec spamc -x -L ham"},
};

static const struct preset *preset_of(const char *filter)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (strcmp(filter, presets[i].name) == 0) {
            return &presets[i];
        }
    }
    return NULL;
}

/* --- a child ------------------------------------------------------------------------------- */

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* The shell with the pipe as standard input and nothing as output, in a process group of its own,
 * so that all of it can be ended. */
static pid_t start(const char *command, int in)
{
    extern char **environ;
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t pipe;
    pid_t pid = -1;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigdefault(&how, &pipe);
    if (posix_spawn(&pid, "/bin/sh", &files, &how, argv, environ) != 0) {
        pid = -1;
    }
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return pid;
}

static bool write_piece(int fd, const char *p, size_t len, time_t until)
{
    while (len) {
        struct pollfd poll_out = {.fd = fd, .events = POLLOUT};
        time_t now = seconds();
        if (now >= until || poll(&poll_out, 1, (int)(until - now) * 1000) <= 0) {
            return false;
        }
        ssize_t n = write(fd, p, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n <= 0) {
            return false; /* it read enough */
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* False: the message could not be read. */
static bool feed(int fd, const struct pp_scanned *message, time_t until)
{
    char piece[PIECE];
    uint64_t at = 0;
    for (;;) {
        int64_t n = message->read(message->ctx, at, piece, sizeof piece);
        if (n <= 0) {
            return n == 0;
        }
        if (!write_piece(fd, piece, (size_t)n, until)) {
            return true;
        }
        at += (uint64_t)n;
    }
}

static int wait_for(pid_t pid, time_t until, char text[PP_SCAN_TEXT])
{
    const struct timespec pause = {0, 5000000};
    int status = 0;
    for (;;) {
        pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid) {
            break;
        }
        if (done < 0 && errno != EINTR) {
            snprintf(text, PP_SCAN_TEXT, "cannot wait for the filter: %s", strerror(errno));
            return -1;
        }
        if (seconds() >= until) {
            kill(-pid, SIGKILL);
            waitpid(pid, &status, 0);
            snprintf(text, PP_SCAN_TEXT, "the filter took over %d s", PP_SCAN_SECONDS);
            return -1;
        }
        nanosleep(&pause, NULL);
    }
    if (!WIFEXITED(status)) {
        snprintf(text, PP_SCAN_TEXT, "the filter was ended by signal %d", WTERMSIG(status));
        return -1;
    }
    return WEXITSTATUS(status);
}

int pp_scan_run(const char *command, const struct pp_scanned *message, char text[PP_SCAN_TEXT])
{
    int ends[2];
    time_t until = seconds() + PP_SCAN_SECONDS;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(text, PP_SCAN_TEXT, "no pipe to the filter: %s", strerror(errno));
        return -1;
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pid_t pid = start(command, ends[0]);
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        snprintf(text, PP_SCAN_TEXT, "cannot run the filter");
        return -1;
    }
    bool fed = feed(ends[1], message, until);
    close(ends[1]);
    int code = wait_for(pid, until, text);
    if (!fed) {
        snprintf(text, PP_SCAN_TEXT, "the message cannot be read");
        return -1;
    }
    return code;
}

/* --- verdicts ------------------------------------------------------------------------------ */

enum pp_scan pp_scan_spam(const char *filter, const struct pp_scanned *message,
                          char text[PP_SCAN_TEXT])
{
    const struct preset *preset = preset_of(filter);
    if (strncmp(filter, "rspamd:", 7) == 0) {
        return pp_scan_rspamd(filter + 7, message, text);
    }
    int spam = preset ? preset->spam : 1, ham = preset ? preset->ham : 0;
    int code = pp_scan_run(preset ? preset->command : filter, message, text);
    if (code == spam) {
        snprintf(text, PP_SCAN_TEXT, "the spam filter (%.100s) takes it for spam", filter);
        return PP_SCAN_FOUND;
    }
    if (code == ham || (preset && code == preset->unsure)) {
        return PP_SCAN_CLEAN;
    }
    if (code >= 0) {
        snprintf(text, PP_SCAN_TEXT, "the spam filter (%.100s) failed with exit code %d%s", filter,
                 code, code == 127 ? " (is it installed?)" : "");
    }
    return PP_SCAN_FAILED;
}

int pp_scan_train(const char *filter, const char *command, bool spam,
                  const struct pp_scanned *message, char text[PP_SCAN_TEXT])
{
    const struct preset *preset = preset_of(filter);
    if (!command && preset) {
        command = spam ? preset->learn_spam : preset->learn_ham;
    }
    if (!command) {
        snprintf(text, PP_SCAN_TEXT, "how to train %.100s is not known: set filter.train_%s",
                 filter, spam ? "spam" : "ham");
        return -1;
    }
    int code = pp_scan_run(command, message, text);
    bool learned = code == 0 || (preset && code > 0 && code <= 6 && strcmp(filter, "spamc") == 0);
    if (code >= 0 && !learned) {
        snprintf(text, PP_SCAN_TEXT, "%.100s failed with exit code %d", command, code);
    }
    return learned ? 0 : -1;
}
