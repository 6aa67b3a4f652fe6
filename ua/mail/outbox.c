/*
 * Short messages on their way; see chat.h. Each line is noted before anything leaves, then sealed
 * and appended to the inbox's nodes, one line after another, so that they arrive in order; a rerun
 * sends the same id and text, by which the reader knows it. It must not know who types.
 */
#include <mail/outbox_line.h>

#include <base/crash.h>
#include <base/encode.h>
#include <base/hash.h>
#include <inttypes.h>
#include <mail/record.h>
#include <mail/report.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST (2 * PP_SECOND)
#define RETRY_MOST PP_HOUR
#define CHAIN (10 * PP_SECOND)
enum { TOKEN_NOTED, TOKEN_COPIED, TOKEN_REPORTED, TOKEN_LEFT };

static const struct pp_mailnet *net_of(const struct pp_outbox *box)
{
    return &pp_mail_is(box->mail)->net;
}

static pp_ns mono(const struct pp_outbox *box)
{
    return pp_mail_now(box->mail).mono;
}

void pp_outbox_stir(struct pp_outbox *box)
{
    net_of(box)->ops->wake(net_of(box)->impl, &box->act, mono(box));
}

bool pp_line_is_sent(const struct pp_line *l)
{
    return l->wanted && pp_ids_count(&l->have) >= pp_min_copies(l->wanted);
}

void pp_line_tell(struct pp_line *l, enum pp_line_state state)
{
    const struct pp_outbox *box = l->box;
    struct pp_line_info info = {.state = state,
                                .id = l->id,
                                .to = (const char *)l->to.data,
                                .text = pp_buf_bytes(&l->text),
                                .moment = l->moment,
                                .copies = pp_ids_count(&l->have),
                                .wanted = l->wanted,
                                .why = l->why};
    if (box->events.line) {
        box->events.line(box->ctx, &info);
    }
}

/* --- notes --------------------------------------------------------------------------------- */

static void line_key(struct pp_buf *key, const struct pp_line *l)
{
    pp_buf_printf(key, "u:%016" PRIx64 ":%s", l->moment, l->id);
}

static void note(struct pp_line *l)
{
    const struct pp_mailnet *net = net_of(l->box);
    struct pp_buf key = {0}, value = {0};
    line_key(&key, l);
    pp_record_bytes(&value, pp_buf_bytes(&l->to));
    pp_record_bytes(&value, pp_buf_bytes(&l->text));
    pp_record_u32(&value, l->wanted);
    pp_record_bytes(&value, pp_buf_bytes(&l->have));
    pp_record_bytes(&value, pp_str(l->after));
    net->ops->note(net->impl, l->noted ? NULL : &l->act, pp_buf_bytes(&key), pp_buf_bytes(&value),
                   TOKEN_NOTED);
    pp_buf_free(&key);
    pp_buf_wipe(&value);
}

static void file_name(char out[65], const struct pp_line *l)
{
    uint8_t digest[32];
    pp_sha256(digest, pp_buf_bytes(&l->text));
    pp_chat_file(out, pp_str(l->id), digest);
}

/* The sender's own copy in the Chat folder; there already after a restart. */
static void keep_copy(struct pp_line *l)
{
    const struct pp_mailnet *net = net_of(l->box);
    struct pp_buf b = {0}, own = {0};
    size_t header;
    char file[65];
    pp_buf_add(&own, pp_mail_is(l->box->mail)->address.data, pp_mail_is(l->box->mail)->address.len);
    const struct pp_chat_mail m = {.from = (const char *)own.data,
                                   .to = (const char *)l->to.data,
                                   .id = l->id,
                                   .own = pp_buf_bytes(&own),
                                   .moment = l->moment,
                                   .text = pp_buf_bytes(&l->text)};
    pp_chat_compose(&b, &header, &m);
    file_name(file, l);
    struct pp_blob *blob = net->ops->blob_new(net->impl);
    if (blob && !b.failed && net->ops->blob_write(net->impl, blob, pp_buf_bytes(&b)) == PP_OK) {
        net->ops->blob_keep(net->impl, &l->act, blob, PP_PLACE_CHAT, file, TOKEN_COPIED);
    }
    if (blob) {
        net->ops->blob_free(net->impl, blob);
    }
    pp_buf_free(&b);
    pp_buf_free(&own);
}

/* --- the end of a line --------------------------------------------------------------------- */

static void line_free(struct pp_line *l)
{
    net_of(l->box)->ops->forget(net_of(l->box)->impl, &l->act);
    pp_find_cancel(l->find);
    pp_spread_finish(&l->spread);
    pp_certificate_free(l->certificate);
    pp_buf_free(&l->to);
    pp_buf_free(&l->inbox);
    pp_buf_wipe(&l->text);
    pp_buf_free(&l->have);
    pp_buf_wipe(&l->sealed);
    free(l);
}

