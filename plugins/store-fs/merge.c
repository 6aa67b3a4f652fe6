/*
 * New runs of the index: a table's lines, merged with the younger runs while those are not much
 * longer, so that there are few runs and each line is copied a logarithmic number of times.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct source {
    const uint8_t *at, *end;
};

struct merge {
    struct source source[FS_RUNS + 1]; /* the eldest first */
    size_t n;
    bool bottom; /* nothing lies below: lines that say gone can go */
    bool damaged;
};

static int add_row(struct pp_buf *out, const struct node *row)
{
    uint8_t line[FS_LINE];
    fs_line(line, map_key(row), map_value(row), map_mark(row) == FS_GONE);
    return pp_buf_add(out, line, sizeof line);
}

/* The index lines of a table, sorted as its rows are: L, S, T. */
static int table_lines(const struct map *table, struct pp_buf *out)
{
    static const char types[] = "LST";
    int err = PP_OK;
    for (const char *type = types; *type; type++) {
        struct rows_key from = rows_key(*type);
        const struct node *row;
        while (!err && (row = map_at(table, rows_key_bytes(&from))) != NULL &&
               map_key(row).data[0] == (uint8_t)*type) {
            err = add_row(out, row);
            from.len = 0;
            rows_key_add(&from, map_key(row).data, map_key(row).len);
            rows_key_add(&from, "", 1);
        }
    }
    return err;
}

/* The least line of all, the youngest's where equal; steps past it. What is damaged is not carried
 * on. */
static const uint8_t *next_line(struct merge *m)
{
    const uint8_t *least = NULL;
    for (size_t i = m->n; i-- > 0;) {
        const struct source *from = &m->source[i];
        m->damaged = m->damaged || (from->at < from->end && !fs_line_good(from->at));
        if (from->at < from->end && (!least || fs_line_compare(from->at, least) < 0)) {
            least = from->at;
        }
    }
    for (size_t i = 0; least && i < m->n; i++) {
        struct source *from = &m->source[i];
        while (from->at < from->end && fs_line_compare(from->at, least) == 0) {
            from->at += FS_LINE;
        }
    }
    return least;
}

static int flush(int fd, struct pp_buf *out, uint64_t *offset)
{
    size_t done = 0;
    while (done < out->len) {
        ssize_t n = pwrite(fd, out->data + done, out->len - done, (off_t)(*offset + done));
        if (n < 0 && errno != EINTR) {
            return fs_code(errno);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    *offset += out->len;
    pp_buf_consume(out, out->len);
    return PP_OK;
}

/* *lines: how many; 0 lines make no file. */
static int write_run(int fd, struct merge *m, uint64_t *lines)
{
    struct pp_buf out = {0};
    uint8_t first[FS_LINE] = {0};
    uint64_t offset = FS_LINE, zero = 0;
    const uint8_t *line;
    int err = PP_OK;
    *lines = 0;
    while (!err && !m->damaged && (line = next_line(m)) != NULL) {
        if (m->bottom && !line[FS_LINE_KEY]) {
            continue;
        }
        err = pp_buf_add(&out, line, FS_LINE);
        ++*lines;
        if (!err && out.len >= 256 * 1024) {
            err = flush(fd, &out, &offset);
        }
    }
    err = err || !m->damaged ? err : PP_BROKEN;
    err = err ? err : flush(fd, &out, &offset);
    fs_head_line(first, *lines);
    err = err ? err : pp_buf_add(&out, first, sizeof first);
    err = err ? err : flush(fd, &out, &zero);
    pp_buf_free(&out);
    return err;
}

static int create_run(struct fs_store *s, uint64_t number, struct merge *m, struct fs_run **run)
{
    char name[32];
    uint64_t lines;
    snprintf(name, sizeof name, "%llu.run", (unsigned long long)number);
    int fd = openat(s->index, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = fd < 0 ? fs_code(errno) : write_run(fd, m, &lines);
    if (fd >= 0) {
        close(fd);
    }
    pp_crash("store-index-written");
    *run = NULL;
    if (err || lines == 0) {
        unlinkat(s->index, name, 0);
        return err;
    }
    char what[120];
    return fs_run_open(s, number, run, what);
}

/* How many of the eldest runs stay as they are beside `lines` new ones. */
static size_t kept(const struct fs_runs *old, size_t lines)
{
    size_t keep = old->n;
    while (keep > 0 && (old->run[keep - 1]->n < 2 * lines || keep >= FS_RUNS - 1)) {
        lines += old->run[--keep]->n;
    }
    return keep;
}

int fs_runs_add(struct fs_store *s, const struct fs_runs *old, const struct map *table,
                struct fs_runs **out)
{
    struct pp_buf lines = {0};
    struct merge m = {.n = 0};
    struct fs_run *run = NULL;
    struct fs_runs *runs = calloc(1, sizeof *runs);
    int err = runs ? table_lines(table, &lines) : PP_NOMEM;
    size_t keep = lines.len ? kept(old, lines.len / FS_LINE) : old->n;
    for (size_t i = keep; i < old->n; i++) {
        const struct fs_run *r = old->run[i];
        m.source[m.n++] = (struct source){r->lines, r->lines + r->n * FS_LINE};
    }
    m.source[m.n++] = (struct source){lines.data, lines.data + lines.len};
    m.bottom = keep == 0;
    uint64_t number = old->n ? old->run[old->n - 1]->number + 1 : 1;
    if (!err && lines.len) {
        err = create_run(s, number, &m, &run);
    }
    pp_buf_free(&lines);
    if (err) {
        free(runs);
        return err;
    }
    atomic_init(&runs->refs, 1);
    for (size_t i = 0; i < keep; i++) {
        atomic_fetch_add(&old->run[i]->refs, 1);
        runs->run[runs->n++] = old->run[i];
    }
    if (run) {
        runs->run[runs->n++] = run;
    }
    *out = runs;
    return PP_OK;
}
