/*
 * Delivery reports; see report.h. It must not know how sending works, only what its record says.
 */
#include <mail/report.h>

#include <base/hash.h>
#include <mail/message.h>

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
        pp_buf_printf(b, "\nFinal-Recipient: rfc822; %s\nAction: %s\nStatus: %s\n",
                      (const char *)r->address.data, there ? "relayed" : "failed",
                      there                      ? "2.0.0"
                      : r->state == PP_R_UNKNOWN ? "5.1.1"
                                                 : "4.4.7");
    }
    pp_buf_add_str(b, "\n--report--\n");
}

void pp_report_keep(struct pp_mail *mail, struct pp_act *act, const char *name,
                    const struct pp_job *job, uint64_t token)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_buf b = {0};
    uint8_t hash[32];
    char date[40], file[65];
    pp_mail_date(date, pp_mail_seconds(mail));
    pp_buf_printf(
        &b,
        "Return-Path: <>\nDelivered-To: %.*s\nFrom: Peerpost <>\nTo: <%.*s>\n"
        "Subject: Undelivered mail\nDate: %s\nMessage-ID: <%s.report@peerpost.invalid>\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=report\n\n",
        (int)pp_mail_is(mail)->address.len, (const char *)pp_mail_is(mail)->address.data,
        (int)job->from.len, (const char *)job->from.data, date, name);
    text_part(&b, job);
    status_part(&b, job);
    pp_sha256(hash, pp_str(name));
    pp_hex(file, hash, sizeof hash);
    struct pp_blob *blob = net->ops->blob_new(net->impl);
    if (blob) {
        net->ops->blob_write(net->impl, blob, pp_buf_bytes(&b));
        net->ops->blob_keep(net->impl, act, blob, PP_PLACE_NEW, file, token);
        net->ops->blob_free(net->impl, blob);
    }
    pp_buf_free(&b);
}
