/* peerpost lookup: finds, checks and shows the certificate of an address. */
#include <cli/cli.h>

#include <session/session.h>

#include <base/address.h>
#include <mail/directory.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)

struct outcome {
    struct cli *cli;
    bool done;
    int code;
    char text[300];
};

static void show(struct cli *cli, const struct pp_certificate *c)
{
    char fingerprint[65], until[40];
    time_t end = (time_t)(c->not_after / PP_SECOND);
    struct tm tm;
    pp_hex(fingerprint, c->spki_hash, 32);
    strftime(until, sizeof until, "%Y-%m-%d", gmtime_r(&end, &tm));
    if (cli->json) {
        printf("{\"addresses\":[");
        for (size_t i = 0; i < c->n_addresses; i++) {
            printf("%s", i ? "," : "");
            cli_print_json((const char *)c->address[i].data);
        }
        printf("],\"key\":\"%s\",\"until\":\"%s\"}\n", fingerprint, until);
        return;
    }
    for (size_t i = 0; i < c->n_addresses; i++) {
        cli_print_safe((const char *)c->address[i].data);
        putchar('\n');
    }
    printf("  key    %s\n  until  %s\n", fingerprint, until);
}

static void found(void *ctx, int code, struct pp_certificate *certificate, const char *text)
{
    struct outcome *o = ctx;
    o->done = true;
    o->code = code;
    snprintf(o->text, sizeof o->text, "%s", text);
    if (code == PP_OK) {
        cli_progress("%s", "");
        show(o->cli, certificate);
    }
}

static int answer(struct cli *cli, struct session *session, struct pp_bytes address, bool accept,
                  struct outcome *o)
{
    (void)cli;
    struct pp_find *find = pp_directory_find(session_mail(session), address, true, found, o);
    cli_progress("looking for %s", (const char *)address.data);
    if (!find || !session_run(session, &o->done, PATIENCE)) {
        pp_find_cancel(find);
        return cli_fails(EX_UNAVAILABLE, "no node of the network answers: %s",
                         session_trouble(session) ? session_trouble(session)
                                                  : "are the contacts right?");
    }
    if (o->code == PP_DENIED && accept) {
        pp_directory_accept(session_mail(session), address);
        o->done = false;
        find = pp_directory_find(session_mail(session), address, false, found, o);
        session_run(session, &o->done, PATIENCE);
    }
    if (o->code == PP_NOT_FOUND) {
        return cli_fails(EX_NOUSER, "%s", o->text);
    }
    if (o->code == PP_UNREACHABLE || o->code == PP_LOCAL) {
        const char *trouble = session_trouble(session);
        return cli_fails(EX_UNAVAILABLE, "%s", trouble ? trouble : o->text);
    }
    return o->code == PP_OK ? EX_OK : cli_fails(cli_exit_code(o->code), "%s", o->text);
}

int cli_lookup(struct cli *cli, int argc, char **argv)
{
    struct outcome o = {.cli = cli};
    struct pp_buf address = {0};
    struct session *session = NULL;
    struct pp_error error = {0};
    const char *given = NULL;
    bool accept = false;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--accept")) {
            accept = true;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (argv[i][0] == '-' || given) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        } else {
            given = argv[i];
        }
    }
    if (!given || pp_address_normal(&address, pp_str(given)) != PP_OK) {
        return cli_usage(cli, given ? "%s is no e-mail address" : "whose?%s", given ? given : "");
    }
    int code = cli_session(&session, cli, PATIENCE, &error) == PP_OK
                   ? answer(cli, session, pp_buf_bytes(&address), accept, &o)
                   : cli_fail(&error);
    session_close(session);
    pp_buf_free(&address);
    return code;
}
