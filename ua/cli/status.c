/*
 * peerpost status: what became of the messages that were sent. It must not know how the nodes are
 * asked.
 */
#include <cli/cli.h>

#include <session/session.h>

#include <gmime/gmime.h>
#include <mail/sent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)
#define LOOK_TIME (30 * PP_SECOND)
#define LOOK_MOST 50 /* messages asked for at once; the rest the next time */

struct entry {
    char name[112];
    struct pp_sent sent;
};

struct listing {
    struct cli *cli;
    char **wanted; /* beginnings of ids; none: all */
    int n_wanted;
    struct entry *entries;
    size_t n, cap;
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

static int collect(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct listing *l = ctx;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct entry *grown = realloc(l->entries, cap * sizeof *grown);
        if (!grown) {
            return PP_NOMEM;
        }
        l->entries = grown;
        l->cap = cap;
    }
    struct entry *e = &l->entries[l->n];
    *e = (struct entry){.name = ""};
    snprintf(e->name, sizeof e->name, "%.*s", (int)key.len - 2, (const char *)key.data + 2);
    if (is_wanted(l, e->name) && pp_sent_read(&e->sent, value) == PP_OK) {
        l->n++;
    } else {
        pp_sent_finish(&e->sent);
    }
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = (x->sent.created < y->sent.created) - (x->sent.created > y->sent.created);
    return order ? order : strcmp(x->name, y->name);
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

/* For people: encoded words decoded. Owned by the caller (g_free). */
static char *subject_of(const struct pp_sent *sent)
{
    return g_mime_utils_header_decode_text(
        NULL, sent->subject.len ? (const char *)sent->subject.data : "(no subject)");
}

static void print_entry(const struct entry *e)
{
    time_t at = (time_t)e->sent.created;
    struct tm tm;
    char date[20];
    strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&at, &tm));
    printf("%.8s  %s  ", e->name, date);
    char *subject = subject_of(&e->sent);
    cli_print_safe(subject);
    g_free(subject);
    putchar('\n');
    for (size_t i = 0; i < e->sent.n; i++) {
        print_recipient(&e->sent.recipients[i]);
    }
}

static void print_json(const struct entry *e, bool first)
{
    printf("%s{\"id\":\"%s\",\"created\":%lld,\"subject\":", first ? "" : ",", e->name,
           (long long)e->sent.created);
    char *subject = subject_of(&e->sent);
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

static int show(struct listing *l, struct session *session)
{
    const struct pp_mailnet *net = &pp_mail_is(session_mail(session))->net;
    if (net->ops->replay(net->impl, pp_str("t:"), collect, l) != 0) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    if (l->n) {
        qsort(l->entries, l->n, sizeof *l->entries, newest_first);
    }
    printf("%s", l->cli->json ? "[" : "");
    for (size_t i = 0; i < l->n; i++) {
        if (l->cli->json) {
            print_json(&l->entries[i], i == 0);
        } else {
            print_entry(&l->entries[i]);
        }
    }
    printf("%s", l->cli->json ? "]\n" : "");
    if (!l->n && !l->cli->json) {
        puts("nothing was sent in the last 90 days");
    }
    return l->n || !l->n_wanted ? EX_OK : EX_NOINPUT;
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
    for (size_t i = 0; i < l.n; i++) {
        pp_sent_finish(&l.entries[i].sent);
    }
    free(l.entries);
    session_close(session);
    return code;
}
