/* Crash points and mutants of test builds; see peerpost/crash.h. */
#include <peerpost/crash.h>

#ifdef PEERPOST_CRASH_POINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pp_crash(const char *point)
{
    static atomic_int passed;
    const char *wanted = getenv("PP_CRASH");
    if (!wanted) {
        return;
    }
    size_t len = strlen(point);
    if (strncmp(wanted, point, len) != 0 || (wanted[len] != ':' && wanted[len] != '\0')) {
        return;
    }
    int n = wanted[len] == ':' ? atoi(wanted + len + 1) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == n) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

bool pp_mutant(const char *name)
{
    const char *wanted = getenv("PP_MUTANT");
    return wanted && strcmp(wanted, name) == 0;
}
#else
typedef int pp_crash_is_empty;
#endif
