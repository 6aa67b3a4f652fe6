/* peerpost queue: messages on their way, tried or given up. It must not know how a pass works. */
#include <cli/cli.h>

#include <session/agent.h>

#include <box/spool.h>
#include <mail/envelope.h>
#include <base/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)
#define RUN_MOST (10 * PP_MINUTE)

/* --- list ---------------------------------------------------------------------------------- */

struct listing {
    struct cli *cli;
    struct agent *agent; /* NULL: another process is at work on the queue */
    unsigned n;
};

static void print_recipient(const struct cli *cli, const char *address, bool first)
{
    if (cli->json) {
        printf("%s", first ? "" : ",");
        cli_print_json(address);
    } else {
        printf("%s", first ? "  " : ", ");
        cli_print_safe(address);
    }
}

static void print_job(struct listing *l, const char *name, const struct pp_job *job)
{
    struct pp_job_progress p;
    const struct cli *cli = l->cli;
    pp_job_progress(job, (unsigned)pp_config_number(cli->config, "network.k"), &p);
    printf(cli->json ? "%s{\"id\":\"%s\",\"state\":\"%s\",\"copies\":%u,\"wanted\":%u,"
                       "\"attempts\":%u,\"next\":%lld,\"recipients\":["
                     : "%s%s  %s %u/%u  attempts %u",
           cli->json && l->n ? "," : "", name, p.sent ? "sent" : "queued", p.copies, p.wanted,
           job->attempts, (long long)job->next_try);
    for (size_t i = 0; i < job->n_recipients; i++) {
        print_recipient(cli, (const char *)job->recipients[i].address.data, i == 0);
    }
    printf(cli->json ? "]}" : "\n");
    for (size_t i = 0; !cli->json && i < job->n_recipients; i++) {
        if (job->recipients[i].why[0]) {
            printf("    ");
            cli_print_safe(job->recipients[i].why);
            putchar('\n');
        }
    }
}

/* A message that no pass has seen yet: what its envelope says. */
static void print_new(struct listing *l, const char *name)
{
    char path[4096];
    struct pp_buf start = {0};
    struct pp_envelope e = {0};
    size_t length;
    FILE *f;
    snprintf(path, sizeof path, "%s/%s", session_spool(l->cli->config), name);
    if (pp_buf_reserve(&start, 1 << 20) == PP_OK && (f = fopen(path, "rb"))) {
        start.len = fread(start.data, 1, (1 << 20) - 1, f);
        fclose(f);
    }
    struct pp_job job = {0};
    if (pp_envelope_read(&e, pp_buf_bytes(&start), &length) == PP_OK) {
        for (size_t i = 0; i < e.n_recipients; i++) {
            struct pp_job_recipient *r = pp_job_add_recipient(&job);
            if (r) {
                pp_buf_add(&r->address, e.recipients[i].address.data, e.recipients[i].address.len);
            }
        }
    }
    print_job(l, name, &job);
    pp_job_finish(&job);
    pp_envelope_finish(&e);
    pp_buf_free(&start);
}

static int print_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct pp_job job;
    if (strchr(name, '.')) {
        return 0; /* an encrypted object of a message */
    }
    if (l->agent && agent_recall(l->agent, name, &job) == PP_OK) {
        if (!job.finished) {
            print_job(l, name, &job);
            l->n++;
        }
        pp_job_finish(&job);
        return 0;
    }
    print_new(l, name);
    l->n++;
    return 0;
}

static int list(struct cli *cli)
{
    struct listing l = {.cli = cli};
    struct pp_error error = {0};
    int rc = cli_agent(&l.agent, cli, PP_SECOND, &error);
    if (rc != PP_OK && rc != PP_BUSY) {
        return cli_fail(&error);
    }
    cli_progress("%s", "");
    printf("%s", cli->json ? "[" : "");
    pp_spool_each(session_spool(cli->config), print_one, &l);
    printf("%s", cli->json ? "]\n" : "");
    if (!l.n && !cli->json) {
        puts("the queue is empty");
    }
    agent_close(l.agent);
    return EX_OK;
}

/* --- run and drop -------------------------------------------------------------------------- */

static void told(void *ctx, const struct runner_result *r)
{
    const struct cli *cli = ctx;
    cli_progress("%s", "");
    if (cli->json) {
        printf("{\"id\":\"%s\",\"sent\":%s,\"copies\":%u,\"wanted\":%u}\n", r->name,
               r->progress.sent ? "true" : "false", r->progress.copies, r->progress.wanted);
        return;
    }
    printf("%s  %s %u/%u%s", r->name, r->progress.sent ? "sent" : "queued", r->progress.copies,
           r->progress.wanted, r->why[0] ? "  " : "\n");
    if (r->why[0]) {
        cli_print_safe(r->why);
        putchar('\n');
    }
}

static int run(struct cli *cli)
{
    struct agent *agent = NULL;
    struct pp_error error = {0};
    if (cli_agent(&agent, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    cli_progress("working on the queue");
    agent_run(agent, RUN_MOST, told, cli);
    cli_progress("%s", "");
    agent_close(agent);
    return EX_OK;
}

static bool is_spooled(struct cli *cli, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", session_spool(cli->config), name);
    FILE *f = strchr(name, '/') || strchr(name, '.') ? NULL : fopen(path, "rb");
    if (f) {
        fclose(f);
    }
    return f != NULL;
}

static int drop(struct cli *cli, int argc, char **argv)
{
    struct agent *agent = NULL;
    struct pp_error error = {0};
    int code = EX_OK;
    if (argc < 3) {
        return cli_usage(cli, "drop which? Take an ID from peerpost queue list");
    }
    if (cli_agent(&agent, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    for (int i = 2; i < argc; i++) {
        if (!is_spooled(cli, argv[i])) {
            code = cli_fails(EX_NOINPUT, "no message %s is in the queue", argv[i]);
        } else if (agent_drop(agent, argv[i]) != PP_OK) {
            code = cli_fails(EX_TEMPFAIL, "%s cannot be taken out now: try again", argv[i]);
        }
    }
    agent_close(agent);
    return code;
}

int cli_queue(struct cli *cli, int argc, char **argv)
{
    if (argc > 2 && cli_flag(argv, 2, "--json")) {
        cli->json = true;
    }
    if (argc > 1 && strcmp(argv[1], "list") == 0) {
        return list(cli);
    }
    if (argc > 1 && strcmp(argv[1], "run") == 0) {
        return run(cli);
    }
    if (argc > 1 && strcmp(argv[1], "drop") == 0) {
        return drop(cli, argc, argv);
    }
    return cli_usage(cli, "list, run or drop?");
}
