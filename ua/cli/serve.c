/*
 * peerpost serve: the mail agent in the background, for mail readers on this computer. It must not
 * know what is served.
 */
#include <cli/cli.h>

#include <serve/serve.h>
#include <stdio.h>

static int print_password(struct cli *cli)
{
    struct pp_buf password = {0};
    struct pp_error error = {0};
    int code = EX_OK;
    if (serve_password(&password, cli->config, &error) == PP_OK) {
        printf("%s\n", (const char *)password.data);
    } else {
        code = cli_fail(&error);
    }
    pp_buf_wipe(&password);
    return code;
}

/* Where everything listens: a line for people, or one of JSON; then nothing more. */
static void announce(const struct cli *cli, const struct serve *serve)
{
    static const char *const parts[] = {"smtp", "pop3", "http"};
    printf(cli->json ? "{\"address\":" : "peerpost serves ");
    const char *address = pp_config_text(cli->config, "user.address");
    if (cli->json) {
        cli_print_json(address);
    } else {
        cli_print_safe(address);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        unsigned port = serve_port(serve, parts[i]);
        if (port) {
            printf(cli->json ? ",\"%s\":%u" : "; %s at port %u", parts[i], port);
        }
    }
    puts(cli->json ? "}" : "");
    fflush(stdout);
}

int cli_serve(struct cli *cli, int argc, char **argv)
{
    struct serve *serve = NULL;
    struct pp_error error = {0};
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--password")) {
            return print_password(cli);
        }
        if (!cli_flag(argv, i, "--json")) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
        cli->json = true;
    }
    if (serve_open(&serve, cli->config, &error) != PP_OK) {
        return cli_fail(&error);
    }
    announce(cli, serve);
    serve_run(serve);
    serve_close(serve);
    return EX_OK;
}
