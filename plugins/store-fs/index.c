/*
 * The access index and the way from a body's file to its object, as sorted runs of fixed lines:
 * key, a mark (1 there, 0 gone), zeros. A younger run's line stands before an elder's. Runs are
 * mapped, never changed, and counted, so that a view keeps those of its moment.
 */
#include "fs_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool fs_is_index(struct pp_bytes key)
{
    return key.len > 0 && (key.data[0] == 'S' || key.data[0] == 'T' || key.data[0] == 'L');
}

/* An L row's value, the name, becomes part of the line. */
void fs_line(uint8_t line[FS_LINE], struct pp_bytes key, struct pp_bytes value, bool gone)
{
    memset(line, 0, FS_LINE);
    memcpy(line, key.data, key.len < FS_LINE_KEY ? key.len : FS_LINE_KEY);
    if (key.data[0] == 'L' && value.len == 32) {
        memcpy(line + 10, value.data, 32);
    }
    line[FS_LINE_KEY] = !gone;
}

int fs_line_compare(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, a[0] == 'L' ? 9 : FS_LINE_KEY);
}

int fs_run_open(struct fs_store *s, uint64_t number, struct fs_run **out)
{
    char name[32];
    struct stat st;
    struct fs_run *run = calloc(1, sizeof *run);
    snprintf(name, sizeof name, "%llu.run", (unsigned long long)number);
    int fd = run ? openat(s->index, name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < FS_LINE || st.st_size % FS_LINE) {
        if (fd >= 0) {
            close(fd);
        }
        free(run);
        return run ? PP_BROKEN : PP_NOMEM;
    }
    run->len = (size_t)st.st_size;
    void *map = mmap(NULL, run->len, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED) {
        free(run);
        return PP_NOMEM;
    }
    run->map = map;
    run->number = number;
    run->lines = run->map + FS_LINE;
    run->n = run->len / FS_LINE - 1;
    atomic_init(&run->refs, 1);
    if (pp_get64(run->map) != run->n) { /* the first line counts the others */
        fs_run_release(run);
        return PP_BROKEN;
    }
    *out = run;
    return PP_OK;
}

void fs_run_release(struct fs_run *run)
{
    if (atomic_fetch_sub(&run->refs, 1) == 1) {
        munmap((void *)(uintptr_t)run->map, run->len);
        free(run);
    }
}

struct fs_runs *fs_runs_share(struct fs_runs *runs)
{
    atomic_fetch_add(&runs->refs, 1);
    return runs;
}

void fs_runs_release(struct fs_runs *runs)
{
    if (runs && atomic_fetch_sub(&runs->refs, 1) == 1) {
        for (size_t i = 0; i < runs->n; i++) {
            fs_run_release(runs->run[i]);
        }
        free(runs);
    }
}

static size_t lower_bound(const struct fs_run *run, struct pp_bytes from)
{
    size_t low = 0, high = run->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (pp_bytes_compare(pp_bytes(run->lines + mid * FS_LINE, FS_LINE_KEY), from) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

const uint8_t *fs_runs_seek(const struct fs_runs *runs, struct pp_bytes from)
{
    size_t at[FS_RUNS];
    for (size_t i = 0; i < runs->n; i++) {
        at[i] = lower_bound(runs->run[i], from);
    }
    for (;;) {
        const uint8_t *least = NULL;
        for (size_t i = runs->n; i-- > 0;) { /* the youngest first */
            const struct fs_run *run = runs->run[i];
            const uint8_t *line = at[i] < run->n ? run->lines + at[i] * FS_LINE : NULL;
            least = line && (!least || fs_line_compare(line, least) < 0) ? line : least;
        }
        if (!least || least[FS_LINE_KEY]) {
            return least;
        }
        for (size_t i = 0; i < runs->n; i++) { /* gone: past it, in all */
            const struct fs_run *run = runs->run[i];
            while (at[i] < run->n && fs_line_compare(run->lines + at[i] * FS_LINE, least) == 0) {
                at[i]++;
            }
        }
    }
}
