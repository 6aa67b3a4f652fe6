/*
 * What the files of core/config share: the flat list of entries that the YAML reader makes, and the
 * checked settings made of it. Nobody outside this folder includes it.
 */
#ifndef PP_CONFIG_INTERNAL_H
#define PP_CONFIG_INTERNAL_H

#include <config/config.h>

#define PP_CONFIG_FILE_MAX (1024 * 1024)
#define PP_CONFIG_ENTRIES_MAX 1024
#define PP_CONFIG_DEPTH_MAX 8
#define PP_CONFIG_NAME_MAX 128

enum pp_entry_kind { PP_ENTRY_SCALAR, PP_ENTRY_LIST, PP_ENTRY_NOTHING };

/* One dotted name of the file with its value. All texts belong to the configuration. */
struct pp_config_entry {
    char *name;
    size_t line;
    enum pp_entry_kind kind;
    char *text;   /* SCALAR; LIST: the items joined by newlines */
    char **items; /* LIST */
    size_t n_items;
};

/* One option of the schema with its value. */
struct pp_config_setting {
    const struct pp_option *option;
    const struct pp_config_entry *entry; /* NULL: the default */
    union pp_value value;
    const char *path; /* made on demand */
};

struct pp_config_block; /* of the configuration's memory: freed as a whole */

struct pp_config {
    char *name;   /* of the file, for sentences */
    char *folder; /* that relative paths start from */
    struct pp_config_entry *entries;
    size_t n_entries;
    struct pp_config_setting *settings;
    size_t n_settings;
    struct pp_config_block *blocks;
};

/* Zeroed memory that lives as long as the configuration; NULL: none left. */
void *pp_config_alloc(struct pp_config *config, size_t size);
char *pp_config_copy(struct pp_config *config, const char *text, size_t len);

/* parse.c: YAML text -> config->entries. ! PP_CONFIG, PP_NOMEM */
int pp_config_read(struct pp_config *config, struct pp_bytes yaml, struct pp_error *error);

/* check.c. A value's text by its option's type and range; `why` says what is wrong with it. */
int pp_option_value(const struct pp_option *option, const char *text, union pp_value *value,
                    char *why, size_t cap);
/* A number in the unit that the option is written in: "64 MiB", "30s". */
void pp_option_number_text(const struct pp_option *option, int64_t number, char *text, size_t cap);
/* Entry -> value. `shown` is the whole dotted name. ! PP_CONFIG */
int pp_config_check_entry(struct pp_config *config, const struct pp_config_entry *entry,
                          const struct pp_option *option, union pp_value *value,
                          struct pp_error *error);
/* The value of an option that the file does not set. ! PP_CONFIG */
int pp_config_initial(struct pp_config *config, const char *prefix, const struct pp_option *option,
                      union pp_value *value, struct pp_error *error);
/* Every entry against the schema, and every option's value. ! PP_CONFIG */
int pp_config_check(struct pp_config *config, struct pp_error *error);
/* "FILE:LINE: NAME is no option; did you mean ...?" */
int pp_config_unknown(const struct pp_config *config, const struct pp_config_entry *entry,
                      const char *prefix, const struct pp_option *const *options, size_t n,
                      struct pp_error *error);

/* suggest.c: how many insertions, removals, changes and swaps of neighbours make b of a; SIZE_MAX
 * for names too long to compare. */
size_t pp_edit_distance(const char *a, const char *b);
/* Near enough to be a slip of the hand? */
bool pp_edit_is_slip(const char *a, const char *b);

#endif
