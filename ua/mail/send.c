/*
 * Sending, the order of steps: certificates, objects sealed and kept, plan noted, bodies stored,
 * notifications appended, and what becomes of the message after the pass. See send.h;
 * docs/security.md section 8 has the crash points. It must not know how a store or an append is
 * done.
 */
#include <mail/send_pass.h>

#include <base/crash.h>
#include <mail/envelope.h>
#include <mail/message.h>
#include <mail/report.h>
#include <mail/sent.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_FIRST 60
#define RETRY_MOST 3600

static const struct pp_mailnet *net_of(const struct pp_send *send)
{
    return &pp_mail_is(send->mail)->net;
}

void pp_send_note_key(struct pp_buf *out, const struct pp_send *send, uint32_t recipient)
{
    pp_buf_printf(out, "n:%s:%u", send->name, recipient);
}

void pp_send_blob_name(char out[112], const struct pp_send *send, uint32_t group)
{
    snprintf(out, 112, "%s.%u", send->name, group);
}

void pp_send_progress(const struct pp_send *send, struct pp_job_progress *out)
{
    pp_job_progress(&send->job, pp_mail_is(send->mail)->k, out);
}

void pp_send_changed(struct pp_send *send)
{
    struct pp_job_progress p;
    if (send->events.changed) {
        pp_send_progress(send, &p);
        send->events.changed(send->ctx, &p);
    }
}

static void note_job(struct pp_send *send, uint64_t token)
{
    struct pp_buf key = {0}, value = {0};
    const struct pp_mailnet *net = net_of(send);
    pp_send_job_key(&key, send->name);
    if (pp_job_write(&value, &send->job) != PP_OK) {
        pp_send_fail(send, PP_NOMEM, "out of memory");
    } else {
        net->ops->note(net->impl, &send->act, pp_buf_bytes(&key), pp_buf_bytes(&value), token);
    }
    pp_buf_free(&key);
    pp_buf_wipe(&value);
}

/* --- loading ------------------------------------------------------------------------------- */

static int read_envelope(struct pp_send *send, struct pp_buf *start)
{
    struct pp_envelope e;
    size_t length = 0;
    int rc = pp_envelope_read(&e, pp_buf_bytes(start), &length);
    if (rc != PP_OK) {
        return rc;
    }
    send->message_at = length;
    if (!send->job.n_recipients) { /* the first pass */
        send->job.created = e.created;
        pp_buf_add(&send->job.from, e.from.data, e.from.len);
        for (size_t i = 0; i < e.n_recipients && rc == PP_OK; i++) {
            struct pp_job_recipient *r = pp_job_add_recipient(&send->job);
            rc = r ? pp_buf_add(&r->address, e.recipients[i].address.data,
                                e.recipients[i].address.len)
                   : PP_NOMEM;
            if (rc == PP_OK) {
                r->bcc = e.recipients[i].bcc;
            }
        }
    }
    pp_envelope_finish(&e);
    return rc;
}

/* RFC 3834 section 5 */
static bool is_automatic(struct pp_bytes header)
{
    struct pp_header_field field;
    struct pp_buf text = {0};
    if (pp_header_find(header, "Auto-Submitted", &field)) {
        pp_header_text(&text, field.value, 64);
    }
    bool is = text.len && !pp_bytes_is_nocase(pp_buf_bytes(&text), "no");
    pp_buf_free(&text);
    return is;
}

static void read_fields(struct pp_send *send, struct pp_bytes message)
{
    struct pp_header_field field;
    size_t length = 0;
    pp_header_length(message, true, &length);
    struct pp_bytes header = pp_bytes(message.data, length);
    send->automatic = is_automatic(header);
    if (pp_header_find(header, "From", &field)) {
        pp_header_text(&send->from, field.value, 1024);
    }
    if (pp_header_find(header, "Subject", &field)) {
        pp_header_text(&send->subject, field.value, 1024);
    }
    if (pp_header_find(header, "Date", &field)) {
        pp_header_text(&send->date, field.value, 128);
    }
    pp_header_texts(&send->to, header, "To", 2048);
    pp_header_texts(&send->cc, header, "Cc", 2048);
}

/* The envelope and the header: they lie in the first 2 MiB. */
static int read_spool(struct pp_send *send)
{
    const struct pp_mailnet *net = net_of(send);
    struct pp_buf start = {0};
    send->spool = net->ops->blob_open(net->impl, PP_PLACE_SPOOL, send->name);
    if (!send->spool) {
        return PP_NOT_FOUND;
    }
    uint64_t size = net->ops->blob_size(net->impl, send->spool);
    size_t want = size < 2 * PP_HEADER_MAX ? (size_t)size : 2 * PP_HEADER_MAX;
    int rc = pp_buf_reserve(&start, want + 1);
    while (rc == PP_OK && start.len < want) {
        int64_t n = net->ops->blob_read(net->impl, send->spool, start.len, start.data + start.len,
                                        want - start.len);
        rc = n > 0 ? PP_OK : PP_IO;
        start.len += n > 0 ? (size_t)n : 0;
    }
    if (rc == PP_OK) {
        start.data[start.len] = '\0';
        rc = read_envelope(send, &start);
    }
    if (rc == PP_OK) {
        send->message_size = size - send->message_at;
        read_fields(send,
                    pp_bytes(start.data + send->message_at, start.len - (size_t)send->message_at));
    }
    pp_buf_free(&start);
    return rc;
}

