/* A scratch folder for tests of ua/box: made fresh, removed with all it holds; and a child process
 * that dies at a crash point. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[256];

static inline void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/peerpost-box-XXXXXX");
    CHECK_FATAL(mkdtemp(folder) != NULL);
}

static inline void folder_remove(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static inline const char *folder_path(char out[300], const char *name)
{
    snprintf(out, 300, "%s/%s", folder, name);
    return out;
}

/* A text as what is to be delivered; ctx is the text. */
static inline int64_t read_text(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const char *text = ctx;
    size_t len = strlen(text);
    size_t n = offset >= len ? 0 : len - (size_t)offset;
    n = n < cap ? n : cap;
    memcpy(out, text + offset, n);
    return (int64_t)n;
}

/* Runs fn in a child with PP_CRASH=point:n. True when it was killed there, false when it ended. */
static inline bool dies_at(const char *point, int n, void (*fn)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK_FATAL(pid >= 0);
    if (pid == 0) {
        char value[128];
        snprintf(value, sizeof value, "%s:%d", point, n);
        setenv("PP_CRASH", value, 1);
        fn();
        _exit(0);
    }
    int status = 0;
    CHECK_FATAL(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

#endif
