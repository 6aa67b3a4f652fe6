/*
 * What each node of the inbox should have handed out, and did; see canary.h. It must not know how
 * that was found.
 */
#include <mail/canary.h>

#include <mail/health.h>
#include <mail/record.h>
#include <stdio.h>

#define KEPT_DAYS 30
#define HALVED_AT 100u
#define DAY 86400
#define WIDE "y:wide"
#define KEY_LEN (2 + PP_ID_LEN)

static void key_of(uint8_t key[KEY_LEN], const struct pp_id *node)
{
    memcpy(key, "y:", 2);
    memcpy(key + 2, node->b, PP_ID_LEN);
}

static bool read_value(struct pp_handed *h, struct pp_bytes value)
{
    struct pp_reader r = pp_reader(value);
    h->should = pp_read32(&r);
    h->had = pp_read32(&r);
    h->last = (int64_t)pp_read64(&r);
    h->distrusted = h->should >= PP_HANDED_ENOUGH &&
                    (uint64_t)h->had * 100 < (uint64_t)h->should * PP_HANDED_SHARE;
    return !r.failed && !pp_reader_left(&r);
}

static bool recall(struct pp_mail *mail, const struct pp_id *node, struct pp_handed *h)
{
    struct pp_buf value = {0};
    uint8_t key[KEY_LEN];
    *h = (struct pp_handed){.node = *node};
    key_of(key, node);
    bool known = pp_mail_recall(mail, pp_bytes(key, sizeof key), &value) == PP_OK &&
                 read_value(h, pp_buf_bytes(&value));
    pp_buf_free(&value);
    return known;
}

void pp_handed_count(struct pp_mail *mail, const struct pp_peer *node, uint32_t should,
                     uint32_t had)
{
    struct pp_buf value = {0};
    struct pp_handed h;
    uint8_t key[KEY_LEN];
    recall(mail, &node->id, &h);
    h.should += should;
    h.had += had;
    while (h.should >= HALVED_AT) {
        h.should /= 2;
        h.had /= 2;
    }
    key_of(key, &node->id);
    pp_record_u32(&value, h.should);
    pp_record_u32(&value, h.had);
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(mail));
    pp_mail_note(mail, pp_bytes(key, sizeof key), pp_buf_bytes(&value));
    if (read_value(&h, pp_buf_bytes(&value)) && h.distrusted && had < should) {
        pp_mail_blame(mail, node,
                      "hands out so little of what it was given that its word on the inbox no "
                      "longer counts (peerpost doctor shows how much)");
    }
    pp_buf_free(&value);
}

bool pp_handed_distrusts(struct pp_mail *mail, const struct pp_id *node)
{
    struct pp_handed h;
    return recall(mail, node, &h) && h.distrusted;
}

struct walk {
    struct pp_mail *mail;
    int (*fn)(void *ctx, const struct pp_handed *h);
    void *ctx;
};

static int each(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    const struct walk *w = ctx;
    struct pp_handed h = {0};
    if (key.len != KEY_LEN || !read_value(&h, value) ||
        h.last + (int64_t)KEPT_DAYS * DAY < pp_mail_seconds(w->mail)) {
        return 0;
    }
    memcpy(h.node.b, key.data + 2, PP_ID_LEN);
    return w->fn(w->ctx, &h);
}

int pp_handed_each(struct pp_mail *mail, int (*fn)(void *ctx, const struct pp_handed *h), void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct walk w = {mail, fn, ctx};
    return net->ops->replay(net->impl, pp_str("y:"), each, &w);
}

static int is_distrusted(void *ctx, const struct pp_handed *h)
{
    (void)ctx;
    return h->distrusted;
}

bool pp_handed_wide(struct pp_mail *mail)
{
    struct pp_buf value = {0};
    int64_t now = pp_mail_seconds(mail);
    bool first = pp_mail_recall(mail, pp_str(WIDE), &value) != PP_OK || value.len != 8;
    bool due = !first && (int64_t)pp_get64(value.data) + DAY <= now;
    pp_buf_free(&value);
    if (first || due) {
        uint8_t at[8];
        pp_put64(at, (uint64_t)now);
        pp_mail_note(mail, pp_str(WIDE), pp_bytes(at, sizeof at));
    }
    return due || pp_handed_each(mail, is_distrusted, NULL) != 0;
}
