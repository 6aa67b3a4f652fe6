/*
 * POP3 sessions: passwords, commands, lines; see pop3.h. How a message is sent is pop3_message.c's.
 * It must not know where mail lies.
 */
#include <serve/pop3_private.h>

#include <serve/sasl.h>
#include <stdlib.h>

void pop3_say(struct pop3 *p, const char *reply)
{
    pp_buf_add_str(p->out, reply);
    pp_buf_add_str(p->out, "\r\n");
}

static void end(struct pop3 *p, const char *reply)
{
    pop3_say(p, reply);
    p->state = POP3_OVER;
}

void pop3_init(struct pop3 *p, const struct pop3_ops *ops, void *ctx, struct pp_buf *out)
{
    *p = (struct pop3){.ops = ops, .ctx = ctx, .out = out};
    pop3_say(p, "+OK Peerpost");
}

void pop3_finish(struct pop3 *p)
{
    pp_buf_wipe(&p->user);
}

/* --- authorization ------------------------------------------------------------------------- */

static void judge(struct pop3 *p, struct pp_bytes user, struct pp_bytes password)
{
    bool right = p->ops->login(p->ctx, user, password);
    p->state = POP3_WAITING;
    p->tries += !right;
    p->has_user = false;
    if (right) {
        p->ops->open(p->ctx);
    } else {
        p->ops->wait(p->ctx);
    }
}

void pop3_go_on(struct pop3 *p)
{
    if (p->state != POP3_WAITING) {
        return;
    }
    p->state = POP3_AUTHORIZATION;
    pop3_say(p, "-ERR [AUTH] wrong name or password: see peerpost serve --password");
    if (p->tries >= POP3_TRIES_MAX) {
        p->state = POP3_OVER;
    }
}

void pop3_opened(struct pop3 *p, int code, struct pop3_message *messages, size_t n)
{
    p->state = POP3_AUTHORIZATION;
    if (code == PP_BUSY) {
        pop3_say(p, "-ERR [IN-USE] another mail reader has the mailbox open");
    } else if (code != PP_OK) {
        pop3_say(p, "-ERR [SYS/TEMP] the mailbox cannot be read");
    } else {
        p->state = POP3_TRANSACTION;
        p->messages = messages;
        p->n = n;
        pp_buf_printf(p->out, "+OK %zu messages\r\n", n);
    }
}

static void plain(struct pop3 *p, struct pp_bytes text)
{
    struct pp_buf octets = {0};
    struct pp_bytes user, password;
    p->state = POP3_AUTHORIZATION;
    if (pp_bytes_is(text, "*")) {
        pop3_say(p, "-ERR as you like");
    } else if (sasl_plain(&octets, text, &user, &password) != PP_OK) {
        pop3_say(p, "-ERR that is no PLAIN response");
    } else {
        judge(p, user, password);
    }
    pp_buf_wipe(&octets);
}

static void do_auth(struct pop3 *p, struct pp_bytes argument)
{
    struct pp_bytes mechanism = pop3_word(&argument);
    if (!mechanism.len) {
        pop3_say(p, "+OK\r\nPLAIN\r\n.");
    } else if (!pp_bytes_is_nocase(mechanism, "PLAIN")) {
        pop3_say(p, "-ERR AUTH PLAIN");
    } else if (argument.len) {
        plain(p, argument);
    } else {
        p->state = POP3_PLAIN;
        pop3_say(p, "+ ");
    }
}

static void do_user(struct pop3 *p, struct pp_bytes argument)
{
    p->user.len = 0;
    p->has_user = argument.len && pp_buf_add(&p->user, argument.data, argument.len) == PP_OK;
    pop3_say(p, p->has_user ? "+OK and the password?" : "-ERR USER ADDRESS");
}

static void do_pass(struct pop3 *p, struct pp_bytes argument)
{
    if (p->has_user) {
        judge(p, pp_buf_bytes(&p->user), argument);
    } else {
        pop3_say(p, "-ERR USER comes first");
    }
}

static void do_capa(struct pop3 *p, struct pp_bytes argument)
{
    (void)argument;
    pop3_say(p, "+OK\r\nTOP\r\nUSER\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
                "SASL PLAIN\r\nEXPIRE NEVER\r\nIMPLEMENTATION Peerpost\r\n.");
}

/* --- transaction --------------------------------------------------------------------------- */

static void do_stat(struct pop3 *p, struct pp_bytes argument)
{
    uint64_t size = 0;
    size_t n = 0;
    (void)argument;
    for (size_t i = 0; i < p->n; i++) {
        n += !p->messages[i].deleted;
        size += p->messages[i].deleted ? 0 : p->messages[i].size;
    }
    pp_buf_printf(p->out, "+OK %zu %llu\r\n", n, (unsigned long long)size);
}

/* A number from 1 on. false: it is none. */
static bool read_number(struct pp_bytes text, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || text.len > 9) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.len > 0;
}

/* The message of that number; says what is wrong when it is none. */
static struct pop3_message *find(struct pop3 *p, struct pp_bytes text)
{
    uint64_t number;
    if (!read_number(text, &number) || number < 1 || number > p->n ||
        p->messages[number - 1].deleted) {
        pop3_say(p, "-ERR there is no such message");
        return NULL;
    }
    return &p->messages[number - 1];
}

static void list_one(struct pop3 *p, const struct pop3_message *m, bool uidl, const char *prefix)
{
    pp_buf_printf(p->out, uidl ? "%s%zu %s\r\n" : "%s%zu ", prefix, (size_t)(m - p->messages) + 1,
                  m->uidl);
    if (!uidl) {
        pp_buf_printf(p->out, "%llu\r\n", (unsigned long long)m->size);
    }
}

