/* Cases that need no network: the descriptor, the symbols, opening, words for datagrams. */
#include "elf_symbols.h"
#include "substrate_kit.h"

#include <ctype.h>

static void descriptor(const struct substrate_suite *s)
{
    const struct pp_plugin *p = &s->p->plugin;
    for (const char *c = p->name; *c; c++) {
        REQUIRE(
            islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-', RULE_NAME,
            "the name \"%s\" holds more than a-z, 0-9 and -; it is a file's name and a YAML key",
            p->name);
    }
    REQUIRE(p->name[0] && p->version[0], RULE_NAME, "name or version is empty");
    for (size_t i = 0; i < p->n_options; i++) {
        const struct pp_option *o = &p->options[i];
        REQUIRE(o->name && o->name[0] && o->help && o->help[0], RULE_OPTIONS,
                "option %zu has no name or no line of help", i);
        REQUIRE(o->min <= o->max || o->type == PP_OPT_BOOL || o->type == PP_OPT_STRING ||
                    o->type == PP_OPT_LIST,
                RULE_OPTIONS, "option %s: min is above max", o->name);
        for (size_t j = 0; j < i; j++) {
            REQUIRE(strcmp(o->name, p->options[j].name) != 0, RULE_OPTIONS,
                    "option %s stands twice in the table", o->name);
        }
    }
}

/* What a substrate may ask of the system: memory, strings and formatting. An allow-list, so that a
 * clock, socket or thread that nobody thought of is refused too. */
static bool is_pure(const char *name)
{
    static const char *const allowed[] = {
        "memcpy",          "memmove",       "memset",         "memcmp",         "memchr",
        "memrchr",         "memmem",        "strlen",         "strnlen",        "strcmp",
        "strncmp",         "strchr",        "strrchr",        "strcspn",        "strspn",
        "strstr",          "strdup",        "strndup",        "strtol",         "strtoul",
        "strtoll",         "strtoull",      "strcasecmp",     "strncasecmp",    "snprintf",
        "vsnprintf",       "malloc",        "calloc",         "realloc",        "free",
        "qsort",           "bsearch",       "abort",          "assert_fail",    "explicit_bzero",
        "inet_ntop",       "inet_pton",     "stack_chk_fail", "errno_location", "ctype_b_loc",
        "cxa_finalize",    "gmon_start__",  "isoc99_strtoul", "isoc23_strtoul", "isoc23_strtol",
        "isoc23_strtoull", "isoc23_strtoll"};
    /* a sanitizer's build: its runtime is no doing of the plugin's */
    static const char *const prefixes[] = {"_ITM_", "__asan_", "__ubsan_", "__tsan_",
                                           "__sanitizer"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    name += strncmp(name, "__", 2) == 0 ? 2 : 0;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, "_chk") == 0) {
        len -= 4;
    }
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        if (strlen(allowed[i]) == len && strncmp(allowed[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

static void judge_symbol(void *ctx, const char *name, bool defined)
{
    size_t *own = ctx;
    if (!defined) {
        REQUIRE(is_pure(name), RULE_SANS_IO,
                "it asks the system for `%s`; a substrate asks its host, or does without", name);
    } else if (strncmp(name, "__odr_asan", 10) != 0 && strncmp(name, "__start_", 8) != 0 &&
               strncmp(name, "__stop_", 7) != 0) {
        REQUIRE(strcmp(name, PP_PLUGIN_SYMBOL) == 0, RULE_ONE_SYMBOL,
                "it exports `%s` too; compile with -fvisibility=hidden and link with "
                "-Wl,--exclude-libs,ALL",
                name);
        ++*own;
    }
}

static void symbols(const struct substrate_suite *s)
{
    size_t own = 0;
    REQUIRE(elf_symbols(s->file, judge_symbol, &own), RULE_ONE_SYMBOL,
            "%s: its table of symbols cannot be read", s->file);
    REQUIRE(own == 1, RULE_ONE_SYMBOL, "%zu symbols are exported", own);
}

static void ignore_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    (void)ctx, (void)to, (void)payload;
}
static void ignore_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    (void)ctx, (void)token, (void)result;
}
static void ignore_state(void *ctx, enum pp_state state, const char *text)
{
    (void)ctx, (void)state, (void)text;
}
static void ignore_log(void *ctx, int level, const char *text)
{
    (void)ctx, (void)level, (void)text;
}

static const struct pp_substrate_host deaf = {ignore_send, ignore_found, ignore_state, ignore_log};

static void open_with(const struct substrate_suite *s, const union pp_value *values,
                      const char *what)
{
    struct pp_net *net = NULL, *second = NULL;
    struct pp_error error = {0};
    int code = s->face->open(&net, values, &deaf, &error);
    REQUIRE(code == PP_OK || code == PP_CONFIG, RULE_OPEN, "`open` with %s: %d (%s)", what, code,
            pp_error_text(code));
    REQUIRE(code == PP_OK || error.text[0], RULE_OPEN,
            "`open` with %s refuses and says nothing; fill in the error", what);
    if (code == PP_OK) {
        REQUIRE(net && s->face->open(&second, values, &deaf, &error) == PP_OK && second, RULE_OPEN,
                "a second network cannot be opened beside the first");
        s->face->close(second);
        s->face->close(net);
    }
}

/* Each number at its least and its greatest, the others as they are. */
static void opening(const struct substrate_suite *s)
{
    const struct pp_plugin *p = &s->p->plugin;
    union pp_value *values = kit_need(calloc(p->n_options + 1, sizeof *values));
    open_with(s, s->values, "the options as given");
    for (size_t i = 0; i < p->n_options; i++) {
        enum pp_option_type type = p->options[i].type;
        if (type == PP_OPT_INT || type == PP_OPT_OCTETS || type == PP_OPT_TIME) {
            memcpy(values, s->values, p->n_options * sizeof *values);
            values[i].number = p->options[i].min;
            open_with(s, values, p->options[i].name);
            values[i].number = p->options[i].max;
            open_with(s, values, p->options[i].name);
        }
    }
    free(values);
}

static void describe(const struct substrate_suite *s)
{
    struct pp_prng p;
    pp_prng_seed(&p, s->seed);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t octets[PP_PAYLOAD_MAX];
        char text[96];
        size_t len = pp_prng_below(&p, i % 100 ? 200 : sizeof octets + 1);
        size_t cap = pp_prng_below(&p, sizeof text - 1) + 1;
        pp_prng_fill(&p, octets, len);
        if (len > 0 && i % 4) {
            octets[0] = (uint8_t)(i % 64 | (i & 64 ? 0x80 : 0));
        }
        memset(text, 'x', sizeof text);
        s->p->describe(pp_bytes(len ? octets : NULL, len), text, cap);
        REQUIRE(memchr(text, '\0', cap), RULE_DESCRIBE, "%zu octets, room for %zu: no end", len,
                cap);
        REQUIRE(text[cap] == 'x', RULE_DESCRIBE, "%zu octets, room for %zu: written past it", len,
                cap);
    }
}

const struct substrate_case substrate_cases_static[] = {
    {"descriptor", "name, version and option table are whole", descriptor},
    {"symbols", "exports one symbol, asks the system for memory and text alone", symbols},
    {"open", "opens with every option at its bounds, twice at a time", opening},
    {"describe", "any octets in words, never past the room given", describe},
    {NULL, NULL, NULL}};
