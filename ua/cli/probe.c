/*
 * peerpost probe: measures how often a copy on a node can be had, and says how many copies are
 * enough, in plain words. It must not know how it is measured.
 */
#include <cli/cli.h>

#include <session/session.h>

#include <base/persistence.h>
#include <mail/probe.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (60 * PP_SECOND)
#define SAMPLES_MAX 64

struct work {
    bool done;
    struct pp_probe_result result;
};

static void done(void *ctx, const struct pp_probe_result *result)
{
    struct work *w = ctx;
    w->result = *result;
    w->done = true;
}

static void print_copies(unsigned copies)
{
    if (copies) {
        printf("%14u", copies);
    } else {
        printf("%14s", "over 32");
    }
}

static const double targets[] = {0.99, 0.999, 0.9999, 0.99999};
static const char *const target_names[] = {"99 %", "99.9 %", "99.99 %", "99.999 %"};
static const unsigned operations[] = {2, 100, 10000};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Figure 2 of the paper at the measured p. */
static void print_table(double p)
{
    printf("\nCopies that are enough, so that at once succeed:\n%-12s%14s%14s%14s\n", "",
           "one mail", "50 recipients", "5,000");
    for (size_t i = 0; i < COUNT(targets); i++) {
        printf("%-12s", target_names[i]);
        for (size_t j = 0; j < COUNT(operations); j++) {
            print_copies(pp_copies_needed(p, targets[i], operations[j], PP_K_MAX));
        }
        printf("\n");
    }
}

static void print_words(struct pp_mail *mail, const struct pp_probe_result *r,
                        const struct pp_probe_estimate *e)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    printf("%u probe objects stored now; of %u copies asked for now, %u came back.\n", r->stored,
           r->asked, r->good);
    if (e->asked < PP_PROBE_ENOUGH) {
        printf("That is not enough to say anything: %llu copies were asked for in the last %d "
               "days, %d are needed.\nRun peerpost probe again in an hour or later.\n",
               (unsigned long long)e->asked, PP_PROBE_DAYS, PP_PROBE_ENOUGH);
        return;
    }
    printf("Of %llu copies asked for in the last %d days, %llu came back: a copy can be had with "
           "p = %.3f.\n",
           (unsigned long long)e->asked, PP_PROBE_DAYS, (unsigned long long)e->good, e->p);
    if (e->copies) {
        printf("With %u copies, %g %% of mails succeed at once. ", e->copies,
               100 * o->copies_target);
    } else {
        printf("No number of copies up to %d makes %g %% of mails succeed at once. ", PP_K_MAX,
               100 * o->copies_target);
    }
    printf("The network keeps %u of inboxes and certificates%s; your bodies get %u.\n", o->k,
           !e->copies || e->copies > o->k ? " (ask its operators for more: network.k)" : "",
           pp_probe_copies(mail));
    print_table(e->p);
}

static void print_json(struct pp_mail *mail, const struct pp_probe_result *r,
                       const struct pp_probe_estimate *e)
{
    printf("{\"stored\":%u,\"asked\":%u,\"good\":%u,\"asked_in_all\":%llu,\"good_in_all\":%llu,"
           "\"samples\":%u,\"p\":%.6f,\"copies\":%u,\"enough\":%s,\"network_k\":%u,"
           "\"body_copies\":%u,\"table\":[",
           r->stored, r->asked, r->good, (unsigned long long)e->asked, (unsigned long long)e->good,
           e->samples, e->p, e->copies, e->asked >= PP_PROBE_ENOUGH ? "true" : "false",
           pp_mail_is(mail)->k, pp_probe_copies(mail));
    for (size_t i = 0; i < COUNT(targets); i++) {
        for (size_t j = 0; j < COUNT(operations); j++) {
            printf("%s{\"target\":%g,\"operations\":%u,\"copies\":%u}", i || j ? "," : "",
                   targets[i], operations[j],
                   pp_copies_needed(e->p, targets[i], operations[j], PP_K_MAX));
        }
    }
    printf("]}\n");
}

static int probe(struct cli *cli, struct session *session, const struct pp_probe_options *options)
{
    struct work w = {0};
    struct pp_mail *mail = session_mail(session);
    cli_progress("probing");
    struct pp_probe *p = pp_probe_start(mail, options, done, &w);
    if (!p) {
        return cli_fails(EX_OSERR, "out of memory");
    }
    session_run(session, &w.done, PP_NEVER);
    cli_progress("%s", "");
    if (w.result.code != PP_OK) {
        const char *trouble = session_trouble(session);
        return cli_fails(cli_exit_code(w.result.code), "cannot probe: %s",
                         trouble           ? trouble
                         : w.result.why[0] ? w.result.why
                                           : pp_error_text(w.result.code));
    }
    struct pp_probe_estimate e;
    pp_probe_estimate(mail, &e);
    (cli->json ? print_json : print_words)(mail, &w.result, &e);
    return EX_OK;
}

int cli_probe(struct cli *cli, int argc, char **argv)
{
    struct session *session = NULL;
    struct pp_error error = {0};
    struct pp_probe_options options = {
        .samples = (unsigned)pp_config_number(cli->config, "probe.samples"),
        .age = pp_config_number(cli->config, "probe.age") / (int64_t)PP_SECOND};
    for (int i = 1; i < argc; i++) {
        const char *value = cli_value(argc, argv, &i, "--samples");
        if (value) {
            char *end;
            unsigned long n = strtoul(value, &end, 10);
            if (*end || n > SAMPLES_MAX) {
                return cli_usage(cli, "--samples is a number from 0 to %d", SAMPLES_MAX);
            }
            options.samples = (unsigned)n;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    if (cli_session(&session, cli, PATIENCE, &error) != PP_OK) {
        return cli_fail(&error);
    }
    int code = probe(cli, session, &options);
    session_close(session);
    return code;
}