static int make_runs(struct pp_send *send)
{
    const struct pp_job *job = &send->job;
    send->recipients = calloc(job->n_recipients + 1, sizeof *send->recipients);
    send->groups = calloc(job->n_groups + 1, sizeof *send->groups);
    if (!send->recipients || !send->groups) {
        return PP_NOMEM;
    }
    for (uint32_t i = 0; i < job->n_recipients; i++) {
        struct pp_send_recipient *r = calloc(1, sizeof *r);
        if (!r) {
            return PP_NOMEM;
        }
        *r = (struct pp_send_recipient){.send = send, .index = i};
        send->recipients[i] = r;
    }
    for (uint32_t i = 0; i < job->n_groups; i++) {
        struct pp_send_group *g = calloc(1, sizeof *g);
        if (!g) {
            return PP_NOMEM;
        }
        *g = (struct pp_send_group){.send = send, .index = i};
        send->groups[send->n_groups++] = g;
    }
    return PP_OK;
}

static int load(struct pp_send *send)
{
    int rc = pp_send_recall(send->mail, send->name, &send->job);
    if (rc == PP_OK && send->job.finished) {
        return PP_OK;
    }
    send->was_planned = rc == PP_OK && send->job.n_groups;
    rc = rc == PP_NOT_FOUND ? PP_OK : rc;
    rc = rc == PP_OK ? read_spool(send) : rc;
    return rc == PP_OK ? make_runs(send) : rc;
}

/* --- the end of a pass --------------------------------------------------------------------- */

static void finish(struct pp_send *send, bool finished)
{
    struct pp_job_progress p;
    pp_send_progress(send, &p);
    struct pp_send_events events = send->events;
    void *ctx = send->ctx;
    int failed = send->failed;
    char why[sizeof send->why];
    memcpy(why, send->why, sizeof why);
    pp_send_cancel(send);
    events.done(ctx, failed, finished, &p, why);
}

/* The message leaves the queue: noted first, so that no crash makes its spool file a new one. */
static void clear(struct pp_send *send)
{
    const struct pp_mailnet *net = net_of(send);
    for (uint32_t i = 0; i < send->job.n_recipients; i++) {
        struct pp_buf key = {0};
        pp_send_note_key(&key, send, i);
        pp_mail_note(send->mail, pp_buf_bytes(&key), pp_bytes(NULL, 0));
        pp_buf_free(&key);
    }
    struct pp_job last = {.created = pp_mail_seconds(send->mail),
                          .attempts = (uint32_t)send->job.n_groups, /* files to remove */
                          .finished = true};
    struct pp_buf key = {0}, value = {0};
    pp_send_job_key(&key, send->name);
    pp_job_write(&value, &last);
    net->ops->note(net->impl, &send->act, pp_buf_bytes(&key), pp_buf_bytes(&value),
                   PP_SEND_CLEARED);
    pp_buf_free(&key);
    pp_buf_free(&value);
}

static void cleared(struct pp_send *send)
{
    const struct pp_mailnet *net = net_of(send);
    char name[112];
    pp_mail_crash(send->mail, "send-before-removal");
    uint32_t files = send->job.finished ? send->job.attempts : (uint32_t)send->job.n_groups;
    for (uint32_t i = 0; i < files; i++) {
        pp_send_blob_name(name, send, i);
        net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name);
    }
    net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, send->name);
    pp_report_settle(send->mail, send->name); /* where there was one */
    finish(send, true);
}

static void explain(struct pp_send *send, const struct pp_job_progress *p)
{
    if (p->complete || send->why[0]) {
        return;
    }
    if (send->partition) {
        snprintf(send->why, sizeof send->why,
                 "under half of the nodes seen in the last 7 days answer: the network looks cut in "
                 "two, the message stays queued");
        return;
    }
    for (size_t i = 0; i < send->job.n_recipients && !send->why[0]; i++) {
        const struct pp_job_recipient *r = &send->job.recipients[i];
        const char *text = r->why;
        if (r->state == PP_R_GROUPED && send->job.groups[r->group].why[0]) {
            text = send->job.groups[r->group].why;
        }
        snprintf(send->why, sizeof send->why, "%s", text);
    }
}

