/* peerpost list: one line a message. */
#include <cli/cli.h>

#include <session/mailbox.h>

#include <stdio.h>
#include <time.h>

static void print_line(size_t number, const struct letter *l)
{
    char date[24];
    time_t t = (time_t)l->date;
    struct tm tm;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&t, &tm));
    printf("%4zu %c%c %s  ", number,
           l->waiting ? 'W'
           : l->seen  ? ' '
                      : 'N',
           !l->signed_by   ? '!'
           : *l->signed_by ? 'S'
                           : ' ',
           date);
    cli_print_safe(l->from);
    printf("  ");
    cli_print_safe(l->subject);
    putchar('\n');
}

static void print_json(size_t number, const struct letter *l)
{
    printf("%s{\"number\":%zu,\"waiting\":%s,\"seen\":%s,\"date\":%lld,\"from\":",
           number > 1 ? "," : "", number, l->waiting ? "true" : "false", l->seen ? "true" : "false",
           (long long)l->date);
    cli_print_json(l->from);
    printf(",\"subject\":");
    cli_print_json(l->subject);
    printf(",\"signed_by\":");
    cli_print_json(l->signed_by ? l->signed_by : "");
    printf(",\"file\":");
    cli_print_json(l->path);
    printf("}");
}

int cli_list(struct cli *cli, int argc, char **argv)
{
    struct mailbox box = {0};
    struct pp_error error = {0};
    bool junk = false;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (cli_flag(argv, i, "--junk")) {
            junk = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if ((junk ? mailbox_read_junk : mailbox_read)(&box, cli->config, &error) != PP_OK) {
        mailbox_finish(&box);
        return cli_fail(&error);
    }
    printf("%s", cli->json ? "[" : "");
    for (size_t i = 0; i < box.n; i++) {
        if (junk && !cli->json) {
            putchar('j');
        }
        (cli->json ? print_json : print_line)(i + 1, &box.letters[i]);
    }
    printf("%s", cli->json ? "]\n" : "");
    mailbox_finish(&box);
    return EX_OK;
}
