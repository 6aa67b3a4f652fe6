/*
 * bench_fill PLUGIN PATH OBJECTS OCTETS [LARGE]: makes a store of so many objects of so many
 * octets, with one certificate each, and LARGE bodies of 300,000 octets; fill0@bench.example and so
 * on are their identifiers. For bench/start.py.
 */
#include <base/hash.h>
#include <config/config.h>
#include <config/loader.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LARGE 300000u
#define A_BATCH 64u

static void must(int rc, const char *what, const char *why)
{
    if (rc != 0) {
        fprintf(stderr, "bench_fill: %s: %s\n", what, why);
        exit(1);
    }
}

static const struct pp_store_plugin *open_store(const char *plugin, const char *path,
                                                struct pp_store **store)
{
    static const struct pp_option none[] = {
        {"store.plugin", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "the plugin"}};
    const struct pp_schema schema = {none, 1};
    const struct pp_store_plugin *p = NULL;
    const union pp_value *values = NULL;
    struct pp_loaded *loaded;
    struct pp_config *config;
    struct pp_error error;
    char text[80];
    snprintf(text, sizeof text, "store:\n  %.20s: {capacity: 64GiB}\n", plugin);
    int err = pp_load_store(&loaded, &p, NULL, plugin, &error);
    err = err ? err : pp_config_parse(&config, "bench", pp_str(text), &schema, 1, &error);
    err = err ? err : pp_config_plugin(config, "store", &p->plugin, &values, &error);
    err = err ? err
              : p->open(store, path, values, (const uint8_t *)"0123456789abcdef", PP_STORE_CREATE,
                        &error);
    must(err, plugin, error.text);
    return p;
}

static int put(const struct pp_store_plugin *p, struct pp_batch *b, unsigned long i, size_t octets)
{
    static uint8_t body[LARGE];
    static const pp_ns start = 1764000000 * PP_SECOND;
    const uint8_t keyid[32] = {1};
    char identifier[64];
    struct pp_head head = {.size = octets, .created = start, .stamp = start + i * PP_SECOND};
    snprintf(identifier, sizeof identifier, "fill%lu@bench.example", i);
    snprintf((char *)body, 32, "%lu", i);
    struct pp_name name = pp_name_of(pp_str(identifier));
    head.expires = start + 3650 * PP_DAY;
    head.identifier = pp_str(identifier);
    pp_sha256(head.digest, pp_bytes(body, octets));
    int err = PP_OK;
    for (size_t at = 0; !err && at < octets; at += PP_PIECE_MAX) {
        size_t len = octets - at < PP_PIECE_MAX ? octets - at : PP_PIECE_MAX;
        err = p->piece(b, &head.serial, pp_bytes(body + at, len));
    }
    err = err ? err : p->put(b, &name, &head);
    return err ? err : p->member_add(b, &name, keyid, pp_bytes(body, 400));
}

int main(int argc, char **argv)
{
    struct pp_store *store;
    if (argc < 5) {
        fputs("usage: bench_fill PLUGIN PATH OBJECTS OCTETS [LARGE]\n", stderr);
        return 2;
    }
    const struct pp_store_plugin *p = open_store(argv[1], argv[2], &store);
    unsigned long n = strtoul(argv[3], NULL, 10), octets = strtoul(argv[4], NULL, 10);
    unsigned long large = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    must(octets > LARGE, "OCTETS", "at most 300000");
    for (unsigned long i = 0; i < n + large;) {
        struct pp_batch *b = p->begin(store);
        must(!b, "a batch", "does not begin");
        for (unsigned k = 0; k < A_BATCH && i < n + large; k++, i++) {
            must(put(p, b, i, i < n ? octets : LARGE), "put", "failed");
        }
        must(p->commit(b), "commit", "failed");
        if (isatty(STDERR_FILENO) && i / A_BATCH % 100 == 0) {
            fprintf(stderr, "%lu of %lu\r", i, n + large);
        }
    }
    p->close(store);
    return 0;
}
