/*
 * A notification's content as text, "Name: value" lines; see notification_text.h. Octets that would
 * end a line, other controls and '%' itself are written %XX, so every value comes back exactly.
 */
#include <seal/notification_text.h>

#include <base/encode.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define IDENTIFIER_MAX 998
#define TEXT_MAX 8192 /* octets of one value, decoded */
#define ELLIPSIS "\xe2\x80\xa6"

int pp_notification_cut(struct pp_buf *out, struct pp_bytes text, size_t max)
{
    size_t ellipsis = sizeof ELLIPSIS - 1;
    if (text.len <= max) {
        return pp_buf_add(out, text.data, text.len);
    }
    size_t n = max > ellipsis ? max - ellipsis : 0;
    while (n && (text.data[n] & 0xc0) == 0x80) {
        n--;
    }
    int bad = pp_buf_add(out, text.data, n);
    return bad || max < ellipsis ? bad : pp_buf_add_str(out, ELLIPSIS);
}

static void add_escaped(struct pp_buf *out, struct pp_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (c < 0x20 || c == 0x7f || c == '%') {
            pp_buf_printf(out, "%%%02X", c);
        } else {
            pp_buf_add(out, &c, 1);
        }
    }
}

static void add_text(struct pp_buf *out, const char *name, const struct pp_buf *value, size_t max)
{
    struct pp_buf cut = {0};
    if (value->len) {
        pp_notification_cut(&cut, pp_buf_bytes(value), max);
        pp_buf_printf(out, "%s: ", name);
        add_escaped(out, pp_buf_bytes(&cut));
        pp_buf_add_str(out, "\r\n");
        out->failed = out->failed || cut.failed;
    }
    pp_buf_free(&cut);
}

static void add_hex(struct pp_buf *out, const char *name, const uint8_t octets[32])
{
    pp_buf_printf(out, "%s: ", name);
    for (size_t i = 0; i < 32; i++) {
        pp_buf_printf(out, "%02x", octets[i]);
    }
    pp_buf_add_str(out, "\r\n");
}

static void add_ids(struct pp_buf *out, const char *name, const struct pp_id *ids, size_t n)
{
    if (n == 0) {
        return;
    }
    pp_buf_printf(out, "%s:", name);
    for (size_t i = 0; i < n; i++) {
        char hex[2 * PP_ID_LEN + 1];
        pp_hex(hex, ids[i].b, PP_ID_LEN);
        pp_buf_printf(out, " %s", hex);
    }
    pp_buf_add_str(out, "\r\n");
}

int pp_notification_encode(struct pp_buf *text, const struct pp_notification *n)
{
    size_t to = n->to.len < PP_TO_CC_MAX ? n->to.len : PP_TO_CC_MAX;
    if (n->n_asked > PP_K_MAX || n->n_inbox_asked > PP_K_MAX || n->rollover.len > TEXT_MAX ||
        n->recipient.len > 254 || n->object_id.len > IDENTIFIER_MAX || n->text.len > PP_CHAT_MAX ||
        n->after.len > IDENTIFIER_MAX) {
        return PP_TOO_BIG;
    }
    pp_buf_add_str(text, PP_NOTIFICATION_HEAD);
    pp_buf_printf(text, "Version: %d\r\n", PP_NOTIFICATION_VERSION);
    add_text(text, "Recipient", &n->recipient, TEXT_MAX);
    add_hex(text, "Recipient-Keyid", n->recipient_keyid);
    add_text(text, "Object", &n->object_id, TEXT_MAX);
    pp_buf_printf(text, "Object-Size: %" PRIu64 "\r\n", n->object_size);
    add_hex(text, "Object-Digest", n->object_digest);
    add_hex(text, "Session-Key", n->session_key);
    if (n->has_seed) {
        add_hex(text, "Deletion-Seed", n->deletion_seed);
    }
    pp_buf_printf(text, "Life: %" PRIu64 "\r\nCreated: %" PRIu64 "\r\n", n->life, n->created);
    add_ids(text, "Asked", n->asked, n->n_asked);
    add_ids(text, "Inbox-Asked", n->inbox_asked, n->n_inbox_asked);
    add_text(text, "From", &n->from, PP_FROM_MAX);
    add_text(text, "To", &n->to, PP_TO_CC_MAX);
    add_text(text, "Cc", &n->cc, PP_TO_CC_MAX - to);
    add_text(text, "Subject", &n->subject, PP_FROM_MAX);
    add_text(text, "Date", &n->date, PP_FROM_MAX);
    if (n->rollover.len) {
        pp_buf_add_str(text, "Rollover: ");
        pp_base64(text, pp_buf_bytes(&n->rollover));
        pp_buf_add_str(text, "\r\n");
    }
    if (n->text.len) {
        pp_buf_printf(text, "Moment: %" PRIu64 "\r\n", n->moment);
        add_text(text, "After", &n->after, TEXT_MAX);
        add_text(text, "Text", &n->text, PP_CHAT_MAX);
    }
    if (n->canary) {
        pp_buf_add_str(text, "Canary: 1\r\n");
    }
    return text->failed ? PP_NOMEM : PP_OK;
}

static int take_text(struct pp_buf *out, struct pp_bytes value)
{
    if (value.len > 3 * TEXT_MAX || pp_buf_reserve(out, value.len) != PP_OK) {
        return PP_MALFORMED;
    }
    int bad = pp_unpercent(out, value);
    return bad ? bad : out->len > TEXT_MAX ? PP_MALFORMED : PP_OK;
}

