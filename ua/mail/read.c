/*
 * Reading, the order of steps: what earlier runs left, the inboxes, each notification as soon as it
 * is noted, so that no slow holder keeps others' mail back; see read.h. It must not know how any of
 * them is done.
 */
#include <mail/read_pass.h>

#include <mail/canary.h>
#include <mail/record.h>
#include <stdio.h>
#include <stdlib.h>

static const struct pp_mailnet *net_of(const struct pp_read *read)
{
    return &pp_mail_is(read->mail)->net;
}

void pp_read_key(char out[72], char kind, const char *hash)
{
    snprintf(out, 72, "%c:%.64s", kind, hash);
}

void pp_read_cancel(struct pp_read *read)
{
    if (!read) {
        return;
    }
    const struct pp_mailnet *net = net_of(read);
    while (read->letters) {
        struct pp_letter *letter = read->letters;
        read->letters = letter->next;
        pp_letter_free(letter);
    }
    pp_spread_finish(&read->inbox);
    pp_release_cancel(read->release);
    net->ops->forget(net->impl, &read->act);
    pp_buf_free(&read->waiting);
    pp_buf_free(&read->twins);
    pp_buf_free(&read->fresh);
    pp_seen_finish(read);
    free(read);
}

void pp_read_fail(struct pp_read *read, int code, const char *what)
{
    const struct pp_mailnet *net = net_of(read);
    if (!read->result.code) {
        read->result.code = code;
        snprintf(read->result.why, sizeof read->result.why, "%.150s (%s)", what,
                 pp_error_text(code));
    }
    read->ended = true;
    net->ops->wake(net->impl, &read->act, pp_mail_now(read->mail).mono);
}

static void finish(struct pp_read *read)
{
    struct pp_read_events events = read->events;
    struct pp_read_result result = read->result;
    void *ctx = read->ctx;
    pp_read_cancel(read);
    events.done(ctx, &result);
}

static int add_waiting(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct pp_read *read = ctx;
    (void)value;
    if (key.len == 66) {
        pp_buf_add(&read->waiting, key.data, key.len);
    }
    return 0;
}

/* What is journaled: notifications to work on, and deletions that an earlier run left. */
static void collect(struct pp_read *read)
{
    const struct pp_mailnet *net = net_of(read);
    if (!read->options.headers_only && !read->options.keep) {
        net->ops->replay(net->impl, pp_str("d:"), add_waiting, read);
    }
    net->ops->replay(net->impl, pp_str("i:"), add_waiting, read);
}

static void released(void *ctx, int code)
{
    struct pp_read *read = ctx;
    read->release = NULL;
    if (code != PP_OK && code != PP_NOT_FOUND) {
        pp_read_fail(read, code, "cannot deliver a message out of quarantine");
        return;
    }
    read->result.released += code == PP_OK;
    pp_read_next(read);
}

/* Messages of strangers that are known by now. True: one is on its way. */
static bool release(struct pp_read *read)
{
    char hash[65];
    if (!read->release && pp_mail_is(read->mail)->signed_only && pp_aside_due(read->mail, hash)) {
        read->release = pp_release_start(read->mail, hash, released, read);
    }
    return read->release != NULL;
}

/* Those that lack what others handed out are asked once more: it may have been on its way. */
static bool recheck(struct pp_read *read)
{
    if (read->rechecking || !pp_seen_any_lacks(read)) {
        return false;
    }
    read->rechecking = true;
    read->inbox_done = false;
    read->address = 0;
    pp_spread_finish(&read->inbox);
    pp_read_inbox_start(read);
    return true;
}

