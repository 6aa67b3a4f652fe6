/*
 * Runs a fuzz target without a fuzzer: each file of the given folders as it is, then a fixed number
 * of seeded mutations of it, so that every test run is also a short, repeatable fuzzing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (256 * 1024)
#define MUTATIONS 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* A copy of exactly `size` octets, so that a sanitizer sees the first octet read beyond it. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static size_t mutate(uint8_t *data, size_t size)
{
    size_t at = size ? (size_t)(next() % size) : 0;
    switch (next() % 4) {
    case 0:
        if (size) {
            data[at] = (uint8_t)next();
        }
        return size;
    case 1: /* cut the end off */
        return at;
    case 2: /* take a piece out */
        if (size) {
            size_t n = (size_t)(next() % (size - at)) + 1;
            memmove(data + at, data + at + n, size - at - n);
            return size - n;
        }
        return size;
    default: /* double a piece */
        if (size && size < INPUT_MAX / 2) {
            size_t n = (size_t)(next() % (size - at)) + 1;
            memmove(data + at + n, data + at, size - at);
            return size + n;
        }
        return size;
    }
}

static int run_file(const char *path)
{
    static uint8_t seed[INPUT_MAX], work[2 * INPUT_MAX];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    size_t size = fread(seed, 1, sizeof seed, f);
    fclose(f);
    run(seed, size);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(work, seed, size);
        size_t now = size;
        for (uint64_t n = next() % 4 + 1; n > 0; n--) {
            now = mutate(work, now);
        }
        run(work, now);
    }
    return 0;
}

static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int files = 0;
    if (!dir) {
        perror(folder);
        return 1;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        char path[1024];
        if (e->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (run_file(path)) {
            closedir(dir);
            return 1;
        }
        files++;
    }
    closedir(dir);
    printf("%d files, %d mutations each\n", files, MUTATIONS);
    return files == 0; /* an empty corpus tests nothing */
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (run_folder(argv[i])) {
            return 1;
        }
    }
    return argc < 2;
}