static bool is_too_old(const struct pp_send *send)
{
    return (uint64_t)(pp_mail_seconds(send->mail) - send->job.created) >
           pp_mail_is(send->mail)->max_age / PP_SECOND;
}

static void end_pass(struct pp_send *send)
{
    struct pp_job_progress p;
    send->ending = true;
    pp_send_progress(send, &p);
    explain(send, &p);
    bool over = p.complete || send->drop || is_too_old(send);
    pp_sent_update(send->mail, send->name, &send->job, pp_buf_bytes(&send->subject), over);
    if (p.complete || send->drop || (p.sent && is_too_old(send))) {
        clear(send);
        return;
    }
    if (is_too_old(send)) {
        pp_report_keep(send->mail, &send->act, send->name, &send->job, PP_SEND_PASSED + 100);
        return;
    }
    uint32_t shift = send->job.attempts < 6 ? send->job.attempts : 6;
    int64_t wait = RETRY_FIRST << shift;
    send->job.attempts++;
    send->job.next_try = pp_mail_seconds(send->mail) + (wait < RETRY_MOST ? wait : RETRY_MOST);
    note_job(send, PP_SEND_PASSED);
}

void pp_send_fail(struct pp_send *send, int code, const char *what)
{
    if (!send->failed) {
        send->failed = code;
        snprintf(send->why, sizeof send->why, "%.200s (%s)", what, pp_error_text(code));
    }
    const struct pp_mailnet *net = net_of(send);
    net->ops->wake(net->impl, &send->act, pp_mail_now(send->mail).mono);
}

/* --- certificates -------------------------------------------------------------------------- */

static void found(void *ctx, int code, struct pp_certificate *certificate, const char *text)
{
    struct pp_send_recipient *run = ctx;
    struct pp_send *send = run->send;
    struct pp_job_recipient *r = &send->job.recipients[run->index];
    struct pp_bytes inbox = pp_find_address(run->find);
    r->inbox.len = 0;
    if (code == PP_OK && !pp_bytes_equal(inbox, pp_buf_bytes(&r->address))) {
        pp_buf_add(&r->inbox, inbox.data, inbox.len);
    }
    run->find = NULL;
    send->active--;
    if (code == PP_OK) {
        run->certificate = pp_certificate_ref(certificate);
    } else {
        snprintf(r->why, sizeof r->why, "%.199s", text);
    }
    if (r->state != PP_R_GROUPED && code != PP_OK) {
        bool bad = code == PP_EXPIRED || code == PP_REVOKED || code == PP_UNTRUSTED ||
                   code == PP_DENIED || code == PP_MALFORMED;
        r->state = code == PP_NOT_FOUND ? PP_R_UNKNOWN : bad ? PP_R_HELD : PP_R_WAITING;
    }
    pp_send_changed(send);
    pp_send_next(send);
}

/* Needs a certificate: to be grouped, or for a notification that is not sealed yet. */
static bool wants_certificate(const struct pp_send *send, uint32_t i)
{
    struct pp_buf key = {0};
    struct pp_bytes value;
    const struct pp_mailnet *net = net_of(send);
    if (send->job.recipients[i].state != PP_R_GROUPED) {
        return true;
    }
    pp_send_note_key(&key, send, i);
    bool sealed = net->ops->recall(net->impl, pp_buf_bytes(&key), &value) == PP_OK;
    pp_buf_free(&key);
    return !sealed;
}

/* Starts finds while there is room; true: some are still under way. */
static bool resolve(struct pp_send *send)
{
    bool waiting = false;
    for (uint32_t i = 0; i < send->job.n_recipients; i++) {
        struct pp_send_recipient *run = send->recipients[i];
        if (!run->resolved && send->active < PP_SEND_PARALLEL) {
            run->resolved = true;
            if (wants_certificate(send, i)) {
                run->find = pp_directory_find(
                    send->mail, pp_buf_bytes(&send->job.recipients[i].address), false, found, run);
                send->active += run->find != NULL;
            }
        }
        waiting |= run->find != NULL || !run->resolved;
    }
    return waiting;
}

/* --- the steps ----------------------------------------------------------------------------- */

static void start_some(struct pp_send *send)
{
    for (size_t i = 0; i < send->n_groups && send->active < PP_SEND_PARALLEL; i++) {
        struct pp_send_group *g = send->groups[i];
        if (!g->running && !g->ended) {
            pp_send_start_store(g);
        }
    }
    for (size_t i = 0; i < send->job.n_recipients && send->active < PP_SEND_PARALLEL; i++) {
        struct pp_send_recipient *r = send->recipients[i];
        const struct pp_job_recipient *j = &send->job.recipients[i];
        if (!r->running && !r->ended && j->state == PP_R_GROUPED &&
            send->groups[j->group]->reached) {
            pp_send_start_notice(r);
        }
    }
}

