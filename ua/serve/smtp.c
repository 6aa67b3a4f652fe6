/*
 * Submission: sessions, lines, passwords and replies; see smtp.h. Envelope and message are
 * smtp_mail.c's. It must not know what becomes of a message.
 */
#include <serve/smtp_private.h>

#include <serve/sasl.h>
#include <stdlib.h>

void smtp_say(struct smtp *s, const char *reply)
{
    pp_buf_add_str(s->out, reply);
    pp_buf_add_str(s->out, "\r\n");
}

static void end(struct smtp *s, const char *reply)
{
    smtp_say(s, reply);
    s->state = SMTP_OVER;
}

void smtp_reset(struct smtp *s)
{
    for (size_t i = 0; i < s->n_recipients; i++) {
        pp_buf_free(&s->recipients[i]);
    }
    s->n_recipients = 0;
    s->has_sender = false;
    s->refused = PP_OK;
    s->size = 0;
}

void smtp_init(struct smtp *s, const struct smtp_ops *ops, void *ctx, struct pp_buf *out,
               uint64_t size_max)
{
    *s = (struct smtp){.ops = ops, .ctx = ctx, .out = out, .size_max = size_max};
    smtp_say(s, "220 localhost ESMTP Peerpost");
}

void smtp_finish(struct smtp *s)
{
    smtp_reset(s);
    free(s->recipients);
    pp_buf_wipe(&s->name);
}

/* --- greeting and small talk --------------------------------------------------------------- */

static void do_ehlo(struct smtp *s, struct pp_bytes argument)
{
    if (!argument.len) {
        smtp_say(s, "501 5.5.4 EHLO needs a name");
        return;
    }
    smtp_reset(s);
    s->greeted = true;
    pp_buf_printf(s->out,
                  "250-localhost\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n"
                  "250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN\r\n"
                  "250 HELP\r\n",
                  (unsigned long long)s->size_max);
}

static void do_helo(struct smtp *s, struct pp_bytes argument)
{
    if (!argument.len) {
        smtp_say(s, "501 5.5.4 HELO needs a name");
        return;
    }
    smtp_reset(s);
    s->greeted = true;
    smtp_say(s, "250 localhost");
}

static void do_rset(struct smtp *s, struct pp_bytes argument)
{
    if (argument.len) {
        smtp_say(s, "501 5.5.4 RSET takes nothing");
        return;
    }
    smtp_reset(s);
    smtp_say(s, "250 2.0.0 Forgotten");
}

static void do_noop(struct smtp *s, struct pp_bytes argument)
{
    (void)argument;
    smtp_say(s, "250 2.0.0 Here");
}

static void do_quit(struct smtp *s, struct pp_bytes argument)
{
    (void)argument;
    end(s, "221 2.0.0 Good bye");
}

static void do_help(struct smtp *s, struct pp_bytes argument)
{
    (void)argument;
    smtp_say(s, "214-2.0.0 AUTH DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET VRFY");
    smtp_say(s, "214 2.0.0 The password: peerpost serve --password");
}

static void do_vrfy(struct smtp *s, struct pp_bytes argument)
{
    (void)argument;
    smtp_say(s, "252 2.1.5 Send to it, and you will see");
}

static void do_expn(struct smtp *s, struct pp_bytes argument)
{
    (void)argument;
    smtp_say(s, "502 5.5.1 There are no lists here");
}

/* --- AUTH (RFC 4954) ----------------------------------------------------------------------- */

static void judge(struct smtp *s, struct pp_bytes user, struct pp_bytes password)
{
    s->state = SMTP_COMMAND;
    if (s->ops->login(s->ctx, user, password)) {
        s->known = true;
        smtp_say(s, "235 2.7.0 Welcome");
        return;
    }
    s->tries++;
    s->state = SMTP_WAITING;
    s->ops->wait(s->ctx);
}

void smtp_go_on(struct smtp *s)
{
    if (s->state != SMTP_WAITING) {
        return;
    }
    s->state = SMTP_COMMAND;
    smtp_say(s, "535 5.7.8 Wrong name or password: see peerpost serve --password");
    if (s->tries >= SMTP_TRIES_MAX) {
        end(s, "421 4.7.0 Too many wrong passwords");
    }
}

static void plain(struct smtp *s, struct pp_bytes text)
{
    struct pp_buf octets = {0};
    struct pp_bytes user, password;
    s->state = SMTP_COMMAND;
    if (sasl_plain(&octets, text, &user, &password) == PP_OK) {
        judge(s, user, password);
    } else {
        smtp_say(s, "501 5.5.2 That is no PLAIN response");
    }
    pp_buf_wipe(&octets);
}

static void login_name(struct smtp *s, struct pp_bytes text)
{
    bool good = sasl_text(&s->name, text) == PP_OK;
    s->state = good ? SMTP_LOGIN_PASSWORD : SMTP_COMMAND;
    smtp_say(s, good ? "334 UGFzc3dvcmQ6" : "501 5.5.2 That is no base64");
}

