/*
 * Reading, a short message: it is whole in its notification. Who signed it is checked, then it goes
 * into the Chat folder when a chat with its sender is open, else it is delivered as a small mail,
 * by the rules for mail. It must not know who listens.
 */
#include <mail/read_pass.h>

#include <base/address.h>
#include <base/hash.h>
#include <mail/chat.h>
#include <stdio.h>

static bool is_whole(const struct pp_notification *n)
{
    uint8_t digest[32];
    pp_sha256(digest, pp_buf_bytes(&n->text));
    return n->object_size == 0 && memcmp(digest, n->object_digest, sizeof digest) == 0;
}

/* The identifier stands in a field: it must be what senders make, and nothing else. */
static bool is_plain(struct pp_bytes id)
{
    for (size_t i = 0; i < id.len; i++) {
        bool fits = (id.data[i] >= 'a' && id.data[i] <= 'z') || id.data[i] == '@' ||
                    id.data[i] == '.' || (id.data[i] >= '0' && id.data[i] <= '9');
        if (!fits) {
            return false;
        }
    }
    return id.len < 64;
}

static int compose(struct pp_letter *letter)
{
    const struct pp_mailnet *net = &pp_mail_is(letter->read->mail)->net;
    struct pp_buf b = {0};
    size_t header = 0;
    const struct pp_chat_mail m = {.from = letter->return_path,
                                   .to = (const char *)letter->n.recipient.data,
                                   .id = (const char *)letter->n.object_id.data,
                                   .authentication = letter->signature,
                                   .own = pp_mail_is(letter->read->mail)->address,
                                   .moment = letter->n.moment,
                                   .text = pp_buf_bytes(&letter->n.text)};
    pp_chat_compose(&b, &header, &m);
    pp_buf_add(&letter->head, b.data, header);
    letter->ready = net->ops->blob_new(net->impl);
    int rc = b.failed || !letter->ready
                 ? PP_NOMEM
                 : net->ops->blob_write(net->impl, letter->ready, pp_buf_bytes(&b));
    pp_buf_free(&b);
    return rc;
}

void pp_letter_chat(struct pp_letter *letter)
{
    struct pp_notification *n = &letter->n;
    struct pp_mail *mail = letter->read->mail;
    struct pp_buf from = {0};
    char text[300];
    const char *why = "its sender's address is none";
    if (pp_address_normal(&from, pp_buf_bytes(&n->from)) == PP_OK) {
        why = is_whole(n) && is_plain(pp_buf_bytes(&n->object_id))
                  ? pp_letter_doubt(letter, pp_buf_bytes(&from), text, sizeof text)
                  : "it is not what its sender sealed";
        snprintf(letter->return_path, sizeof letter->return_path, "%s", (const char *)from.data);
    }
    pp_buf_free(&from);
    if (why) {
        snprintf(letter->why, sizeof letter->why, "a short message that nobody vouches for: %.180s",
                 why);
        pp_letter_set_aside(letter, PP_LETTER_BAD);
        return;
    }
    letter->vouched = true;
    snprintf(letter->signature, sizeof letter->signature,
             "peerpost.invalid; smime=pass body.smime-identifier=%s", letter->return_path);
    pp_letter_object(letter, letter->file);
    int rc = compose(letter);
    if (rc != PP_OK) {
        pp_read_fail(letter->read, rc, "no room for a short message");
    } else if (pp_chat_is_open(mail, letter->return_path)) {
        pp_letter_deliver(letter, PP_PLACE_CHAT, PP_LETTER_CHAT);
    } else {
        pp_letter_judge(letter);
    }
}
