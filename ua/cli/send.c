/*
 * peerpost send: the message is safe in the spool before anything else; then it is delivered in the
 * foreground for send.wait. It must not know formats or nodes.
 */
#include <cli/cli.h>

#include <session/input.h>
#include <session/agent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE (2 * PP_SECOND) /* between passes of --wait */
#define WAIT (2 * PP_MINUTE)  /* --wait: in all, unless send.wait is longer */

struct arguments {
    struct input input;
    bool wait, list, run;
};

/* Options of sendmail that mail programs give and that change nothing here. */
static bool is_idle_option(const char *arg)
{
    static const char *const idle[] = {"-bm", "-v", "-m", "-n", "-U", "-G"};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        if (strcmp(arg, idle[i]) == 0) {
            return true;
        }
    }
    return arg[1] == 'o' && arg[2] != 'i';
}

/* "-X VALUE" or "-XVALUE"; NULL: another option. */
static const char *letter_value(int argc, char **argv, int *i, char letter)
{
    const char *arg = argv[*i];
    if (arg[0] != '-' || arg[1] != letter) {
        return NULL;
    }
    return arg[2] ? arg + 2 : *i + 1 < argc ? argv[++*i] : NULL;
}

static bool is_ignored_value(int argc, char **argv, int *i)
{
    for (const char *p = "FBNVRhdDCOX"; *p; p++) {
        if (letter_value(argc, argv, i, *p)) {
            return true;
        }
    }
    return false;
}

/* Moves recipients to the front of argv; returns how many, negative: unknown option at argv[-n]. */
static int parse(struct arguments *a, int argc, char **argv)
{
    int n = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value;
        if (!options || arg[0] != '-') {
            argv[n++] = argv[i];
        } else if (strcmp(arg, "--") == 0) {
            options = false;
        } else if (strcmp(arg, "--wait") == 0) {
            a->wait = true;
        } else if (strcmp(arg, "-bp") == 0) {
            a->list = true;
        } else if (arg[1] == 'q') {
            a->run = true;
        } else if (strcmp(arg, "-oi") == 0 || strcmp(arg, "-i") == 0) {
            a->input.ignore_dots = true;
        } else if (strcmp(arg, "-t") == 0) {
            a->input.from_header = true;
        } else if (strcmp(arg, "-ti") == 0 || strcmp(arg, "-it") == 0) {
            a->input.from_header = a->input.ignore_dots = true;
        } else if ((value = letter_value(argc, argv, &i, 'f')) ||
                   (value = letter_value(argc, argv, &i, 'r'))) {
            a->input.sender = value;
        } else if (!is_idle_option(arg) && !is_ignored_value(argc, argv, &i)) {
            return -i;
        }
    }
    return n;
}

/* --- delivery ------------------------------------------------------------------------------ */

static void name_unknown(struct agent *agent, const char *name)
{
    struct pp_job job;
    if (agent_recall(agent, name, &job) == PP_OK) {
        for (size_t i = 0; i < job.n_recipients; i++) {
            fprintf(stderr, "peerpost: %s\n", job.recipients[i].why);
        }
        pp_job_finish(&job);
    }
}

/* Nobody of the recipients exists: the message comes out of the queue. */
static int refuse(struct agent *agent, const char *name)
{
    name_unknown(agent, name);
    agent_drop(agent, name);
    return EX_NOUSER;
}

static bool all_unknown(struct agent *agent, const char *name, const struct runner_result *r)
{
    struct pp_job job;
    size_t n = 0;
    if (r->progress.unknown && agent_recall(agent, name, &job) == PP_OK) {
        n = job.n_recipients;
        pp_job_finish(&job);
    }
    return n && r->progress.unknown == n;
}

/* What is not there yet waits for people: a certificate to be published, a key to be accepted. */
static bool waits_for_people(const struct pp_job *job)
{
    bool any = false;
    for (size_t i = 0; i < job->n_recipients; i++) {
        const struct pp_job_recipient *r = &job->recipients[i];
        const struct pp_job_group *g = r->state == PP_R_GROUPED ? &job->groups[r->group] : NULL;
        if (r->state == PP_R_HELD || r->state == PP_R_UNKNOWN) {
            any = true;
        } else if (!g || pp_ids_count(&r->have) < r->wanted ||
                   (!g->gone && pp_ids_count(&g->have) < g->wanted)) {
            return false;
        }
    }
    return any;
}