/* The line is done with, which is noted as of any message that is in a Maildir. */
static void leave(struct pp_line *l)
{
    const struct pp_mailnet *net = net_of(l->box);
    struct pp_buf key = {0};
    char file[65], mark[72];
    uint8_t now[8];
    l->over = l->running = true;
    if (!l->copied) {
        return;
    }
    file_name(file, l);
    snprintf(mark, sizeof mark, "o:%s", file);
    pp_put64(now, (uint64_t)pp_mail_seconds(l->box->mail));
    pp_mail_note(l->box->mail, pp_str(mark), pp_bytes(now, sizeof now));
    line_key(&key, l);
    net->ops->note(net->impl, &l->act, pp_buf_bytes(&key), pp_bytes(NULL, 0), TOKEN_LEFT);
    pp_buf_free(&key);
}

static void left(struct pp_line *l)
{
    struct pp_outbox *box = l->box;
    struct pp_line **at = &box->lines;
    char file[65];
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    file_name(file, l);
    net_of(box)->ops->blob_drop(net_of(box)->impl, PP_PLACE_CHAT, file); /* its link in tmp/ */
    line_free(l);
    pp_outbox_stir(box);
}

/* A report in the sender's Maildir, as of any mail that nobody could be given. */
static void report(struct pp_line *l)
{
    struct pp_job job = {.created = (int64_t)(l->moment / 1000)};
    struct pp_job_recipient *r = pp_job_add_recipient(&job);
    struct pp_bytes own = pp_mail_is(l->box->mail)->address;
    pp_buf_add(&job.from, own.data, own.len);
    if (r) {
        pp_buf_add(&r->address, l->to.data, l->to.len);
        snprintf(r->why, sizeof r->why, "%s", l->why);
        pp_report_keep(l->box->mail, &l->act, l->id, &job, TOKEN_REPORTED);
    }
    pp_job_finish(&job);
}

static bool is_too_old(const struct pp_line *l)
{
    uint64_t now = pp_mail_now(l->box->mail).wall / PP_MS;
    return now > l->moment && now - l->moment > pp_mail_is(l->box->mail)->max_age / PP_MS;
}

/* What an attempt came to. */
void pp_line_settle(struct pp_line *l, bool hopeless)
{
    struct pp_outbox *box = l->box;
    l->running = false;
    if (l->wanted && pp_ids_count(&l->have) >= l->wanted) {
        pp_line_tell(l, PP_LINE_COMPLETE);
        leave(l);
        return;
    }
    if ((hopeless || is_too_old(l)) && pp_line_is_sent(l)) {
        pp_line_tell(l, PP_LINE_COMPLETE);
        leave(l);
        return;
    }
    if (hopeless || is_too_old(l)) {
        l->running = true; /* until the report is there */
        report(l);
        return;
    }
    pp_ns wait = RETRY_FIRST << (l->attempts < 11 ? l->attempts : 11);
    l->attempts++;
    l->next_try = mono(box) + (wait < RETRY_MOST ? wait : RETRY_MOST);
    note(l);
    if (!pp_line_is_sent(l)) {
        pp_line_tell(l, PP_LINE_WAITS);
    }
    pp_outbox_stir(box);
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    struct pp_line *l = (struct pp_line *)act;
    bool there = !error || error == PP_EXISTS;
    if (token == TOKEN_COPIED) {
        l->copied = true;
        if (!there) {
            pp_mail_log(l->box->mail, 1, "no copy of a short message is kept: %s",
                        pp_error_text(error));
        }
        if (l->over) {
            leave(l);
        }
    } else if (there) {
        pp_line_tell(l, PP_LINE_FAILED);
        leave(l);
    } else {
        l->running = false;
        l->next_try = mono(l->box) + RETRY_MOST;
    }
}

/* --- turns --------------------------------------------------------------------------------- */

