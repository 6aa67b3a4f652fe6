/* peerpostd: the command line, and what a failure means to a shell (sysexits.h). */
#include <node/daemon.h>
#include <node/store_tool.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/peerpost/peerpostd.yaml"

static const char help[] =
    "peerpostd - a system node of Peerpost\n"
    "\n"
    "  peerpostd [--config FILE]             run (default: " DEFAULT_CONFIG ")\n"
    "  peerpostd --rehome                    run, and store what the node holds on its k closest:\n"
    "                                        after a change of substrate\n"
    "  peerpostd --migrate-store OLD[:PATH]  move all from a store of the plugin OLD to the one that\n"
    "                                        the configuration names, and read it back; --json\n"
    "  peerpostd --check-store [--repair]    verify the store of a stopped node, mend it\n"
    "  peerpostd --check-config              read configuration, plugins and keys, then end\n"
    "  peerpostd --print-config              every option at its default, as YAML\n"
    "  peerpostd --plugin-help NAME          options of a substrate or store (a name or a file)\n"
    "  peerpostd --version | --help\n"
    "\n"
    "Signals: TERM leaves the overlay and ends; HUP reads log, certificates and CRL again.\n"
    "See peerpostd(8) and peerpostd.yaml(5).\n";

enum action { RUN, REHOME, MIGRATE, CHECK_STORE, CHECK_CONFIG, PRINT_CONFIG, PLUGIN_HELP };

/* The plugin that an option names by default. */
static const char *default_of(const char *name)
{
    for (size_t i = 0; i < daemon_schema.n; i++) {
        if (strcmp(daemon_schema.options[i].name, name) == 0) {
            return daemon_schema.options[i].initial;
        }
    }
    return "";
}

static int print_config(void)
{
    struct pp_buf out = {0};
    struct pp_loaded *loaded;
    const struct pp_substrate *substrate;
    const struct pp_store_plugin *store;
    pp_options_yaml(&daemon_schema, 1, &out);
    if (pp_load_substrate(&loaded, &substrate, NULL, default_of("substrate.plugin"), NULL) == 0) {
        pp_plugin_yaml("substrate", &substrate->plugin, &out);
        pp_unload(loaded);
    }
    if (pp_load_store(&loaded, &store, NULL, default_of("store.plugin"), NULL) == 0) {
        pp_plugin_yaml("store", &store->plugin, &out);
        pp_unload(loaded);
    }
    fwrite(out.data, 1, out.len, stdout);
    pp_buf_free(&out);
    return EX_OK;
}

static int plugin_help(const char *name)
{
    struct pp_error as_substrate, as_store;
    struct pp_loaded *loaded = NULL;
    const struct pp_substrate *substrate;
    const struct pp_store_plugin *store;
    const struct pp_plugin *plugin = NULL;
    const char *kind = "substrate";
    if (pp_load_substrate(&loaded, &substrate, NULL, name, &as_substrate) == PP_OK) {
        plugin = &substrate->plugin;
    } else if (pp_load_store(&loaded, &store, NULL, name, &as_store) == PP_OK) {
        plugin = &store->plugin;
        kind = "store";
    } else {
        fprintf(stderr, "peerpostd: %s\npeerpostd: %s\n", as_substrate.text, as_store.text);
        return EX_CONFIG;
    }
    struct pp_buf out = {0};
    pp_buf_printf(&out, "%s %s, version %s; options of the section %s.%s:\n", kind, plugin->name,
                  plugin->version, kind, plugin->name);
    pp_options_help(plugin->options, plugin->n_options, &out);
    fwrite(out.data, 1, out.len, stdout);
    pp_buf_free(&out);
    pp_unload(loaded);
    return EX_OK;
}

