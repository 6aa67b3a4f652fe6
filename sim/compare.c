/*
 * Finds the substrates, runs a trial of each under the same load, prints one table. Names no
 * substrate: it takes those that lie in the folder of plugins, or those it is given.
 */
#include <sim/compare.h>

#include <config/loader.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PREFIX "substrate-"
#define SUFFIX ".so"
#define PATH_CAP 1024

struct found {
    char *names[CHILDREN_MAX];
    size_t n;
};

static int add_name(struct found *f, const char *name, size_t len, struct pp_error *error)
{
    if (f->n == CHILDREN_MAX) {
        return pp_fail(error, PP_INVALID, "more than %d substrates at once", CHILDREN_MAX);
    }
    f->names[f->n] = strndup(name, len);
    if (!f->names[f->n]) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    f->n++;
    return PP_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int discover(struct found *f, const char *given, struct pp_error *error)
{
    char folder[PATH_CAP];
    pp_plugin_folder(given, folder, sizeof folder);
    DIR *dir = opendir(folder);
    if (!dir) {
        return pp_fail(error, PP_PLUGIN,
                       "cannot look for substrates in %s: %s; name the folder with --plugins",
                       folder, strerror(errno));
    }
    int code = PP_OK;
    for (struct dirent *e; !code && (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (len > strlen(PREFIX) + strlen(SUFFIX) && !strncmp(e->d_name, PREFIX, strlen(PREFIX)) &&
            strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) == 0) {
            code = add_name(f, e->d_name + strlen(PREFIX), len - strlen(PREFIX) - strlen(SUFFIX),
                            error);
        }
    }
    closedir(dir);
    qsort(f->names, f->n, sizeof *f->names, by_name);
    if (!code && f->n == 0) {
        return pp_fail(error, PP_PLUGIN,
                       "there is no " PREFIX "*" SUFFIX " in %s; name the folder with --plugins",
                       folder);
    }
    return code;
}

static int listed(struct found *f, const char *list, struct pp_error *error)
{
    int code = PP_OK;
    while (!code && *list) {
        size_t len = strcspn(list, ",");
        if (len) {
            code = add_name(f, list, len, error);
        }
        list += len + (list[len] == ',');
    }
    return !code && f->n == 0 ? pp_fail(error, PP_INVALID, "--substrates: names nothing") : code;
}

/* Hands each setting to its substrate. */
static int settle(const struct compare_options *o, struct child *children, size_t n,
                  struct pp_error *error)
{
    for (size_t i = 0; i < o->n_settings; i++) {
        size_t len = strcspn(o->settings[i], "."), taken = 0;
        for (size_t j = 0; j < n; j++) {
            const char *name = children[j].plugin->plugin.name;
            if (strlen(name) == len && strncmp(name, o->settings[i], len) == 0) {
                size_t at = 0;
                while (children[j].settings[at]) {
                    at++;
                }
                children[j].settings[at] = o->settings[i] + len + 1;
                taken++;
            }
        }
        if (taken == 0) {
            return pp_fail(error, PP_INVALID, "--set %.60s: no such substrate takes part",
                           o->settings[i]);
        }
    }
    return PP_OK;
}

static void show_progress(void *ctx, const struct child *children, size_t n)
{
    (void)ctx;
    struct winsize size = {0};
    char line[512] = "";
    size_t done = 0, len = 0;
    for (size_t i = 0; i < n; i++) {
        done += children[i].from < 0 && children[i].pid;
        if (children[i].from >= 0 && len < sizeof line) {
            len += (size_t)snprintf(line + len, sizeof line - len, "  %s: %s %u%%",
                                    children[i].plugin->plugin.name, children[i].doing,
                                    children[i].percent);
        }
    }
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
    char whole[600];
    snprintf(whole, sizeof whole, "%zu of %zu done%s", done, n, line);
    fprintf(stderr, done == n ? "\r\033[K" : "\r\033[K%.*s", width - 1, whole);
}

static int load(const struct compare_options *o, const struct found *f, struct child *children,
                struct pp_loaded **loaded, struct pp_error *error)
{
    for (size_t i = 0; i < f->n; i++) {
        int code =
            pp_load_substrate(&loaded[i], &children[i].plugin, o->plugins, f->names[i], error);
        if (code) {
            return code;
        }
    }
    return settle(o, children, f->n, error);
}

static unsigned jobs(const struct compare_options *o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return o->jobs ? o->jobs : processors > 0 ? (unsigned)processors : 1;
}

static int run_loaded(const struct compare_options *o, struct child *children, size_t n,
                      struct pp_error *error)
{
    int code = children_run(children, n, jobs(o), &o->setup,
                            isatty(STDERR_FILENO) ? show_progress : NULL, NULL, error);
    if (code) {
        return code;
    }
    table_print(stdout, o->form, &o->setup, children, n);
    for (size_t i = 0; i < n; i++) {
        if (children[i].code) {
            return pp_fail(error, children[i].code == PP_INVALID ? PP_INVALID : PP_BROKEN, "%s: %s",
                           children[i].plugin->plugin.name, children[i].error.text);
        }
    }
    return PP_OK;
}

int compare_run(const struct compare_options *o, struct pp_error *error)
{
    struct found found = {.n = 0};
    struct pp_loaded *loaded[CHILDREN_MAX] = {NULL};
    int code =
        o->substrates ? listed(&found, o->substrates, error) : discover(&found, o->plugins, error);
    struct child *children = calloc(found.n + 1, sizeof *children);
    if (!code && !children) {
        code = pp_fail(error, PP_NOMEM, "out of memory");
    }
    if (!code) {
        code = load(o, &found, children, loaded, error);
    }
    if (!code) {
        code = run_loaded(o, children, found.n, error);
    }
    for (size_t i = 0; i < found.n; i++) {
        pp_unload(loaded[i]);
        free(found.names[i]);
    }
    free(children);
    return code;
}
