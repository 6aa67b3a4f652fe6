/*
 * Submission of one message: MAIL, RCPT, DATA and the octets; see smtp.h. A message ends at
 * CR LF . CR LF and nowhere else (RFC 5321 section 4.1.1.4): what others take for an end as well is
 * how two messages are smuggled in one.
 */
#include <serve/smtp_private.h>

#include <base/address.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE 16384

/* --- envelope ------------------------------------------------------------------------------ */

/* "FROM:" or "TO:", spaces, "<path>": *address without route and brackets; the rest is parameters.
 */
static bool parse_path(struct pp_bytes *in, const char *word, struct pp_bytes *address)
{
    size_t n = strlen(word);
    if (in->len < n || !pp_bytes_is_nocase(pp_bytes(in->data, n), word)) {
        return false;
    }
    while (n < in->len && in->data[n] == ' ') {
        n++;
    }
    if (n == in->len || in->data[n] != '<') {
        return false;
    }
    size_t start = ++n;
    bool quoted = false;
    for (; n < in->len && (quoted || in->data[n] != '>'); n++) {
        if (quoted && in->data[n] == '\\') {
            n++;
        } else if (in->data[n] == '"') {
            quoted = !quoted;
        }
    }
    if (n >= in->len) {
        return false;
    }
    *address = pp_bytes(in->data + start, n - start);
    if (address->len && address->data[0] == '@') { /* a source route (RFC 5321 appendix C) */
        const uint8_t *colon = memchr(address->data, ':', address->len);
        size_t skip = colon ? (size_t)(colon - address->data) + 1 : address->len;
        *address = pp_bytes(address->data + skip, address->len - skip);
    }
    *in = pp_bytes(in->data + n + 1, in->len - n - 1);
    if (in->len && in->data[0] != ' ') {
        return false;
    }
    smtp_word(in); /* the empty word before the spaces */
    return true;
}

static bool starts(struct pp_bytes text, const char *word)
{
    size_t n = strlen(word);
    return text.len >= n && pp_bytes_is_nocase(pp_bytes(text.data, n), word);
}

/* SIZE=n (RFC 1870). false: no number. */
static bool read_size(struct pp_bytes digits, uint64_t *size)
{
    *size = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || digits.len > 18) {
            return false;
        }
        *size = *size * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return digits.len > 0;
}

/* NULL: all are fine; else the reply. */
static const char *mail_parameters(const struct smtp *s, struct pp_bytes in)
{
    while (in.len) {
        struct pp_bytes word = smtp_word(&in);
        uint64_t size;
        if (starts(word, "SIZE=")) {
            if (!read_size(pp_bytes(word.data + 5, word.len - 5), &size)) {
                return "501 5.5.4 SIZE is a number";
            }
            if (size > s->size_max) {
                return "552 5.3.4 The message is too big: send it in parts";
            }
        } else if (!pp_bytes_is_nocase(word, "BODY=8BITMIME") &&
                   !pp_bytes_is_nocase(word, "BODY=7BIT") &&
                   !pp_bytes_is_nocase(word, "SMTPUTF8") && !starts(word, "AUTH=")) {
            return "555 5.5.4 MAIL takes SIZE, BODY, SMTPUTF8 and AUTH";
        }
    }
    return NULL;
}

void smtp_mail(struct smtp *s, struct pp_bytes argument)
{
    struct pp_bytes address;
    if (!s->greeted || s->has_sender) {
        smtp_say(s, s->greeted ? "503 5.5.1 One sender is enough" : "503 5.5.1 Say EHLO first");
        return;
    }
    if (!s->known) {
        smtp_say(s, "530 5.7.0 Log in first; the password: peerpost serve --password");
        return;
    }
    if (!parse_path(&argument, "FROM:", &address)) {
        smtp_say(s, "501 5.5.4 MAIL FROM:<ADDRESS>");
        return;
    }
    const char *fault = mail_parameters(s, argument);
    if (fault) {
        smtp_say(s, fault);
    } else if (!s->ops->is_own(s->ctx, address)) {
        smtp_say(s, "553 5.7.1 That is not your address: you can send as yourself alone");
    } else {
        s->has_sender = true;
        smtp_say(s, "250 2.1.0 Good");
    }
}

static bool is_known(const struct smtp *s, const struct pp_buf *address)
{
    for (size_t i = 0; i < s->n_recipients; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&s->recipients[i]), pp_buf_bytes(address))) {
            return true;
        }
    }
    return false;
}

/* Takes over `address`. */
static int add_recipient(struct smtp *s, struct pp_buf *address)
{
    if (s->n_recipients == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 16;
        struct pp_buf *grown = realloc(s->recipients, cap * sizeof *grown);
        if (!grown) {
            return PP_NOMEM;
        }
        s->recipients = grown;
        s->cap = cap;
    }
    s->recipients[s->n_recipients++] = *address;
    *address = (struct pp_buf){0};
    return PP_OK;
}

