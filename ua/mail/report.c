/*
 * Delivery reports; see report.h. It must not know how sending works, only what its record says.
 */
#include <mail/report.h>

#include <base/hash.h>
#include <mail/message.h>
#include <stdio.h>

/* One recipient's group of fields (RFC 3464 section 2.3). */
static void recipient_fields(struct pp_buf *b, const char *address, const char *action,
                             const char *status)
{
    pp_buf_printf(b, "\nFinal-Recipient: rfc822; %s\nAction: %s\nStatus: %s\n", address, action,
                  status);
}

static void text_part(struct pp_buf *b, const struct pp_job *job)
{
    pp_buf_add_str(b, "--report\nContent-Type: text/plain; charset=utf-8\n\n"
                      "Your message could not be delivered to all of its recipients in time.\n"
                      "It is no longer tried.\n\n");
    for (size_t i = 0; i < job->n_recipients; i++) {
        const struct pp_job_recipient *r = &job->recipients[i];
        bool failed = r->state != PP_R_GROUPED || pp_ids_count(&r->have) < r->wanted / 2 + 1;
        if (failed) {
            pp_buf_printf(b, "<%s>: %s\n", (const char *)r->address.data,
                          r->why[0] ? r->why : "not on enough nodes");
        }
    }
}

static void status_part(struct pp_buf *b, const struct pp_job *job)
{
    pp_buf_add_str(b, "\n--report\nContent-Type: message/delivery-status\n\n"
                      "Reporting-MTA: dns; peerpost.invalid\n");
    for (size_t i = 0; i < job->n_recipients; i++) {
        const struct pp_job_recipient *r = &job->recipients[i];
        bool there =
            r->state == PP_R_GROUPED && r->wanted && pp_ids_count(&r->have) >= r->wanted / 2 + 1;
        recipient_fields(b, (const char *)r->address.data, there ? "relayed" : "failed",
                         there                      ? "2.0.0"
                         : r->state == PP_R_UNKNOWN ? "5.1.1"
                                                    : "4.4.7");
    }
    pp_buf_add_str(b, "\n--report--\n");
}

static void head(struct pp_buf *b, struct pp_mail *mail, const char *to, const char *subject,
                 const char *id)
{
    struct pp_bytes own = pp_mail_is(mail)->address;
    char date[40];
    pp_mail_date(date, pp_mail_seconds(mail));
    pp_buf_printf(
        b,
        "Return-Path: <>\nDelivered-To: %.*s\nFrom: Peerpost <>\nTo: <%s>\n"
        "Subject: %s\nDate: %s\nMessage-ID: <%s.report@peerpost.invalid>\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=report\n\n",
        (int)own.len, (const char *)own.data, to, subject, date, id);
}

/* The report's name in the Maildir comes from the message's: a second one meets it there. */
static void name_file(char file[65], const char *id)
{
    uint8_t hash[32];
    pp_sha256(hash, pp_str(id));
    pp_hex(file, hash, sizeof hash);
}

static void name_expired(char id[140], const char *name)
{
    snprintf(id, 140, "%.112s.unread", name);
}

static void keep(struct pp_mail *mail, struct pp_act *act, const char *id, const struct pp_buf *b,
                 uint64_t token)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    char file[65];
    name_file(file, id);
    struct pp_blob *blob = net->ops->blob_new(net->impl);
    if (blob) {
        net->ops->blob_write(net->impl, blob, pp_buf_bytes(b));
        net->ops->blob_keep(net->impl, act, blob, PP_PLACE_NEW, file, token);
        net->ops->blob_free(net->impl, blob);
    }
}

void pp_report_keep(struct pp_mail *mail, struct pp_act *act, const char *name,
                    const struct pp_job *job, uint64_t token)
{
    struct pp_buf b = {0};
    head(&b, mail, job->from.len ? (const char *)job->from.data : "", "Undelivered mail", name);
    text_part(&b, job);
    status_part(&b, job);
    keep(mail, act, name, &b, token);
    pp_buf_free(&b);
}

void pp_report_expired(struct pp_mail *mail, struct pp_act *act, const char *name,
                       const struct pp_sent *sent, uint64_t token)
{
    struct pp_buf b = {0}, own = {0};
    char id[140], date[40];
    name_expired(id, name);
    pp_mail_date(date, sent->created);
    pp_buf_add(&own, pp_mail_is(mail)->address.data, pp_mail_is(mail)->address.len);
    head(&b, mail, own.len ? (const char *)own.data : "", "Unread mail has expired", id);
    pp_buf_printf(&b,
                  "--report\nContent-Type: text/plain; charset=utf-8\n\n"
                  "Your message of %s%s%s was kept for its whole life of %llu days, and these did "
                  "not fetch it:\n\n",
                  date, sent->subject.len ? ", " : "",
                  sent->subject.len ? (const char *)sent->subject.data : "",
                  (unsigned long long)(sent->life / 86400));
    for (size_t i = 0; i < sent->n; i++) {
        if (sent->recipients[i].state == PP_SENT_EXPIRED) {
            pp_buf_printf(&b, "<%s>\n", (const char *)sent->recipients[i].address.data);
        }
    }
    pp_buf_add_str(&b, "\n--report\nContent-Type: message/delivery-status\n\n"
                       "Reporting-MTA: dns; peerpost.invalid\n");
    for (size_t i = 0; i < sent->n; i++) {
        const struct pp_sent_recipient *to = &sent->recipients[i];
        bool expired = to->state == PP_SENT_EXPIRED, fetched = to->state == PP_SENT_FETCHED;
        recipient_fields(&b, (const char *)to->address.data,
                         fetched   ? "delivered"
                         : expired ? "failed"
                                   : "relayed",
                         expired ? "4.4.7" : "2.0.0");
    }
    pp_buf_add_str(&b, "\n--report--\n");
    keep(mail, act, id, &b, token);
    pp_buf_free(&b);
    pp_buf_free(&own);
}

void pp_report_settle(struct pp_mail *mail, const char *name)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    char file[65];
    name_file(file, name);
    net->ops->blob_drop(net->impl, PP_PLACE_NEW, file);
}

void pp_report_expired_settle(struct pp_mail *mail, const char *name)
{
    char id[140];
    name_expired(id, name);
    pp_report_settle(mail, id);
}
