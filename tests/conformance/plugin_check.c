/*
 * peerpost-plugin-check: runs the conformance suite of its kind on any plugin. Prints one line a
 * case and, for each broken rule, its sentence; exit 0 all rules hold, 1 some do not, 64 usage, 69
 * no plugin.
 */
#include <config/config.h>
#include <config/loader.h>

#include "store_suite.h"
#include "substrate_suite.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

struct arguments {
    struct store_suite suite;
    struct substrate_suite substrate;
    struct pp_buf yaml;          /* what --set gave */
    struct pp_config *config[2]; /* the values live in them */
    size_t configs;
    bool worker;
};

static void usage(FILE *out)
{
    fputs(
        "usage: peerpost-plugin-check [option...] FILE.so\n"
        "       peerpost-plugin-check --list | --rules\n"
        "Runs the conformance suite on a plugin and names each rule that it breaks.\n"
        "  --list             the cases of substrates and of stores\n"
        "  --rules            the rules of substrates with the header's words\n"
        "  --case NAME        run this case alone\n"
        "  --only TEXT        run the cases whose name contains TEXT\n"
        "  --set NAME=VALUE   an option of the plugin (again for more)\n"
        "  --seed N           of the random cases (default 1)\n"
        "  --long             many more random cases\n"
        "  --durable          a store must keep its data over a close\n"
        "  --scratch FOLDER   where to make test stores (default: a new one in TMPDIR)\n"
        "  --disk FOLDER      an empty folder on a small file system, to be filled\n"
        "  --preload FOLDER   where store_faults.so lies (default: beside this program's tests)\n",
        out);
}

/* The options as the plugin's own table types them, with another capacity. */
static const union pp_value *values_of(struct arguments *a, const struct pp_plugin *plugin,
                                       int64_t capacity)
{
    static const struct pp_option none[] = {
        {"store.plugin", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "the plugin under test"},
        {"substrate.plugin", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "the plugin under test"}};
    const struct pp_schema schema = {none, 2};
    const char *section = plugin->kind == PP_KIND_SUBSTRATE ? "substrate" : "store";
    const union pp_value *values = NULL;
    struct pp_config *config = NULL;
    struct pp_error error = {0};
    struct pp_buf yaml = {0};
    pp_buf_printf(&yaml, "%s:\n  plugin: \"%s\"\n  \"%s\":\n", section, plugin->name, plugin->name);
    if (capacity) {
        pp_buf_printf(&yaml, "    capacity: %lld\n", (long long)capacity);
    }
    pp_buf_add(&yaml, a->yaml.data, a->yaml.len);
    if (!capacity && a->yaml.len == 0) {
        pp_buf_free(&yaml);
        pp_buf_printf(&yaml, "%s:\n  plugin: \"%s\"\n", section, plugin->name);
    }
    int err = pp_config_parse(&config, "--set", pp_buf_bytes(&yaml), &schema, 1, &error);
    err = err ? err : pp_config_plugin(config, section, plugin, &values, &error);
    pp_buf_free(&yaml);
    if (err) {
        fprintf(stderr, "%s\n", error.text);
    }
    if (config) {
        a->config[a->configs++] = config;
    }
    return err ? NULL : values;
}

static bool has_capacity(const struct pp_plugin *plugin)
{
    for (size_t i = 0; i < plugin->n_options; i++) {
        if (strcmp(plugin->options[i].name, "capacity") == 0) {
            return plugin->options[i].type == PP_OPT_OCTETS;
        }
    }
    return false;
}

static int add_setting(struct arguments *a, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals) {
        fprintf(stderr, "--set %s: write NAME=VALUE\n", text);
        return 64;
    }
    pp_buf_printf(&a->yaml, "    %.*s: %s\n", (int)(equals - text), text, equals + 1);
    return 0;
}

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"only", 1, NULL, 'o'},  {"set", 1, NULL, 's'},     {"seed", 1, NULL, 'n'},
        {"long", 0, NULL, 'l'},  {"durable", 0, NULL, 'd'}, {"scratch", 1, NULL, 't'},
        {"disk", 1, NULL, 'k'},  {"preload", 1, NULL, 'p'}, {"worker", 0, NULL, 'w'},
        {"help", 0, NULL, 'h'},  {"case", 1, NULL, 'c'},    {"list", 0, NULL, 'L'},
        {"rules", 0, NULL, 'R'}, {NULL, 0, NULL, 0}};
    struct store_suite *s = &a->suite;
    int c, bad = 0;
    while (!bad && (c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            a->substrate.one = s->one = optarg;
            break;
        case 'L':
            substrate_suite_list(stdout);
            store_suite_list(stdout);
            exit(0);
        case 'R':
            substrate_suite_rules(stdout);
            exit(0);
        case 'o':
            a->substrate.only = s->only = optarg;
            break;
        case 's':
            bad = add_setting(a, optarg);
            break;
        case 'n':
            s->seed = strtoull(optarg, NULL, 10);
            break;
        case 'l':
            s->lengthy = true;
            break;
        case 'd':
            s->durable = true;
            break;
        case 't':
            snprintf(s->scratch, sizeof s->scratch, "%s", optarg);
            break;
        case 'k':
            s->disk = optarg;
            break;
        case 'p':
            s->preload = optarg;
            break;
        case 'w':
            a->worker = true;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            bad = 64;
        }
    }
    return bad || optind >= argc ? 64 : 0;
}

