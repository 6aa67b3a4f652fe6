/*
 * Sending, the sender's own copy: the message as it goes out, in the Sent folder, before it first
 * goes anywhere. Its name comes from its octets, so that a pass that died keeps it once. What a
 * program wrote by itself (questions, reports) is no mail of hers.
 */
#include <mail/send_pass.h>

#include <base/hash.h>
#include <mail/message.h>
#include <mail/senders.h>

#define PIECE 16384

static const struct pp_mailnet *net_of(const struct pp_send *send)
{
    return &pp_mail_is(send->mail)->net;
}

static bool is_wanted(const struct pp_send *send)
{
    return pp_mail_is(send->mail)->keep_sent && !send->was_planned && send->job.n_groups &&
           !send->automatic;
}

/* With LF line ends, as mail lies in a Maildir. */
static int copy(struct pp_send *send, struct pp_blob *to, struct pp_hash *hash)
{
    const struct pp_mailnet *net = net_of(send);
    uint8_t piece[PIECE];
    struct pp_lf lf = {0};
    struct pp_buf out = {0};
    int rc = PP_OK;
    for (uint64_t at = 0; rc == PP_OK && at < send->message_size;) {
        int64_t n =
            net->ops->blob_read(net->impl, send->spool, send->message_at + at, piece, sizeof piece);
        rc = n > 0 ? pp_lf_add(&lf, &out, pp_bytes(piece, (size_t)n), false) : PP_IO;
        at += n > 0 ? (uint64_t)n : 0;
        if (rc == PP_OK && at >= send->message_size) {
            rc = pp_lf_add(&lf, &out, pp_bytes(NULL, 0), true);
        }
        pp_hash_add(hash, pp_buf_bytes(&out));
        rc = rc == PP_OK ? net->ops->blob_write(net->impl, to, pp_buf_bytes(&out)) : rc;
        out.len = 0;
    }
    pp_buf_wipe(&out);
    return rc;
}

bool pp_send_copy(struct pp_send *send)
{
    const struct pp_mailnet *net = net_of(send);
    uint8_t digest[32];
    if (!is_wanted(send)) {
        return false;
    }
    send->was_planned = true; /* once a pass */
    struct pp_blob *blob = net->ops->blob_new(net->impl);
    struct pp_hash *hash = pp_hash_create();
    int rc = blob && hash ? copy(send, blob, hash) : PP_NOMEM;
    if (rc == PP_OK) {
        pp_hash_digest(hash, digest);
        pp_hex(send->copy, digest, sizeof digest);
        net->ops->blob_keep(net->impl, &send->act, blob, PP_PLACE_SENT, send->copy, PP_SEND_COPIED);
    } else {
        pp_send_fail(send, rc, "cannot keep a copy in the Sent folder");
    }
    if (blob) {
        net->ops->blob_free(net->impl, blob);
    }
    pp_hash_destroy(hash);
    return true;
}

void pp_send_copied(struct pp_send *send, int error)
{
    if (error && error != PP_EXISTS) {
        pp_send_fail(send, error, "cannot keep a copy in the Sent folder");
        return;
    }
    pp_mail_crash(send->mail, "send-copied");
    pp_send_next(send);
}
