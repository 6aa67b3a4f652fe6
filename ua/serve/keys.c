/*
 * Watching the user's keys; see keys.h. It must not know what a new key means for the work.
 */
#include <serve/keys.h>

#include <base/log.h>
#include <session/token.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_AGAIN (10 * PP_SECOND) /* for file systems that tell nothing */

/* By which a file, or a folder's list of names, is known to be another than before. */
struct stamp {
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
};

struct stamps {
    struct stamp key, certificate, folder;
};

struct keys {
    struct pp_config *config;
    struct pp_loop *loop;
    struct identity *who;
    void (*changed)(void *ctx);
    void *ctx;
    struct stamps seen;
    int fd; /* inotify */
    struct pp_watch *watch;
    struct pp_timer *timer;
};

static struct stamp stamp_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_ctim}
                                : (struct stamp){0};
}

static struct stamps stamps_now(struct pp_config *config)
{
    char folder[PATH_MAX];
    return (struct stamps){
        .key = stamp_of(identity_key_name(config)),
        .certificate = stamp_of(pp_config_path(config, "user.certificate")),
        .folder = stamp_of(identity_path(folder, config, "")),
    };
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->number == b->number && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool are_same(const struct stamps *a, const struct stamps *b)
{
    return is_same(&a->key, &b->key) && is_same(&a->certificate, &b->certificate) &&
           is_same(&a->folder, &b->folder);
}

/* The same keys under another passphrase, or only a request under way: nothing to do. */
static bool are_same_keys(const struct identity *a, const struct identity *b)
{
    bool same = a->n_keys == b->n_keys &&
                pp_bytes_equal(pp_buf_bytes(&a->rollover), pp_buf_bytes(&b->rollover));
    for (size_t i = 0; same && i < a->n_keys; i++) {
        same = memcmp(a->certificates[i]->keyid, b->certificates[i]->keyid, 32) == 0;
    }
    return same;
}

static void take(struct keys *k, struct identity *fresh)
{
    if (are_same_keys(k->who, fresh)) {
        identity_finish(fresh);
        return;
    }
    identity_finish(k->who);
    *k->who = *fresh;
    pp_log(PP_LOG_INFO, "serve", "your keys have changed: the new ones are used");
    k->changed(k->ctx);
}

static void look(void *ctx)
{
    struct keys *k = ctx;
    struct identity fresh;
    struct pp_error error = {0};
    struct stamps now = stamps_now(k->config);
    if (!are_same(&now, &k->seen)) {
        int rc = identity_open(&fresh, k->config, &error); /* waits for who changes them */
        if (rc == PP_OK) {
            take(k, &fresh);
        } else if (rc != PP_BUSY) {
            pp_log(PP_LOG_WARN, "serve", "your keys have changed, the old ones stay in use: %s",
                   error.text);
        }
        k->seen = rc == PP_BUSY ? k->seen : now; /* what does not open is not tried in vain */
    }
    pp_timer_set(k->timer, pp_loop_now(k->loop).mono + LOOK_AGAIN);
}

static void on_event(void *ctx, unsigned events)
{
    struct keys *k = ctx;
    char in[4096];
    (void)events;
    while (read(k->fd, in, sizeof in) > 0) {
    }
    look(k);
}

/* The folder of a file. */
static void watch_folder_of(struct keys *k, const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 0;
    snprintf(folder, sizeof folder, "%.*s", n ? n : 1, n ? path : slash ? "/" : ".");
    inotify_add_watch(k->fd, folder, IN_MOVED_TO); /* without it the timer sees it, later */
}

static int watch_files(struct keys *k, struct pp_error *error)
{
    char folder[PATH_MAX];
    k->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (k->fd < 0) {
        return pp_fail(error, PP_IO, "cannot watch your keys: %s", strerror(errno));
    }
    if (!token_is_uri(identity_key_name(k->config))) {
        watch_folder_of(k, identity_key_name(k->config));
    }
    watch_folder_of(k, pp_config_path(k->config, "user.certificate"));
    watch_folder_of(k, identity_path(folder, k->config, "."));
    k->watch = pp_watch_create(k->loop, k->fd, on_event, k);
    k->timer = pp_timer_create(k->loop, look, k);
    if (!k->watch || !k->timer) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    pp_watch_set(k->watch, PP_READABLE);
    pp_timer_set(k->timer, pp_loop_now(k->loop).mono + LOOK_AGAIN);
    return PP_OK;
}

int keys_open(struct keys **out, struct pp_config *config, struct pp_loop *loop,
              struct identity *who, void (*changed)(void *ctx), void *ctx, struct pp_error *error)
{
    struct keys *k = calloc(1, sizeof *k);
    if (!k) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    *k = (struct keys){config, loop, who, changed, ctx, .seen = stamps_now(config), .fd = -1};
    int rc = identity_open(who, config, error); /* makes STATE/keys */
    rc = rc == PP_OK ? watch_files(k, error) : rc;
    if (rc != PP_OK) {
        keys_close(k);
        return rc;
    }
    *out = k;
    return PP_OK;
}

void keys_close(struct keys *k)
{
    if (!k) {
        return;
    }
    pp_watch_destroy(k->watch);
    pp_timer_destroy(k->timer);
    if (k->fd >= 0) {
        close(k->fd);
    }
    free(k);
}
