/*
 * bench_store: durable writes through a store plugin against raw LMDB with the same sizes and the
 * same number of writes a commit, in one run: A B A B, five times each, medians, spreads and their
 * ratio. The store does all that its contract says; the raw peer only puts.
 */
#include <config/config.h>
#include <config/loader.h>

#include "fsync_files.h"

#include <ftw.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5 /* of each */
#define SIZE_MAX_USED 4096

static double seconds_a_round = 1;
static uint64_t state = 88172645463325252u;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void random_octets(uint8_t *out, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        pp_put64(out + i, random64());
    }
}

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(int rc, const char *what, const char *why)
{
    if (rc != 0) {
        fprintf(stderr, "bench_store: %s: %s\n", what, why);
        exit(1);
    }
}

/* What is measured: `batch` writes of `size` octets in one durable commit. */
struct job {
    const char *name;
    bool append; /* notifications, else objects */
    size_t size, batch;
    double goal;
};

struct raw {
    MDB_env *env;
    MDB_dbi dbi;
    char path[200];
};

static void raw_open(struct raw *r, const char *folder)
{
    MDB_txn *txn;
    snprintf(r->path, sizeof r->path, "%s/raw", folder);
    int rc = mdb_env_create(&r->env);
    rc = rc ? rc : mdb_env_set_mapsize(r->env, (size_t)16 << 30);
    rc = rc ? rc : mdb_env_open(r->env, r->path, MDB_NOSUBDIR, 0600);
    rc = rc ? rc : mdb_txn_begin(r->env, NULL, 0, &txn);
    rc = rc ? rc : mdb_dbi_open(txn, NULL, 0, &r->dbi);
    rc = rc ? rc : mdb_txn_commit(txn);
    must(rc, "raw LMDB opens", mdb_strerror(rc));
}

static void raw_batch(struct raw *r, const struct job *job, uint8_t *octets)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(r->env, NULL, 0, &txn);
    for (size_t i = 0; !rc && i < job->batch; i++) {
        uint8_t key[32];
        random_octets(key, sizeof key);
        memcpy(octets, key, sizeof key);
        MDB_val k = {sizeof key, key}, v = {job->size, octets};
        rc = mdb_put(txn, r->dbi, &k, &v, 0);
    }
    rc = rc ? rc : mdb_txn_commit(txn);
    must(rc, "raw LMDB commits", mdb_strerror(rc));
}

struct ours {
    const struct pp_store_plugin *p;
    struct pp_store *store;
    pp_ns stamp;
};

static int put_one(struct ours *o, struct pp_batch *b, const struct job *job, uint8_t *octets)
{
    struct pp_name name;
    uint64_t serial = 0;
    struct pp_head head = {.size = job->size, .created = 1, .expires = 2, .stamp = o->stamp};
    random_octets(name.b, sizeof name.b);
    memcpy(octets, name.b, sizeof name.b);
    memcpy(head.digest, name.b, 32);
    head.identifier = pp_str("20261125.0123456789abcdef@host.example");
    int err = o->p->piece(b, &serial, pp_bytes(octets, job->size));
    head.serial = serial;
    return err ? err : o->p->put(b, &name, &head);
}

static int append_one(struct ours *o, struct pp_batch *b, const struct job *job, uint8_t *octets)
{
    struct pp_name name = {{0}};
    struct pp_entry entry = {.expires = 2, .bytes = pp_bytes(octets, job->size)};
    uint64_t seq;
    name.b[0] = (uint8_t)random64(); /* 256 inboxes */
    random_octets(entry.digest, sizeof entry.digest);
    memcpy(octets, entry.digest, sizeof entry.digest);
    return o->p->append(b, &name, pp_str("user@host.example"), &entry, o->stamp, &seq);
}

