/* Runs the cases of the substrate suite, each in a process of its own, and prints the report. */
#include "substrate_kit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MAX 120

static const struct substrate_case *const groups[] = {
    substrate_cases_static, substrate_cases_alone, substrate_cases_network,
    substrate_cases_fate,   substrate_cases_trust,
};
#define N_GROUPS (sizeof groups / sizeof *groups)

static _Noreturn void in_child(struct substrate_suite *s, const struct substrate_case *c,
                               FILE *report, struct guard_last *last)
{
    rule_output(report);
    dup2(fileno(report), STDERR_FILENO); /* the last words of one that aborts */
    s->face = guard_face(s->p, last);
    alarm(s->lengthy ? 10 * SECONDS_MAX : SECONDS_MAX);
    c->run(s);
    fflush(report);
    exit(0);
}

static void copy_report(FILE *from, FILE *to)
{
    char line[1024];
    rewind(from);
    while (fgets(line, sizeof line, from)) {
        fputs(line, to);
    }
}

/* Sentence for a death that no rule told of. */
static void tell_death(FILE *out, int status, const struct guard_last *last)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        fprintf(out, "    seen: the case did not end; the plugin was in: %s\n", last->entry);
    } else if (WIFSIGNALED(status)) {
        fprintf(out, "    seen: died of signal %d (%s); the plugin was in: %s\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)), last->entry);
    } else if (WEXITSTATUS(status) != 1) {
        fprintf(out, "    seen: ended with %d; the plugin was in: %s\n", WEXITSTATUS(status),
                last->entry);
    }
}

static bool run_case(struct substrate_suite *s, const struct substrate_case *c,
                     struct guard_last *last)
{
    struct timespec start, end;
    FILE *report = tmpfile();
    int status = 0;
    memset(last, 0, sizeof *last);
    fflush(NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t pid = report ? fork() : -1;
    if (pid == 0) {
        in_child(s, c, report, last);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fprintf(s->out, "%-12s cannot be run here\n", c->name);
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    fprintf(s->out, "%-12s %-6s %5.1f s  %s\n", c->name, status ? "BROKEN" : "ok",
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
            c->sentence);
    if (status) {
        copy_report(report, s->out);
        tell_death(s->out, status, last);
    }
    fclose(report);
    fflush(s->out);
    return status == 0;
}

unsigned substrate_suite_run(struct substrate_suite *s)
{
    unsigned run = 0, failed = 0;
    struct guard_last *last =
        mmap(NULL, sizeof *last, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (last == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (const struct substrate_case *c = groups[g]; c->name; c++) {
            if ((!s->only || strstr(c->name, s->only)) && (!s->one || !strcmp(c->name, s->one))) {
                run++;
                failed += !run_case(s, c, last);
            }
        }
    }
    munmap(last, sizeof *last);
    fprintf(s->out, "%u cases, %u broken\n", run, failed);
    return run == 0 ? 1 : failed;
}

void substrate_suite_list(FILE *out)
{
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (const struct substrate_case *c = groups[g]; c->name; c++) {
            fprintf(out, "%-12s %s\n", c->name, c->sentence);
        }
    }
}

void substrate_suite_rules(FILE *out)
{
    rule_list(out);
}
