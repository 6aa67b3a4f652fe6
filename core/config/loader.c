/*
 * Opens plugins. The order of checks is the point: nothing of a shared object is read before its
 * ABI number was found equal, and each refusal has its own sentence that says what to try. It knows
 * the two kinds of plugin and no plugin's name.
 */
#include <config/loader.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef PP_PLUGIN_RELATIVE_DIR
#define PP_PLUGIN_RELATIVE_DIR "../lib/peerpost"
#endif
#ifndef PP_PLUGIN_INSTALL_DIR
#define PP_PLUGIN_INSTALL_DIR "/usr/lib/peerpost"
#endif

struct pp_loaded {
    void *handle;
};

struct kind {
    enum pp_plugin_kind number;
    const char *word; /* also the file's prefix and the YAML section */
    uint32_t abi;
    const char *(*missing)(const struct pp_plugin *plugin); /* name of a NULL function */
};

#define MISSING(table, member)                                                                     \
    if (!(table)->member) {                                                                        \
        return #member;                                                                            \
    }

static const char *missing_in_substrate(const struct pp_plugin *plugin)
{
    const struct pp_substrate *s = (const struct pp_substrate *)plugin;
    MISSING(s, open)
    MISSING(s, close)
    MISSING(s, create)
    MISSING(s, destroy)
    MISSING(s, meet)
    MISSING(s, move)
    MISSING(s, leave)
    MISSING(s, receive)
    MISSING(s, tick)
    MISSING(s, next)
    MISSING(s, lookup)
    MISSING(s, cancel)
    MISSING(s, covers)
    MISSING(s, rank)
    MISSING(s, snapshot)
    MISSING(s, check)
    MISSING(s, arrange)
    MISSING(s, describe)
    return NULL;
}

static const char *missing_in_store(const struct pp_plugin *plugin)
{
    const struct pp_store_plugin *s = (const struct pp_store_plugin *)plugin;
    MISSING(s, open)
    MISSING(s, close)
    MISSING(s, check)
    MISSING(s, epoch)
    MISSING(s, begin_view)
    MISSING(s, end_view)
    MISSING(s, head)
    MISSING(s, read)
    MISSING(s, member)
    MISSING(s, members)
    MISSING(s, entries)
    MISSING(s, oldest)
    MISSING(s, usage)
    MISSING(s, begin)
    MISSING(s, commit)
    MISSING(s, abort)
    MISSING(s, view)
    MISSING(s, piece)
    MISSING(s, put)
    MISSING(s, discard)
    MISSING(s, remove)
    MISSING(s, member_add)
    MISSING(s, member_drop)
    MISSING(s, append)
    MISSING(s, drop)
    MISSING(s, touch)
    MISSING(s, last_seq)
    return NULL;
}

static const struct kind substrate_kind = {PP_KIND_SUBSTRATE, "substrate", PP_SUBSTRATE_ABI,
                                           missing_in_substrate};
static const struct kind store_kind = {PP_KIND_STORE, "store", PP_STORE_ABI, missing_in_store};

#define PATH_CAP 1024

