/*
 * Option tables as text for people: help lines, and commented YAML in which every option stands at
 * its default (config/peerpostd.yaml and config/peerpost.yaml are made this way, so a shipped file
 * cannot drift from the program).
 */
#include <config/internal.h>

#include <stdio.h>

static const char *type_text(const struct pp_option *o)
{
    switch (o->type) {
    case PP_OPT_INT:
        return "number";
    case PP_OPT_BOOL:
        return "true or false";
    case PP_OPT_STRING:
        return "text";
    case PP_OPT_OCTETS:
        return "size";
    case PP_OPT_TIME:
        return "time";
    case PP_OPT_LIST:
        return "list";
    }
    return "?";
}

static bool has_range(const struct pp_option *o)
{
    bool number = o->type == PP_OPT_INT || o->type == PP_OPT_OCTETS || o->type == PP_OPT_TIME;
    return number && (o->min != 0 || o->max != 0);
}

/* "number 1 to 32, the same in the whole network" */
static void add_kind(const struct pp_option *o, struct pp_buf *out)
{
    pp_buf_add_str(out, type_text(o));
    if (has_range(o)) {
        char low[40], high[40];
        pp_option_number_text(o, o->min, low, sizeof low);
        pp_option_number_text(o, o->max, high, sizeof high);
        if (o->max == INT64_MAX) {
            pp_buf_printf(out, ", at least %s", low);
        } else {
            pp_buf_printf(out, ", %s to %s", low, high);
        }
    }
    if (o->scope == PP_SCOPE_NETWORK) {
        pp_buf_add_str(out, ", the same in the whole network");
    }
}

void pp_options_help(const struct pp_option *options, size_t n, struct pp_buf *out)
{
    if (n == 0) {
        pp_buf_add_str(out, "no options\n");
    }
    for (size_t i = 0; i < n; i++) {
        const struct pp_option *o = &options[i];
        pp_buf_printf(out, "%s\n    %s\n    ", o->name, o->help);
        add_kind(o, out);
        if (!o->initial) {
            pp_buf_add_str(out, "; required\n");
        } else if (o->initial[0] == '\0') {
            pp_buf_add_str(out, "; default: empty\n");
        } else {
            pp_buf_printf(out, "; default: %s\n", o->initial);
        }
    }
}

static bool is_plain(const char *text)
{
    if (text[0] == '\0' || strcmp(text, "null") == 0 || strcmp(text, "~") == 0) {
        return false;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./ ") ==
           strlen(text);
}

static void add_quoted(const char *text, struct pp_buf *out)
{
    if (is_plain(text)) {
        pp_buf_add_str(out, text);
        return;
    }
    pp_buf_add_str(out, "\"");
    for (const char *c = text; *c; c++) {
        pp_buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    pp_buf_add_str(out, "\"");
}

static void add_list(const char *text, struct pp_buf *out)
{
    pp_buf_add_str(out, "[");
    for (const char *at = text; *at;) {
        char item[256];
        size_t len = strcspn(at, "\n");
        snprintf(item, sizeof item, "%.*s", (int)(len < 255 ? len : 255), at);
        add_quoted(item, out);
        at += len + (at[len] ? 1 : 0);
        pp_buf_add_str(out, *at ? ", " : "");
    }
    pp_buf_add_str(out, "]");
}

static void add_option(const struct pp_option *o, const char *name, const char *indent,
                       struct pp_buf *out)
{
    pp_buf_printf(out, "%s# %s\n%s# (", indent, o->help, indent);
    add_kind(o, out);
    if (!o->initial) {
        pp_buf_printf(out, "; required)\n%s# %s:\n", indent, name);
        return;
    }
    pp_buf_printf(out, ")\n%s%s: ", indent, name);
    if (o->type == PP_OPT_LIST) {
        add_list(o->initial, out);
    } else {
        add_quoted(o->initial, out);
    }
    pp_buf_add_str(out, "\n");
}

static bool in_section(const char *name, const char *section, size_t len)
{
    return strncmp(name, section, len) == 0 && name[len] == '.';
}

/* Did an option before (s, i) open this section already? */
static bool section_done(const struct pp_schema *schemas, size_t s, size_t i, const char *section,
                         size_t len)
{
    for (size_t a = 0; a <= s; a++) {
        for (size_t b = 0; b < (a == s ? i : schemas[a].n); b++) {
            if (in_section(schemas[a].options[b].name, section, len)) {
                return true;
            }
        }
    }
    return false;
}

static void add_section(const struct pp_schema *schemas, size_t n, const char *section, size_t len,
                        struct pp_buf *out)
{
    pp_buf_printf(out, "%s%.*s:\n", out->len ? "\n" : "", (int)len, section);
    for (size_t s = 0; s < n; s++) {
        for (size_t i = 0; i < schemas[s].n; i++) {
            const struct pp_option *o = &schemas[s].options[i];
            if (in_section(o->name, section, len)) {
                add_option(o, o->name + len + 1, "  ", out);
            }
        }
    }
}

void pp_options_yaml(const struct pp_schema *schemas, size_t n, struct pp_buf *out)
{
    for (size_t s = 0; s < n; s++) {
        for (size_t i = 0; i < schemas[s].n; i++) {
            const char *name = schemas[s].options[i].name;
            const char *dot = strchr(name, '.');
            if (!dot) {
                add_option(&schemas[s].options[i], name, "", out);
            } else if (!section_done(schemas, s, i, name, (size_t)(dot - name))) {
                add_section(schemas, n, name, (size_t)(dot - name), out);
            }
        }
    }
}

void pp_plugin_yaml(const char *section, const struct pp_plugin *plugin, struct pp_buf *out)
{
    pp_buf_printf(out, "%s%s.%s:%s\n", out->len ? "\n" : "", section, plugin->name,
                  plugin->n_options ? "" : " {}");
    for (size_t i = 0; i < plugin->n_options; i++) {
        add_option(&plugin->options[i], plugin->options[i].name, "  ", out);
    }
}