static void ours_batch(struct ours *o, const struct job *job, uint8_t *octets)
{
    struct pp_batch *b = o->p->begin(o->store);
    int err = b ? PP_OK : PP_BROKEN;
    for (size_t i = 0; !err && i < job->batch; i++) {
        err = (job->append ? append_one : put_one)(o, b, job, octets);
    }
    err = err ? err : o->p->commit(b);
    must(err, "the store commits", pp_error_text(err));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* A B A B; prints one line; true when the goal is met. */
static bool measure(const struct job *job, struct raw *raw, struct ours *ours, double *best)
{
    static uint8_t octets[SIZE_MAX_USED];
    double rate[2][ROUNDS];
    random_octets(octets, sizeof octets);
    for (int round = 0; round < 2 * ROUNDS; round++) {
        double start = seconds_now(), took;
        size_t done = 0;
        do {
            if (round % 2) {
                ours_batch(ours, job, octets);
            } else {
                raw_batch(raw, job, octets);
            }
            done += job->batch;
            took = seconds_now() - start;
        } while (took < seconds_a_round);
        rate[round % 2][round / 2] = (double)done / took;
        ours->stamp += 600 * PP_SECOND / 10;
    }
    qsort(rate[0], ROUNDS, sizeof rate[0][0], by_value);
    qsort(rate[1], ROUNDS, sizeof rate[1][0], by_value);
    double ratio = rate[1][ROUNDS / 2] / rate[0][ROUNDS / 2];
    printf("%-8s %5zu octets x %3zu a commit: store %7.0f/s (%.0f..%.0f), raw LMDB %7.0f/s "
           "(%.0f..%.0f), ratio %.2f, goal %.2f%s\n",
           job->name, job->size, job->batch, rate[1][ROUNDS / 2], rate[1][0], rate[1][ROUNDS - 1],
           rate[0][ROUNDS / 2], rate[0][0], rate[0][ROUNDS - 1], ratio, job->goal,
           ratio >= job->goal ? "" : "  MISSED");
    fflush(stdout);
    *best = !job->append && job->batch == FSYNC_WRITERS ? rate[1][ROUNDS / 2] : *best;
    return ratio >= job->goal;
}

static void open_ours(struct ours *o, const char *plugin, const char *folder)
{
    static const struct pp_option none[] = {
        {"store.plugin", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "the plugin measured"}};
    const struct pp_schema schema = {none, 1};
    struct pp_loaded *loaded;
    struct pp_config *config;
    const union pp_value *values = NULL;
    struct pp_error error;
    char path[200];
    snprintf(path, sizeof path, "%s/store", folder);
    int err = pp_load_store(&loaded, &o->p, NULL, plugin, &error);
    err = err ? err
              : pp_config_parse(&config, "bench", pp_str("store:\n  plugin: x\n"), &schema, 1,
                                &error);
    err = err ? err : pp_config_plugin(config, "store", &o->p->plugin, &values, &error);
    err = err ? err
              : o->p->open(&o->store, path, values, (const uint8_t *)"0123456789abcdef",
                           PP_STORE_CREATE, &error);
    must(err, plugin, error.text);
    o->stamp = 1764000000 * PP_SECOND;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

int main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"store", false, 4096, 1, 0.8},  {"store", false, 4096, 16, 0.6},
        {"store", false, 4096, 64, 0.8}, {"append", true, 1024, 1, 0.7},
        {"append", true, 1024, 16, 0.7}, {"append", true, 1024, 64, 0.85},
    };
    const char *plugin = argc > 1 ? argv[1] : "lmdb", *dir = argc > 2 ? argv[2] : "/var/tmp";
    unsigned missed = 0;
    double group = 0; /* stores a second, 64 a commit */
    seconds_a_round = argc > 3 ? strtod(argv[3], NULL) : 1;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        char folder[160];
        struct raw raw;
        struct ours ours;
        snprintf(folder, sizeof folder, "%.120s/peerpost-bench-XXXXXX", dir);
        must(!mkdtemp(folder), folder, "cannot be made");
        raw_open(&raw, folder);
        open_ours(&ours, plugin, folder);
        missed += !measure(&jobs[i], &raw, &ours, &group);
        ours.p->close(ours.store);
        mdb_env_close(raw.env);
        if (!jobs[i].append && jobs[i].batch == FSYNC_WRITERS) {
            double peer = fsync_files_rate(folder, jobs[i].size, 2 * seconds_a_round);
            printf("one fsync a file, %d writers: %.0f/s; the store is %.1f times that, goal 5\n",
                   FSYNC_WRITERS, peer, peer > 0 ? group / peer : 0);
        }
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    return missed > 0;
}