static int take_number(uint64_t *out, struct pp_bytes value)
{
    *out = 0;
    if (value.len == 0 || value.len > 18) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return PP_MALFORMED;
        }
        *out = *out * 10 + (uint64_t)(value.data[i] - '0');
    }
    return PP_OK;
}

static int take_ids(struct pp_id *ids, size_t *n, struct pp_bytes value)
{
    size_t one = 2 * (size_t)PP_ID_LEN + 1;
    if ((value.len + 1) % one != 0 || (value.len + 1) / one > PP_K_MAX) {
        return PP_MALFORMED;
    }
    *n = (value.len + 1) / one;
    for (size_t i = 0; i < *n; i++) {
        const uint8_t *at = value.data + i * one;
        if (pp_unhex(ids[i].b, PP_ID_LEN, pp_bytes(at, one - 1)) != PP_OK ||
            (i + 1 < *n && at[one - 1] != ' ')) {
            return PP_MALFORMED;
        }
    }
    return PP_OK;
}

static const char *const names[] = {"Recipient",
                                    "Recipient-Keyid",
                                    "Object",
                                    "Object-Size",
                                    "Object-Digest",
                                    "Session-Key",
                                    "Life",
                                    "Created", /* up to here: required */
                                    "Deletion-Seed",
                                    "Asked",
                                    "Inbox-Asked",
                                    "From",
                                    "To",
                                    "Cc",
                                    "Subject",
                                    "Date",
                                    "Rollover",
                                    "Moment",
                                    "Text",
                                    "After",
                                    "Canary"};
#define NAMES (sizeof names / sizeof *names)
#define REQUIRED 0xffu

static int take_value(struct pp_notification *n, size_t which, struct pp_bytes value)
{
    switch (which) {
    case 0:
        return take_text(&n->recipient, value);
    case 1:
        return pp_unhex(n->recipient_keyid, 32, value);
    case 2:
        return take_text(&n->object_id, value);
    case 3:
        return take_number(&n->object_size, value);
    case 4:
        return pp_unhex(n->object_digest, 32, value);
    case 5:
        return pp_unhex(n->session_key, 32, value);
    case 6:
        return take_number(&n->life, value);
    case 7:
        return take_number(&n->created, value);
    case 8:
        n->has_seed = true;
        return pp_unhex(n->deletion_seed, 32, value);
    case 9:
        return take_ids(n->asked, &n->n_asked, value);
    case 10:
        return take_ids(n->inbox_asked, &n->n_inbox_asked, value);
    case 11:
        return take_text(&n->from, value);
    case 12:
        return take_text(&n->to, value);
    case 13:
        return take_text(&n->cc, value);
    case 14:
        return take_text(&n->subject, value);
    case 15:
        return take_text(&n->date, value);
    case 16:
        return pp_unbase64(&n->rollover, value);
    case 17:
        return take_number(&n->moment, value);
    case 18:
        return take_text(&n->text, value);
    case 19:
        return take_text(&n->after, value);
    default:
        n->canary = pp_bytes_is(value, "1");
        return n->canary ? PP_OK : PP_MALFORMED;
    }
}

/* Cuts a line and its CRLF off. */
static bool next_line(struct pp_bytes *text, struct pp_bytes *line)
{
    const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    if (!end || end == text->data || end[-1] != '\r') {
        return false;
    }
    size_t len = (size_t)(end - text->data) + 1;
    *line = pp_bytes(text->data, len - 2);
    text->data += len;
    text->len -= len;
    return true;
}

/* Fields that this version does not know are a later version's business: passed over. */
static int take_line(struct pp_notification *n, struct pp_bytes line, unsigned *seen)
{
    const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    size_t name = colon ? (size_t)(colon - line.data) : 0, which = 0;
    if (!colon || line.len < name + 2 || colon[1] != ' ') {
        return PP_MALFORMED;
    }
    while (which < NAMES && !pp_bytes_is(pp_bytes(line.data, name), names[which])) {
        which++;
    }
    if (which == NAMES) {
        return PP_OK;
    }
    if (*seen & 1u << which) {
        return PP_MALFORMED;
    }
    *seen |= 1u << which;
    return take_value(n, which, pp_bytes(colon + 2, line.len - name - 2));
}

int pp_notification_decode(struct pp_notification *n, struct pp_bytes text)
{
    size_t head = sizeof PP_NOTIFICATION_HEAD - 1;
    struct pp_bytes line;
    unsigned seen = 0;
    if (text.len < head || memcmp(text.data, PP_NOTIFICATION_HEAD, head) != 0) {
        return PP_MALFORMED;
    }
    text = pp_bytes(text.data + head, text.len - head);
    if (!next_line(&text, &line) || !pp_bytes_is(line, "Version: 1")) {
        return PP_MALFORMED;
    }
    while (text.len) {
        if (!next_line(&text, &line)) {
            return PP_MALFORMED;
        }
        int bad = take_line(n, line, &seen);
        if (bad) {
            return bad;
        }
    }
    bool sane = (seen & REQUIRED) == REQUIRED && n->object_id.len && n->recipient.len &&
                n->object_id.len <= IDENTIFIER_MAX && n->object_size <= PP_OBJECT_MAX &&
                n->text.len <= PP_CHAT_MAX && (!n->text.len || n->moment);
    return sane ? PP_OK : PP_MALFORMED;
}