static bool is_in_vain(struct agent *agent, const char *name, const struct runner_result *r)
{
    struct pp_job job;
    bool vain = false;
    if (r->progress.held + r->progress.unknown && agent_recall(agent, name, &job) == PP_OK) {
        vain = waits_for_people(&job);
        pp_job_finish(&job);
    }
    return vain;
}

static int say(const struct cli *cli, const struct pp_job_progress *p, const char *name,
               const char *why)
{
    cli_progress("%s", "");
    if (cli->json) {
        printf("{\"id\":\"%s\",\"sent\":%s,\"copies\":%u,\"wanted\":%u}\n", name,
               p->sent ? "true" : "false", p->copies, p->wanted);
    } else {
        printf("%s %u/%u\n", p->sent ? "sent" : "queued", p->copies, p->wanted);
    }
    if (!p->complete && why && *why) {
        fprintf(stderr, "peerpost: %s%s\n", why,
                p->sent ? " (the remaining copies follow)" : " (it stays in the queue)");
    }
    return EX_OK;
}

static void show_progress(void *ctx, const struct pp_job_progress *p)
{
    (void)ctx;
    cli_progress("sending %u/%u", p->copies, p->wanted);
}

static pp_ns now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

/* Passes over the message until it is complete or the time is over. */
static int deliver(struct agent *agent, struct cli *cli, const char *name, bool wait)
{
    pp_ns left = (pp_ns)pp_config_number(cli->config, "send.wait");
    pp_ns until = now() + (wait && left < WAIT ? WAIT : left);
    struct runner_result r = {.progress.wanted =
                                  (unsigned)pp_config_number(cli->config, "network.k")};
    for (;;) {
        pp_ns at = now();
        int rc =
            agent_pass(agent, name, wait, until > at ? until - at : 0, show_progress, NULL, &r);
        if (rc == PP_OK && !r.finished && all_unknown(agent, name, &r)) {
            return refuse(agent, name);
        }
        if (rc != PP_OK || !wait || r.progress.complete || r.code != PP_OK ||
            is_in_vain(agent, name, &r)) {
            return say(cli, &r.progress, name, r.why);
        }
        agent_pause(agent, PAUSE);
    }
}

int cli_send(struct cli *cli, int argc, char **argv)
{
    struct arguments a = {.input = {.fd = STDIN_FILENO}};
    struct pp_error error = {0};
    struct agent *agent = NULL;
    struct identity who = {0};
    char name[80];
    int n = parse(&a, argc, argv);
    if (n < 0) {
        return cli_usage(cli, "unknown option %s", argv[-n]);
    }
    if (a.list || a.run) {
        char *queue[] = {(char[]){"queue"}, a.list ? (char[]){"list"} : (char[]){"run"}, NULL};
        return cli_queue(cli, 2, queue);
    }
    a.input.spool = session_spool(cli->config);
    a.input.own = pp_config_text(cli->config, "user.address");
    a.input.recipients = argv;
    a.input.n_recipients = n;
    if (!n && !a.input.from_header) {
        return cli_usage(cli, "no recipient: name one, or use -t");
    }
    int rc =
        identity_open(&who, cli->config, &error); /* before the spool: it could never be sent */
    identity_finish(&who);
    rc = rc == PP_OK ? input_spool(&a.input, name, &error) : rc;
    if (rc != PP_OK) {
        return cli_fail(&error);
    }
    rc = cli_agent(&agent, cli, (pp_ns)pp_config_number(cli->config, "send.wait"), &error);
    if (rc != PP_OK) {
        struct pp_job_progress p = {.wanted = (unsigned)pp_config_number(cli->config, "network.k")};
        return say(cli, &p, name, error.text);
    }
    int code = deliver(agent, cli, name, a.wait);
    agent_close(agent);
    return code;
}
