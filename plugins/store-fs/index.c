/*
 * The access index and the way from a body's file to its object, as sorted runs of fixed lines:
 * key, a mark (1 there, 0 gone), zero, a check. A younger run's line stands before an elder's. Runs
 * are mapped, never changed, and counted, so that a view keeps those of its moment. No open reads
 * them: each line that is used, and the one before it, prove themselves.
 */
#include "fs_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHECKED (FS_LINE - 4)

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
    pp_put32(line + CHECKED, (uint32_t)crc32(0, line, CHECKED));
}

void fs_head_line(uint8_t line[FS_LINE], uint64_t lines)
{
    memset(line, 0, FS_LINE);
    pp_put64(line, lines);
    pp_put32(line + CHECKED, (uint32_t)crc32(0, line, CHECKED));
}

bool fs_line_good(const uint8_t *line)
{
    return pp_get32(line + CHECKED) == crc32(0, line, CHECKED);
}

int fs_line_compare(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, a[0] == 'L' ? 9 : FS_LINE_KEY);
}

/* Is it as long as it says, and are its ends whole? */
static bool is_whole(const struct fs_run *run, char what[120])
{
    uint64_t n = pp_get64(run->map);
    if (!fs_line_good(run->map)) {
        snprintf(what, 120, "is damaged at octet 0");
    } else if (n != run->n) {
        snprintf(what, 120, "has %zu octets and should have %llu", run->len,
                 (unsigned long long)(n + 1) * FS_LINE);
    } else if (!fs_line_good(run->map + run->len - FS_LINE)) {
        snprintf(what, 120, "is damaged at octet %zu", run->len - FS_LINE);
    } else {
        return true;
    }
    return false;
}

static int map_run(struct fs_run *run, int fd, char what[120])
{
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(what, 120, "%s", errno == ENOENT ? "is missing" : strerror(errno));
        return PP_BROKEN;
    }
    if (st.st_size < FS_LINE) {
        snprintf(what, 120, "has %lld octets and should have more", (long long)st.st_size);
        return PP_BROKEN;
    }
    run->len = (size_t)st.st_size;
    void *map = mmap(NULL, run->len, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return PP_NOMEM;
    }
    run->map = map;
    run->lines = run->map + FS_LINE;
    run->n = run->len / FS_LINE - 1;
    return PP_OK;
}

int fs_run_open(struct fs_store *s, uint64_t number, struct fs_run **out, char what[120])
{
    char name[32];
    struct fs_run *run = calloc(1, sizeof *run);
    if (!run) {
        return PP_NOMEM;
    }
    snprintf(name, sizeof name, "%llu.run", (unsigned long long)number);
    int fd = openat(s->index, name, O_RDONLY | O_CLOEXEC);
    int err = map_run(run, fd, what);
    if (fd >= 0) {
        close(fd);
    }
    if (err) {
        free(run);
        return err;
    }
    run->number = number;
    atomic_init(&run->refs, 1);
    if (run->len % FS_LINE || !is_whole(run, what)) {
        if (run->len % FS_LINE) {
            snprintf(what, 120, "is cut off within a line, at octet %zu", run->len);
        }
        fs_run_release(run);
        return PP_BROKEN;
    }
    *out = run;
    return PP_OK;
}

int fs_runs_verify(const struct fs_store *s, const struct pp_sink *sink)
{
    int faults = 0;
    for (size_t i = 0; i < s->runs->n; i++) {
        const struct fs_run *run = s->runs->run[i];
        for (size_t k = 0; k < run->n; k++) {
            const uint8_t *line = run->lines + k * FS_LINE;
            if (!fs_line_good(line) || (k > 0 && fs_line_compare(line - FS_LINE, line) >= 0)) {
                fs_say(sink, "index/%llu.run: damaged at octet %zu",
                       (unsigned long long)run->number, (k + 1) * FS_LINE);
                faults++;
                break;
            }
        }
    }
    return faults;
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

static struct pp_bytes key_at(const struct fs_run *run, size_t i)
{
    return pp_bytes(run->lines + i * FS_LINE, FS_LINE_KEY);
}

/* Damage may mislead the search: the lines beside the place it found prove it. */
static bool lower_bound(const struct fs_run *run, struct pp_bytes from, size_t *at)
{
    size_t low = 0, high = run->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (pp_bytes_compare(key_at(run, mid), from) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *at = low;
    return low == 0 || (fs_line_good(key_at(run, low - 1).data) &&
                        pp_bytes_compare(key_at(run, low - 1), from) < 0);
}

/* The least of the lines at `at`, the youngest where equal; NULL at the end. */
static int least_of(const struct fs_runs *runs, const size_t at[FS_RUNS], const uint8_t **least)
{
    *least = NULL;
    for (size_t i = runs->n; i-- > 0;) {
        const struct fs_run *run = runs->run[i];
        const uint8_t *line = at[i] < run->n ? run->lines + at[i] * FS_LINE : NULL;
        if (line && !fs_line_good(line)) {
            return PP_BROKEN;
        }
        *least = line && (!*least || fs_line_compare(line, *least) < 0) ? line : *least;
    }
    return PP_OK;
}

int fs_runs_seek(const struct fs_runs *runs, struct pp_bytes from, const uint8_t **line)
{
    size_t at[FS_RUNS];
    for (size_t i = 0; i < runs->n; i++) {
        if (!lower_bound(runs->run[i], from, &at[i])) {
            return PP_BROKEN;
        }
    }
    for (;;) {
        int err = least_of(runs, at, line);
        if (err || !*line || (*line)[FS_LINE_KEY]) {
            return err || *line ? err : PP_NOT_FOUND;
        }
        for (size_t i = 0; i < runs->n; i++) { /* gone: past it, in all */
            const struct fs_run *run = runs->run[i];
            while (at[i] < run->n && fs_line_compare(run->lines + at[i] * FS_LINE, *line) == 0) {
                at[i]++;
            }
        }
    }
}
