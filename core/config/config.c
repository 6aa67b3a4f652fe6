/*
 * The configuration as an object: loading, its memory, and the questions that programs ask it.
 * Reading YAML is parse.c's, judging values check.c's.
 */
#include <config/internal.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct pp_config_block {
    struct pp_config_block *next;
    max_align_t data[];
};

void *pp_config_alloc(struct pp_config *config, size_t size)
{
    struct pp_config_block *block = calloc(1, sizeof *block + size);
    if (!block) {
        return NULL;
    }
    block->next = config->blocks;
    config->blocks = block;
    return block->data;
}

char *pp_config_copy(struct pp_config *config, const char *text, size_t len)
{
    char *copy = pp_config_alloc(config, len + 1);
    if (copy && len) {
        memcpy(copy, text, len);
    }
    return copy;
}

void pp_config_free(struct pp_config *config)
{
    if (!config) {
        return;
    }
    for (struct pp_config_block *b = config->blocks; b;) {
        struct pp_config_block *next = b->next;
        free(b);
        b = next;
    }
    free(config);
}

static bool add_settings(struct pp_config *config, const struct pp_schema *schemas, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += schemas[i].n;
    }
    config->settings = pp_config_alloc(config, total * sizeof *config->settings + 1);
    if (!config->settings) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < schemas[i].n; j++) {
            config->settings[config->n_settings++].option = &schemas[i].options[j];
        }
    }
    return true;
}

static struct pp_config *create(const char *name, const struct pp_schema *schemas, size_t n)
{
    struct pp_config *config = calloc(1, sizeof *config);
    if (!config) {
        return NULL;
    }
    const char *slash = strrchr(name, '/');
    config->name = pp_config_copy(config, name, strlen(name));
    if (slash == name) {
        config->folder = pp_config_copy(config, "/", 1);
    } else if (slash) {
        config->folder = pp_config_copy(config, name, (size_t)(slash - name));
    } else {
        config->folder = pp_config_copy(config, ".", 1);
    }
    if (!config->name || !config->folder || !add_settings(config, schemas, n)) {
        pp_config_free(config);
        return NULL;
    }
    return config;
}

int pp_config_parse(struct pp_config **out, const char *name, struct pp_bytes yaml,
                    const struct pp_schema *schemas, size_t n_schemas, struct pp_error *error)
{
    *out = NULL;
    struct pp_config *config = create(name, schemas, n_schemas);
    if (!config) {
        return pp_fail(error, PP_NOMEM, "%s: out of memory while reading it", name);
    }
    int code = pp_config_read(config, yaml, error);
    code = code ? code : pp_config_check(config, error);
    if (code) {
        pp_config_free(config);
        return code;
    }
    *out = config;
    return PP_OK;
}

static int read_file(const char *path, struct pp_buf *out, struct pp_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return pp_fail(error, PP_CONFIG,
                       "cannot open the configuration %s: %s; name another with --config FILE",
                       path, strerror(errno));
    }
    int code = PP_OK;
    ssize_t n = 1;
    while (!code && n > 0 && out->len <= PP_CONFIG_FILE_MAX) {
        uint8_t piece[4096];
        n = read(fd, piece, sizeof piece);
        if (n > 0 && pp_buf_add(out, piece, (size_t)n)) {
            code = pp_fail(error, PP_NOMEM, "%s: out of memory while reading it", path);
        }
    }
    if (n < 0) {
        code = pp_fail(error, PP_CONFIG, "cannot read the configuration %s: %s", path,
                       strerror(errno));
    }
    close(fd);
    return code;
}

int pp_config_load(struct pp_config **config, const char *path, const struct pp_schema *schemas,
                   size_t n_schemas, struct pp_error *error)
{
    struct pp_buf yaml = {0};
    *config = NULL;
    int code = read_file(path, &yaml, error);
    if (!code) {
        code = pp_config_parse(config, path, pp_buf_bytes(&yaml), schemas, n_schemas, error);
    }
    pp_buf_free(&yaml);
    return code;
}

static struct pp_config_setting *setting(const struct pp_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_settings; i++) {
        if (strcmp(config->settings[i].option->name, name) == 0) {
            return &config->settings[i];
        }
    }
    fprintf(stderr, "no option %s in the schema\n", name);
    abort();
}

int64_t pp_config_number(const struct pp_config *config, const char *name)
{
    const struct pp_config_setting *s = setting(config, name);
    assert(s->option->type == PP_OPT_INT || s->option->type == PP_OPT_OCTETS ||
           s->option->type == PP_OPT_TIME);
    return s->value.number;
}

bool pp_config_flag(const struct pp_config *config, const char *name)
{
    const struct pp_config_setting *s = setting(config, name);
    assert(s->option->type == PP_OPT_BOOL);
    return s->value.flag;
}

const char *pp_config_text(const struct pp_config *config, const char *name)
{
    const struct pp_config_setting *s = setting(config, name);
    assert(s->option->type == PP_OPT_STRING || s->option->type == PP_OPT_LIST);
    return s->value.text;
}

bool pp_config_is_set(const struct pp_config *config, const char *name)
{
    return setting(config, name)->entry != NULL;
}

const char *pp_config_resolve(struct pp_config *config, const char *name)
{
    size_t len = strlen(config->folder) + strlen(name) + 2;
    char *path = name[0] == '\0' || name[0] == '/' ? NULL : pp_config_alloc(config, len);
    if (!path) {
        return name;
    }
    snprintf(path, len, "%s/%s", config->folder, name);
    return path;
}

const char *pp_config_path(struct pp_config *config, const char *name)
{
    struct pp_config_setting *s = setting(config, name);
    s->path = s->path ? s->path : pp_config_resolve(config, pp_config_text(config, name));
    return s->path;
}

const char *pp_config_plugin_name(struct pp_config *config, const char *name)
{
    const char *text = pp_config_text(config, name);
    return strchr(text, '/') ? pp_config_path(config, name) : text;
}

/* The i-th line of a default written as text. */
static const char *initial_item(struct pp_config *config, const char *text, size_t i)
{
    while (i > 0 && text) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
        i--;
    }
    if (!text || text[0] == '\0') {
        return NULL;
    }
    return pp_config_copy(config, text, strcspn(text, "\n"));
}

const char *pp_config_item(const struct pp_config *config, const char *name, size_t i)
{
    const struct pp_config_setting *s = setting(config, name);
    assert(s->option->type == PP_OPT_LIST);
    if (!s->entry) {
        return initial_item((struct pp_config *)config, s->value.text, i);
    }
    return i < s->entry->n_items ? s->entry->items[i] : NULL;
}

int pp_config_fail(const struct pp_config *config, const char *name, struct pp_error *error,
                   const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct pp_config_entry *entry = setting(config, name)->entry;
    if (entry) {
        return pp_fail(error, PP_CONFIG, "%s:%zu: %s: %s", config->name, entry->line, name, text);
    }
    return pp_fail(error, PP_CONFIG, "%s: %s (not set, so its default): %s", config->name, name,
                   text);
}
