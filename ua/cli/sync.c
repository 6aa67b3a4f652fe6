/*
 * peerpost sync and devices: the same mailbox on several computers. It must not know how it comes
 * to be the same.
 */
#include <cli/cli.h>

#include <session/devices.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)

struct work {
    struct cli *cli;
    bool done;
    struct pp_sync_result result;
};

static void progress(void *ctx, const struct pp_sync_result *r)
{
    (void)ctx;
    cli_progress("synchronising: %u read, %u here, %u stored", r->records,
                 r->delivered + r->changed + r->removed, r->stored);
}

static void done(void *ctx, const struct pp_sync_result *result)
{
    struct work *w = ctx;
    w->result = *result;
    w->done = true;
}

static void print(const struct work *w)
{
    const struct pp_sync_result *r = &w->result;
    if (w->cli->json) {
        printf("{\"computers\":%u,\"records\":%u,\"delivered\":%u,\"changed\":%u,\"removed\":%u,"
               "\"stored\":%u,\"told\":%u,\"waiting\":%u,\"why\":",
               r->computers, r->records, r->delivered, r->changed, r->removed, r->stored, r->told,
               r->waiting);
        cli_print_json(r->why);
        printf("}\n");
        return;
    }
    printf("%u computer%s; from the others: %u new, %u changed, %u deleted; from here: %u changed, "
           "%u of them new\n",
           r->computers, r->computers == 1 ? "" : "s", r->delivered, r->changed, r->removed,
           r->told, r->stored);
}

static int synchronise(struct cli *cli, struct session *session, bool full, bool deletions)
{
    static const struct pp_sync_events events = {progress, done};
    struct work w = {.cli = cli};
    if (!devices_start(session, cli->config, full, deletions, &events, &w)) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    session_run(session, &w.done, PP_NEVER);
    cli_progress("%s", "");
    const struct pp_sync_result *r = &w.result;
    if (r->code != PP_OK) {
        const char *trouble = session_trouble(session);
        return cli_fails(r->code == PP_DENIED ? EX_DATAERR : cli_exit_code(r->code),
                         "%s; nothing is lost%s", trouble ? trouble : r->why,
                         r->code == PP_DENIED ? "" : ", synchronise again later");
    }
    print(&w);
    if (r->waiting) {
        fprintf(stderr, "peerpost: %u message%s not in place yet%s%s: synchronise again later\n",
                r->waiting, r->waiting == 1 ? " is" : "s are", r->why[0] ? ": " : "", r->why);
    }
    return r->waiting ? EX_TEMPFAIL : EX_OK;
}

static int is_off(const struct cli *cli)
{
    (void)cli;
    return cli_fails(EX_CONFIG, "devices.sync is false: set it to true in the configuration of "
                                "each computer that shall have your mailbox");
}

int cli_sync(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    bool full = false, deletions = false;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--full")) {
            full = true;
        } else if (cli_flag(argv, i, "--deletions")) {
            deletions = true;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if (!devices_on(cli->config)) {
        return is_off(cli);
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    int code = synchronise(cli, session, full, deletions);
    session_close(session);
    return code;
}

/* --- devices ------------------------------------------------------------------------------- */

static int show(void *ctx, const struct pp_device_info *info)
{
    struct cli *cli = ctx;
    char id[2 * PP_DEVICE_ID + 1], when[32] = "";
    time_t seen = (time_t)info->seen;
    struct tm tm;
    pp_hex(id, info->device, PP_DEVICE_ID);
    if (info->seen && gmtime_r(&seen, &tm)) {
        strftime(when, sizeof when, cli->json ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M", &tm);
    }
    if (cli->json) {
        printf("{\"id\":\"%s\",\"name\":", id);
        cli_print_json(info->name);
        printf(",\"here\":%s,\"records\":%llu,\"seen\":\"%s\"}\n", info->here ? "true" : "false",
               (unsigned long long)info->records, when);
        return 0;
    }
    printf("%.8s  %-16s  %5llu records  ", id, when[0] ? when : "never",
           (unsigned long long)info->records);
    cli_print_safe(info->name);
    printf("%s\n", info->here ? " (this one)" : "");
    return 0;
}

int cli_devices(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    int rc = pp_devices_each(session_mail(session), show, cli);
    session_close(session);
    return rc == 0 ? EX_OK : EX_IOERR;
}
