/*
 * The control socket's side of serve; see session/control.h. It must not know how a command shows
 * what it is told.
 */
#include <session/control.h>

#include <serve/parts.h>
#include <serve/talk.h>
#include <base/address.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS 64

struct client {
    struct client *next;
    struct control_port *port;
    struct talk *talk;
    enum { IDLE, FETCHING, SENDING, RUNNING, LENT, CHATTING } state;
    struct work_fetch fetch;
    struct work_watch watch;
    char name[80]; /* of the message that is sent */
    struct work_chat chat;
    char with[256];
};

struct control_port {
    struct serve *serve;
    struct pp_listener *listener;
    struct client *clients;
    unsigned n;
};

static struct work *work_of(const struct client *c)
{
    return serve_work(c->port->serve);
}

/* --- answers ------------------------------------------------------------------------------- */

/* {"<member>": value}; takes over the value. */
static void answer(struct client *c, const char *member, json_t *value)
{
    json_t *object = json_pack("{so}", member, value);
    char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (line) {
        pp_buf_add_str(talk_out(c->talk), line);
        pp_buf_add(talk_out(c->talk), "\n", 1);
        talk_stir(c->talk);
    } else {
        talk_end(c->talk);
    }
    free(line);
    json_decref(object);
}

static void refuse(struct client *c, const char *why)
{
    answer(c, "error", json_string(why));
}

static void begin(struct client *c, int state)
{
    c->state = state;
    talk_hold(c->talk, true);
}

static void end(struct client *c)
{
    c->state = IDLE;
    talk_hold(c->talk, false);
    talk_stir(c->talk);
}

/* --- fetch --------------------------------------------------------------------------------- */

static struct client *of_fetch(struct work_fetch *f)
{
    return (struct client *)(void *)((char *)f - offsetof(struct client, fetch));
}

static void on_letter(struct work_fetch *f, const struct pp_letter_info *info)
{
    answer(of_fetch(f), "letter", control_letter(info));
}

static void on_fetched(struct work_fetch *f, const struct pp_read_result *result)
{
    answer(of_fetch(f), "done", control_read_result(result));
    end(of_fetch(f));
}

static void do_fetch(struct client *c, const json_t *request)
{
    c->fetch = (struct work_fetch){
        .headers_only = json_is_true(json_object_get(request, "headers_only")),
        .keep = json_is_true(json_object_get(request, "keep")),
        .letter = on_letter,
        .done = on_fetched,
    };
    begin(c, FETCHING);
    work_fetch(work_of(c), &c->fetch);
}

/* --- send ---------------------------------------------------------------------------------- */

static struct client *of_watch(struct work_watch *w)
{
    return (struct client *)(void *)((char *)w - offsetof(struct client, watch));
}

static void on_changed(struct work_watch *w, const char *name, const struct pp_job_progress *p)
{
    struct client *c = of_watch(w);
    if (c->state == SENDING && strcmp(name, c->name) == 0) {
        answer(c, "progress", control_progress(p));
    }
}

static void on_told(struct work_watch *w, const struct runner_result *r)
{
    struct client *c = of_watch(w);
    if (c->state == SENDING && strcmp(r->name, c->name) == 0) {
        answer(c, "told", control_runner_result(r));
        end(c);
    } else if (c->state == RUNNING) {
        answer(c, "pass", control_runner_result(r));
        if (!work_is_sending(work_of(c))) {
            answer(c, "done", json_object());
            end(c);
        }
    }
}

static void do_send(struct client *c, const json_t *request, bool drop)
{
    const char *name = json_string_value(json_object_get(request, "name"));
    if (!name || strlen(name) >= sizeof c->name || strpbrk(name, "./")) {
        refuse(c, "that is no name of a queued message");
        return;
    }
    memcpy(c->name, name, strlen(name) + 1);
    if (drop && !work_drop(work_of(c), name)) {
        refuse(c, "the queue is busy now: try again in a moment");
        return;
    }
    begin(c, SENDING);
    if (!drop) {
        work_send(work_of(c), name);
    }
}

static void do_run(struct client *c)
{
    work_send_all(work_of(c));
    if (work_is_sending(work_of(c))) {
        begin(c, RUNNING);
    } else {
        answer(c, "done", json_object());
    }
}

/* --- notes and the journal ----------------------------------------------------------------- */

static int add_note(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct client *c = ctx;
    json_t *pair = json_pack("{so so}", "key", control_octets(key), "value", control_octets(value));
    answer(c, "note", pair);
    return talk_out(c->talk)->failed;
}

static void do_notes(struct client *c, const json_t *request)
{
    const char *prefix = json_string_value(json_object_get(request, "prefix"));
    struct session *session = work_session(work_of(c));
    if (!session) {
        refuse(c, "another command has the journal");
        return;
    }
    const struct pp_mailnet *net = &pp_mail_is(session_mail(session))->net;
    net->ops->replay(net->impl, pp_str(prefix ? prefix : ""), add_note, c);
    answer(c, "done", json_object());
}

static void do_lend(struct client *c)
{
    if (!work_lend(work_of(c))) {
        refuse(c, "another command has the journal");
        return;
    }
    answer(c, "lent", json_true());
    c->state = LENT;
}

/* --- chat ---------------------------------------------------------------------------------- */

static struct client *of_chat(struct work_chat *c)
{
    return (struct client *)(void *)((char *)c - offsetof(struct client, chat));
}