/* In their order: a line leaves when those before it are there, or have to wait. */
static void on_wake(struct pp_act *act)
{
    struct pp_outbox *box = (struct pp_outbox *)act;
    pp_ns now = mono(box), next = PP_NEVER;
    struct pp_line *begin = NULL;
    bool busy = false;
    for (struct pp_line *l = box->lines; l; l = l->next) {
        if (!l->noted || (l->running && !pp_line_is_sent(l))) {
            busy = true;
            break;
        }
        if (!l->running && l->next_try <= now) {
            begin = l;
            break;
        }
        if (!l->running && l->next_try < next) {
            next = l->next_try;
        }
    }
    net_of(box)->ops->wake(net_of(box)->impl, &box->act, next);
    bool running = busy || begin;
    for (struct pp_line *l = box->lines; l && !running; l = l->next) {
        running = l->running;
    }
    if (begin) {
        pp_line_start(begin);
    } else if (!running && box->events.idle) {
        box->events.idle(box->ctx);
    }
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_line *l = (struct pp_line *)act;
    if (token == TOKEN_LEFT) {
        left(l);        /* with an error too: the next run finds it complete */
    } else if (error) { /* nothing of it left this computer, and nothing of it stays */
        snprintf(l->why, sizeof l->why, "cannot write the journal (%s)", pp_error_text(error));
        pp_line_tell(l, PP_LINE_FAILED);
        l->copied = true;
        leave(l);
    } else {
        l->noted = true;
        pp_mail_crash(l->box->mail, "chat-noted");
        keep_copy(l);
        pp_line_tell(l, PP_LINE_TAKEN);
        pp_outbox_stir(l->box);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static struct pp_line *add(struct pp_outbox *box, uint64_t moment)
{
    struct pp_line *l = calloc(1, sizeof *l), **at = &box->lines;
    if (!l) {
        return NULL;
    }
    *l =
        (struct pp_line){.act = {.noted = on_noted, .kept = on_kept}, .box = box, .moment = moment};
    while (*at && (*at)->moment <= moment) {
        at = &(*at)->next;
    }
    l->next = *at;
    *at = l;
    box->last = moment > box->last ? moment : box->last;
    return l;
}

static int load(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct pp_outbox *box = ctx;
    uint8_t moment[8];
    if (key.len < 20 || key.len >= 19 + 64 ||
        pp_unhex(moment, sizeof moment, pp_bytes(key.data + 2, 16)) != PP_OK) {
        return 0;
    }
    struct pp_line *l = add(box, pp_get64(moment));
    if (!l) {
        return 0;
    }
    struct pp_reader r = pp_reader(value);
    snprintf(l->id, sizeof l->id, "%.*s", (int)(key.len - 19), (const char *)key.data + 19);
    pp_reads_buf(&r, &l->to);
    pp_reads_buf(&r, &l->text);
    l->wanted = pp_read32(&r);
    pp_reads_buf(&r, &l->have);
    struct pp_bytes after = pp_reads(&r);
    snprintf(l->after, sizeof l->after, "%.*s", (int)after.len,
             after.len ? (const char *)after.data : "");
    l->noted = true;
    return 0;
}

struct pp_outbox *pp_outbox_open(struct pp_mail *mail, const struct pp_outbox_events *events,
                                 void *ctx)
{
    struct pp_outbox *box = calloc(1, sizeof *box);
    if (!box) {
        return NULL;
    }
    *box =
        (struct pp_outbox){.act = {.wake = on_wake}, .mail = mail, .events = *events, .ctx = ctx};
    net_of(box)->ops->replay(net_of(box)->impl, pp_str("u:"), load, box);
    for (struct pp_line *l = box->lines; l; l = l->next) {
        keep_copy(l);
    }
    pp_outbox_stir(box);
    return box;
}

void pp_outbox_close(struct pp_outbox *box)
{
    if (!box) {
        return;
    }
    while (box->lines) {
        struct pp_line *l = box->lines;
        box->lines = l->next;
        line_free(l);
    }
    net_of(box)->ops->forget(net_of(box)->impl, &box->act);
    pp_buf_free(&box->last_to);
    free(box);
}

static void make_id(struct pp_outbox *box, char id[64])
{
    uint8_t random[16];
    struct pp_buf text = {0};
    pp_mail_random(box->mail, random, sizeof random);
    pp_base32(&text, pp_bytes(random, sizeof random));
    snprintf(id, 64, "%.26s@peerpost.invalid", text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
}

/* What follows closely says so, since nodes may show it first. */
static void chain(struct pp_outbox *box, struct pp_line *l)
{
    if (pp_bytes_equal(pp_buf_bytes(&box->last_to), pp_buf_bytes(&l->to)) &&
        box->last_said + CHAIN > mono(box)) {
        memcpy(l->after, box->last_id, sizeof l->after);
    }
    box->last_to.len = 0;
    pp_buf_add(&box->last_to, l->to.data, l->to.len);
    memcpy(box->last_id, l->id, sizeof box->last_id);
    box->last_said = mono(box);
}

int pp_outbox_say(struct pp_outbox *box, struct pp_bytes to, struct pp_bytes text, char id[64])
{
    uint64_t now = pp_mail_now(box->mail).wall / PP_MS;
    if (!text.len || text.len > PP_CHAT_MAX || !to.len) {
        return PP_INVALID;
    }
    struct pp_line *l = add(box, now > box->last ? now : box->last + 1);
    if (!l) {
        return PP_NOMEM;
    }
    make_id(box, l->id);
    memcpy(id, l->id, sizeof l->id);
    pp_buf_add(&l->to, to.data, to.len);
    pp_buf_add(&l->text, text.data, text.len);
    chain(box, l);
    note(l);
    return PP_OK;
}

size_t pp_outbox_lines(const struct pp_outbox *box)
{
    size_t n = 0;
    for (const struct pp_line *l = box->lines; l; l = l->next) {
        n++;
    }
    return n;
}
