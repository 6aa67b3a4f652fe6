/*
 * peerpost maintain: keeps the own certificate, and the mail that shall stay there, on the nodes
 * closest to them. It must not know how.
 */
#include <cli/cli.h>

#include <session/devices.h>

#include <mail/maintain.h>
#include <stdio.h>

#define PATIENCE (60 * PP_SECOND)

struct work {
    struct cli *cli;
    bool done;
    struct pp_maintain_result result;
};

static const char *const outcomes[] = {"whole", "restored", "partly", "deleted", "lost"};

static void object(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                   unsigned copies, unsigned wanted, const char *why)
{
    struct work *w = ctx;
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)identifier.len, (const char *)identifier.data);
    cli_progress("%s", "");
    if (w->cli->json) {
        printf("{\"object\":");
        cli_print_json(name);
        printf(",\"state\":\"%s\",\"copies\":%u,\"wanted\":%u,\"why\":", outcomes[outcome], copies,
               wanted);
        cli_print_json(why);
        printf("}\n");
    } else if (outcome == PP_MAINTAIN_PARTLY || outcome == PP_MAINTAIN_LOST) {
        fprintf(stderr, "peerpost: %s is %s: %s\n", name,
                outcome == PP_MAINTAIN_LOST ? "on no node any more" : "not on all of its nodes",
                why);
    }
    cli_progress("maintaining");
}

static void done(void *ctx, const struct pp_maintain_result *result)
{
    struct work *w = ctx;
    w->result = *result;
    w->done = true;
}

static int judge(const struct work *w)
{
    const struct pp_maintain_result *r = &w->result;
    unsigned kept = r->whole + r->restored + r->partly + r->lost;
    if (w->cli->json) {
        printf("{\"certificate\":{\"copies\":%u,\"wanted\":%u},\"kept\":%u,\"whole\":%u,"
               "\"restored\":%u,\"partly\":%u,\"lost\":%u,\"deleted\":%u}\n",
               r->copies, r->wanted, kept, r->whole, r->restored, r->partly, r->lost, r->deleted);
    } else if (r->wanted) {
        printf("certificate %u/%u", r->copies, r->wanted);
        if (kept || r->deleted) {
            printf(", kept mail: %u in place, %u put back or renewed, %u not yet, %u lost",
                   r->whole, r->restored, r->partly, r->lost);
        }
        printf("\n");
    }
    if (r->code == PP_EXISTS) {
        return cli_fails(EX_DATAERR, "a newer certificate of yours is published: this computer has "
                                     "an old one (peerpost import takes the new one over)");
    }
    if (r->code != PP_OK) {
        return cli_fails(cli_exit_code(r->code), "%s; run it again later",
                         r->why[0] ? r->why : pp_error_text(r->code));
    }
    return r->partly || r->lost || r->copies < r->wanted ? EX_TEMPFAIL : EX_OK;
}

static int maintain(struct cli *cli, struct session *session)
{
    static const struct pp_maintain_events events = {object, done};
    struct work w = {.cli = cli};
    struct pp_sync_result synchronised;
    if (devices_on(cli->config)) {
        cli_progress("synchronising");
        devices_round(session, cli->config, true, &synchronised);
        cli_progress("%s", "");
    }
    cli_progress("maintaining");
    struct pp_maintain *m = pp_maintain_start(session_mail(session), &events, &w);
    if (!m) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    session_run(session, &w.done, PP_NEVER);
    cli_progress("%s", "");
    if (w.result.code != PP_OK && session_trouble(session)) {
        snprintf(w.result.why, sizeof w.result.why, "%s", session_trouble(session));
    }
    return judge(&w);
}

static int drop(struct session *session, const char *identifier)
{
    int rc = pp_maintain_drop(session_mail(session), pp_str(identifier));
    if (rc != PP_OK) {
        return cli_fails(EX_NOINPUT, "%s is not kept (peerpost maintain --json lists what is)",
                         identifier);
    }
    printf("%s is kept no longer: the next fetch deletes it\n", identifier);
    return EX_OK;
}

int cli_maintain(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    const char *dropped = NULL, *value;
    bool if_due = false;
    for (int i = 1; i < argc; i++) {
        if ((value = cli_value(argc, argv, &i, "--drop"))) {
            dropped = value;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (cli_flag(argv, i, "--if-due")) {
            if_due = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    struct pp_mail *mail = session_mail(session);
    int code = EX_OK;
    if (dropped) {
        code = drop(session, dropped);
    } else if (!if_due || pp_maintain_due(mail) <= pp_mail_seconds(mail)) {
        code = maintain(cli, session);
    }
    session_close(session);
    return code;
}
