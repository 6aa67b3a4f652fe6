/* Command lines on a store at rest; see store_tool.h. Of the daemon only its option table is used:
 * neither keys nor sockets are needed here. */
#include <node/store_tool.h>

#include <inttypes.h>
#include <node/daemon.h>
#include <node/migrate.h>
#include <node/problem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct tool {
    struct pp_config *config;
    struct pp_loaded *loaded[2];
    char path[MIGRATE_PATH_MAX]; /* of the configured store */
};

static void tool_close(struct tool *t)
{
    pp_unload(t->loaded[0]);
    pp_unload(t->loaded[1]);
    pp_config_free(t->config);
}

/* A plugin and its section of the configuration. */
static int load(struct tool *t, size_t slot, const char *name, struct migrate_store *store,
                struct pp_error *error)
{
    const char *set = pp_config_text(t->config, "plugins.dir");
    const char *dir = set[0] ? pp_config_path(t->config, "plugins.dir") : NULL;
    int err = pp_load_store(&t->loaded[slot], &store->api, dir, name, error);
    return err ? err
               : pp_config_plugin(t->config, "store", &store->api->plugin, &store->options, error);
}

static int tool_open(struct tool *t, const char *config, struct migrate_store *store,
                     struct pp_error *error)
{
    umask(077);
    int err = pp_config_load(&t->config, config, &daemon_schema, 1, error);
    err = err ? err : daemon_store_path(t->config, t->path, sizeof t->path, error);
    return err ? err : load(t, 0, pp_config_plugin_name(t->config, "store.plugin"), store, error);
}

static int failed(int err, const struct pp_error *error)
{
    fprintf(stderr, "peerpostd: %s\n", error->text);
    return err == PP_FULL ? EX_CANTCREAT : daemon_exit_code(err);
}

/* ---- migration ---- */

static void show_progress(void *ctx, const char *act, uint64_t done, uint64_t total)
{
    static const char *last;
    (void)ctx;
    fprintf(stderr, "%s%s: %" PRIu64 " of %" PRIu64 "\033[K\r", last && last != act ? "\n" : "",
            act, done, total);
    last = act;
    fflush(stderr);
}

static int parse_old(struct tool *t, const char *old, struct migration *m, struct pp_error *error)
{
    char name[MIGRATE_PATH_MAX];
    const char *colon = strchr(old, ':');
    int len = colon ? (int)(colon - old) : (int)strlen(old);
    const char *path = colon ? colon + 1 : t->path;
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    if (len == 0 || end == 0 || (size_t)len >= sizeof name || end >= sizeof m->from_path - 32) {
        return pp_fail(
            error, PP_CONFIG,
            "--migrate-store takes PLUGIN or PLUGIN:PATH of the old store, not \"%.80s\"", old);
    }
    snprintf(name, sizeof name, "%.*s", len, old);
    snprintf(m->from_path, sizeof m->from_path, "%.*s", (int)end, path);
    snprintf(m->to_path, sizeof m->to_path, "%s", t->path);
    return load(t, 1, name, &m->from, error);
}

static void print_json(const struct migration *m)
{
    const struct migrate_sum *s = &m->sum;
    struct pp_buf out = {0};
    char hex[65];
    pp_buf_printf(&out, "{\"from\": {\"plugin\": ");
    pp_json_string(&out, pp_str(m->from.api->plugin.name));
    pp_buf_add_str(&out, ", \"kept\": ");
    pp_json_string(&out, pp_str(m->kept));
    pp_buf_add_str(&out, "}, \"to\": {\"plugin\": ");
    pp_json_string(&out, pp_str(m->to.api->plugin.name));
    pp_buf_add_str(&out, ", \"path\": ");
    pp_json_string(&out, pp_str(m->to_path));
    pp_buf_add_str(&out, "}");
    if (!m->finished_only) {
        pp_hex(hex, s->digest, sizeof s->digest);
        pp_buf_printf(
            &out,
            ", \"objects\": %" PRIu64 ", \"inboxes\": %" PRIu64 ", \"tombstones\": %" PRIu64
            ", \"certificates\": %" PRIu64 ", \"taken\": %" PRIu64 ", \"notifications\": %" PRIu64
            ", \"octets\": %" PRIu64 ", \"last_sequence\": %" PRIu64 ", \"digest\": \"%s\"",
            s->objects, s->inboxes, s->tombstones, s->members, s->taken, s->notifications,
            s->octets, s->last_seq, hex);
    }
    pp_buf_add_str(&out, "}\n");
    fwrite(out.data, 1, out.len, stdout);
    pp_buf_free(&out);
}

static void print_text(const struct migration *m)
{
    const struct migrate_sum *s = &m->sum;
    if (m->finished_only) {
        printf("an earlier run had copied and checked all; ");
    } else {
        printf("moved and read back: %" PRIu64 " objects, %" PRIu64 " certificates (%" PRIu64
               " more taken out), %" PRIu64 " inboxes with %" PRIu64 " notifications, %" PRIu64
               " tombstones, %" PRIu64 " octets\n",
               s->objects, s->members, s->taken, s->inboxes, s->notifications, s->tombstones,
               s->octets);
    }
    printf("the new store (%s) is %s; the old one (%s), unchanged, is %s: remove it when the node "
           "serves well\n",
           m->to.api->plugin.name, m->to_path, m->from.api->plugin.name, m->kept);
}

int store_tool_migrate(const char *config, const char *old, bool json)
{
    struct tool t = {.config = NULL};
    struct migration *m = calloc(1, sizeof *m);
    struct pp_error error = {0};
    if (!m) {
        return EX_OSERR;
    }
    m->progress.fn = isatty(STDERR_FILENO) ? show_progress : NULL;
    int err = tool_open(&t, config, &m->to, &error);
    err = err ? err : parse_old(&t, old, m, &error);
    err = err ? err : migrate_run(m, &error);
    if (m->progress.fn) {
        fputs("\033[K", stderr);
    }
    if (!err && json) {
        print_json(m);
    } else if (!err && isatty(STDOUT_FILENO)) {
        print_text(m);
    }
    int code = err ? failed(err, &error) : EX_OK;
    free(m);
    tool_close(&t);
    return code;
}

/* ---- check and repair ---- */

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

int store_tool_check(const char *config, bool repair)
{
    struct tool t = {.config = NULL};
    struct migrate_store store = {.store = NULL};
    struct pp_error error = {0};
    const struct pp_sink sink = {print_line, NULL};
    int err = tool_open(&t, config, &store, &error), faults = 0;
    if (!err) {
        faults = store.api->check(t.path, store.options, repair, &sink, &error);
    }
    err = err ? err : faults < 0 ? faults : PP_OK;
    int code = err ? failed(err, &error) : faults > 0 ? EX_DATAERR : EX_OK;
    if (!err) {
        printf("%s: %d faults%s\n", t.path, faults, repair ? " left" : "");
    }
    tool_close(&t);
    return code;
}