/* The folder of the fault library: said, or BUILD/tests beside BUILD/bin. */
static void find_helpers(struct store_suite *s)
{
    static char program[PATH_MAX], folder[PATH_MAX + 32], library[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        return;
    }
    program[n] = '\0';
    s->program = program;
    if (!s->preload) {
        char *slash = strrchr(program, '/');
        snprintf(folder, sizeof folder, "%.*s/../tests", (int)(slash - program), program);
        s->preload = folder;
    }
    snprintf(library, sizeof library, "%s/store_faults.so", s->preload);
    if (access(library, R_OK) != 0) { /* as installed */
        snprintf(folder, sizeof folder, "%s", program);
        char *slash = strrchr(folder, '/');
        snprintf(slash, sizeof folder - (size_t)(slash - folder), "/" PP_CHECK_RELATIVE_DIR);
        snprintf(library, sizeof library, "%s/store_faults.so", folder);
        s->preload = access(library, R_OK) == 0 ? folder : NULL;
    }
}

static int make_scratch(struct store_suite *s)
{
    const char *tmp = getenv("TMPDIR");
    if (s->scratch[0]) {
        return 0;
    }
    snprintf(s->scratch, sizeof s->scratch, "%.150s/peerpost-check-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(s->scratch)) {
        perror(s->scratch);
        return 73;
    }
    return 1; /* ours: to be removed */
}

static void remove_scratch(const struct store_suite *s)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", s->scratch);
    if (system(command) != 0) {
        perror(s->scratch);
    }
}

static int run_suite(struct store_suite *s)
{
    find_helpers(s);
    int made = make_scratch(s);
    if (made > 1) {
        return made;
    }
    fprintf(s->out, "%s: store %s %s, seed %llu\n", s->file, s->p->plugin.name,
            s->p->plugin.version, (unsigned long long)s->seed);
    unsigned failed = store_suite_run(s);
    if (made) {
        remove_scratch(s);
    }
    return failed ? 1 : 0;
}

/* Loads the plugin as the kind that it is; the sentence of why not is the store's unless it is a
 * substrate. */
static int load(struct arguments *a, const char *file, struct pp_loaded **loaded)
{
    struct pp_error error = {0}, other = {0};
    if (pp_load_substrate(loaded, &a->substrate.p, NULL, file, &error) == PP_OK ||
        pp_load_store(loaded, &a->suite.p, NULL, file, &other) == PP_OK) {
        return 0;
    }
    bool is_store = strstr(error.text, "is a store plugin") != NULL;
    fprintf(stderr, "%s\n", is_store ? other.text : error.text);
    return 69;
}

static int check_substrate(struct arguments *a, const char *file)
{
    struct substrate_suite *s = &a->substrate;
    s->file = file;
    s->out = stdout;
    s->seed = a->suite.seed;
    s->lengthy = a->suite.lengthy;
    s->values = values_of(a, &s->p->plugin, 0);
    if (!s->values) {
        return 64;
    }
    fprintf(s->out, "%s: substrate %s %s, seed %llu\n", file, s->p->plugin.name,
            s->p->plugin.version, (unsigned long long)s->seed);
    return substrate_suite_run(s) ? 1 : 0;
}

static int check_store(struct arguments *a, const char *file, int argc, char **argv)
{
    struct store_suite *s = &a->suite;
    bool capacity = has_capacity(&s->p->plugin);
    s->file = file;
    s->values = values_of(a, &s->p->plugin, capacity ? STORE_AMPLE : 0);
    s->tight = capacity ? values_of(a, &s->p->plugin, STORE_TIGHT) : NULL;
    if (!s->values || (capacity && !s->tight)) {
        return 64;
    }
    return a->worker ? store_suite_worker(s, argc, argv) : run_suite(s);
}

int main(int argc, char **argv)
{
    struct arguments a = {.suite = {.seed = 1, .out = stdout}};
    struct pp_loaded *loaded;
    char file[PATH_MAX];
    if (read_arguments(&a, argc, argv) != 0) {
        usage(stderr);
        return 64;
    }
    if (!realpath(argv[optind], file)) {
        perror(argv[optind]);
        return 69;
    }
    int status = load(&a, file, &loaded);
    if (status) {
        return status;
    }
    status = a.substrate.p ? check_substrate(&a, file)
                           : check_store(&a, file, argc - optind - 1, argv + optind + 1);
    while (a.configs > 0) {
        pp_config_free(a.config[--a.configs]);
    }
    pp_buf_free(&a.yaml);
    pp_unload(loaded);
    return status;
}