static void on_heard(struct work_chat *chat, const struct pp_heard *line)
{
    const struct pp_line_info info = {
        .id = line->id, .text = line->text, .moment = line->moment, .why = ""};
    answer(of_chat(chat), "heard", control_line(&info, line->file));
}

static void on_line(struct work_chat *chat, const struct pp_line_info *info)
{
    answer(of_chat(chat), "line", control_line(info, ""));
}

static void on_listens(struct work_chat *chat, unsigned nodes, unsigned of)
{
    struct client *c = of_chat(chat);
    answer(c, "listens", json_pack("{si si}", "nodes", (int)nodes, "of", (int)of));
}

static void do_chat(struct client *c, const json_t *request)
{
    const char *with = json_string_value(json_object_get(request, "with"));
    if (!with || !pp_address_is_normal(pp_str(with)) || strlen(with) >= sizeof c->with) {
        refuse(c, "that is no address in its normal form");
        return;
    }
    snprintf(c->with, sizeof c->with, "%s", with);
    c->chat = (struct work_chat){
        .with = c->with, .heard = on_heard, .line = on_line, .listens = on_listens};
    c->state = CHATTING;
    work_chat_open(work_of(c), &c->chat);
}

/* False: it waits until the journal is back. */
static bool do_say(struct client *c, const json_t *request)
{
    struct pp_buf text = {0};
    int rc = control_to_octets(&text, request, "text");
    rc = rc == PP_OK ? work_say(work_of(c), c->with, pp_buf_bytes(&text)) : rc;
    pp_buf_wipe(&text);
    if (rc != PP_OK && rc != PP_BUSY) {
        refuse(c, "that is no line to say");
    }
    return rc != PP_BUSY;
}

/* --- lines --------------------------------------------------------------------------------- */

static void obey(struct client *c, const json_t *request)
{
    const char *command = json_string_value(json_object_get(request, "command"));
    command = command ? command : "";
    if (strcmp(command, "fetch") == 0) {
        do_fetch(c, request);
    } else if (strcmp(command, "send") == 0) {
        do_send(c, request, false);
    } else if (strcmp(command, "drop") == 0) {
        do_send(c, request, true);
    } else if (strcmp(command, "run") == 0) {
        do_run(c);
    } else if (strcmp(command, "notes") == 0) {
        do_notes(c, request);
    } else if (strcmp(command, "lend") == 0) {
        do_lend(c);
    } else if (strcmp(command, "chat") == 0) {
        do_chat(c, request);
    } else {
        refuse(c, "serve knows no such command: are both programs of one version?");
    }
}

static size_t take(void *ctx, struct pp_bytes in)
{
    struct client *c = ctx;
    const uint8_t *line_end = memchr(in.data, '\n', in.len);
    if ((c->state != IDLE && c->state != CHATTING) || !line_end) {
        return 0;
    }
    size_t len = (size_t)(line_end - in.data);
    json_t *request = json_loadb((const char *)in.data, len, JSON_REJECT_DUPLICATES, NULL);
    if (request && c->state == CHATTING) {
        bool said = do_say(c, request);
        json_decref(request);
        return said ? len + 1 : 0;
    }
    if (request) {
        obey(c, request);
    } else {
        refuse(c, "a request is one line of JSON");
    }
    json_decref(request);
    return len + 1;
}

/* Lets go of all that the client waits for. */
static void leave(struct client *c)
{
    struct client **at = &c->port->clients;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->port->n--;
    work_forget(work_of(c), &c->fetch);
    work_unwatch(work_of(c), &c->watch);
    if (c->state == CHATTING) {
        work_chat_close(work_of(c), &c->chat);
    }
}

static void gone(void *ctx)
{
    struct client *c = ctx;
    bool lent = c->state == LENT;
    leave(c);
    if (lent) {
        work_reclaim(work_of(c));
    }
    free(c);
}

static const struct talk_ops ops = {.take = take, .gone = gone};

static void on_client(void *ctx, struct pp_listener *listener, int fd, const uint8_t from[16])
{
    struct control_port *port = ctx;
    struct client *c = fd >= 0 && port->n < CONNECTIONS ? calloc(1, sizeof *c) : NULL;
    (void)listener;
    (void)from;
    if (!c) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    c->port = port;
    c->watch = (struct work_watch){.told = on_told, .changed = on_changed};
    c->talk = talk_open(serve_loop(port->serve), fd, &ops, c);
    if (!c->talk) {
        free(c);
        return;
    }
    c->next = port->clients;
    port->clients = c;
    port->n++;
    work_watch(work_of(c), &c->watch);
}

static int open_port(void **part, struct serve *s, struct pp_error *error)
{
    struct control_port *port = calloc(1, sizeof *port);
    char path[PATH_MAX];
    if (!port) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    port->serve = s;
    control_path(path, sizeof path, serve_config(s));
    int rc = pp_listener_open_unix(&port->listener, serve_loop(s), path, on_client, port, error);
    if (rc != PP_OK) {
        free(port);
        return rc;
    }
    *part = port;
    return PP_OK;
}

static void close_port(void *part)
{
    struct control_port *port = part;
    pp_listener_close(port->listener);
    while (port->clients) {
        struct client *c = port->clients;
        leave(c);
        talk_close(c->talk);
        free(c);
    }
    free(port);
}

const struct serve_part serve_control = {"control", open_port, NULL, close_port};
