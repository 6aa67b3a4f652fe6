/*
 * The raw peer of bench/node.py: how many records of a size a second plain LMDB makes durable with
 * so many puts a commit, random 32-octet keys, no other work. Prints one number.
 */
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void must(int rc, const char *what)
{
    if (rc != 0) {
        fprintf(stderr, "bench_lmdb: %s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static size_t commit_batch(MDB_env *env, MDB_dbi dbi, size_t size, size_t batch, void *value)
{
    MDB_txn *txn;
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    for (size_t i = 0; i < batch; i++) {
        uint8_t key[32];
        if (getrandom(key, sizeof key, 0) != sizeof key) {
            exit(1);
        }
        memcpy(value, key, sizeof key);
        MDB_val k = {sizeof key, key}, v = {size, value};
        must(mdb_put(txn, dbi, &k, &v, 0), "put");
    }
    must(mdb_txn_commit(txn), "commit");
    return batch;
}

int main(int argc, char **argv)
{
    size_t size = 4096, batch = 1;
    double seconds = 3;
    const char *dir = "/var/tmp";
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--size") == 0) {
            size = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--batch") == 0) {
            batch = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = atof(argv[i + 1]);
        } else if (strcmp(argv[i], "--dir") == 0) {
            dir = argv[i + 1];
        }
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/bench-lmdb-%d", dir, (int)getpid());
    void *value = calloc(1, size < 32 ? 32 : size);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    must(value ? mdb_env_create(&env) : 1, "create");
    must(mdb_env_set_mapsize(env, (size_t)16 << 30), "map size");
    must(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), "open");
    must(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    must(mdb_dbi_open(txn, NULL, 0, &dbi), "dbi");
    must(mdb_txn_commit(txn), "commit");
    double start = seconds_now(), took;
    size_t done = 0;
    do {
        done += commit_batch(env, dbi, size, batch, value);
        took = seconds_now() - start;
    } while (took < seconds);
    mdb_env_close(env);
    unlink(path);
    char lock[sizeof path + 8];
    snprintf(lock, sizeof lock, "%s-lock", path);
    unlink(lock);
    free(value);
    printf("%.0f\n", (double)done / took);
    return 0;
}
