/*
 * peerpost quarantine: what was not delivered (a virus, a stranger who has not confirmed), and the
 * user's word on it. It must not know why something is there.
 */
#include <cli/cli.h>
#include <session/session.h>

#include <base/address.h>
#include <mail/quarantine.h>
#include <mail/senders.h>
#include <stdio.h>
#include <time.h>

#define PATIENCE (60 * PP_SECOND)
#define SHOWN 8 /* digits of an id that are shown; any unique beginning is taken */

static const char *kind_name(enum pp_aside kind)
{
    return kind == PP_ASIDE_VIRUS ? "virus" : "stranger";
}

struct listing {
    struct cli *cli;
    struct session *session;
    unsigned n;
};

static int print_one(void *ctx, const char *hash)
{
    struct listing *l = ctx;
    struct pp_set_aside s = {0};
    char id[65], date[20];
    snprintf(id, sizeof id, "%.64s", hash);
    if (pp_aside_recall(session_mail(l->session), id, &s) != PP_OK) {
        return 0;
    }
    const char *sender = s.sender.len ? (const char *)s.sender.data : "";
    const char *reason = s.reason.len ? (const char *)s.reason.data : "";
    time_t at = (time_t)s.at;
    struct tm tm;
    if (l->cli->json) {
        printf("%s{\"id\":\"%s\",\"kind\":\"%s\",\"at\":%lld,\"file\":", l->n ? "," : "", id,
               kind_name(s.kind), (long long)s.at);
        char path[4096 + 80];
        snprintf(path, sizeof path, "%s/%s", session_quarantine(l->cli->config), id);
        cli_print_json(path);
        printf(",\"sender\":");
        cli_print_json(sender);
        printf(",\"reason\":");
        cli_print_json(reason);
        printf("}");
    } else {
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", localtime_r(&at, &tm));
        printf("%.*s  %s  %-8s  ", SHOWN, id, date, kind_name(s.kind));
        cli_print_safe(sender);
        printf("  ");
        cli_print_safe(reason);
        putchar('\n');
    }
    l->n++;
    pp_aside_finish(&s);
    return 0;
}

static int list(struct cli *cli, struct session *session)
{
    struct listing l = {cli, session, 0};
    printf("%s", cli->json ? "[" : "");
    pp_aside_each(session_mail(session), print_one, &l);
    printf("%s", cli->json ? "]\n" : "");
    if (!l.n && !cli->json) {
        puts("the quarantine is empty");
    }
    return EX_OK;
}

struct search {
    const char *start;
    char hash[65];
    unsigned n;
};

static int match(void *ctx, const char *hash)
{
    struct search *s = ctx;
    if (strncmp(hash, s->start, strlen(s->start)) == 0) {
        snprintf(s->hash, sizeof s->hash, "%.64s", hash);
        s->n++;
    }
    return 0;
}

static int find(struct session *session, const char *start, char hash[65])
{
    struct search s = {.start = start};
    if (strlen(start) < 4 || strlen(start) > 64) {
        return cli_fails(EX_USAGE, "%s is no id: give at least 4 digits of one", start);
    }
    pp_aside_each(session_mail(session), match, &s);
    if (s.n != 1) {
        return cli_fails(EX_NOINPUT,
                         s.n ? "%s is the beginning of several ids"
                             : "there is no %s in quarantine (peerpost quarantine "
                               "lists what is)",
                         start);
    }
    memcpy(hash, s.hash, sizeof s.hash);
    return EX_OK;
}

struct release {
    bool done;
    int code;
};

static void released(void *ctx, int code)
{
    struct release *r = ctx;
    r->done = true;
    r->code = code;
}

static int release_one(struct session *session, const char *hash)
{
    struct release r = {0};
    struct pp_release *work = pp_release_start(session_mail(session), hash, released, &r);
    if (!work) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    session_run(session, &r.done, PP_NEVER);
    if (r.code != PP_OK) {
        return cli_fails(cli_exit_code(r.code), "%.8s cannot be delivered: %s", hash,
                         pp_error_text(r.code));
    }
    printf("delivered %.8s\n", hash);
    return EX_OK;
}

/* release ID.. | drop ID.. */
static int each_id(struct session *session, bool release, int n, char **ids)
{
    char hash[65];
    for (int i = 0; i < n; i++) {
        int code = find(session, ids[i], hash);
        if (code != EX_OK) {
            return code;
        }
        if (!release) {
            pp_aside_drop(session_mail(session), hash);
            printf("dropped %.8s\n", hash);
        } else if ((code = release_one(session, hash)) != EX_OK) {
            return code;
        }
    }
    return EX_OK;
}

/* accept ADDRESS.. | forget ADDRESS.. */
static int each_sender(struct session *session, bool accept, int n, char **addresses)
{
    struct pp_mail *mail = session_mail(session);
    for (int i = 0; i < n; i++) {
        struct pp_buf normal = {0};
        if (pp_address_normal(&normal, pp_str(addresses[i])) != PP_OK) {
            pp_buf_free(&normal);
            return cli_fails(EX_USAGE, "%s is no e-mail address", addresses[i]);
        }
        const char *address = (const char *)normal.data;
        (accept ? pp_sender_know : pp_sender_forget)(mail, address);
        printf(accept ? "%s is known now; the next fetch delivers what waits\n"
                      : "%s is known no longer\n",
               address);
        pp_buf_free(&normal);
    }
    return EX_OK;
}

static int act(struct cli *cli, struct session *session, int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "list";
    bool more = argc > 2;
    if (strcmp(what, "list") == 0 && !more) {
        return list(cli, session);
    }
    if ((strcmp(what, "release") == 0 || strcmp(what, "drop") == 0) && more) {
        return each_id(session, what[0] == 'r', argc - 2, argv + 2);
    }
    if ((strcmp(what, "accept") == 0 || strcmp(what, "forget") == 0) && more) {
        return each_sender(session, what[0] == 'a', argc - 2, argv + 2);
    }
    return cli_usage(cli, "unknown or incomplete: %s", what);
}

int cli_quarantine(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    int left = 1;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else {
            argv[left++] = argv[i];
        }
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    int code = act(cli, session, left, argv);
    session_close(session);
    return code;
}
