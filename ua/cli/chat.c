/*
 * peerpost chat: lines in, lines out, on a terminal or in a pipe. It must not know how lines
 * travel.
 */
#include <cli/cli.h>

#include <base/address.h>
#include <errno.h>
#include <fcntl.h>
#include <io/loop.h>
#include <session/chat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE (10 * PP_SECOND)
#define LAST_ON_TERMINAL 5
#define GRACE PP_SECOND /* for the rest of the nodes, once enough have it */

/* A line said in this run. */
struct own {
    char id[64];
    bool sent;
};

struct chatting {
    struct cli *cli;
    struct chat *chat;
    struct pp_watch *input;
    struct pp_timer *deadline; /* of what was said before the input ended */
    struct pp_buf typed;
    const char *with;
    bool terminal, stays, ended, over, lost, failed;
    unsigned nodes, of;
    unsigned said, n_sent, n_complete; /* lines given to the chat, and what became of them */
    struct own *own;                   /* those that are not complete */
    size_t n_own;
    unsigned last;
};

/* --- showing ------------------------------------------------------------------------------- */

/* The prompt, and what stands there, make room for a line. */
static void begin_line(const struct chatting *c)
{
    if (c->terminal) {
        fputs("\r\033[K", stdout);
    }
}

static void end_line(const struct chatting *c)
{
    if (c->terminal && !c->over) {
        fputs("> ", stdout);
    }
    fflush(stdout);
}

static void print_clock(uint64_t moment)
{
    time_t t = (time_t)(moment / 1000);
    struct tm tm;
    char text[16] = "";
    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%H:%M", &tm);
    printf("%s ", text);
}

static void show(struct chatting *c, const char *kind, const char *from, const char *id,
                 uint64_t moment, const char *text)
{
    begin_line(c);
    if (c->cli->json) {
        printf("{\"event\":\"%s\",\"from\":", kind);
        cli_print_json(from);
        printf(",\"id\":");
        cli_print_json(id);
        printf(",\"moment\":%llu,\"text\":", (unsigned long long)moment);
        cli_print_json(text);
        puts("}");
    } else {
        if (c->terminal) {
            print_clock(moment);
        }
        cli_print_safe(from);
        fputs(": ", stdout);
        cli_print_safe(text);
        putchar('\n');
    }
    end_line(c);
}

static void on_heard(void *ctx, const struct pp_heard *line)
{
    struct chatting *c = ctx;
    show(c, "heard", line->from, line->id, line->moment, (const char *)line->text.data);
    chat_seen(c->cli->config, line->file);
}

static void stop(struct chatting *c)
{
    c->over = true;
    pp_loop_stop(chat_loop(c->chat));
}

/* What was said is where it shall be; or, a moment ago, on enough nodes. */
static void stop_if_done(struct chatting *c)
{
    if (!c->ended || c->stays || c->over) {
        return;
    }
    if (c->n_complete >= c->said) {
        stop(c);
    } else if (c->n_sent >= c->said) {
        pp_timer_set(c->deadline, pp_loop_now(chat_loop(c->chat)).mono + GRACE);
    }
}

static void print_state(const struct chatting *c, const struct pp_line_info *info)
{
    static const char *const words[] = {"taken", "sent", "waits", "complete", "failed"};
    if (c->cli->json) {
        printf("{\"event\":\"%s\",\"id\":", words[info->state]);
        cli_print_json(info->id);
        printf(",\"moment\":%llu,\"copies\":%u,\"of\":%u,\"text\":",
               (unsigned long long)info->moment, info->copies, info->wanted);
        cli_print_json((const char *)info->text.data);
        printf(",\"why\":");
        cli_print_json(info->why);
        puts("}");
    } else if (info->state == PP_LINE_COMPLETE && c->terminal) {
        printf("      (stored on %u of %u)\n", info->copies, info->wanted);
    } else if (info->state == PP_LINE_WAITS || info->state == PP_LINE_FAILED) {
        fprintf(stderr, "peerpost: %s: stored on %u of %u: %s\n",
                info->state == PP_LINE_WAITS ? "not there yet, tried again" : "given up",
                info->copies, info->wanted, info->why);
    }
}

static struct own *own_of(const struct chatting *c, const char *id)
{
    for (size_t i = 0; i < c->n_own; i++) {
        if (strcmp(c->own[i].id, id) == 0) {
            return &c->own[i];
        }
    }
    return NULL;
}

