/*
 * Synchronising, the order of steps: what changed here, a record that an earlier round left, the
 * logs of the others, the Maildir, new messages, a record of our own; see sync.h. It must not know
 * how any of them is done.
 */
#include <mail/sync_pass.h>

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

void pp_sync_cancel(struct pp_sync *s)
{
    if (!s) {
        return;
    }
    const struct pp_mailnet *net = pp_sync_net(s);
    for (size_t i = 0; i < PP_SYNC_PARALLEL; i++) {
        pp_sync_store_finish(&s->stores[i]);
        pp_sync_fetch_finish(&s->fetches[i]);
    }
    while (s->uploads) {
        struct pp_upload *u = s->uploads;
        s->uploads = u->next;
        free(u);
    }
    pp_peek_finish(&s->peek);
    pp_put_finish(&s->put);
    net->ops->forget(net->impl, &s->act);
    pp_device_state_finish(&s->state);
    free(s->others);
    OPENSSL_cleanse(s, sizeof *s);
    free(s);
}

void pp_sync_fail(struct pp_sync *s, int code, const char *what)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    if (!s->result.code) {
        s->result.code = code;
        snprintf(s->result.why, sizeof s->result.why, "%.200s (%s)", what, pp_error_text(code));
    }
    s->ended = true;
    net->ops->wake(net->impl, &s->act, pp_mail_now(s->mail).mono);
}

void pp_sync_progress(struct pp_sync *s)
{
    if (s->events.progress) {
        s->events.progress(s->ctx, &s->result);
    }
}

struct pp_stamp pp_sync_stamp(struct pp_sync *s)
{
    struct pp_stamp stamp = {.lamport = s->state.lamport + 1};
    memcpy(stamp.device, s->self.device, PP_DEVICE_ID);
    return stamp;
}

static void finish(struct pp_sync *s)
{
    struct pp_sync_events events = s->events;
    struct pp_sync_result result = s->result;
    void *ctx = s->ctx;
    pp_sync_cancel(s);
    events.done(ctx, &result);
}

/* All is done; the notes of it are to be durable before anybody hears so. */
static void end(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    s->result.computers = 1;
    for (size_t i = 0; i < s->n_others; i++) {
        s->result.computers += memcmp(s->others[i].tag, s->tag[0], PP_SYNC_TAG) == 0;
    }
    net->ops->note(net->impl, &s->act, pp_str("l:round"), pp_str("1"), PP_SYNC_LAST_NOTED);
}

/* --- the steps ----------------------------------------------------------------------------- */

static bool has_news(const struct pp_sync *s)
{
    for (const struct pp_item *item = s->state.items; item; item = item->hh.next) {
        if (item->dirty) {
            return true;
        }
    }
    for (const struct pp_setting *set = s->state.settings; set; set = set->hh.next) {
        if (set->dirty) {
            return true;
        }
    }
    return false;
}

static void go_on(struct pp_sync *s)
{
    if (s->ended) {
        return; /* the wake asked for ends it */
    }
    if (!s->self.next || has_news(s)) {
        pp_sync_tell(s);
    } else if (s->uploads) {
        pp_sync_store(s);
    } else if (pp_sync_may_claim(s)) {
        pp_sync_claim(s);
    } else {
        end(s);
    }
}

void pp_sync_told(struct pp_sync *s)
{
    pp_sync_progress(s);
    if (!s->is_read) {
        pp_sync_read(s);
    } else {
        go_on(s);
    }
}

void pp_sync_read_done(struct pp_sync *s)
{
    s->is_read = true;
    pp_sync_apply(s);
}

void pp_sync_applied(struct pp_sync *s)
{
    pp_sync_progress(s);
    pp_sync_store(s);
}

void pp_sync_stored(struct pp_sync *s)
{
    pp_sync_progress(s);
    go_on(s);
}

static void begin(struct pp_sync *s)
{
    int rc = pp_sync_load(s);
    if (rc != PP_OK) {
        pp_sync_fail(s, rc, rc == PP_DENIED ? "there is no key" : "cannot read the journal");
        return;
    }
    rc = pp_sync_scan(s);
    if (rc != PP_OK) {
        pp_sync_fail(s, rc,
                     rc == PP_DENIED ? "all mail is gone from the Maildir: is it the right folder? "
                                       "(peerpost sync --deletions, when you deleted it)"
                                     : "cannot read the Maildir");
        return;
    }
    pp_mail_crash(s->mail, "sync-scanned");
    if (s->self.out) {
        pp_sync_tell_again(s);
    } else {
        pp_sync_read(s);
    }
}

static void on_wake(struct pp_act *act)
{
    struct pp_sync *s = (struct pp_sync *)act;
    if (s->ended) {
        finish(s);
    } else {
        begin(s);
    }
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_sync *s = (struct pp_sync *)act;
    if (error) {
        pp_sync_fail(s, error, "cannot write the journal");
    } else if (token == PP_SYNC_OUT_NOTED) {
        pp_sync_out_noted(s);
    } else if (token == PP_SYNC_TOLD_NOTED) {
        pp_sync_told_noted(s);
    } else if (token == PP_SYNC_LAST_NOTED) {
        finish(s);
    }
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    (void)token;
    pp_sync_kept((struct pp_sync *)act, error);
}

struct pp_sync *pp_sync_start(struct pp_mail *mail, const struct pp_sync_options *options,
                              const struct pp_sync_events *events, void *ctx)
{
    struct pp_sync *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->act = (struct pp_act){.wake = on_wake, .noted = on_noted, .kept = on_kept};
    s->mail = mail;
    s->options = *options;
    s->events = *events;
    s->ctx = ctx;
    snprintf(s->computer, sizeof s->computer, "%s", options->computer);
    const struct pp_mailnet *net = pp_sync_net(s);
    net->ops->wake(net->impl, &s->act, pp_mail_now(mail).mono);
    return s;
}
