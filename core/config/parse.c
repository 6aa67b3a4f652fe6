/*
 * YAML text to a flat list of (dotted name, value, line). `a: {b: 1}` and `a.b: 1` are the same.
 * The reader takes what a configuration needs and refuses the rest of YAML with a sentence: no
 * aliases, no second document, no lists of anything but texts, bounded size, depth and number. It
 * knows nothing of options.
 */
#include <config/internal.h>

#include <stdio.h>
#include <yaml.h>

struct reader {
    struct pp_config *config;
    struct pp_error *error;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; owned */
    bool has_event;
    char name[PP_CONFIG_NAME_MAX + 1]; /* the dotted name being read */
    size_t cap;                        /* of config->entries */
};

static int fail_at(struct reader *r, size_t line, const char *text)
{
    return pp_fail(r->error, PP_CONFIG, "%s:%zu: %s", r->config->name, line, text);
}

static int no_memory(struct reader *r)
{
    return pp_fail(r->error, PP_NOMEM, "%s: out of memory while reading it", r->config->name);
}

static size_t line_of(const struct reader *r)
{
    return r->event.start_mark.line + 1;
}

static int next(struct reader *r)
{
    if (r->has_event) {
        yaml_event_delete(&r->event);
        r->has_event = false;
    }
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        if (r->parser.error == YAML_MEMORY_ERROR) {
            return no_memory(r);
        }
        bool reading = r->parser.error == YAML_READER_ERROR;
        return pp_fail(r->error, PP_CONFIG, "%s:%zu: this is not YAML: %s%s%s", r->config->name,
                       r->parser.problem_mark.line + 1, r->parser.problem,
                       r->parser.context ? ", " : "",
                       r->parser.context ? r->parser.context : (reading ? " (not UTF-8)" : ""));
    }
    r->has_event = true;
    return PP_OK;
}

static const struct pp_config_entry *find(const struct pp_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_entries; i++) {
        if (strcmp(config->entries[i].name, name) == 0) {
            return &config->entries[i];
        }
    }
    return NULL;
}

static int grow(struct reader *r)
{
    struct pp_config *c = r->config;
    size_t cap = r->cap ? 2 * r->cap : 32;
    struct pp_config_entry *more = pp_config_alloc(c, cap * sizeof *more);
    if (!more) {
        return no_memory(r);
    }
    if (c->n_entries) {
        memcpy(more, c->entries, c->n_entries * sizeof *more);
    }
    c->entries = more;
    r->cap = cap;
    return PP_OK;
}

/* A new entry of the current name; NULL with *code set. */
static struct pp_config_entry *add(struct reader *r, size_t line, enum pp_entry_kind kind,
                                   int *code)
{
    struct pp_config *c = r->config;
    const struct pp_config_entry *twice = find(c, r->name);
    if (twice) {
        *code = pp_fail(r->error, PP_CONFIG,
                        "%s:%zu: %s stands here a second time (first in line %zu); keep one",
                        c->name, line, r->name, twice->line);
        return NULL;
    }
    if (c->n_entries == PP_CONFIG_ENTRIES_MAX) {
        *code = fail_at(r, line, "more entries than a configuration can have (1024)");
        return NULL;
    }
    *code = c->n_entries == r->cap ? grow(r) : PP_OK;
    if (*code) {
        return NULL;
    }
    struct pp_config_entry *e = &c->entries[c->n_entries];
    *e = (struct pp_config_entry){.line = line, .kind = kind};
    e->name = pp_config_copy(c, r->name, strlen(r->name));
    if (!e->name) {
        *code = no_memory(r);
        return NULL;
    }
    c->n_entries++;
    return e;
}

static bool scalar_is_nothing(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* A copy of the current scalar; NULL with *code set. */
static char *scalar(struct reader *r, int *code)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    if (memchr(text, '\0', len)) {
        *code = fail_at(r, line_of(r), "a text holds the NUL character; take it out");
        return NULL;
    }
    char *copy = pp_config_copy(r->config, text, len);
    *code = copy ? PP_OK : no_memory(r);
    return copy;
}

static int join_items(struct reader *r, struct pp_config_entry *e)
{
    size_t len = 0;
    for (size_t i = 0; i < e->n_items; i++) {
        len += strlen(e->items[i]) + 1;
    }
    e->text = pp_config_alloc(r->config, len + 1);
    if (!e->text) {
        return no_memory(r);
    }
    char *at = e->text;
    for (size_t i = 0; i < e->n_items; i++) {
        size_t n = strlen(e->items[i]);
        memcpy(at, e->items[i], n);
        at += n;
        *at++ = '\n';
    }
    if (at > e->text) {
        at[-1] = '\0';
    }
    return PP_OK;
}

