/*
 * Short messages as mail, and who listens for them; see chat.h. It must not know how lines travel.
 */
#include <mail/chat.h>

#include <base/encode.h>
#include <base/hash.h>
#include <mail/message.h>
#include <mail/record.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE PP_SECOND /* for the line before */
#define SUBJECT_MAX 42     /* octets: one encoded word of RFC 2047 holds them */

/* --- in order ------------------------------------------------------------------------------ */

struct pp_held {
    struct pp_held *next;
    struct pp_buf file, after, id, text;
    uint64_t moment;
};

static void held_free(struct pp_held *h)
{
    pp_buf_free(&h->file);
    pp_buf_free(&h->after);
    pp_buf_free(&h->id);
    pp_buf_wipe(&h->text);
    free(h);
}

static bool was_heard(const struct pp_ear *ear, struct pp_bytes id)
{
    for (size_t i = 0; i < PP_CHAT_RECENT; i++) {
        if (pp_bytes_is(id, ear->recent[i])) {
            return true;
        }
    }
    return false;
}

static void tell(struct pp_ear *ear, const struct pp_heard *line)
{
    char *recent = ear->recent[ear->next_recent++ % PP_CHAT_RECENT];
    snprintf(recent, sizeof ear->recent[0], "%s", line->id);
    ear->heard(ear, line);
}

/* Tells the held line at *at. */
static void release(struct pp_ear *ear, struct pp_held **at)
{
    struct pp_held *h = *at;
    const struct pp_heard line = {.file = (const char *)h->file.data,
                                  .from = ear->with,
                                  .id = (const char *)h->id.data,
                                  .moment = h->moment,
                                  .text = pp_buf_bytes(&h->text)};
    *at = h->next;
    ear->n_held--;
    tell(ear, &line);
    held_free(h);
}

/* Those whose time to be told has come; all when `over`. They stand by moment. */
static void release_due(struct pp_ear *ear, bool over)
{
    struct pp_held **at = &ear->held;
    while (*at) {
        if (over || was_heard(ear, pp_buf_bytes(&(*at)->after))) {
            release(ear, at);
            at = &ear->held;
        } else {
            at = &(*at)->next;
        }
    }
}

static void on_wake(struct pp_act *act)
{
    release_due((struct pp_ear *)act, true);
}

static bool hold(struct pp_ear *ear, const char *file, const struct pp_notification *n)
{
    const struct pp_mailnet *net = &pp_mail_is(ear->mail)->net;
    struct pp_held *h = ear->n_held < PP_CHAT_HELD ? calloc(1, sizeof *h) : NULL;
    struct pp_held **at = &ear->held;
    if (!h) {
        return false;
    }
    pp_buf_add_str(&h->file, file);
    pp_buf_add(&h->after, n->after.data, n->after.len);
    pp_buf_add(&h->id, n->object_id.data, n->object_id.len);
    pp_buf_add(&h->text, n->text.data, n->text.len);
    h->moment = n->moment;
    while (*at && (*at)->moment <= h->moment) {
        at = &(*at)->next;
    }
    h->next = *at;
    *at = h;
    if (ear->n_held++ == 0) {
        net->ops->wake(net->impl, &ear->act, pp_mail_now(ear->mail).mono + PATIENCE);
    }
    return true;
}

/* --- who listens --------------------------------------------------------------------------- */

void pp_chat_open(struct pp_mail *mail, struct pp_ear *ear)
{
    struct pp_ear **ears = pp_mail_ears(mail);
    ear->act = (struct pp_act){.wake = on_wake};
    ear->mail = mail;
    ear->next = *ears;
    ear->held = NULL;
    ear->n_held = ear->next_recent = 0;
    memset(ear->recent, 0, sizeof ear->recent);
    *ears = ear;
}

void pp_chat_close(struct pp_mail *mail, struct pp_ear *ear)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    for (struct pp_ear **at = pp_mail_ears(mail); *at; at = &(*at)->next) {
        if (*at == ear) {
            *at = ear->next;
            break;
        }
    }
    net->ops->forget(net->impl, &ear->act);
    while (ear->held) { /* the Chat folder has it as not seen */
        struct pp_held *h = ear->held;
        ear->held = h->next;
        held_free(h);
    }
}

bool pp_chat_is_open(struct pp_mail *mail, const char *with)
{
    const struct pp_ear *e = *pp_mail_ears(mail);
    while (e && strcmp(e->with, with) != 0) {
        e = e->next;
    }
    return e != NULL;
}

void pp_chat_heard(struct pp_mail *mail, const char *from, const char *file,
                   const struct pp_notification *n)
{
    const struct pp_heard line = {.file = file,
                                  .from = from,
                                  .id = (const char *)n->object_id.data,
                                  .moment = n->moment,
                                  .text = pp_buf_bytes(&n->text)};
    struct pp_ear *next;
    for (struct pp_ear *e = *pp_mail_ears(mail); e; e = next) {
        next = e->next;
        if (strcmp(e->with, from) != 0) {
            continue;
        }
        bool waits = n->after.len && !was_heard(e, pp_buf_bytes(&n->after));
        if (!waits || !hold(e, file, n)) {
            tell(e, &line);
            release_due(e, false);
        }
    }
}

/* --- as mail ------------------------------------------------------------------------------- */

void pp_chat_file(char out[65], struct pp_bytes id, const uint8_t digest[32])
{
    uint8_t hash[32];
    struct pp_buf b = {0};
    pp_record_bytes(&b, id);
    pp_record_fixed(&b, digest, 32);
    pp_sha256(hash, pp_buf_bytes(&b));
    pp_hex(out, hash, sizeof hash);
    pp_buf_free(&b);
}

/* The line's beginning, as one encoded word: no octet of it can end the field. */
static void subject(struct pp_buf *out, struct pp_bytes text)
{
    struct pp_buf cut = {0};
    pp_notification_cut(&cut, text, SUBJECT_MAX);
    for (size_t i = 0; i < cut.len; i++) {
        cut.data[i] = cut.data[i] < ' ' || cut.data[i] == 0x7f ? ' ' : cut.data[i];
    }
    pp_buf_add_str(out, "Subject: =?utf-8?B?");
    pp_base64(out, pp_buf_bytes(&cut));
    pp_buf_add_str(out, "?=\n");
    pp_buf_free(&cut);
}

void pp_chat_compose(struct pp_buf *out, size_t *header, const struct pp_chat_mail *m)
{
    char date[40];
    pp_mail_date(date, (int64_t)(m->moment / 1000));
    pp_buf_printf(out, "Return-Path: <%s>\nDelivered-To: %.*s\n", m->from, (int)m->own.len,
                  (const char *)m->own.data);
    if (m->authentication) {
        pp_buf_printf(out, "Authentication-Results: %s\n", m->authentication);
    }
    pp_buf_printf(out, "From: <%s>\nTo: <%s>\n", m->from, m->to);
    subject(out, m->text);
    pp_buf_printf(out,
                  "Date: %s\nMessage-ID: <%s>\nPeerpost-Chat: %llu\nMIME-Version: 1.0\n"
                  "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
                  date, m->id, (unsigned long long)m->moment);
    *header = out->len;
    pp_buf_add(out, m->text.data, m->text.len);
    pp_buf_add_str(out, "\n");
}
