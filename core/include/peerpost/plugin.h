/*
 * What every plugin's shared object exports: exactly one const data symbol, `peerpost_plugin`,
 * whose first member is a struct pp_plugin. Core compares `abi` before it reads anything else, then
 * kind and name, then checks the YAML section of the plugin against `options`.
 *
 * A plugin is compiled with hidden visibility, links the pure helpers (error, bytes, id) as its own
 * copy, and includes only headers of this folder and its own library's.
 */
#ifndef PEERPOST_PLUGIN_H
#define PEERPOST_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <peerpost/id.h>
#include <peerpost/now.h>

#define PP_PLUGIN_SYMBOL "peerpost_plugin"
#define PP_EXPORT __attribute__((visibility("default")))

/* Kinds are also the high half of an ABI number: another kind never has the same number. */
enum pp_plugin_kind { PP_KIND_SUBSTRATE = 1, PP_KIND_STORE = 2 };
#define PP_ABI(kind, version) (((uint32_t)(kind) << 16) | (uint32_t)(version))

enum pp_option_type {
    PP_OPT_INT,    /* decimal integer */
    PP_OPT_BOOL,   /* true, false, yes, no, on, off */
    PP_OPT_STRING, /* UTF-8 */
    PP_OPT_OCTETS, /* integer with optional KiB, MiB, GiB, TiB */
    PP_OPT_TIME,   /* integer with ms, s, min, h, d; value in nanoseconds */
    PP_OPT_LIST    /* YAML sequence of strings; in a value: joined by newlines */
};

enum pp_option_scope {
    PP_SCOPE_NODE,   /* each node may differ */
    PP_SCOPE_NETWORK /* part of the hash that nodes compare in their first datagram */
};

/* One option. Texts are static. min and max bound numbers in the units of the value and are ignored
 * for booleans, strings and lists. A NULL default means: required. */
struct pp_option {
    const char *name; /* without the section; may hold dots */
    enum pp_option_type type;
    const char *initial; /* the default, as it would stand in the YAML */
    int64_t min, max;
    enum pp_option_scope scope;
    const char *help; /* one line */
};

/* Checked values, in the order of the option table. Strings live as long as the configuration. */
union pp_value {
    int64_t number; /* INT, OCTETS, TIME (ns) */
    bool flag;
    const char *text;
};

/* Receives texts: a table's lines, a broken invariant, a fault found; lent for the call. */
struct pp_sink {
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

struct pp_plugin {
    uint32_t abi; /* PP_SUBSTRATE_ABI or PP_STORE_ABI; compared before anything else is read */
    uint32_t kind;
    const char *name;    /* must equal the name asked for, e.g. "chord" */
    const char *version; /* of this plugin, for people */
    const struct pp_option *options;
    size_t n_options;
};

#endif
