/*
 * YAML configuration, checked against option tables as a plugin's is. Every mistake is one sentence
 * with file and line and, for a misspelt name, the nearest known one. libyaml is used in this
 * folder only. Values live as long as the configuration.
 */
#ifndef PP_CONFIG_CONFIG_H
#define PP_CONFIG_CONFIG_H

#include <peerpost/plugin.h>

struct pp_config;

/* Dotted names ("network.k"). Several tables make one schema. */
struct pp_schema {
    const struct pp_option *options;
    size_t n;
};

/* Reads `path` against the schema. "substrate.<name>" and "store.<name>" sections are kept aside
 * for pp_config_plugin. Relative paths in values stay as they are: pp_config_path. ! PP_CONFIG */
int pp_config_load(struct pp_config **config, const char *path, const struct pp_schema *schemas,
                   size_t n_schemas, struct pp_error *error);
/* The same from memory; `name` stands for the file's name in errors. */
int pp_config_parse(struct pp_config **config, const char *name, struct pp_bytes yaml,
                    const struct pp_schema *schemas, size_t n_schemas, struct pp_error *error);
void pp_config_free(struct pp_config *config);

/* Value of an option of the schema (asserts that it is one). */
int64_t pp_config_number(const struct pp_config *config, const char *name);
bool pp_config_flag(const struct pp_config *config, const char *name);
const char *pp_config_text(const struct pp_config *config, const char *name);
/* A file name: a relative one, the default too, is taken from the configuration file's folder,
 * never from where the program was started. Owned by config. */
const char *pp_config_path(struct pp_config *config, const char *name);
/* The same for a file name that is a part of a value. */
const char *pp_config_resolve(struct pp_config *config, const char *name);
/* "substrate.plugin", "store.plugin": a plugin's name, or with a slash a file name. */
const char *pp_config_plugin_name(struct pp_config *config, const char *name);
bool pp_config_is_set(const struct pp_config *config, const char *name); /* not the default */
/* The i-th text of a LIST, or NULL after the last. */
const char *pp_config_item(const struct pp_config *config, const char *name, size_t i);
/* A failure about one option's value, with file and line: "FILE:LINE: section.name: <text>". */
int pp_config_fail(const struct pp_config *config, const char *name, struct pp_error *error,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Checks section "<section>.<plugin name>" against a plugin's options and gives the values in the
 * table's order; the array is the config's. ! PP_CONFIG */
int pp_config_plugin(struct pp_config *config, const char *section, const struct pp_plugin *plugin,
                     const union pp_value **values, struct pp_error *error);

/* Prints a table of options as help (name, type, default, range, scope, text) or as commented YAML
 * in which every option stands at its default. */
void pp_options_help(const struct pp_option *options, size_t n, struct pp_buf *out);
void pp_options_yaml(const struct pp_schema *schemas, size_t n, struct pp_buf *out);
/* The same of a plugin's own section: "substrate.chord:" and its options. */
void pp_plugin_yaml(const char *section, const struct pp_plugin *plugin, struct pp_buf *out);

#endif
