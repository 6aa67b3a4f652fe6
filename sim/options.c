/* Reads the command line of `compare`; numbers are read as integers, never as floating point. */
#include <sim/compare.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES = 256,
    SEED,
    CHURN,
    LOSS,
    SUBSTRATES,
    K,
    MINUTES,
    LOOKUPS,
    KILL,
    ARRANGED,
    SET,
    JOBS,
    PLUGINS,
    CSV,
    JSON
};

static const struct option options[] = {
    {"nodes", required_argument, NULL, NODES},
    {"seed", required_argument, NULL, SEED},
    {"churn", required_argument, NULL, CHURN},
    {"loss", required_argument, NULL, LOSS},
    {"substrates", required_argument, NULL, SUBSTRATES},
    {"k", required_argument, NULL, K},
    {"minutes", required_argument, NULL, MINUTES},
    {"lookups", required_argument, NULL, LOOKUPS},
    {"kill", required_argument, NULL, KILL},
    {"arranged", no_argument, NULL, ARRANGED},
    {"set", required_argument, NULL, SET},
    {"jobs", required_argument, NULL, JOBS},
    {"plugins", required_argument, NULL, PLUGINS},
    {"csv", no_argument, NULL, CSV},
    {"json", no_argument, NULL, JSON},
    {NULL, 0, NULL, 0},
};

static int number(const char *name, uint64_t least, uint64_t most, uint64_t *out,
                  struct pp_error *error)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(optarg, &end, 10);
    if (end == optarg || *end || errno || optarg[0] == '-' || n < least || n > most) {
        return pp_fail(error, PP_INVALID, "--%s: \"%.40s\" is no number from %llu to %llu", name,
                       optarg, (unsigned long long)least, (unsigned long long)most);
    }
    *out = n;
    return PP_OK;
}

/* "90s", "30 min", "2h"; a bare number is minutes. */
static int duration(const char *name, pp_ns *out, struct pp_error *error)
{
    static const struct {
        const char *unit;
        pp_ns ns;
    } units[] = {{"s", PP_SECOND}, {"min", PP_MINUTE}, {"", PP_MINUTE}, {"h", PP_HOUR}};
    char *end;
    errno = 0;
    unsigned long long n = strtoull(optarg, &end, 10);
    bool good = end != optarg && !errno && optarg[0] != '-' && n > 0 && n <= 1000000;
    end += strspn(end, " ");
    for (size_t i = 0; good && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out = n * units[i].ns;
            return PP_OK;
        }
    }
    return pp_fail(error, PP_INVALID, "--%s: \"%.40s\" is no duration like 90s, 30min or 2h", name,
                   optarg);
}

/* "10", "10%", "0.5%" -> per million. */
static int percent(const char *name, uint32_t *out, struct pp_error *error)
{
    char *end;
    errno = 0;
    unsigned long long whole = strtoull(optarg, &end, 10), part = 0, scale = 1000;
    bool good = end != optarg && !errno && optarg[0] != '-' && whole <= 100;
    if (*end == '.') {
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10) {
            part += (unsigned long long)(*end - '0') * scale;
        }
    }
    end += *end == '%';
    if (!good || *end || whole * 10000 + part > 1000000) {
        return pp_fail(error, PP_INVALID, "--%s: \"%.40s\" is no share like 10%% or 0.5%%", name,
                       optarg);
    }
    *out = (uint32_t)(whole * 10000 + part);
    return PP_OK;
}

static int add_setting(struct compare_options *o, struct pp_error *error)
{
    const char *dot = strchr(optarg, '.'), *equals = strchr(optarg, '=');
    if (!dot || !equals || dot == optarg || equals < dot + 2) {
        return pp_fail(error, PP_INVALID, "--set: \"%.60s\" is not SUBSTRATE.OPTION=VALUE", optarg);
    }
    if (o->n_settings == SETTINGS_MAX) {
        return pp_fail(error, PP_INVALID, "--set: more than %d settings", SETTINGS_MAX);
    }
    o->settings[o->n_settings++] = optarg;
    return PP_OK;
}

static int take(struct compare_options *o, int option, struct pp_error *error)
{
    struct trial_setup *s = &o->setup;
    uint64_t n = 0;
    int code = PP_OK;
    switch (option) {
    case NODES:
        code = number("nodes", 2, 1000000, &n, error);
        s->nodes = n;
        return code;
    case SEED:
        return number("seed", 0, UINT64_MAX, &s->seed, error);
    case CHURN:
        return duration("churn", &s->churn, error);
    case LOSS:
        return percent("loss", &s->loss, error);
    case SUBSTRATES:
        o->substrates = optarg;
        return PP_OK;
    case K:
        code = number("k", 1, PP_K_MAX, &n, error);
        s->k = (unsigned)n;
        return code;
    case MINUTES:
        code = number("minutes", 1, 100000, &n, error);
        s->duration = n * PP_MINUTE;
        return code;
    case LOOKUPS:
        code = number("lookups", 1, 10000000, &n, error);
        s->lookups = n;
        return code;
    case KILL:
        code = number("kill", 0, 90, &n, error);
        s->kill = (unsigned)n;
        return code;
    case ARRANGED:
        s->arranged = true;
        return PP_OK;
    case SET:
        return add_setting(o, error);
    case JOBS:
        code = number("jobs", 1, CHILDREN_MAX, &n, error);
        o->jobs = (unsigned)n;
        return code;
    case PLUGINS:
        o->plugins = optarg;
        return PP_OK;
    case CSV:
        o->form = TABLE_CSV;
        return PP_OK;
    case JSON:
        o->form = TABLE_JSON;
        return PP_OK;
    default:
        return pp_fail(error, PP_INVALID, "`peerpost-sim --help` tells the options");
    }
}

int compare_parse(struct compare_options *o, int argc, char **argv, struct pp_error *error)
{
    *o = (struct compare_options){.setup = {.seed = 1,
                                            .nodes = 1000,
                                            .lookups = 1000,
                                            .k = 5,
                                            .duration = 10 * PP_MINUTE,
                                            .kill = 25}};
    int code = PP_OK;
    for (int option; !code && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        code = take(o, option, error);
    }
    if (!code && optind < argc) {
        code = pp_fail(error, PP_INVALID, "\"%.60s\" is no option; see `peerpost-sim --help`",
                       argv[optind]);
    }
    return code;
}
