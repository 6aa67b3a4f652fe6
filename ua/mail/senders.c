/* Rules on senders; see senders.h. It must not know how mail is fetched, scanned or sent. */
#include <mail/senders.h>

#include <base/encode.h>
#include <mail/envelope.h>
#include <mail/message.h>
#include <mail/record.h>
#include <stdio.h>
#include <strings.h>

#define ASK_AGAIN ((int64_t)7 * 86400)
enum state { ASKED = 1, KNOWN = 2 };

struct entry {
    uint8_t state;
    int64_t at;
    struct pp_buf token;
};

static void note_key(struct pp_buf *key, const char *prefix, const char *sender)
{
    pp_buf_printf(key, "%s%s", prefix, sender);
}

static bool entry_get(struct pp_mail *mail, const char *sender, struct entry *e)
{
    struct pp_buf key = {0}, value = {0};
    *e = (struct entry){0};
    note_key(&key, "w:", sender);
    bool found = pp_mail_recall(mail, pp_buf_bytes(&key), &value) == PP_OK;
    if (found) {
        struct pp_reader r = pp_reader(pp_buf_bytes(&value));
        e->state = pp_read8(&r);
        e->at = (int64_t)pp_read64(&r);
        pp_reads_buf(&r, &e->token);
        found = !r.failed;
    }
    pp_buf_free(&key);
    pp_buf_free(&value);
    return found;
}

static void entry_put(struct pp_mail *mail, const char *sender, enum state state, const char *token)
{
    struct pp_buf key = {0}, value = {0};
    note_key(&key, "w:", sender);
    pp_record_u8(&value, (uint8_t)state);
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(mail));
    pp_record_bytes(&value, pp_str(token));
    pp_mail_note(mail, pp_buf_bytes(&key), pp_buf_bytes(&value));
    pp_buf_free(&key);
    pp_buf_free(&value);
}

void pp_sender_know(struct pp_mail *mail, const char *sender)
{
    if (*sender && !pp_sender_is_known(mail, sender)) {
        entry_put(mail, sender, KNOWN, "");
    }
}

void pp_sender_forget(struct pp_mail *mail, const char *sender)
{
    struct pp_buf key = {0};
    note_key(&key, "w:", sender);
    pp_mail_note(mail, pp_buf_bytes(&key), pp_bytes(NULL, 0));
    pp_buf_free(&key);
}

bool pp_sender_is_known(struct pp_mail *mail, const char *sender)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_buf own = {0};
    struct entry e;
    pp_buf_add(&own, o->address.data, o->address.len);
    bool known = entry_get(mail, sender, &e) && e.state == KNOWN;
    known = known || (own.len && strcmp((const char *)own.data, sender) == 0);
    known = known || (o->listed && o->listed(o->lists, sender));
    pp_buf_free(&e.token);
    pp_buf_free(&own);
    return known;
}

struct each {
    int (*fn)(void *ctx, const char *sender);
    void *ctx;
    struct pp_buf known; /* one after another, NUL between */
};

static int each_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct each *e = ctx;
    if (value.len && value.data[0] == KNOWN) {
        pp_buf_add(&e->known, key.data + 2, key.len - 2);
        pp_buf_add(&e->known, "", 1);
    }
    return 0;
}

int pp_senders_each(struct pp_mail *mail, int (*fn)(void *ctx, const char *sender), void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct each e = {fn, ctx, {0}};
    net->ops->replay(net->impl, pp_str("w:"), each_one, &e);
    int rc = e.known.failed ? PP_NOMEM : 0;
    for (size_t at = 0; rc == 0 && at < e.known.len;) {
        const char *sender = (const char *)e.known.data + at;
        at += strlen(sender) + 1;
        rc = fn(ctx, sender);
    }
    pp_buf_free(&e.known);
    return rc;
}

enum pp_standing pp_sender_standing(struct pp_mail *mail, const char *sender, bool vouched)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    if (*sender && o->blocked && o->blocked(o->lists, sender)) {
        return PP_SENDER_BLOCKED;
    }
    if (!o->signed_only) {
        return PP_SENDER_FREE;
    }
    return vouched && pp_sender_is_known(mail, sender) ? PP_SENDER_FREE : PP_SENDER_STRANGER;
}

/* --- questions and answers ----------------------------------------------------------------- */

static bool field_is(struct pp_bytes header, const char *name, const char *const *words)
{
    struct pp_header_field f;
    struct pp_buf text = {0};
    bool is = false;
    if (pp_header_find(header, name, &f)) {
        pp_header_text(&text, f.value, 200);
        for (; *words && !is; words++) {
            is = text.len && strncasecmp((const char *)text.data, *words, strlen(*words)) == 0;
        }
    }
    pp_buf_free(&text);
    return is;
}