static int run(const char *config, bool check_only)
{
    struct pp_error error = {0};
    struct daemon *d = calloc(1, sizeof *d);
    if (!d) {
        return EX_OSERR;
    }
    int code = daemon_load(d, config, &error);
    if (code == PP_OK && check_only) {
        printf("%s: good\n", config);
    } else if (code == PP_OK) {
        code = daemon_open(d, &error);
    }
    int status = daemon_exit_code(code);
    if (code != PP_OK) {
        fprintf(stderr, "peerpostd: %s\n", error.text);
    } else if (!check_only) {
        status = daemon_run(d);
    }
    daemon_close(d);
    free(d);
    return status;
}

/* The program beside this one that is a node with an HTTP client. */
static int rehome(const char *config)
{
    char path[1024];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    char *slash = n > 0 && (size_t)n < sizeof path ? memrchr(path, '/', (size_t)n) : NULL;
    size_t left = slash ? sizeof path - (size_t)(slash + 1 - path) : 0;
    if (left < sizeof "peerpost-rehome") {
        fputs("peerpostd: cannot tell where this program is, so not where peerpost-rehome is\n",
              stderr);
        return EX_OSERR;
    }
    memcpy(slash + 1, "peerpost-rehome", sizeof "peerpost-rehome");
    execl(path, "peerpost-rehome", "--config", config, (char *)NULL);
    fprintf(stderr, "peerpostd: cannot run %s, which --rehome needs: %s\n", path, strerror(errno));
    return EX_OSFILE;
}

struct arguments {
    enum action action;
    const char *config, *plugin, *old;
    bool json, repair;
};

static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                        {"rehome", no_argument, NULL, 'r'},
                                        {"check-config", no_argument, NULL, 'k'},
                                        {"print-config", no_argument, NULL, 'p'},
                                        {"plugin-help", required_argument, NULL, 'l'},
                                        {"migrate-store", required_argument, NULL, 'm'},
                                        {"check-store", no_argument, NULL, 's'},
                                        {"repair", no_argument, NULL, 'R'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"help", no_argument, NULL, 'h'},
                                        {"version", no_argument, NULL, 'V'},
                                        {NULL, 0, NULL, 0}};

/* One option; returns an exit code, or -1 to go on. */
static int take(struct arguments *a, int c)
{
    switch (c) {
    case 'c':
        a->config = optarg;
        return -1;
    case 'r':
        a->action = REHOME;
        return -1;
    case 'm':
        a->action = MIGRATE;
        a->old = optarg;
        return -1;
    case 's':
        a->action = CHECK_STORE;
        return -1;
    case 'R':
        a->repair = true;
        return -1;
    case 'j':
        a->json = true;
        return -1;
    case 'k':
        a->action = CHECK_CONFIG;
        return -1;
    case 'p':
        a->action = PRINT_CONFIG;
        return -1;
    case 'l':
        a->action = PLUGIN_HELP;
        a->plugin = optarg;
        return -1;
    case 'h':
        fputs(help, stdout);
        return EX_OK;
    case 'V':
        puts("peerpostd " PP_VERSION);
        return EX_OK;
    default:
        fputs("peerpostd: see peerpostd --help\n", stderr);
        return EX_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct arguments a = {.action = RUN, .config = DEFAULT_CONFIG};
    for (int c; (c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1;) {
        int code = take(&a, c);
        if (code >= 0) {
            return code;
        }
    }
    if (optind < argc || (a.json && a.action != MIGRATE) || (a.repair && a.action != CHECK_STORE)) {
        fprintf(stderr, "peerpostd: unexpected argument %s; see peerpostd --help\n",
                optind < argc ? argv[optind]
                : a.json      ? "--json"
                              : "--repair");
        return EX_USAGE;
    }
    switch (a.action) {
    case PRINT_CONFIG:
        return print_config();
    case PLUGIN_HELP:
        return plugin_help(a.plugin);
    case REHOME:
        return rehome(a.config);
    case MIGRATE:
        return store_tool_migrate(a.config, a.old, a.json);
    case CHECK_STORE:
        return store_tool_check(a.config, a.repair);
    case CHECK_CONFIG:
    case RUN:
        break;
    }
    return run(a.config, a.action == CHECK_CONFIG);
}
