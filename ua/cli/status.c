/*
 * peerpost status: what became of the messages that were sent. It must not know how the nodes are
 * asked.
 */
#include <cli/cli.h>

#include <session/reading.h>
#include <session/session.h>

#include <mail/canary.h>
#include <mail/sent.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)
#define LOOK_TIME (30 * PP_SECOND)
#define LOOK_MOST 50 /* messages asked for at once; the rest the next time */

struct listing {
    struct cli *cli;
    char **wanted; /* beginnings of ids; none: all */
    int n_wanted;
};

static bool is_wanted(const struct listing *l, const char *name)
{
    for (int i = 0; i < l->n_wanted; i++) {
        if (strncmp(name, l->wanted[i], strlen(l->wanted[i])) == 0) {
            return true;
        }
    }
    return l->n_wanted == 0;
}

/* --- showing ------------------------------------------------------------------------------- */

static void print_recipient(const struct pp_sent_recipient *to)
{
    printf("    ");
    cli_print_safe((const char *)to->address.data);
    printf("  %s", pp_sent_state_name(to->state));
    if (to->state <= PP_SENT_STORED) {
        printf(" %u of %u", to->copies, to->wanted);
    }
    printf("%s", to->unknown ? ", but no node asked knows of it now" : "");
    if (to->why[0]) {
        printf(": ");
        cli_print_safe(to->why);
    }
    putchar('\n');
}

static void print_entry(const struct pp_sent_entry *e)
{
    time_t at = (time_t)e->sent.created;
    struct tm tm;
    char date[20];
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&at, &tm));
    printf("%.8s  %s  ", e->name, date);
    char *subject = reading_subject(pp_buf_bytes(&e->sent.subject));
    cli_print_safe(subject);
    g_free(subject);
    putchar('\n');
    for (size_t i = 0; i < e->sent.n; i++) {
        print_recipient(&e->sent.recipients[i]);
    }
}

static void print_json(const struct pp_sent_entry *e, bool first)
{
    printf("%s{\"id\":\"%s\",\"created\":%lld,\"subject\":", first ? "" : ",", e->name,
           (long long)e->sent.created);
    char *subject = reading_subject(pp_buf_bytes(&e->sent.subject));
    cli_print_json(subject);
    g_free(subject);
    printf(",\"looked\":%lld,\"recipients\":[", (long long)e->sent.looked);
    for (size_t i = 0; i < e->sent.n; i++) {
        const struct pp_sent_recipient *to = &e->sent.recipients[i];
        printf("%s{\"address\":", i ? "," : "");
        cli_print_json((const char *)to->address.data);
        printf(",\"state\":\"%s\",\"copies\":%u,\"wanted\":%u,\"unknown\":%s,\"why\":",
               pp_sent_state_name(to->state), to->copies, to->wanted,
               to->unknown ? "true" : "false");
        cli_print_json(to->why);
        printf("}");
    }
    printf("]}");
}

static int show(const struct listing *l, struct session *session)
{
    struct pp_sent_list list;
    size_t shown = 0;
    if (pp_sent_list(session_mail(session), &list) != PP_OK) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    printf("%s", l->cli->json ? "[" : "");
    for (size_t i = 0; i < list.n; i++) {
        const struct pp_sent_entry *e = &list.entries[i];
        if (!is_wanted(l, e->name)) {
            continue;
        }
        if (l->cli->json) {
            print_json(e, shown == 0);
        } else {
            print_entry(e);
        }
        shown++;
    }
    printf("%s", l->cli->json ? "]\n" : "");
    if (!shown && !l->cli->json) {
        puts("nothing was sent in the last 90 days");
    }
    pp_sent_list_finish(&list);
    return shown || !l->n_wanted ? EX_OK : EX_NOINPUT;
}

static int warn(void *ctx, const struct pp_handed *h)
{
    char id[2 * PP_ID_LEN + 1];
    (void)ctx;
    pp_hex(id, h->node.b, PP_ID_LEN);
    if (h->distrusted) {
        fprintf(stderr,
                "peerpost: node %.8s of your inbox handed out %u of %u notifications that it was "
                "given (peerpost doctor)\n",
                id, h->had, h->should);
    }
    return 0;
}

/* --- asking -------------------------------------------------------------------------------- */

struct asking {
    bool done;
    int code;
};

static void checked(void *ctx, int code, unsigned asked)
{
    struct asking *a = ctx;
    (void)asked;
    a->done = true;
    a->code = code;
}

static void ask(struct session *session)
{
    struct asking a = {0};
    cli_progress("asking the nodes");
    struct pp_sent_check *check =
        pp_sent_check_start(session_mail(session), NULL, LOOK_MOST, checked, &a);
    if (check && !session_run(session, &a.done, LOOK_TIME)) {
        pp_sent_check_cancel(check);
        a.code = PP_TIMEOUT;
    }
    cli_progress("%s", "");
    if (a.code != PP_OK) {
        const char *trouble = session_trouble(session);
        fprintf(stderr, "peerpost: not all nodes answered (%s): this is what was known before\n",
                trouble ? trouble : pp_error_text(a.code));
    }
}

int cli_status(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    struct listing l = {.cli = cli, .wanted = argv + 1};
    bool offline = false;
    g_mime_init();
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (cli_flag(argv, i, "--offline")) {
            offline = true;
        } else if (argv[i][0] == '-') {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        } else {
            l.wanted[l.n_wanted++] = argv[i];
        }
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    if (!offline) {
        ask(session);
    }
    int code = show(&l, session);
    pp_handed_each(session_mail(session), warn, NULL);
    session_close(session);
    return code;
}
