/*
 * Values against option tables: types, units, ranges, unknown and missing names. Each mistake is
 * one sentence with file and line. Knows nothing of YAML or of what an option means.
 */
#include <config/internal.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit octet_units[] = {
    {"", 1},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
};
static const struct unit time_units[] = {
    {"ms", (int64_t)PP_MS},  {"s", (int64_t)PP_SECOND}, {"min", (int64_t)PP_MINUTE},
    {"h", (int64_t)PP_HOUR}, {"d", (int64_t)PP_DAY},
};
#define UNITS(table) table, sizeof table / sizeof *table

static const struct unit *unit_named(const struct unit *units, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(units[i].name, name) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

/* Digits with a sign before and a unit behind them; *rest points at the unit. */
static bool leading_number(const char *text, int64_t *number, const char **rest)
{
    const char *digits = text + (text[0] == '-' ? 1 : 0);
    if (*digits < '0' || *digits > '9') {
        return false;
    }
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    while (*end == ' ') {
        end++;
    }
    *rest = end;
    return errno == 0;
}

static const char *what_number(enum pp_option_type type)
{
    if (type == PP_OPT_OCTETS) {
        return "a size such as 512, 64 KiB, 10 MiB or 2 GiB";
    }
    return type == PP_OPT_TIME ? "a time such as 500ms, 10s, 5min, 2h or 30d" : "a whole number";
}

static int number_of(const struct pp_option *o, const char *text, int64_t *number, char *why,
                     size_t cap)
{
    const char *rest;
    const struct unit *unit = NULL;
    if (leading_number(text, number, &rest)) {
        if (o->type == PP_OPT_OCTETS) {
            unit = unit_named(UNITS(octet_units), rest);
        } else if (o->type == PP_OPT_TIME) {
            bool bare_zero = *number == 0 && rest[0] == '\0';
            unit = bare_zero ? &time_units[0] : unit_named(UNITS(time_units), rest);
        } else {
            unit = rest[0] == '\0' ? &octet_units[0] : NULL;
        }
    }
    if (!unit || __builtin_mul_overflow(*number, unit->factor, number)) {
        snprintf(why, cap, "\"%.60s\" is not %s", text, what_number(o->type));
        return PP_CONFIG;
    }
    return PP_OK;
}

void pp_option_number_text(const struct pp_option *option, int64_t number, char *text, size_t cap)
{
    const struct unit *units = octet_units;
    size_t n = 1;
    if (option->type == PP_OPT_OCTETS) {
        n = sizeof octet_units / sizeof *octet_units;
    } else if (option->type == PP_OPT_TIME) {
        units = time_units;
        n = sizeof time_units / sizeof *time_units;
    }
    size_t best = 0;
    for (size_t i = 0; i < n && number != 0; i++) {
        best = number % units[i].factor == 0 ? i : best;
    }
    snprintf(text, cap, "%" PRId64 "%s%s", number / units[best].factor,
             option->type == PP_OPT_OCTETS && best > 0 ? " " : "", units[best].name);
}

static int in_range(const struct pp_option *o, int64_t number, char *why, size_t cap)
{
    char shown[40], bound[40];
    bool bounded = o->min != 0 || o->max != 0;
    if (!bounded || (number >= o->min && number <= o->max)) {
        return PP_OK;
    }
    pp_option_number_text(o, number, shown, sizeof shown);
    pp_option_number_text(o, number < o->min ? o->min : o->max, bound, sizeof bound);
    snprintf(why, cap, "%s is %s than the %s allowed, %s", shown, number < o->min ? "less" : "more",
             number < o->min ? "least" : "most", bound);
    return PP_CONFIG;
}

static int flag_of(const char *text, bool *flag, char *why, size_t cap)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *flag = i % 2 == 1;
            return PP_OK;
        }
    }
    snprintf(why, cap, "\"%.60s\" is neither true nor false", text);
    return PP_CONFIG;
}

int pp_option_value(const struct pp_option *option, const char *text, union pp_value *value,
                    char *why, size_t cap)
{
    int code;
    *value = (union pp_value){0};
    switch (option->type) {
    case PP_OPT_INT:
    case PP_OPT_OCTETS:
    case PP_OPT_TIME:
        code = number_of(option, text, &value->number, why, cap);
        return code ? code : in_range(option, value->number, why, cap);
    case PP_OPT_BOOL:
        return flag_of(text, &value->flag, why, cap);
    case PP_OPT_STRING:
    case PP_OPT_LIST:
        value->text = text;
        return PP_OK;
    }
    snprintf(why, cap, "has an unknown type %d in its table", (int)option->type);
    return PP_CONFIG;
}

static const char *kind_mistake(const struct pp_config_entry *e, const struct pp_option *o)
{
    if (e->kind == PP_ENTRY_NOTHING && o->type != PP_OPT_LIST) {
        return "has no value; give one, write \"\" for an empty text, or take the line out";
    }
    if (e->kind == PP_ENTRY_LIST && o->type != PP_OPT_LIST) {
        return "is one value, not a list";
    }
    if (e->kind == PP_ENTRY_SCALAR && o->type == PP_OPT_LIST) {
        return "is a list: write it as [one, two] or in lines that begin with `- `";
    }
    return NULL;
}