static void list(struct pop3 *p, struct pp_bytes argument, bool uidl)
{
    if (argument.len) {
        const struct pop3_message *m = find(p, argument);
        if (m) {
            list_one(p, m, uidl, "+OK ");
        }
        return;
    }
    pop3_say(p, "+OK");
    for (size_t i = 0; i < p->n; i++) {
        if (!p->messages[i].deleted) {
            list_one(p, &p->messages[i], uidl, "");
        }
    }
    pop3_say(p, ".");
}

static void do_list(struct pop3 *p, struct pp_bytes argument)
{
    list(p, argument, false);
}

static void do_uidl(struct pop3 *p, struct pp_bytes argument)
{
    list(p, argument, true);
}

static void retrieve(struct pop3 *p, const struct pop3_message *m, uint64_t lines)
{
    if (p->ops->begin(p->ctx, (size_t)(m - p->messages)) == PP_OK) {
        pop3_begin_message(p, lines);
    } else {
        pop3_say(p, "-ERR [SYS/TEMP] the message is gone: another program took it away");
    }
}

static void do_retr(struct pop3 *p, struct pp_bytes argument)
{
    const struct pop3_message *m = find(p, argument);
    if (m) {
        retrieve(p, m, UINT64_MAX);
    }
}

static void do_top(struct pop3 *p, struct pp_bytes argument)
{
    struct pp_bytes number = pop3_word(&argument);
    uint64_t lines;
    const struct pop3_message *m = find(p, number);
    if (m && read_number(argument, &lines)) {
        retrieve(p, m, lines);
    } else if (m) {
        pop3_say(p, "-ERR TOP MESSAGE LINES");
    }
}

static void do_dele(struct pop3 *p, struct pp_bytes argument)
{
    struct pop3_message *m = find(p, argument);
    if (m) {
        m->deleted = true;
        pop3_say(p, "+OK gone at QUIT");
    }
}

static void do_rset(struct pop3 *p, struct pp_bytes argument)
{
    (void)argument;
    for (size_t i = 0; i < p->n; i++) {
        p->messages[i].deleted = false;
    }
    pop3_say(p, "+OK");
}

static void do_noop(struct pop3 *p, struct pp_bytes argument)
{
    (void)argument;
    pop3_say(p, "+OK");
}

static void do_quit(struct pop3 *p, struct pp_bytes argument)
{
    (void)argument;
    if (p->state == POP3_TRANSACTION) {
        p->state = POP3_WAITING;
        p->ops->remove(p->ctx);
    } else {
        end(p, "+OK good bye");
    }
}

void pop3_removed(struct pop3 *p, int code)
{
    p->messages = NULL;
    p->n = 0;
    end(p,
        code == PP_OK ? "+OK good bye" : "-ERR [SYS/TEMP] some deleted messages are still there");
}

/* --- lines --------------------------------------------------------------------------------- */

struct pp_bytes pop3_word(struct pp_bytes *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ') {
        n++;
    }
    struct pp_bytes word = pp_bytes(rest->data, n);
    n += n < rest->len;
    *rest = pp_bytes(rest->data + n, rest->len - n);
    return word;
}

#define BEFORE (1u << POP3_AUTHORIZATION)
#define INSIDE (1u << POP3_TRANSACTION)

static const struct {
    const char *verb;
    void (*run)(struct pop3 *p, struct pp_bytes argument);
    unsigned states;
} commands[] = {
    {"USER", do_user, BEFORE},          {"PASS", do_pass, BEFORE},
    {"AUTH", do_auth, BEFORE},          {"STAT", do_stat, INSIDE},
    {"LIST", do_list, INSIDE},          {"UIDL", do_uidl, INSIDE},
    {"RETR", do_retr, INSIDE},          {"TOP", do_top, INSIDE},
    {"DELE", do_dele, INSIDE},          {"RSET", do_rset, INSIDE},
    {"NOOP", do_noop, INSIDE},          {"CAPA", do_capa, BEFORE | INSIDE},
    {"QUIT", do_quit, BEFORE | INSIDE},
};

static void command(struct pop3 *p, struct pp_bytes line)
{
    struct pp_bytes argument = line, verb = pop3_word(&argument);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (pp_bytes_is_nocase(verb, commands[i].verb)) {
            if (commands[i].states & (1u << p->state)) {
                commands[i].run(p, argument);
            } else {
                pop3_say(p, "-ERR not now");
            }
            return;
        }
    }
    pop3_say(p, "-ERR there is no such command");
    if (++p->nonsense > POP3_NONSENSE_MAX) {
        p->state = POP3_OVER;
    }
}

/* Returns the octets taken; 0: the line is not whole. */
static size_t take_line(struct pop3 *p, struct pp_bytes in)
{
    size_t look = in.len < POP3_LINE_MAX ? in.len : POP3_LINE_MAX;
    const uint8_t *lf = memchr(in.data, '\n', look);
    if (!lf) {
        if (look == POP3_LINE_MAX) {
            end(p, "-ERR that line is too long");
        }
        return 0;
    }
    size_t taken = (size_t)(lf - in.data) + 1, len = taken - 1;
    len -= len && in.data[len - 1] == '\r';
    if (p->state == POP3_PLAIN) {
        plain(p, pp_bytes(in.data, len));
    } else {
        command(p, pp_bytes(in.data, len));
    }
    return taken;
}

size_t pop3_feed(struct pop3 *p, struct pp_bytes in)
{
    size_t done = 0;
    while (done < in.len && (p->state == POP3_AUTHORIZATION || p->state == POP3_PLAIN ||
                             p->state == POP3_TRANSACTION)) {
        size_t n = take_line(p, pp_bytes(in.data + done, in.len - done));
        if (n == 0) {
            break;
        }
        done += n;
    }
    return done;
}