void smtp_rcpt(struct smtp *s, struct pp_bytes argument)
{
    struct pp_bytes address;
    struct pp_buf normal = {0};
    if (!s->has_sender) {
        smtp_say(s, "503 5.5.1 MAIL comes first");
    } else if (!parse_path(&argument, "TO:", &address)) {
        smtp_say(s, "501 5.5.4 RCPT TO:<ADDRESS>");
    } else if (argument.len) {
        smtp_say(s, "555 5.5.4 RCPT takes no parameters");
    } else if (pp_address_normal(&normal, address) != PP_OK) {
        smtp_say(s, "553 5.1.3 That is no e-mail address");
    } else if (is_known(s, &normal)) {
        smtp_say(s, "250 2.1.5 Good");
    } else if (s->n_recipients >= SMTP_RECIPIENTS_MAX) {
        smtp_say(s, "452 4.5.3 Too many recipients for one message");
    } else if (add_recipient(s, &normal) != PP_OK) {
        smtp_say(s, "451 4.3.0 Out of memory");
    } else {
        smtp_say(s, "250 2.1.5 Good");
    }
    pp_buf_free(&normal);
}

/* --- the message --------------------------------------------------------------------------- */

void smtp_data(struct smtp *s, struct pp_bytes argument)
{
    if (argument.len) {
        smtp_say(s, "501 5.5.4 DATA takes nothing");
    } else if (!s->n_recipients) {
        smtp_say(s, s->has_sender ? "554 5.5.1 No valid recipient" : "503 5.5.1 MAIL comes first");
    } else {
        int rc = s->ops->begin(s->ctx);
        if (rc != PP_OK) {
            smtp_say(s, "452 4.3.1 No room for a message now");
            return;
        }
        s->state = SMTP_DATA;
        s->at = SMTP_LINE_START;
        s->size = 0;
        s->refused = PP_OK;
        smtp_say(s, "354 Go on; a line with a dot ends it");
    }
}

/* One octet: adds what it stands for. True: the message ended with it. */
static bool step(struct smtp *s, uint8_t c, uint8_t *out, size_t *n)
{
    if (s->at == SMTP_DOT_CR) {
        if (c == '\n') {
            return true;
        }
        out[(*n)++] = '\r'; /* the dot was one that the sender doubled or should have */
        s->at = SMTP_CR;
    }
    if (s->at == SMTP_LINE_START && c == '.') {
        s->at = SMTP_DOT;
        return false;
    }
    if (s->at == SMTP_DOT && c == '\r') {
        s->at = SMTP_DOT_CR;
        return false;
    }
    out[(*n)++] = c;
    s->at = c == '\r' ? SMTP_CR : c == '\n' && s->at == SMTP_CR ? SMTP_LINE_START : SMTP_TEXT;
    return false;
}

static void keep(struct smtp *s, struct pp_bytes octets)
{
    s->size += octets.len;
    if (s->refused == PP_OK && s->size > s->size_max) {
        s->refused = PP_TOO_BIG;
    }
    if (s->refused == PP_OK && octets.len) {
        s->refused = s->ops->add(s->ctx, octets);
    }
}

size_t smtp_body(struct smtp *s, struct pp_bytes in)
{
    uint8_t out[PIECE + 1];
    size_t n = 0, i = 0;
    bool ended = false;
    for (; i < in.len && n < PIECE && !ended; i++) {
        ended = step(s, in.data[i], out, &n);
    }
    keep(s, pp_bytes(out, n));
    if (!ended) {
        return i;
    }
    s->state = SMTP_WAITING;
    if (s->refused == PP_OK) {
        s->ops->take(s->ctx, s->recipients, s->n_recipients);
    } else {
        smtp_taken(s, s->refused, NULL);
    }
    return i;
}

void smtp_taken(struct smtp *s, int code, const char *why)
{
    char text[400];
    snprintf(text, sizeof text, "%s", why && *why ? why : pp_error_text(code));
    for (char *p = text; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p; /* one line, whatever it says */
    }
    s->state = SMTP_COMMAND;
    smtp_reset(s);
    if (code == PP_OK) {
        pp_buf_printf(s->out, "250 2.0.0 Safe in the queue as %s\r\n", text);
    } else if (code == PP_TOO_BIG) {
        smtp_say(s, "552 5.3.4 The message is too big: send it in parts");
    } else if (code == PP_MALFORMED) {
        pp_buf_printf(s->out, "554 5.6.0 %s\r\n", text);
    } else if (code == PP_FULL) {
        pp_buf_printf(s->out, "452 4.3.1 %s\r\n", text);
    } else {
        pp_buf_printf(s->out, "451 4.3.0 %s\r\n", text);
    }
}