static void login_password(struct smtp *s, struct pp_bytes text)
{
    struct pp_buf octets = {0};
    s->state = SMTP_COMMAND;
    if (sasl_text(&octets, text) == PP_OK) {
        judge(s, pp_buf_bytes(&s->name), pp_buf_bytes(&octets));
    } else {
        smtp_say(s, "501 5.5.2 That is no base64");
    }
    pp_buf_wipe(&octets);
}

static void do_auth(struct smtp *s, struct pp_bytes argument)
{
    struct pp_bytes mechanism = smtp_word(&argument);
    if (!s->greeted || s->known || s->has_sender) {
        smtp_say(s, "503 5.5.1 Not now");
    } else if (pp_bytes_is_nocase(mechanism, "PLAIN")) {
        if (argument.len) {
            plain(s, argument);
        } else {
            s->state = SMTP_PLAIN;
            smtp_say(s, "334 ");
        }
    } else if (pp_bytes_is_nocase(mechanism, "LOGIN")) {
        if (argument.len) {
            login_name(s, argument);
        } else {
            s->state = SMTP_LOGIN_NAME;
            smtp_say(s, "334 VXNlcm5hbWU6");
        }
    } else {
        smtp_say(s, "504 5.5.4 AUTH PLAIN or AUTH LOGIN");
    }
}

static void respond(struct smtp *s, struct pp_bytes line)
{
    if (pp_bytes_is(line, "*")) {
        s->state = SMTP_COMMAND;
        smtp_say(s, "501 5.7.0 As you like");
    } else if (s->state == SMTP_PLAIN) {
        plain(s, line);
    } else if (s->state == SMTP_LOGIN_NAME) {
        login_name(s, line);
    } else {
        login_password(s, line);
    }
}

/* --- lines --------------------------------------------------------------------------------- */

struct pp_bytes smtp_word(struct pp_bytes *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ') {
        n++;
    }
    struct pp_bytes word = pp_bytes(rest->data, n);
    while (n < rest->len && rest->data[n] == ' ') {
        n++;
    }
    *rest = pp_bytes(rest->data + n, rest->len - n);
    return word;
}

static const struct {
    const char *verb;
    void (*run)(struct smtp *s, struct pp_bytes argument);
} commands[] = {
    {"EHLO", do_ehlo},   {"HELO", do_helo},   {"AUTH", do_auth}, {"MAIL", smtp_mail},
    {"RCPT", smtp_rcpt}, {"DATA", smtp_data}, {"RSET", do_rset}, {"NOOP", do_noop},
    {"QUIT", do_quit},   {"HELP", do_help},   {"VRFY", do_vrfy}, {"EXPN", do_expn},
};

static void command(struct smtp *s, struct pp_bytes line)
{
    while (line.len && (line.data[line.len - 1] == ' ' || line.data[line.len - 1] == '\t')) {
        line.len--;
    }
    struct pp_bytes argument = line, verb = smtp_word(&argument);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (pp_bytes_is_nocase(verb, commands[i].verb)) {
            commands[i].run(s, argument);
            return;
        }
    }
    if (++s->nonsense > SMTP_NONSENSE_MAX) {
        end(s, "421 4.7.0 Too many commands that are none");
    } else {
        smtp_say(s, "500 5.5.1 There is no such command");
    }
}

/* One line, or what there is of one that is too long. Returns the octets taken. */
static size_t take_line(struct smtp *s, struct pp_bytes in)
{
    size_t look = in.len < SMTP_LINE_MAX ? in.len : SMTP_LINE_MAX;
    const uint8_t *lf = memchr(in.data, '\n', look);
    if (!lf) {
        if (look == SMTP_LINE_MAX && !s->skipping) {
            s->skipping = true;
            s->state = SMTP_COMMAND;
            smtp_say(s, "500 5.5.6 That line is too long");
        }
        return s->skipping ? look : 0;
    }
    size_t taken = (size_t)(lf - in.data) + 1, len = taken - 1;
    len -= len && in.data[len - 1] == '\r';
    if (s->skipping) {
        s->skipping = false;
    } else if (s->state == SMTP_COMMAND) {
        command(s, pp_bytes(in.data, len));
    } else {
        respond(s, pp_bytes(in.data, len));
    }
    return taken;
}

size_t smtp_feed(struct smtp *s, struct pp_bytes in)
{
    size_t done = 0;
    while (done < in.len && s->state != SMTP_WAITING && s->state != SMTP_OVER) {
        struct pp_bytes rest = pp_bytes(in.data + done, in.len - done);
        size_t n = s->state == SMTP_DATA ? smtp_body(s, rest) : take_line(s, rest);
        if (n == 0) {
            break;
        }
        done += n;
    }
    return done;
}

void smtp_late(struct smtp *s)
{
    end(s, "421 4.4.2 Silent for too long");
}