bool pp_is_automatic(struct pp_bytes header, const char *sender)
{
    static const char *const lists[] = {"List-Id", "List-Post", "List-Unsubscribe", "List-Help"};
    static const char *const bulk[] = {"bulk", "list", "junk", NULL}, *const no[] = {"no", NULL};
    static const char *const empty[] = {"<>", NULL};
    static const char *const machines[] = {"mailer-daemon@", "postmaster@", "noreply@",
                                           "no-reply@"};
    struct pp_header_field f;
    if (pp_header_find(header, "Auto-Submitted", &f) && !field_is(header, "Auto-Submitted", no)) {
        return true;
    }
    if (!*sender || field_is(header, "Precedence", bulk) ||
        field_is(header, "Return-Path", empty)) {
        return true;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (pp_header_find(header, lists[i], &f)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        if (strncasecmp(sender, machines[i], strlen(machines[i])) == 0) {
            return true;
        }
    }
    return false;
}

bool pp_sender_ask(struct pp_mail *mail, const char *sender, struct pp_bytes header, char token[40])
{
    uint8_t random[16];
    struct pp_buf text = {0};
    struct entry e;
    bool before = entry_get(mail, sender, &e);
    bool may = !pp_is_automatic(header, sender) &&
               (!before || (e.state == ASKED && e.at + ASK_AGAIN <= pp_mail_seconds(mail)));
    pp_buf_free(&e.token);
    if (!may) {
        return false;
    }
    pp_mail_random(mail, random, sizeof random);
    pp_base32(&text, pp_bytes(random, sizeof random));
    snprintf(token, 40, "%s", text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
    entry_put(mail, sender, ASKED, token);
    return *token != '\0';
}

static bool names_token(struct pp_bytes header, const char *name, const struct pp_buf *token)
{
    struct pp_header_field f;
    struct pp_buf text = {0};
    bool is = false;
    if (pp_header_find(header, name, &f)) {
        pp_header_text(&text, f.value, 4096);
        is = text.len && strstr((const char *)text.data, (const char *)token->data);
    }
    pp_buf_free(&text);
    return is;
}

bool pp_sender_answers(struct pp_mail *mail, const char *sender, struct pp_bytes header)
{
    struct entry e;
    bool is =
        entry_get(mail, sender, &e) && e.state == ASKED && e.token.len &&
        !pp_is_automatic(header, sender) &&
        (names_token(header, "In-Reply-To", &e.token) ||
         names_token(header, "References", &e.token) || names_token(header, "Subject", &e.token));
    pp_buf_free(&e.token);
    if (is) {
        entry_put(mail, sender, KNOWN, "");
    }
    return is;
}

int pp_sender_question(struct pp_mail *mail, const char *sender, struct pp_bytes header,
                       const char *token, struct pp_buf *out)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_envelope e = {.created = pp_mail_seconds(mail)};
    struct pp_header_field f;
    struct pp_buf subject = {0}, id = {0};
    char date[40];
    pp_mail_date(date, e.created);
    pp_buf_add(&e.from, o->address.data, o->address.len);
    int rc = pp_envelope_add(&e, pp_str(sender), false);
    rc = rc == PP_OK ? pp_envelope_write(out, &e) : rc;
    if (pp_header_find(header, "Subject", &f)) {
        pp_header_text(&subject, f.value, 200);
    }
    if (pp_header_find(header, "Message-ID", &f)) {
        pp_header_text(&id, f.value, 500);
    }
    pp_buf_printf(out,
                  "From: %.*s\r\nTo: %s\r\nSubject: Please confirm: %s\r\nDate: %s\r\n"
                  "Message-ID: <%s@peerpost.invalid>\r\n",
                  (int)o->address.len, (const char *)o->address.data, sender,
                  subject.len ? (const char *)subject.data : "your mail", date, token);
    if (id.len) {
        pp_buf_printf(out, "In-Reply-To: %s\r\n", (const char *)id.data);
    }
    pp_buf_printf(out,
                  "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n\r\n"
                  "%.*s takes mail of known senders only, and does not know you yet.\r\n"
                  "Your mail is kept. Answer this one, and it will be read; you are not asked "
                  "again.\r\n\r\n%s\r\n",
                  (int)o->address.len, (const char *)o->address.data, token);
    pp_buf_free(&subject);
    pp_buf_free(&id);
    pp_envelope_finish(&e);
    return rc == PP_OK && out->failed ? PP_NOMEM : rc;
}
