/*
 * Reading, decryption and judgement: the body opened, both signatures checked against each other
 * and the CA, and the octets that go into the Maildir. See docs/security.md section 3,
 * surreptitious forwarding. It must not know where the body came from.
 */
#include <mail/read_pass.h>

#include <base/address.h>
#include <mail/blob_io.h>
#include <mail/message.h>
#include <mail/pins.h>
#include <stdio.h>

#define PIECE 65536

/* Decrypts the body into `message`. */
static int open_body(struct pp_letter *letter, struct pp_blob_io *message, struct pp_opened *opened)
{
    const struct pp_mailnet *net = message->net;
    struct pp_error error = {0};
    struct pp_blob_io body = {net, letter->retrieve.body},
                      scratch = {net, net->ops->blob_new(net->impl)};
    message->blob = net->ops->blob_new(net->impl);
    if (!scratch.blob || !message->blob) {
        if (scratch.blob) {
            net->ops->blob_free(net->impl, scratch.blob);
        }
        return PP_FULL;
    }
    struct pp_source object = {pp_blob_io_read, &body, letter->n.object_size};
    struct pp_source back = {pp_blob_io_read, &scratch, 0};
    struct pp_out to_scratch = {pp_blob_io_write, &scratch},
                  to_message = {pp_blob_io_write, message};
    int rc = pp_open_body(&object, letter->n.session_key, &to_scratch, &back, &to_message, opened,
                          &error);
    if (rc != PP_OK) {
        snprintf(letter->why, sizeof letter->why, "its body cannot be decrypted: %.200s",
                 error.text);
    }
    if (rc == PP_OK && opened->is_signed && pp_mail_is(letter->read->mail)->keep_signed) {
        letter->signed_form = scratch.blob;
    } else {
        net->ops->blob_free(net->impl, scratch.blob);
    }
    return rc;
}

/* The header of the opened message, at most 1 MiB. */
static int read_header(struct pp_blob_io *message, struct pp_buf *header)
{
    uint64_t size = message->net->ops->blob_size(message->net->impl, message->blob);
    size_t length = 0;
    bool whole = false;
    while (!pp_header_length(pp_buf_bytes(header), whole, &length)) {
        if (pp_buf_reserve(header, PIECE + 1) != PP_OK) {
            return PP_NOMEM;
        }
        int64_t n = pp_blob_io_read(message, header->len, header->data + header->len, PIECE);
        if (n < 0) {
            return PP_IO;
        }
        header->len += (size_t)n;
        whole = header->len >= size || n == 0;
    }
    header->len = length;
    return PP_OK;
}

/* --- the signature ------------------------------------------------------------------------- */

static int first_address(void *ctx, struct pp_bytes address)
{
    struct pp_buf *out = ctx;
    return pp_address_normal(out, address) == PP_OK ? 1 : 0;
}

static void from_of(struct pp_buf *out, struct pp_bytes header)
{
    struct pp_header_field field;
    if (pp_header_find(header, "From", &field)) {
        pp_header_addresses(field.value, first_address, out);
    }
}

static bool same_text(struct pp_bytes header, const char *name, const struct pp_buf *notified,
                      size_t most)
{
    struct pp_header_field field;
    struct pp_buf text = {0};
    if (pp_header_find(header, name, &field)) {
        pp_header_text(&text, field.value, most);
    }
    bool same = pp_bytes_equal(pp_buf_bytes(&text), pp_buf_bytes(notified));
    pp_buf_free(&text);
    return same;
}

const char *pp_letter_doubt(struct pp_letter *letter, struct pp_bytes from, char *text, size_t cap)
{
    const struct pp_mail_options *o = pp_mail_is(letter->read->mail);
    const struct pp_notification *n = &letter->n;
    if (!n->is_signed || !n->signer) {
        return "not signed";
    }
    if (!pp_certificate_has_address(o->certificates[0], pp_buf_bytes(&n->recipient))) {
        return "signed for another recipient";
    }
    if (!from.len || !pp_certificate_has_address(n->signer, from)) {
        return "the signer is not the address in From";
    }
    int rc = pp_authority_check(o->authority, n->signer, PP_CERT_ADDRESS, n->created * PP_SECOND);
    if (rc != PP_OK) {
        return rc == PP_REVOKED
                   ? "the signer's certificate is revoked"
                   : "the signer's certificate is not from this network's authority or not valid";
    }
    rc = pp_pin_check(letter->read->mail, from, n->signer, pp_buf_bytes(&n->rollover), text, cap);
    return rc == PP_DENIED ? text : NULL; /* an earlier key of hers is hers */
}