static int add_item(struct reader *r, struct pp_config_entry *e, size_t *cap)
{
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_at(r, line_of(r), "a list may hold texts alone, no lists or sections");
    }
    if (e->n_items == PP_CONFIG_ENTRIES_MAX) {
        return fail_at(r, line_of(r), "a list of more than 1024 items");
    }
    if (e->n_items == *cap) {
        size_t more = *cap ? 2 * *cap : 8;
        char **items = pp_config_alloc(r->config, more * sizeof *items);
        if (!items) {
            return no_memory(r);
        }
        if (e->n_items) {
            memcpy(items, e->items, e->n_items * sizeof *items);
        }
        e->items = items;
        *cap = more;
    }
    int code;
    char *text = scalar(r, &code);
    if (text && strchr(text, '\n')) {
        return fail_at(r, line_of(r), "an item of a list holds a line end; write it on one line");
    }
    if (text) {
        e->items[e->n_items++] = text;
    }
    return code;
}

static int read_list(struct reader *r)
{
    int code;
    size_t cap = 0;
    struct pp_config_entry *e = add(r, line_of(r), PP_ENTRY_LIST, &code);
    while (!code && !(code = next(r)) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        code = add_item(r, e, &cap);
    }
    return code ? code : join_items(r, e);
}

static int read_scalar(struct reader *r)
{
    int code;
    bool nothing = scalar_is_nothing(&r->event);
    struct pp_config_entry *e =
        add(r, line_of(r), nothing ? PP_ENTRY_NOTHING : PP_ENTRY_SCALAR, &code);
    if (e) {
        e->text = scalar(r, &code);
    }
    return code;
}

/* Puts the key that is the current event behind the first `prefix` characters of the name. */
static int read_key(struct reader *r, size_t prefix)
{
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_at(r, line_of(r), "a name must be a plain text");
    }
    const char *key = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    size_t dot = prefix > 0 ? 1 : 0;
    if (len == 0 || memchr(key, '\0', len) || memchr(key, '\n', len)) {
        return fail_at(r, line_of(r), "an empty or unprintable name");
    }
    if (len > PP_CONFIG_NAME_MAX - prefix - dot || prefix + dot > PP_CONFIG_NAME_MAX) {
        return fail_at(r, line_of(r), "a name longer than any option's");
    }
    if (dot) {
        r->name[prefix] = '.';
    }
    memcpy(r->name + prefix + dot, key, len);
    r->name[prefix + dot + len] = '\0';
    return PP_OK;
}

/* The inside of a mapping whose start is the current event. Recursion ends at DEPTH_MAX. */
static int read_mapping(struct reader *r, size_t prefix, unsigned depth)
{
    size_t line = line_of(r), before = r->config->n_entries;
    if (depth > PP_CONFIG_DEPTH_MAX) {
        return fail_at(r, line, "sections nested deeper than any option's");
    }
    for (;;) {
        int code = next(r);
        if (code || r->event.type == YAML_MAPPING_END_EVENT) {
            r->name[prefix] = '\0';
            if (!code && prefix > 0 && r->config->n_entries == before) {
                (void)add(r, line, PP_ENTRY_NOTHING, &code);
            }
            return code;
        }
        code = read_key(r, prefix);
        code = code ? code : next(r);
        if (code) {
            return code;
        }
        if (r->event.type == YAML_MAPPING_START_EVENT) {
            code = read_mapping(r, strlen(r->name), depth + 1);
        } else if (r->event.type == YAML_SEQUENCE_START_EVENT) {
            code = read_list(r);
        } else if (r->event.type == YAML_SCALAR_EVENT) {
            code = read_scalar(r);
        } else {
            code = fail_at(r, line_of(r), "aliases (*name) are not used here; repeat the value");
        }
        if (code) {
            return code;
        }
    }
}

static int read_document(struct reader *r)
{
    int code = next(r); /* the stream's start */
    code = code ? code : next(r);
    if (code || r->event.type == YAML_STREAM_END_EVENT) {
        return code;
    }
    code = next(r);
    if (code) {
        return code;
    }
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        code = read_mapping(r, 0, 1);
    } else if (r->event.type != YAML_SCALAR_EVENT || !scalar_is_nothing(&r->event)) {
        return fail_at(r, line_of(r), "expected `name: value` lines");
    }
    code = code ? code : next(r); /* the document's end */
    code = code ? code : next(r);
    if (!code && r->event.type != YAML_STREAM_END_EVENT) {
        return fail_at(r, line_of(r), "a second YAML document; a configuration is one");
    }
    return code;
}

int pp_config_read(struct pp_config *config, struct pp_bytes yaml, struct pp_error *error)
{
    struct reader r = {.config = config, .error = error};
    if (yaml.len > PP_CONFIG_FILE_MAX) {
        return pp_fail(error, PP_CONFIG, "%s: over 1 MiB: this is no configuration file",
                       config->name);
    }
    if (!yaml_parser_initialize(&r.parser)) {
        return no_memory(&r);
    }
    static const unsigned char nothing[1];
    yaml_parser_set_input_string(&r.parser, yaml.len ? yaml.data : nothing, yaml.len);
    int code = read_document(&r);
    if (r.has_event) {
        yaml_event_delete(&r.event);
    }
    yaml_parser_delete(&r.parser);
    return code;
}
