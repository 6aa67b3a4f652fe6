/*
 * Scanners of the live pp_net: each message on a worker, which waits for clamd and the spam filter;
 * the act hears the verdict. A virus scanner that is down holds the mail; a spam filter that is
 * down does not, it is only said.
 */
#include <net_live_internal.h>

#include <base/log.h>
#include <box/scan.h>
#include <stdio.h>
#include <stdlib.h>

#define OLD_DAYS 7

struct pp_live_judge {
    struct pp_live_judge *next;
    struct pp_net_impl *net;
    struct pp_act *act; /* NULL: nobody listens any more */
    uint64_t token;
    struct pp_blob *blob;
    const char *virus, *spam;
    bool ask_age;
    time_t now;
    enum pp_judgement verdict;
    char text[PP_SCAN_TEXT], age[PP_SCAN_TEXT], spam_trouble[PP_SCAN_TEXT];
};

static int64_t read_blob(void *ctx, uint64_t offset, void *out, size_t cap)
{
    return pp_live_blob_read(NULL, ctx, offset, out, cap);
}

static void ask_age(struct pp_live_judge *j)
{
    char why[PP_SCAN_TEXT];
    int days = pp_scan_clamd_age(j->virus, j->now, why);
    if (days > OLD_DAYS) {
        snprintf(j->age, sizeof j->age,
                 "the virus scanner's definitions are %d days old: let freshclam run", days);
    }
}

/* On a worker. */
static void judge(void *ctx)
{
    struct pp_live_judge *j = ctx;
    const struct pp_scanned message = {read_blob, j->blob};
    enum pp_scan found = PP_SCAN_CLEAN;
    j->verdict = PP_JUDGED_CLEAN;
    if (j->virus) {
        found = pp_scan_clamd(j->virus, &message, j->text);
        j->verdict = found == PP_SCAN_FOUND    ? PP_JUDGED_QUARANTINE
                     : found == PP_SCAN_FAILED ? PP_JUDGED_HOLD
                                               : PP_JUDGED_CLEAN;
        if (j->ask_age && found != PP_SCAN_FAILED) {
            ask_age(j);
        }
    }
    if (j->verdict == PP_JUDGED_CLEAN && j->spam) {
        found = pp_scan_spam(j->spam, &message, j->text);
        j->verdict = found == PP_SCAN_FOUND ? PP_JUDGED_JUNK : PP_JUDGED_CLEAN;
        if (found == PP_SCAN_FAILED) {
            snprintf(j->spam_trouble, sizeof j->spam_trouble, "%s", j->text);
        }
    }
}

static void judged(void *ctx, bool dropped)
{
    struct pp_live_judge *j = ctx, **at = &j->net->judges;
    while (*at != j) {
        at = &(*at)->next;
    }
    *at = j->next;
    if (j->age[0]) {
        pp_log(PP_LOG_WARN, "filter", "%s", j->age);
    }
    if (j->spam_trouble[0]) {
        pp_log(PP_LOG_WARN, "filter", "%s; mail is delivered without it", j->spam_trouble);
    }
    if (!dropped && j->act) {
        struct pp_act *act = j->act;
        uint64_t token = j->token;
        enum pp_judgement verdict = j->verdict;
        char text[PP_SCAN_TEXT];
        memcpy(text, j->text, sizeof text);
        pp_live_blob_free(j->net, j->blob);
        free(j);
        act->judged(act, token, verdict, text);
        return;
    }
    pp_live_blob_free(j->net, j->blob);
    free(j);
}

void pp_live_judge(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b, uint64_t token)
{
    struct pp_live_judge *j = calloc(1, sizeof *j);
    if (!j) {
        return; /* as without an answer in time: the act's run ends, a later one judges */
    }
    *j = (struct pp_live_judge){.next = net->judges,
                                .net = net,
                                .act = act,
                                .token = token,
                                .blob = pp_live_blob_ref(b),
                                .virus = net->virus,
                                .spam = net->spam,
                                .ask_age = !net->age_asked,
                                .now = (time_t)(pp_loop_now(net->loop).wall / PP_SECOND)};
    net->age_asked = true;
    net->judges = j;
    if (pp_workers_submit(net->scanners, judge, judged, j) != PP_OK) {
        judge(j);
        judged(j, false);
    }
}

void pp_live_judge_deafen(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    for (struct pp_live_judge *j = net->judges; j; j = j->next) {
        if ((!act || j->act == act) && (!token || j->token == *token)) {
            j->act = NULL;
        }
    }
}