void pp_read_next(struct pp_read *read)
{
    if (read->ended || !read->collected) {
        return;
    }
    if (!read->active && !read->waiting.len) { /* their messages are known now, or not to be had */
        struct pp_buf twins = read->twins;
        read->twins = read->waiting;
        read->waiting = twins;
    }
    while (read->active < PP_READ_PARALLEL && read->waiting.len) {
        char key[67];
        memcpy(key, read->waiting.data, 66);
        key[66] = '\0';
        pp_buf_consume(&read->waiting, 66);
        if (key[0] == 'd') {
            pp_letter_delete_start(read, key + 2);
        } else {
            pp_letter_start(read, key + 2, key[0] == 'f');
        }
    }
    bool idle = read->inbox_done && !read->active && !read->waiting.len;
    if (idle && !recheck(read) && (read->options.given || !release(read))) {
        const struct pp_mailnet *net = net_of(read);
        pp_seen_judge(read);
        read->ended = true;
        net->ops->wake(net->impl, &read->act, pp_mail_now(read->mail).mono);
    }
}

static void on_wake(struct pp_act *act)
{
    struct pp_read *read = (struct pp_read *)act;
    if (read->ended) {
        finish(read);
        return;
    }
    if (!read->collected) {
        read->collected = true;
        if (!read->options.given) {
            collect(read);
        }
    }
    pp_read_next(read);
}

static bool waits(const struct pp_buf *keys, const char *hash)
{
    for (size_t at = 0; at + 66 <= keys->len; at += 66) {
        if (keys->data[at] != 'd' && memcmp(keys->data + at + 2, hash, 64) == 0) {
            return true;
        }
    }
    return false;
}

bool pp_read_add(struct pp_read *read, const char *hash)
{
    const struct pp_mailnet *net = net_of(read);
    struct pp_bytes value;
    char key[72];
    pp_read_key(key, 'i', hash);
    if (read->ended) {
        return false;
    }
    bool known = (!read->collected && !read->options.given) || waits(&read->waiting, hash) ||
                 waits(&read->twins, hash) ||
                 net->ops->recall(net->impl, pp_str(key), &value) != PP_OK;
    for (const struct pp_letter *l = read->letters; l && !known; l = l->next) {
        known = strcmp(l->hash, hash) == 0;
    }
    if (!known) {
        pp_buf_add(&read->waiting, key, 66);
        pp_read_next(read);
    }
    return true;
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_read *read = (struct pp_read *)act;
    if (error) {
        pp_read_fail(read, error, "cannot write the journal, so no inbox was told to forget");
        return;
    }
    pp_read_inbox_noted(read, token);
}

struct pp_read *pp_read_start(struct pp_mail *mail, const struct pp_read_options *options,
                              const struct pp_read_events *events, void *ctx)
{
    struct pp_read *read = calloc(1, sizeof *read);
    if (!read) {
        return NULL;
    }
    *read = (struct pp_read){
        .act = {.wake = on_wake, .noted = on_noted},
        .mail = mail,
        .options = *options,
        .events = *events,
        .ctx = ctx,
    };
    const struct pp_mailnet *net = net_of(read);
    net->ops->wake(net->impl, &read->act, pp_mail_now(mail).mono);
    if (options->no_inbox || options->given) {
        read->inbox_done = read->result.complete = true;
    } else {
        read->wide = pp_handed_wide(mail);
        pp_read_inbox_start(read);
    }
    return read;
}

/* --- marks --------------------------------------------------------------------------------- */

struct sweep {
    int64_t before;
    struct pp_buf keys;
};

static int sweep_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct sweep *s = ctx;
    if (value.len != 8 || (int64_t)pp_get64(value.data) < s->before) {
        pp_record_bytes(&s->keys, key);
    }
    return 0;
}

void pp_read_sweep(struct pp_mail *mail)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct sweep s = {.before = pp_mail_seconds(mail) - (int64_t)PP_MARK_DAYS * 86400};
    net->ops->replay(net->impl, pp_str("m:"), sweep_one, &s);
    net->ops->replay(net->impl, pp_str("o:"), sweep_one, &s);
    pp_mail_forget(mail, &s.keys);
}