int pp_config_check_entry(struct pp_config *config, const struct pp_config_entry *entry,
                          const struct pp_option *option, union pp_value *value,
                          struct pp_error *error)
{
    char why[256];
    const char *mistake = kind_mistake(entry, option);
    if (mistake) {
        return pp_fail(error, PP_CONFIG, "%s:%zu: %s %s", config->name, entry->line, entry->name,
                       mistake);
    }
    int code = pp_option_value(option, entry->text ? entry->text : "", value, why, sizeof why);
    return code
               ? pp_fail(error, code, "%s:%zu: %s: %s", config->name, entry->line, entry->name, why)
               : PP_OK;
}

int pp_config_initial(struct pp_config *config, const char *prefix, const struct pp_option *option,
                      union pp_value *value, struct pp_error *error)
{
    char why[256];
    if (!option->initial) {
        return pp_fail(error, PP_CONFIG, "%s: %s%s is missing and has no default (%s)",
                       config->name, prefix, option->name, option->help);
    }
    int code = pp_option_value(option, option->initial, value, why, sizeof why);
    return code ? pp_fail(error, code, "the built-in default of %s%s is wrong: %s", prefix,
                          option->name, why)
                : PP_OK;
}

/* "k" for "network.k": right but for its section. */
static bool is_last_part(const char *name, const char *known)
{
    const char *dot = strrchr(known, '.');
    return dot && strcmp(dot + 1, name) == 0;
}

static const char *nearest(const char *name, const struct pp_option *const *options, size_t n)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    const char *part = strrchr(name, '.') ? strrchr(name, '.') + 1 : name;
    for (size_t i = 0; i < n; i++) {
        size_t distance = pp_edit_distance(name, options[i]->name);
        if (distance < best_distance && pp_edit_is_slip(name, options[i]->name)) {
            best = options[i]->name;
            best_distance = distance;
        }
    }
    for (size_t i = 0; i < n && !best; i++) {
        best = is_last_part(part, options[i]->name) ? options[i]->name : NULL;
    }
    return best;
}

int pp_config_unknown(const struct pp_config *config, const struct pp_config_entry *entry,
                      const char *prefix, const struct pp_option *const *options, size_t n,
                      struct pp_error *error)
{
    const char *meant = nearest(entry->name + strlen(prefix), options, n);
    if (meant) {
        return pp_fail(error, PP_CONFIG, "%s:%zu: %s is no option; did you mean %s%s?",
                       config->name, entry->line, entry->name, prefix, meant);
    }
    return pp_fail(error, PP_CONFIG, "%s:%zu: %s is no option; %s", config->name, entry->line,
                   entry->name,
                   prefix[0] ? "peerpostd --plugin-help NAME lists the plugin's"
                             : "the commented example in config/ lists them all");
}

/* "substrate.NAME" or "store.NAME" with something below it: a plugin's, checked when it is known. */
static bool is_plugin_entry(const struct pp_config_entry *e)
{
    static const char *const sections[] = {"substrate.", "store."};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        size_t len = strlen(sections[i]);
        if (strncmp(e->name, sections[i], len) == 0) {
            return strchr(e->name + len, '.') || e->kind == PP_ENTRY_NOTHING;
        }
    }
    return false;
}

/* An empty section (`log:`) says nothing and harms nothing. */
static bool is_empty_section(const struct pp_config *config, const struct pp_config_entry *e)
{
    size_t len = strlen(e->name);
    for (size_t i = 0; i < config->n_settings && e->kind == PP_ENTRY_NOTHING; i++) {
        const char *name = config->settings[i].option->name;
        if (strncmp(name, e->name, len) == 0 && name[len] == '.') {
            return true;
        }
    }
    return false;
}

static int unknown_of_schema(const struct pp_config *config, const struct pp_config_entry *e,
                             struct pp_error *error)
{
    const struct pp_option **options = calloc(config->n_settings + 1, sizeof *options);
    if (!options) {
        return pp_fail(error, PP_NOMEM, "%s: out of memory", config->name);
    }
    for (size_t i = 0; i < config->n_settings; i++) {
        options[i] = config->settings[i].option;
    }
    int code = pp_config_unknown(config, e, "", options, config->n_settings, error);
    free(options);
    return code;
}

static int check_one(struct pp_config *config, const struct pp_config_entry *e,
                     struct pp_error *error)
{
    for (size_t i = 0; i < config->n_settings; i++) {
        struct pp_config_setting *s = &config->settings[i];
        if (strcmp(s->option->name, e->name) == 0) {
            s->entry = e;
            return pp_config_check_entry(config, e, s->option, &s->value, error);
        }
    }
    if (is_plugin_entry(e) || is_empty_section(config, e)) {
        return PP_OK;
    }
    return unknown_of_schema(config, e, error);
}

int pp_config_check(struct pp_config *config, struct pp_error *error)
{
    for (size_t i = 0; i < config->n_entries; i++) {
        int code = check_one(config, &config->entries[i], error);
        if (code) {
            return code;
        }
    }
    for (size_t i = 0; i < config->n_settings; i++) {
        struct pp_config_setting *s = &config->settings[i];
        if (!s->entry) {
            int code = pp_config_initial(config, "", s->option, &s->value, error);
            if (code) {
                return code;
            }
        }
    }
    return PP_OK;
}
