/*
 * Asks a real network for random keys, as a user agent does: a client overlay, envelope on. Prints
 * one line of JSON. Checks no certificates: it measures those who answer, not itself.
 *
 *   bench_lookup SUBSTRATE NETWORK K ADDRESS:PORT SECONDS WINDOW
 *
 * keeps WINDOW look-ups under way for so long. "micros" is the median time of one.
 */
#include <config/loader.h>
#include <overlay/overlay.h>
#include <sim/world/world.h>
#include <trust/certificate.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMES_MAX 4000000

struct bench {
    struct pp_loop *loop;
    struct pp_overlay *overlay;
    struct pp_prng prng;
    unsigned k;
    bool measuring, over;
    uint64_t asked, answered, failed, messages, hops;
    pp_ns began[1024];
    uint32_t *times; /* ns of each answered one */
    size_t n_times;
};

static pp_ns now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (pp_ns)t.tv_sec * PP_SECOND + (pp_ns)t.tv_nsec;
}

static int check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    (void)ctx;
    (void)wall;
    struct pp_certificate *c = NULL;
    int code = pp_certificate_parse(&c, der);
    if (code == PP_OK) {
        *id = pp_certificate_node_id(c);
    }
    pp_certificate_free(c);
    return code;
}

static void ask(struct bench *b, uint64_t slot);

static void on_found(void *ctx, uint64_t token, const struct pp_result *r)
{
    struct bench *b = ctx;
    if (b->over) {
        return;
    }
    if (b->measuring && r->code == PP_OK) {
        b->answered++;
        b->messages += r->messages;
        b->hops += r->hops;
        if (b->n_times < TIMES_MAX) {
            b->times[b->n_times++] = (uint32_t)(now() - b->began[token]);
        }
    }
    b->failed += b->measuring && r->code != PP_OK;
    ask(b, token);
}

static void ask(struct bench *b, uint64_t slot)
{
    struct pp_id key;
    pp_prng_fill(&b->prng, key.b, sizeof key.b);
    b->began[slot] = now();
    if (pp_overlay_lookup(b->overlay, &key, b->k, 1, slot, on_found, b) != PP_OK) {
        fputs("bench_lookup: a look-up was not taken\n", stderr);
        exit(1);
    }
}

static int open_overlay(struct bench *b, char **argv)
{
    struct pp_error error = {0};
    struct pp_loaded *loaded = NULL;
    const struct pp_substrate *plugin = NULL;
    const char *contact = argv[4], *everyone = "127.0.0.0/8"; /* their answers are our load */
    if (pp_load_substrate(&loaded, &plugin, NULL, argv[1], &error) != PP_OK) {
        fprintf(stderr, "bench_lookup: %s\n", error.text);
        return 1;
    }
    struct pp_overlay_options o = {
        .plugin = plugin,
        .plugin_options = pp_world_values(&plugin->plugin, NULL),
        .network_name = argv[2],
        .k = b->k,
        .role = PP_CLIENT,
        .contacts = &contact,
        .n_contacts = 1,
        .exempt = &everyone,
        .n_exempt = 1,
        .check = check,
    };
    pp_address_parse(o.listen, "127.2.250.1");
    if (pp_overlay_open(&b->overlay, b->loop, &o, &error) != PP_OK) {
        fprintf(stderr, "bench_lookup: %s\n", error.text);
        return 1;
    }
    return 0;
}

static void run_for(struct bench *b, double seconds)
{
    pp_ns end = now() + (pp_ns)(seconds * 1e9);
    while (now() < end) {
        pp_loop_turn(b->loop, true);
    }
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void report(struct bench *b, double seconds)
{
    qsort(b->times, b->n_times, sizeof *b->times, by_size);
    double n = b->answered ? (double)b->answered : 1;
    printf("{\"answered\": %llu, \"failed\": %llu, \"seconds\": %.3f, \"messages\": %.3f, "
           "\"hops\": %.3f, \"micros\": %.1f, \"micros_99\": %.1f}\n",
           (unsigned long long)b->answered, (unsigned long long)b->failed, seconds,
           (double)b->messages / n, (double)b->hops / n,
           b->n_times ? b->times[b->n_times / 2] / 1e3 : 0,
           b->n_times ? b->times[b->n_times * 99 / 100] / 1e3 : 0);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fputs("bench_lookup SUBSTRATE NETWORK K ADDRESS:PORT SECONDS WINDOW\n", stderr);
        return 64;
    }
    struct bench b = {.loop = pp_loop_create(), .k = (unsigned)strtoul(argv[3], NULL, 10)};
    double seconds = strtod(argv[5], NULL);
    uint64_t window = strtoull(argv[6], NULL, 10);
    window = window < 1 ? 1 : window < 200 ? window : 200;
    b.times = malloc(TIMES_MAX * sizeof *b.times);
    pp_prng_seed(&b.prng, now());
    if (!b.loop || !b.times || open_overlay(&b, argv) != 0) {
        return 1;
    }
    for (uint64_t slot = 0; slot < window; slot++) {
        ask(&b, slot);
    }
    run_for(&b, 1.5); /* handshakes, proofs, a grown table */
    b.measuring = true;
    fputs("go\n", stderr);
    pp_ns start = now();
    run_for(&b, seconds);
    double took = (double)(now() - start) / 1e9;
    b.measuring = false;
    b.over = true;
    fputs("stop\n", stderr);
    report(&b, took);
    pp_overlay_close(b.overlay);
    return b.answered ? 0 : 1;
}