static void add_own(struct chatting *c, const char *id)
{
    struct own *grown = realloc(c->own, (c->n_own + 1) * sizeof *grown);
    if (grown) {
        c->own = grown;
        struct own *o = &c->own[c->n_own++];
        *o = (struct own){.sent = false};
        snprintf(o->id, sizeof o->id, "%s", id);
    }
}

/* Lines of this run: those of earlier ones are told of, but nobody waits for them. */
static void count(struct chatting *c, const struct pp_line_info *info)
{
    struct own *o = own_of(c, info->id);
    c->failed |= info->state == PP_LINE_FAILED;
    if (info->state == PP_LINE_TAKEN && !o) {
        add_own(c, info->id);
    } else if (o && info->state != PP_LINE_WAITS) {
        c->n_sent += !o->sent;
        o->sent = true;
        if (info->state != PP_LINE_SENT) {
            *o = c->own[--c->n_own];
            c->n_complete++;
        }
        stop_if_done(c);
    }
}

static void on_line(void *ctx, const struct pp_line_info *info)
{
    struct chatting *c = ctx;
    bool shown = c->cli->json || (c->terminal && info->state != PP_LINE_TAKEN);
    if (shown) {
        begin_line(c);
    }
    print_state(c, info);
    if (shown) {
        end_line(c);
    }
    count(c, info);
}

static void on_listens(void *ctx, unsigned nodes, unsigned of)
{
    struct chatting *c = ctx;
    bool was = c->nodes > 0;
    c->nodes = nodes;
    c->of = of;
    if (c->cli->json) {
        printf("{\"event\":\"listens\",\"nodes\":%u,\"of\":%u}\n", nodes, of);
        fflush(stdout);
    } else if (c->terminal && of && was != (nodes > 0)) {
        begin_line(c);
        printf("      (%u of %u nodes of your inbox wait with you)\n", nodes, of);
        end_line(c);
    }
}

static void on_lost(void *ctx)
{
    struct chatting *c = ctx;
    c->lost = true;
    stop(c);
}

/* What came while no chat was open, and the last lines on a terminal. */
static int show_history(struct chatting *c, struct pp_error *error)
{
    struct chat_history h;
    int rc = chat_history_read(&h, c->cli->config, c->with, error);
    for (size_t i = 0; rc == PP_OK && i < h.n; i++) {
        const struct chat_line *l = &h.lines[i];
        if (l->file || i + c->last >= h.n) {
            show(c, strcmp(l->from, c->with) == 0 ? "heard" : "said", l->from, l->id, l->moment,
                 l->text);
        }
        if (l->file) {
            chat_seen(c->cli->config, l->file);
        }
    }
    chat_history_finish(&h);
    return rc;
}

/* --- typing -------------------------------------------------------------------------------- */

/* What begins with / on a terminal. True: it was a command. */
static bool command(struct chatting *c, const char *text)
{
    if (!c->terminal || text[0] != '/' || text[1] == '/') {
        return false;
    }
    if (strcmp(text, "/quit") == 0 || strcmp(text, "/q") == 0) {
        stop(c);
    } else {
        printf("      /quit ends; a line that begins with a slash: //like this. %u of %u nodes "
               "wait with you.\n",
               c->nodes, c->of);
    }
    return true;
}

/* A line in pieces that fit, none of which ends inside a character. */
static void say(struct chatting *c, struct pp_bytes text)
{
    while (text.len) {
        size_t n = text.len < PP_CHAT_MAX ? text.len : PP_CHAT_MAX;
        while (n < text.len && n > PP_CHAT_MAX - 4 && (text.data[n] & 0xc0) == 0x80) {
            n--;
        }
        if (chat_say(c->chat, pp_bytes(text.data, n)) != PP_OK) {
            fprintf(stderr, "peerpost: not said: out of memory, or serve went away\n");
            c->failed = true;
            return;
        }
        c->said++;
        text = pp_bytes(text.data + n, text.len - n);
    }
}

static void take_line(struct chatting *c, const uint8_t *data, size_t len)
{
    char start[16];
    len -= len && data[len - 1] == '\r';
    snprintf(start, sizeof start, "%.*s", (int)(len < 15 ? len : 15), (const char *)data);
    if (!command(c, start)) {
        size_t skip = c->terminal && len > 1 && start[0] == '/';
        say(c, pp_bytes(data + skip, len - skip));
    }
    end_line(c);
}

static void input_ends(struct chatting *c)
{
    if (c->typed.len) {
        take_line(c, c->typed.data, c->typed.len);
    }
    c->ended = true;
    pp_watch_set(c->input, 0);
    pp_timer_set(c->deadline, c->stays ? PP_NEVER
                                       : pp_loop_now(chat_loop(c->chat)).mono +
                                             (pp_ns)pp_config_number(c->cli->config, "send.wait"));
    if (c->terminal) {
        stop(c); /* control-D */
    }
    stop_if_done(c);
}