/* NULL when the signatures hold and fit; else the reason, for people. */
static const char *doubt(struct pp_letter *letter, const struct pp_opened *opened,
                         struct pp_bytes header, struct pp_bytes from, char *text, size_t cap)
{
    const struct pp_notification *n = &letter->n;
    if (!opened->is_signed || !opened->signer || !n->is_signed || !n->signer) {
        return "not signed";
    }
    if (memcmp(opened->signer->keyid, n->signer->keyid, 32) != 0) {
        return "message and notification are signed by different keys";
    }
    if (!same_text(header, "From", &n->from, 1024) ||
        !same_text(header, "Subject", &n->subject, 1024) ||
        !same_text(header, "Date", &n->date, 128)) {
        return "the notification's header differs from the message's";
    }
    return pp_letter_doubt(letter, from, text, cap);
}

static void judge_signature(struct pp_letter *letter, const struct pp_opened *opened,
                            struct pp_bytes header)
{
    struct pp_buf from = {0};
    from_of(&from, header);
    char text[300];
    const char *why = doubt(letter, opened, header, pp_buf_bytes(&from), text, sizeof text);
    letter->vouched = !why;
    const char *who = from.len ? (const char *)from.data : "unknown";
    if (!why) {
        snprintf(letter->signature, sizeof letter->signature,
                 "peerpost.invalid; smime=pass body.smime-identifier=%s", who);
    } else if (!opened->is_signed && !letter->n.is_signed) {
        snprintf(letter->signature, sizeof letter->signature, "peerpost.invalid; smime=none");
    } else {
        snprintf(letter->signature, sizeof letter->signature,
                 "peerpost.invalid; smime=fail reason=\"%s\"", why);
    }
    snprintf(letter->return_path, sizeof letter->return_path, "%s",
             from.len ? (const char *)from.data : "");
    pp_buf_free(&from);
}

/* --- what is delivered --------------------------------------------------------------------- */

static int write_out(struct pp_blob_io *out, struct pp_buf *b)
{
    int rc = b->failed ? PP_NOMEM : pp_blob_io_write(out, pp_buf_bytes(b));
    b->len = 0;
    return rc;
}

static int copy_rest(struct pp_blob_io *message, uint64_t at, struct pp_blob_io *out)
{
    uint8_t piece[PIECE];
    struct pp_lf lf = {0};
    struct pp_buf b = {0};
    int rc = PP_OK;
    for (int64_t n = 1; rc == PP_OK && n > 0; at += (uint64_t)n) {
        n = pp_blob_io_read(message, at, piece, sizeof piece);
        if (n < 0) {
            rc = PP_IO;
            break;
        }
        pp_lf_add(&lf, &b, pp_bytes(piece, (size_t)n), n == 0);
        rc = write_out(out, &b);
    }
    pp_buf_free(&b);
    return rc;
}

static int compose(struct pp_letter *letter, struct pp_blob_io *message, struct pp_bytes header)
{
    const struct pp_mailnet *net = message->net;
    struct pp_delivery d = {
        .return_path = pp_str(letter->return_path),
        .delivered_to = pp_mail_is(letter->read->mail)->address,
        .authentication = letter->signature,
    };
    struct pp_blob_io out = {net, net->ops->blob_new(net->impl)};
    letter->ready = out.blob;
    if (!out.blob) {
        return PP_FULL;
    }
    struct pp_buf b = {0};
    int rc = pp_message_deliver(&b, header, &d);
    rc = rc == PP_OK ? write_out(&out, &b) : rc;
    pp_buf_free(&b);
    return rc == PP_OK ? copy_rest(message, header.len, &out) : rc;
}

int pp_letter_unseal(struct pp_letter *letter)
{
    struct pp_blob_io message = {&pp_mail_is(letter->read->mail)->net, NULL};
    struct pp_opened opened = {0};
    struct pp_buf header = {0};
    int rc = open_body(letter, &message, &opened);
    rc = rc == PP_OK ? read_header(&message, &header) : rc;
    if (rc == PP_OK) {
        judge_signature(letter, &opened, pp_buf_bytes(&header));
        rc = compose(letter, &message, pp_buf_bytes(&header));
    }
    if (message.blob) {
        message.net->ops->blob_free(message.net->impl, message.blob);
    }
    pp_opened_finish(&opened);
    letter->head = header;
    return rc;
}
