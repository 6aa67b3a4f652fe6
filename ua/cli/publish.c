/* peerpost publish and unpublish. It must not know how a certificate gets to its nodes. */
#include <cli/cli.h>

#include <session/session.h>

#include <mail/publish.h>
#include <stdio.h>

#define PATIENCE (60 * PP_SECOND)

struct outcome {
    bool done;
    int code;
    unsigned copies, wanted;
    char why[300];
};

static void published(void *ctx, int code, unsigned copies, unsigned wanted, const char *why)
{
    struct outcome *o = ctx;
    *o = (struct outcome){.done = true, .code = code, .copies = copies, .wanted = wanted};
    snprintf(o->why, sizeof o->why, "%s", why);
}

static int run(struct cli *cli, bool publish, struct outcome *o)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    int rc = cli_session(&session, cli, PATIENCE, &error);
    if (rc != PP_OK) {
        return cli_fail(&error);
    }
    cli_progress(publish ? "publishing" : "unpublishing");
    struct pp_mail *mail = session_mail(session);
    struct pp_publish *p =
        publish ? pp_publish_start(mail, published, o) : pp_unpublish_start(mail, published, o);
    if (!p || !session_run(session, &o->done, PATIENCE)) {
        pp_publish_cancel(p);
        o->code = PP_UNREACHABLE;
        snprintf(o->why, sizeof o->why, "%s",
                 session_trouble(session) ? session_trouble(session) : "no answer in time");
    } else if (o->code != PP_OK && session_trouble(session)) {
        snprintf(o->why, sizeof o->why, "%s", session_trouble(session));
    }
    cli_progress("%s", "");
    session_close(session);
    return -1;
}

int cli_publish(struct cli *cli, int argc, char **argv)
{
    struct outcome o = {0};
    if (argc > 1) {
        return cli_usage(cli, "unknown argument %s", argv[1]);
    }
    int code = run(cli, true, &o);
    if (code >= 0) {
        return code;
    }
    if (o.code == PP_EXISTS) {
        return cli_fails(EX_DATAERR, "a newer certificate of yours is published already: use that "
                                     "one, or unpublish it");
    }
    if (o.code != PP_OK) {
        return cli_fails(cli_exit_code(o.code), "not published, on %u of %u nodes only: %s",
                         o.copies, o.wanted, o.why);
    }
    printf("published %u/%u\n", o.copies, o.wanted);
    return EX_OK;
}

int cli_unpublish(struct cli *cli, int argc, char **argv)
{
    struct outcome o = {0};
    if (argc > 1) {
        return cli_usage(cli, "unknown argument %s", argv[1]);
    }
    int code = run(cli, false, &o);
    if (code >= 0) {
        return code;
    }
    if (o.code != PP_OK) {
        return cli_fails(cli_exit_code(o.code),
                         "taken out of %u nodes, but not all answered: %s; run it again later",
                         o.copies, o.why);
    }
    printf("unpublished from %u nodes\n", o.copies);
    return EX_OK;
}