static void on_input(void *ctx, unsigned events)
{
    struct chatting *c = ctx;
    const uint8_t *end;
    (void)events;
    if (pp_buf_reserve(&c->typed, 65536) != PP_OK) {
        input_ends(c);
        return;
    }
    ssize_t n = read(STDIN_FILENO, c->typed.data + c->typed.len, 65535);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    c->typed.len += n > 0 ? (size_t)n : 0;
    while (c->typed.len && (end = memchr(c->typed.data, '\n', c->typed.len))) {
        size_t len = (size_t)(end - c->typed.data);
        take_line(c, c->typed.data, len);
        pp_buf_consume(&c->typed, len + 1);
    }
    if (n <= 0) {
        input_ends(c);
    }
}

/* --- the command --------------------------------------------------------------------------- */

static void on_time(void *ctx)
{
    stop(ctx);
}

static void on_signal(void *ctx, int signo)
{
    (void)signo;
    stop(ctx);
}

static int run(struct chatting *c, struct agent *agent, struct pp_error *error)
{
    static const struct chat_events events = {on_heard, on_line, on_listens, on_lost};
    int rc = chat_open(&c->chat, agent, c->with, &events, c);
    if (rc != PP_OK) {
        return pp_fail(error, rc, "cannot begin the chat: %s", pp_error_text(rc));
    }
    struct pp_loop *loop = chat_loop(c->chat);
    c->input = pp_watch_create(loop, STDIN_FILENO, on_input, c);
    c->deadline = pp_timer_create(loop, on_time, c);
    if (!c->input || !c->deadline) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    pp_loop_signal(loop, SIGINT, on_signal, c);
    pp_loop_signal(loop, SIGTERM, on_signal, c);
    pp_watch_set(c->input, PP_READABLE);
    end_line(c);
    pp_loop_run(loop);
    return PP_OK;
}

static int judge(const struct chatting *c)
{
    if (c->lost) {
        return cli_fails(EX_TEMPFAIL, "peerpost serve went away; begin again");
    }
    if (c->failed) {
        return EX_NOUSER;
    }
    if (c->ended && c->n_sent < c->said) {
        return cli_fails(EX_TEMPFAIL,
                         "%u of %u lines are not on enough nodes yet: the next chat, "
                         "fetch or serve goes on",
                         c->said - c->n_sent, c->said);
    }
    return EX_OK;
}

static int parse(struct chatting *c, int argc, char **argv, struct pp_buf *with)
{
    const char *address = NULL, *value;
    c->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    c->last = c->terminal ? LAST_ON_TERMINAL : 0;
    for (int i = 1; i < argc; i++) {
        if (cli_flag(argv, i, "--json")) {
            c->cli->json = true;
        } else if (cli_flag(argv, i, "--stay")) {
            c->stays = true;
        } else if ((value = cli_value(argc, argv, &i, "--last"))) {
            c->last = (unsigned)strtoul(value, NULL, 10);
        } else if (argv[i][0] == '-' || address) {
            return cli_usage(c->cli, "unknown argument %s", argv[i]);
        } else {
            address = argv[i];
        }
    }
    c->terminal &= !c->cli->json;
    if (!address || pp_address_normal(with, pp_str(address)) != PP_OK) {
        return cli_usage(c->cli, address ? "%s is no address" : "with whom?%s",
                         address ? address : "");
    }
    c->with = (const char *)with->data;
    return EX_OK;
}

int cli_chat(struct cli *cli, int argc, char **argv)
{
    struct chatting c = {.cli = cli};
    struct pp_buf with = {0};
    struct pp_error error = {0};
    struct agent *agent = NULL;
    int code = parse(&c, argc, argv, &with);
    if (code == EX_OK) {
        int rc = cli_agent(&agent, cli, PATIENCE, &error);
        rc = rc == PP_OK ? show_history(&c, &error) : rc;
        rc = rc == PP_OK ? run(&c, agent, &error) : rc;
        begin_line(&c);
        code = rc == PP_OK ? judge(&c) : cli_fail(&error);
    }
    pp_watch_destroy(c.input);
    pp_timer_destroy(c.deadline);
    chat_close(c.chat);
    agent_close(agent);
    pp_buf_wipe(&c.typed);
    free(c.own);
    pp_buf_free(&with);
    return code;
}
