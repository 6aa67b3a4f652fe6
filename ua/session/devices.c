/* Rounds of synchronising over the live Maildir; see devices.h. It must not know records. */
#include <session/devices.h>

#include <base/file.h>
#include <box/folders.h>
#include <net_live.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIST_MAX ((size_t)4 << 20)

/* The net's own blobs are read through it. */
struct source {
    const struct pp_mailnet *net;
    struct pp_blob *blob;
};

struct box {
    struct pp_config *config;
    struct pp_mailnet net;
};

/* One a process: it outlives every round. */
static struct box the_box;

static const char *maildir_of(const struct box *box)
{
    return session_maildir(box->config);
}

static struct pp_folder_file file_of(const struct pp_box_file *f)
{
    return (struct pp_folder_file){f->folder, f->name, f->letters, f->fresh};
}

/* --- messages ------------------------------------------------------------------------------ */

struct each {
    int (*fn)(void *ctx, const struct pp_box_file *file);
    void *ctx;
};

static int each_one(void *ctx, const struct pp_folder_file *f)
{
    const struct each *e = ctx;
    const struct pp_box_file file = {f->folder, f->name, f->letters, f->fresh};
    return e->fn(e->ctx, &file);
}

static int box_each(void *ctx, int (*fn)(void *ctx, const struct pp_box_file *file), void *fn_ctx)
{
    struct each e = {fn, fn_ctx};
    return pp_folders_each(maildir_of(ctx), each_one, &e);
}

static struct pp_blob *box_open(void *ctx, const struct pp_box_file *file)
{
    const struct pp_folder_file f = file_of(file);
    return pp_net_live_blob(pp_folders_open(maildir_of(ctx), &f));
}

static int64_t read_blob(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct source *s = ctx;
    return s->net->ops->blob_read(s->net->impl, s->blob, offset, out, cap);
}

static int box_put(void *ctx, const struct pp_box_file *as, struct pp_blob *blob)
{
    const struct box *box = ctx;
    const struct pp_folder_file f = file_of(as);
    struct source source = {&box->net, blob};
    return pp_folders_put(maildir_of(box), &f, read_blob, &source);
}

static int box_move(void *ctx, const struct pp_box_file *from, const struct pp_box_file *to)
{
    const struct pp_folder_file f = file_of(from), t = file_of(to);
    return pp_folders_move(maildir_of(ctx), &f, &t, PP_FLAG_LETTERS);
}

static int box_remove(void *ctx, const struct pp_box_file *file)
{
    const struct pp_folder_file f = file_of(file);
    return pp_folders_remove(maildir_of(ctx), &f, PP_FLAG_LETTERS);
}

/* --- settings ------------------------------------------------------------------------------ */

/* The user's own list, or NULL: not configured, or fetched from elsewhere. */
static const char *list_of(const struct box *box, int kind)
{
    const char *option = kind == PP_SETTING_WHITELIST ? "filter.whitelist" : "filter.blocklist";
    bool is_own =
        kind == PP_SETTING_WHITELIST || !*pp_config_text(box->config, "filter.blocklist_url");
    return is_own && *pp_config_text(box->config, option) ? pp_config_path(box->config, option)
                                                          : NULL;
}

struct settings {
    int (*fn)(void *ctx, const char *key);
    void *ctx;
    int kind;
};

static int give(struct settings *s, const char *text, size_t len)
{
    char key[PP_SETTING_KEY_MAX + 1];
    int n = snprintf(key, sizeof key, "%d%.*s", s->kind, (int)len, text);
    return n < (int)sizeof key ? s->fn(s->ctx, key) : 0;
}

static int give_folder(void *ctx, const char *folder)
{
    return give(ctx, folder, strlen(folder));
}

/* A line without the white space around it and its comment; NULL after the last. */
static const char *next_line(const char **at, size_t *len)
{
    const char *line = *at, *end = strchr(line, '\n');
    if (!*line) {
        return NULL;
    }
    size_t n = end ? (size_t)(end - line) : strlen(line);
    *at = line + n + (end != NULL);
    const char *comment = memchr(line, '#', n);
    n = comment ? (size_t)(comment - line) : n;
    while (n && strchr(" \t\r", line[0])) {
        line++;
        n--;
    }
    while (n && strchr(" \t\r", line[n - 1])) {
        n--;
    }
    *len = n;
    return line;
}