static bool any_unsealed(const struct pp_send *send)
{
    for (size_t i = 0; i < send->n_groups; i++) {
        if (!send->job.groups[i].sealed) {
            return true;
        }
    }
    return false;
}

void pp_send_next(struct pp_send *send)
{
    if (send->failed || send->ending) {
        return; /* the wake asked for ends it */
    }
    if (!send->storing) {
        if (resolve(send)) {
            return;
        }
        if (pp_send_make_groups(send) != PP_OK) {
            pp_send_fail(send, PP_NOMEM, "out of memory");
            return;
        }
    }
    if (any_unsealed(send)) {
        if (!send->active || !send->storing) {
            send->storing = false;
            pp_send_seal_next(send);
        }
        return;
    }
    if (!send->storing) {
        if (pp_send_copy(send)) {
            return;
        }
        send->storing = true;
        pp_mail_crash(send->mail, "send-sealed");
        if (!pp_mutant("send-store-first")) {
            note_job(send, PP_SEND_PLANNED); /* ids and keys: before the first store */
            return;
        }
    }
    start_some(send);
    if (!send->active) {
        end_pass(send);
    }
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_send *send = (struct pp_send *)act;
    if (error) {
        pp_send_fail(send, error, "cannot write the journal");
        return;
    }
    switch (token) {
    case PP_SEND_PLANNED:
        pp_mail_crash(send->mail, "send-planned");
        pp_send_next(send);
        break;
    case PP_SEND_PASSED:
        finish(send, false);
        break;
    case PP_SEND_CLEARED:
        cleared(send);
        break;
    default:
        if (token >= PP_SEND_NOTICE && token - PP_SEND_NOTICE < send->job.n_recipients) {
            pp_send_noticed(send, (uint32_t)(token - PP_SEND_NOTICE));
        }
    }
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    struct pp_send *send = (struct pp_send *)act;
    if (token == PP_SEND_KEPT) {
        pp_send_kept(send, error);
    } else if (token == PP_SEND_COPIED) {
        pp_send_copied(send, error);
    } else if (error && error != PP_EXISTS) {
        pp_send_fail(send, error, "cannot deliver the report on an undelivered message");
    } else {
        clear(send); /* the report is in the sender's own Maildir */
    }
}

static void on_wake(struct pp_act *act)
{
    struct pp_send *send = (struct pp_send *)act;
    if (send->failed) {
        finish(send, false);
        return;
    }
    int rc = load(send);
    if (send->drop) {
        send->ending = true; /* even one that cannot be read */
        clear(send);
    } else if (rc != PP_OK) {
        send->failed = rc;
        snprintf(send->why, sizeof send->why, "cannot read the spooled message %s: %s", send->name,
                 pp_error_text(rc));
        finish(send, false);
    } else if (send->job.finished) {
        cleared(send);
    } else {
        pp_send_next(send);
    }
}

struct pp_send *pp_send_start(struct pp_mail *mail, const char *name,
                              const struct pp_send_events *events, void *ctx)
{
    struct pp_send *send = calloc(1, sizeof *send);
    if (!send) {
        return NULL;
    }
    *send = (struct pp_send){
        .act = {.wake = on_wake, .noted = on_noted, .kept = on_kept},
        .mail = mail,
        .events = *events,
        .ctx = ctx,
    };
    snprintf(send->name, sizeof send->name, "%s", name);
    const struct pp_mailnet *net = net_of(send);
    net->ops->wake(net->impl, &send->act, pp_mail_now(mail).mono);
    return send;
}

static void free_runs(struct pp_send *send)
{
    for (size_t i = 0; send->recipients && i < send->job.n_recipients; i++) {
        struct pp_send_recipient *r = send->recipients[i];
        if (r) {
            pp_find_cancel(r->find);
            pp_spread_finish(&r->spread);
            pp_certificate_free(r->certificate);
            pp_buf_free(&r->sealed);
            free(r);
        }
    }
    for (size_t i = 0; i < send->n_groups; i++) {
        pp_send_group_finish(send->groups[i]);
    }
    free(send->recipients);
    free(send->groups);
}

void pp_send_cancel(struct pp_send *send)
{
    if (!send) {
        return;
    }
    const struct pp_mailnet *net = net_of(send);
    free_runs(send);
    net->ops->forget(net->impl, &send->act);
    if (send->spool) {
        net->ops->blob_free(net->impl, send->spool);
    }
    pp_buf_free(&send->from);
    pp_buf_free(&send->to);
    pp_buf_free(&send->cc);
    pp_buf_free(&send->subject);
    pp_buf_free(&send->date);
    pp_job_finish(&send->job);
    free(send);
}

void pp_send_drop(struct pp_send *send)
{
    send->drop = true;
    if (send->recipients && !send->ending) {
        send->ending = true;
        clear(send);
    }
}
