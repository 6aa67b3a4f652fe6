/* peerpost fetch: collects mail, says what came and what is missing. It must not know how. */
#include <cli/cli.h>

#include <session/agent.h>

#include <mail/read.h>
#include <stdio.h>

#define PATIENCE (60 * PP_SECOND)

struct fetching {
    struct cli *cli;
    unsigned shown;
    struct pp_read_result result;
};

static const char *text_of(const struct pp_buf *b)
{
    return b->len ? (const char *)b->data : "";
}

static void print_json(const struct pp_letter_info *info)
{
    static const char *const ends[] = {"headers", "delivered", "known",      "later", "lost",
                                       "bad",     "junk",      "quarantine", "chat",  "canary"};
    const struct pp_notification *n = info->notification;
    printf("{\"state\":\"%s\",\"file\":\"%s\",\"from\":", ends[info->end], info->file);
    cli_print_json(n ? text_of(&n->from) : "");
    printf(",\"subject\":");
    cli_print_json(n ? text_of(&n->subject) : "");
    printf(",\"date\":");
    cli_print_json(n ? text_of(&n->date) : "");
    printf(",\"signature\":");
    cli_print_json(info->signature);
    printf(",\"why\":");
    cli_print_json(info->why);
    printf("}\n");
}

/* "From: subject", both from others. */
static void print_title(FILE *to, const struct pp_notification *n)
{
    if (to == stderr) {
        for (const char *p = text_of(&n->subject); *p; p++) {
            fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, stderr);
        }
        return;
    }
    cli_print_safe(text_of(&n->from));
    printf("  ");
    cli_print_safe(text_of(&n->subject));
    putchar('\n');
}

static void letter(void *ctx, const struct pp_letter_info *info)
{
    struct fetching *f = ctx;
    const struct pp_notification *n = info->notification;
    cli_progress("%s", "");
    if (f->cli->json) {
        print_json(info);
        return;
    }
    switch (info->end) {
    case PP_LETTER_HEADERS:
        printf("waiting   ");
        print_title(stdout, n);
        break;
    case PP_LETTER_DELIVERED:
        printf("delivered ");
        print_title(stdout, n);
        break;
    case PP_LETTER_JUNK:
        printf("junk      ");
        print_title(stdout, n);
        break;
    case PP_LETTER_QUARANTINE:
        printf("set aside ");
        print_title(stdout, n);
        fprintf(stderr, "peerpost: in quarantine: %s (peerpost quarantine)\n", info->why);
        break;
    case PP_LETTER_KNOWN:
    case PP_LETTER_CHAT: /* shown where the chat is open */
    case PP_LETTER_CANARY:
        break;
    case PP_LETTER_LATER:
    case PP_LETTER_LOST:
        fprintf(stderr, "peerpost: cannot get \"");
        print_title(stderr, n);
        fprintf(stderr, "\": %s%s\n", info->why,
                info->end == PP_LETTER_LOST ? "; given up after 30 days"
                                            : "; it is kept, fetch again later");
        break;
    case PP_LETTER_BAD:
        fprintf(stderr, "peerpost: set aside: %s\n", info->why);
        break;
    }
    cli_progress("fetching %u", ++f->shown);
}

static int judge(const struct fetching *f)
{
    const struct pp_read_result *r = &f->result;
    cli_progress("%s", "");
    struct pp_config *config = f->cli->config;
    if (r->code == PP_FULL) {
        return cli_fails(
            EX_IOERR,
            "%s: the disk of %s or of %s is full; nothing is lost, make room and fetch "
            "again",
            r->why, pp_config_path(config, "user.maildir"), pp_config_path(config, "user.state"));
    }
    if (r->code == PP_IO || r->code == PP_BROKEN || r->code == PP_NOMEM) {
        return cli_fails(EX_IOERR, "%s; nothing is lost, mend it and fetch again", r->why);
    }
    if (r->code != PP_OK) {
        return cli_fails(EX_TEMPFAIL, "%s; fetch again later",
                         r->why[0] ? r->why : pp_error_text(r->code));
    }
    if (r->silent) {
        fprintf(
            stderr, "peerpost: %u of %u did not answer of the nodes that hold your inbox (%s)%s\n",
            r->silent, r->k, r->why, r->complete ? "" : ": mail may be missing, fetch again later");
    } else if (!r->complete) {
        fprintf(stderr, "peerpost: mail may be missing: %s; fetch again later\n", r->why);
    }
    return r->complete && !r->later ? EX_OK : EX_TEMPFAIL;
}

int cli_fetch(struct cli *cli, int argc, char **argv)
{
    struct pp_read_options options = {0};
    struct agent *agent = NULL;
    struct fetching f = {.cli = cli};
    struct pp_error error = {0};
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--headers-only")) {
            options.headers_only = true;
        } else if (cli_flag(argv, i, "--keep")) {
            options.keep = true;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if (cli_agent(&agent, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    cli_progress("reading the inbox");
    agent_fetch(agent, &options, letter, &f, &f.result);
    agent_close(agent);
    return judge(&f);
}
