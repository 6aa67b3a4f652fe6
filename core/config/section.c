/*
 * A plugin's section of the configuration, checked against the plugin's own table once the plugin
 * is loaded. Sections of other plugins may stand beside it, so that an operator changes one word to
 * change the plugin; a section whose name is a slip of the chosen one's is refused.
 */
#include <config/internal.h>

#include <stdio.h>

static const struct pp_config_entry *find(const struct pp_config *config, const char *prefix,
                                          const char *name)
{
    size_t len = strlen(prefix);
    for (size_t i = 0; i < config->n_entries; i++) {
        const struct pp_config_entry *e = &config->entries[i];
        if (strncmp(e->name, prefix, len) == 0 && strcmp(e->name + len, name) == 0) {
            return e;
        }
    }
    return NULL;
}

static int check_names(const struct pp_config *config, const char *prefix,
                       const struct pp_option *const *options, size_t n, size_t *found,
                       struct pp_error *error)
{
    size_t len = strlen(prefix);
    *found = 0;
    for (size_t i = 0; i < config->n_entries; i++) {
        const struct pp_config_entry *e = &config->entries[i];
        if (strncmp(e->name, prefix, len) != 0) {
            /* the section itself, empty, stands there too */
            *found += strlen(e->name) == len - 1 && strncmp(e->name, prefix, len - 1) == 0;
            continue;
        }
        bool known = false;
        for (size_t j = 0; j < n && !known; j++) {
            known = strcmp(e->name + len, options[j]->name) == 0;
        }
        if (!known) {
            return pp_config_unknown(config, e, prefix, options, n, error);
        }
        ++*found;
    }
    return PP_OK;
}

/* No section of the chosen plugin, but one whose name is nearly it? */
static int check_slip(const struct pp_config *config, const char *section, const char *name,
                      struct pp_error *error)
{
    size_t len = strlen(section);
    for (size_t i = 0; i < config->n_entries; i++) {
        const struct pp_config_entry *e = &config->entries[i];
        char other[PP_CONFIG_NAME_MAX + 1];
        if (strncmp(e->name, section, len) != 0 || e->name[len] != '.' ||
            !strchr(e->name + len + 1, '.')) {
            continue;
        }
        snprintf(other, sizeof other, "%.*s", (int)strcspn(e->name + len + 1, "."),
                 e->name + len + 1);
        if (pp_edit_is_slip(other, name)) {
            return pp_fail(error, PP_CONFIG,
                           "%s:%zu: section %s.%s is not for the chosen plugin \"%s\"; did you "
                           "mean %s.%s? (If not, add `%s: {}` beside it.)",
                           config->name, e->line, section, other, name, section, name, name);
        }
    }
    return PP_OK;
}

static int fill(struct pp_config *config, const char *prefix, const struct pp_plugin *plugin,
                union pp_value *values, struct pp_error *error)
{
    for (size_t i = 0; i < plugin->n_options; i++) {
        const struct pp_option *o = &plugin->options[i];
        const struct pp_config_entry *e = find(config, prefix, o->name);
        int code = e ? pp_config_check_entry(config, e, o, &values[i], error)
                     : pp_config_initial(config, prefix, o, &values[i], error);
        if (code) {
            return code;
        }
    }
    return PP_OK;
}

int pp_config_plugin(struct pp_config *config, const char *section, const struct pp_plugin *plugin,
                     const union pp_value **values, struct pp_error *error)
{
    char prefix[PP_CONFIG_NAME_MAX + 1];
    size_t n = plugin->n_options, found;
    *values = NULL;
    snprintf(prefix, sizeof prefix, "%s.%s.", section, plugin->name);
    union pp_value *own = pp_config_alloc(config, n * sizeof *own + 1);
    const struct pp_option **options = pp_config_alloc(config, n * sizeof *options + 1);
    if (!own || !options) {
        return pp_fail(error, PP_NOMEM, "%s: out of memory", config->name);
    }
    for (size_t i = 0; i < n; i++) {
        options[i] = &plugin->options[i];
    }
    int code = check_names(config, prefix, options, n, &found, error);
    if (!code && found == 0) {
        code = check_slip(config, section, plugin->name, error);
    }
    code = code ? code : fill(config, prefix, plugin, own, error);
    if (!code) {
        *values = own;
    }
    return code;
}