/* Beside this program: as built, or as installed. */
static bool folder_beside_us(char *out, size_t cap)
{
    static const char *const places[] = {"../plugins", PP_PLUGIN_RELATIVE_DIR};
    char program[PATH_CAP - 64];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        return false;
    }
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int length = snprintf(out, cap, "%s/%s", program, places[i]);
        if (length > 0 && (size_t)length < cap && access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* The folder of plugins: given, of the environment, beside this program, or where we install. */
void pp_plugin_folder(const char *given, char *out, size_t cap)
{
    if (given && given[0]) {
        snprintf(out, cap, "%s", given);
        return;
    }
    const char *environment = getenv("PEERPOST_PLUGINS");
    if (environment && environment[0]) {
        snprintf(out, cap, "%s", environment);
        return;
    }
    if (!folder_beside_us(out, cap)) {
        snprintf(out, cap, "%s", PP_PLUGIN_INSTALL_DIR);
    }
}

static int find_file(const struct kind *kind, const char *dir, const char *name,
                     char path[PATH_CAP], struct pp_error *error)
{
    if (strchr(name, '/')) {
        snprintf(path, PATH_CAP, "%s", name);
    } else {
        char folder[PATH_CAP];
        pp_plugin_folder(dir, folder, sizeof folder);
        int n = snprintf(path, PATH_CAP, "%s/%s-%s.so", folder, kind->word, name);
        if (n < 0 || n >= PATH_CAP) {
            return pp_fail(error, PP_PLUGIN, "the path of %s plugin %.40s is too long", kind->word,
                           name);
        }
    }
    if (access(path, R_OK) != 0) {
        return pp_fail(error, PP_PLUGIN,
                       "no %s plugin \"%.60s\": cannot read %.250s: %s; check %s.plugin and "
                       "plugins.dir",
                       kind->word, name, path, strerror(errno), kind->word);
    }
    return PP_OK;
}

static const char *kind_word(uint32_t kind)
{
    return kind == PP_KIND_SUBSTRATE ? "substrate" : kind == PP_KIND_STORE ? "store" : "unknown";
}

static int check_abi(const struct kind *kind, const struct pp_plugin *plugin, const char *path,
                     struct pp_error *error)
{
    uint32_t abi = plugin->abi;
    if (abi == kind->abi) {
        return PP_OK;
    }
    if (abi >> 16 != (uint32_t)kind->number && abi >> 16 <= PP_KIND_STORE && abi >> 16 > 0) {
        return pp_fail(error, PP_PLUGIN,
                       "%.250s is a %s plugin and not a %s plugin; name it in %s.plugin instead",
                       path, kind_word(abi >> 16), kind->word, kind_word(abi >> 16));
    }
    return pp_fail(error, PP_PLUGIN,
                   "%.250s was built for plugin ABI %u and this program has %u (%s); rebuild the "
                   "plugin against this version's headers",
                   path, (unsigned)(abi & 0xffff), (unsigned)(kind->abi & 0xffff), kind->word);
}

static int check_plugin(const struct kind *kind, const struct pp_plugin *plugin, const char *name,
                        const char *path, struct pp_error *error)
{
    int code = check_abi(kind, plugin, path, error);
    if (code) {
        return code;
    }
    if (plugin->kind != (uint32_t)kind->number) {
        return pp_fail(error, PP_PLUGIN,
                       "%.250s says that it is of kind %u (%s) where a %s plugin was asked for; "
                       "name another file in %s.plugin",
                       path, (unsigned)plugin->kind, kind_word(plugin->kind), kind->word,
                       kind->word);
    }
    if (!plugin->name || !plugin->version || (plugin->n_options > 0 && !plugin->options)) {
        return pp_fail(error, PP_PLUGIN,
                       "%.250s has no name, version or option table; ask its author", path);
    }
    if (!strchr(name, '/') && strcmp(plugin->name, name) != 0) {
        return pp_fail(error, PP_PLUGIN,
                       "%.250s calls itself \"%.60s\" and not \"%.60s\"; rename the file or write "
                       "%s.plugin: %.60s",
                       path, plugin->name, name, kind->word, plugin->name);
    }
    const char *function = kind->missing(plugin);
    if (function) {
        return pp_fail(error, PP_PLUGIN,
                       "%.250s lacks the function \"%s\" of a %s plugin; its author must fill in "
                       "every one",
                       path, function, kind->word);
    }
    return PP_OK;
}

static int load(const struct kind *kind, struct pp_loaded **loaded, const struct pp_plugin **plugin,
                const char *dir, const char *name, struct pp_error *error)
{
    char path[PATH_CAP];
    *loaded = NULL;
    int code = find_file(kind, dir, name, path, error);
    if (code) {
        return code;
    }
    struct pp_loaded *own = calloc(1, sizeof *own);
    if (!own) {
        return pp_fail(error, PP_NOMEM, "out of memory while loading %.250s", path);
    }
    own->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!own->handle) {
        code = pp_fail(error, PP_PLUGIN,
                       "cannot load %.200s: %.200s; is it built for this system, and are its "
                       "libraries installed?",
                       path, dlerror());
        goto free_own;
    }
    *plugin = dlsym(own->handle, PP_PLUGIN_SYMBOL);
    if (!*plugin) {
        code = pp_fail(error, PP_PLUGIN,
                       "%.250s is no Peerpost plugin: it has no symbol \"%s\"; check the file's "
                       "name",
                       path, PP_PLUGIN_SYMBOL);
        goto close_handle;
    }
    code = check_plugin(kind, *plugin, name, path, error);
    if (code) {
        goto close_handle;
    }
    *loaded = own;
    return PP_OK;

close_handle:
    dlclose(own->handle);
free_own:
    free(own);
    *plugin = NULL;
    return code;
}

int pp_load_substrate(struct pp_loaded **loaded, const struct pp_substrate **plugin,
                      const char *dir, const char *name, struct pp_error *error)
{
    const struct pp_plugin *any = NULL;
    int code = load(&substrate_kind, loaded, &any, dir, name, error);
    *plugin = (const struct pp_substrate *)any;
    return code;
}

int pp_load_store(struct pp_loaded **loaded, const struct pp_store_plugin **plugin, const char *dir,
                  const char *name, struct pp_error *error)
{
    const struct pp_plugin *any = NULL;
    int code = load(&store_kind, loaded, &any, dir, name, error);
    *plugin = (const struct pp_store_plugin *)any;
    return code;
}

void pp_unload(struct pp_loaded *loaded)
{
    if (loaded) {
        dlclose(loaded->handle);
        free(loaded);
    }
}
