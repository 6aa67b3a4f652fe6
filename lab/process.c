/*
 * Starting, finding and ending processes. Nodes outlive the lab's commands: each is the leader of
 * its own session, its output goes to its log. A pid counts only while its command line names this
 * lab's configuration file.
 */
#include <lab/lab.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum whose { OURS, ENDING, ANOTHERS };

/* The line of one that is ending is empty. */
static enum whose whose(const struct lab *lab, size_t node, pid_t pid)
{
    char path[64], config[LAB_PATH];
    struct pp_buf line = {0};
    if (lab_path(lab, config, NULL, "nodes/%zu/config.yaml", node)) {
        return ANOTHERS;
    }
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    bool read = lab_read_file(path, 4096, &line) == PP_OK && line.len > 0;
    bool ours = read && memmem(line.data, line.len, config, strlen(config) + 1);
    pp_buf_free(&line);
    return ours ? OURS : read ? ANOTHERS : ENDING;
}

bool lab_is_running(const struct lab *lab, size_t node, pid_t pid)
{
    return pid > 0 && whose(lab, node, pid) == OURS;
}

/* argv[0] is a program of ours when it has no slash. */
static int spawn(const struct lab *lab, const char *const *argv, int out, bool session, pid_t *pid,
                 struct pp_error *error)
{
    char program[LAB_PATH + 64];
    snprintf(program, sizeof program, "%s/%s", lab->bin, argv[0]);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
    sigset_t defaults; /* we ignore SIGPIPE; they shall not inherit it */
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             (short)(POSIX_SPAWN_SETSIGDEF | (session ? POSIX_SPAWN_SETSID : 0)));
    int failed = posix_spawn(pid, program, &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed) {
        return pp_fail(error, PP_IO, "cannot start %s: %s; is it built?", program,
                       strerror(failed));
    }
    return PP_OK;
}

static int write_pid(const struct lab *lab, size_t node, pid_t pid, struct pp_error *error)
{
    char path[LAB_PATH];
    struct pp_buf text = {0};
    pp_buf_printf(&text, "%d\n", (int)pid);
    int code = lab_path(lab, path, error, "nodes/%zu/pid", node);
    code = code ? code : lab_write_file(path, &text, error);
    pp_buf_free(&text);
    return code;
}

int lab_start_node(struct lab *lab, size_t node, struct pp_error *error)
{
    char config[LAB_PATH], log[LAB_PATH];
    struct lab_node *n = &lab->nodes[node];
    int code = lab_path(lab, config, error, "nodes/%zu/config.yaml", node);
    code = code ? code : lab_path(lab, log, error, "nodes/%zu/node.log", node);
    if (code) {
        return code;
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_fail(error, PP_IO, "cannot open %s: %s", log, strerror(errno));
    }
    const char *const argv[] = {"peerpostd", "--config", config, lab->rehome ? "--rehome" : NULL,
                                NULL};
    code = spawn(lab, argv, fd, true, &n->pid, error);
    close(fd);
    if (code) {
        n->pid = 0;
        return code;
    }
    n->child = n->awaited = true;
    n->reported = false;
    return write_pid(lab, node, n->pid, error);
}

void lab_collect(struct lab *lab)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        for (size_t i = 0; i < lab->n_nodes; i++) {
            if (lab->nodes[i].pid == pid) {
                lab->nodes[i].reported = true;
                lab->nodes[i].status = status;
            }
        }
    }
}

/* A process that may be nobody's child, held so that its number means nobody else: -1 is gone. */
static int hold(const struct lab *lab, size_t node)
{
    pid_t pid = lab->nodes[node].pid;
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd >= 0 && whose(lab, node, pid) == ANOTHERS) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool await_end(int fd, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd < 0 || poll(&p, 1, milliseconds) == 1;
}

void lab_signal_node(const struct lab *lab, size_t node, int signo)
{
    int fd = hold(lab, node);
    if (fd >= 0) {
        syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
        close(fd);
    }
}

int lab_end_node(struct lab *lab, size_t node, int signo, struct pp_error *error)
{
    struct lab_node *n = &lab->nodes[node];
    char path[LAB_PATH];
    if (n->pid > 0) {
        int fd = hold(lab, node);
        if (fd >= 0) {
            syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
        }
        bool ended = await_end(fd, 15000);
        if (!ended) {
            syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
            await_end(fd, 5000);
        }
        if (fd >= 0) {
            close(fd);
        }
        lab_collect(lab);
        pid_t pid = n->pid;
        n->pid = 0;
        if (!ended) {
            return pp_fail(error, PP_TIMEOUT,
                           "node %zu (pid %d) did not end within 15 s of signal %d and was killed",
                           node, (int)pid, signo);
        }
    }
    int code = lab_path(lab, path, error, "nodes/%zu/pid", node);
    if (!code) {
        unlink(path);
    }
    return code;
}

int lab_run_start(struct lab_run *run, const struct lab *lab, const char *const *argv,
                  struct pp_error *error)
{
    int ends[2];
    *run = (struct lab_run){0};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return pp_fail(error, PP_IO, "cannot make a pipe: %s", strerror(errno));
    }
    snprintf(run->what, sizeof run->what, "%s", argv[0]);
    for (size_t i = 1; argv[i] && strlen(run->what) < 60; i++) {
        size_t len = strlen(run->what);
        snprintf(run->what + len, sizeof run->what - len, " %.16s", argv[i]);
    }
    int code = spawn(lab, argv, ends[1], false, &run->pid, error);
    close(ends[1]);
    run->out = ends[0];
    if (code) {
        close(ends[0]);
    }
    return code;
}

int lab_run_end(struct lab_run *run, struct pp_error *error)
{
    char piece[4096];
    ssize_t n;
    while ((n = read(run->out, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0 && run->text.len < 1024 * 1024) {
            pp_buf_add(&run->text, piece, (size_t)n);
        }
    }
    close(run->out);
    int status = 0;
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return PP_OK;
    }
    size_t from = run->text.len > 300 ? run->text.len - 300 : 0;
    return pp_fail(error, PP_IO, "%s ended with %s %d: %s", run->what,
                   WIFEXITED(status) ? "status" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                   run->text.len ? (const char *)run->text.data + from : "(it said nothing)");
}

int lab_run(const struct lab *lab, const char *const *argv, struct pp_buf *output,
            struct pp_error *error)
{
    struct lab_run run;
    int code = lab_run_start(&run, lab, argv, error);
    if (code) {
        return code;
    }
    code = lab_run_end(&run, error);
    if (output) {
        pp_buf_add(output, run.text.data, run.text.len);
    }
    pp_buf_free(&run.text);
    return code;
}

void lab_tail(const struct lab *lab, size_t node, FILE *to)
{
    char path[LAB_PATH];
    struct pp_buf text = {0};
    if (lab_path(lab, path, NULL, "nodes/%zu/node.log", node) ||
        lab_read_file(path, 16 * 1024 * 1024, &text) || text.len == 0) {
        fprintf(to, "node %zu left no log\n", node);
        pp_buf_free(&text);
        return;
    }
    size_t at = text.len, lines = 0;
    while (at > 0 && lines < 16) {
        at--;
        lines += text.data[at] == '\n' && at + 1 < text.len;
    }
    at += at > 0 || text.data[0] == '\n';
    fprintf(to, "--- the end of %s\n%s", path, (const char *)text.data + at);
    pp_buf_free(&text);
}