static int give_list(struct settings *s, const char *path)
{
    struct pp_buf text = {0};
    struct pp_error error = {0};
    size_t len;
    if (access(path, R_OK) != 0 || pp_file_read(&text, path, LIST_MAX, &error) != PP_OK) {
        return PP_OK; /* no list here */
    }
    int rc = give(s, "", 0);
    const char *at = text.len ? (const char *)text.data : "", *line;
    while (rc == PP_OK && (line = next_line(&at, &len))) {
        rc = len ? give(s, line, len) : rc;
    }
    pp_buf_free(&text);
    return rc;
}

static int box_settings(void *ctx, int (*fn)(void *ctx, const char *key), void *fn_ctx)
{
    struct settings s = {fn, fn_ctx, PP_SETTING_FOLDER};
    int rc = give(&s, "", 0);
    rc = rc == PP_OK ? pp_folders_names(maildir_of(ctx), give_folder, &s) : rc;
    for (s.kind = PP_SETTING_WHITELIST; rc == PP_OK && s.kind <= PP_SETTING_BLOCKLIST; s.kind++) {
        const char *path = list_of(ctx, s.kind);
        rc = path ? give_list(&s, path) : rc;
    }
    return rc;
}

/* The list with the line, or without; comments and the other lines stay as they are. */
static int change_list(const char *path, const char *wanted, bool on)
{
    struct pp_buf old = {0}, new = {0};
    struct pp_error error = {0};
    size_t len;
    bool had = false;
    int rc = access(path, F_OK) == 0 ? pp_file_read(&old, path, LIST_MAX, &error) : PP_OK;
    const char *at = old.len ? (const char *)old.data : "", *line, *from = at;
    for (; rc == PP_OK && (line = next_line(&at, &len)); from = at) {
        bool same = len == strlen(wanted) && memcmp(line, wanted, len) == 0;
        had |= same;
        if (!same || on) {
            pp_buf_add(&new, from, (size_t)(at - from));
        }
    }
    if (on && !had) {
        pp_buf_printf(&new, "%s%s\n", new.len &&new.data[new.len - 1] != '\n' ? "\n" : "", wanted);
    }
    if (rc == PP_OK && had != on) {
        rc = new.failed ? PP_NOMEM : pp_file_write(path, pp_buf_bytes(&new), 0600, &error);
    }
    pp_buf_free(&old);
    pp_buf_free(&new);
    return rc;
}

static int box_set(void *ctx, const char *key, bool on)
{
    const struct box *box = ctx;
    int kind = key[0] - '0';
    if (kind == PP_SETTING_FOLDER) {
        return on ? pp_folders_make(maildir_of(box), key + 1)
                  : pp_folders_drop(maildir_of(box), key + 1);
    }
    const char *path =
        kind == PP_SETTING_WHITELIST || kind == PP_SETTING_BLOCKLIST ? list_of(box, kind) : NULL;
    return path ? change_list(path, key + 1, on) : PP_NOT_FOUND;
}

static const struct pp_box_ops ops = {box_each,   box_open,     box_put, box_move,
                                      box_remove, box_settings, box_set};

/* --- rounds -------------------------------------------------------------------------------- */

bool devices_on(struct pp_config *config)
{
    return pp_config_flag(config, "devices.sync");
}

static const char *name_of(struct pp_config *config)
{
    static char host[256];
    const char *name = pp_config_text(config, "devices.name");
    if (*name) {
        return name;
    }
    if (gethostname(host, sizeof host) != 0 || !*host) {
        return "a computer";
    }
    host[sizeof host - 1] = '\0';
    return host;
}

struct pp_sync *devices_start(struct session *session, struct pp_config *config, bool full,
                              bool deletions, const struct pp_sync_events *events, void *ctx)
{
    struct pp_mail *mail = session_mail(session);
    the_box = (struct box){config, pp_mail_is(mail)->net};
    const struct pp_sync_options o = {.box = &ops,
                                      .box_ctx = &the_box,
                                      .computer = name_of(config),
                                      .full = full,
                                      .deletions = deletions};
    return pp_sync_start(mail, &o, events, ctx);
}

struct waiting {
    bool done;
    struct pp_sync_result *result;
};

static void done(void *ctx, const struct pp_sync_result *result)
{
    struct waiting *w = ctx;
    *w->result = *result;
    w->done = true;
}

void devices_round(struct session *session, struct pp_config *config, bool full,
                   struct pp_sync_result *result)
{
    static const struct pp_sync_events events = {.done = done};
    struct waiting w = {false, result};
    *result = (struct pp_sync_result){.code = PP_NOMEM, .why = "out of memory"};
    if (devices_start(session, config, full, false, &events, &w)) {
        session_run(session, &w.done, PP_NEVER);
        if (result->code != PP_OK && session_trouble(session)) {
            snprintf(result->why, sizeof result->why, "%s", session_trouble(session));
        }
    }
}
