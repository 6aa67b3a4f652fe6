/*
 * A group: the rows of one file in memory. Read whole, sorted by key; what is decoded from text
 * lies in the group's own memory. Knows no format (text.c does).
 */
#include "fs_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((off_t)1 << 30)
#define HELD 4000

struct fs_held {
    struct fs_held *next;
    size_t left;
    uint8_t *at;
    uint8_t octets[];
};

void *fs_group_hold(struct fs_group *g, size_t len)
{
    if (!g->held || g->held->left < len) {
        size_t size = len > HELD ? len : HELD;
        struct fs_held *held = malloc(sizeof *held + size);
        if (!held) {
            return NULL;
        }
        held->next = g->held;
        held->left = size;
        held->at = held->octets;
        g->held = held;
    }
    void *at = g->held->at;
    g->held->at += len;
    g->held->left -= len;
    return at;
}

struct fs_group *fs_group_share(struct fs_group *g)
{
    atomic_fetch_add(&g->refs, 1);
    return g;
}

void fs_group_free(struct fs_group *g)
{
    if (!g || atomic_fetch_sub(&g->refs, 1) > 1) {
        return;
    }
    while (g->held) {
        struct fs_held *next = g->held->next;
        free(g->held);
        g->held = next;
    }
    pp_buf_free(&g->memory);
    free(g->row);
    free(g);
}

int fs_group_add(struct fs_group *g, struct pp_bytes key, struct pp_bytes value)
{
    if (g->n == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 8;
        struct fs_row *row = realloc(g->row, cap * sizeof *row);
        if (!row) {
            return PP_NOMEM;
        }
        g->row = row;
        g->cap = cap;
    }
    g->row[g->n++] = (struct fs_row){key, value};
    return PP_OK;
}

static int by_key(const void *a, const void *b)
{
    return pp_bytes_compare(((const struct fs_row *)a)->key, ((const struct fs_row *)b)->key);
}

void fs_group_sort(struct fs_group *g)
{
    if (g->n > 1) {
        qsort(g->row, g->n, sizeof *g->row, by_key);
    }
}

const struct fs_row *fs_group_find(const struct fs_group *g, struct pp_bytes from)
{
    size_t low = 0, high = g->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (pp_bytes_compare(g->row[mid].key, from) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < g->n ? &g->row[low] : NULL;
}

void fs_group_path(char out[80], enum pp_kind kind, const struct pp_name *name)
{
    char hex[65];
    pp_hex(hex, name->b, sizeof name->b);
    snprintf(out, 80, "%s/%.2s/%s", kind == PP_INBOX ? "inboxes" : "objects", hex, hex);
}

static int read_file(int fd, struct pp_buf *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size > FILE_MAX) {
        return PP_BROKEN;
    }
    size_t size = (size_t)st.st_size;
    if (pp_buf_reserve(out, size + 1) != PP_OK) {
        return PP_NOMEM;
    }
    while (out->len < size) {
        ssize_t n = pread(fd, out->data + out->len, size - out->len, (off_t)out->len);
        if (n <= 0 && errno != EINTR) {
            return PP_BROKEN;
        }
        out->len += n > 0 ? (size_t)n : 0;
    }
    return PP_OK;
}

struct fs_group *fs_group_empty(enum pp_kind kind, const struct pp_name *name)
{
    struct fs_group *g = calloc(1, sizeof *g);
    if (g) {
        atomic_init(&g->refs, 1);
        g->kind = kind;
        g->name = *name;
    }
    return g;
}

int fs_group_load(struct fs_store *s, enum pp_kind kind, const struct pp_name *name,
                  struct fs_group **out)
{
    char path[80];
    struct fs_group *g = fs_group_empty(kind, name);
    if (!g) {
        return PP_NOMEM;
    }
    fs_group_path(path, kind, name);
    int fd = openat(s->path, path, O_RDONLY | O_CLOEXEC), err = PP_OK;
    if (fd >= 0) {
        g->there = true;
        err = read_file(fd, &g->memory);
        close(fd);
        err = err ? err : fs_text_read(g);
        fs_group_sort(g);
    } else if (errno != ENOENT) {
        err = fs_code(errno);
    }
    if (err) {
        fs_group_free(g);
        return err;
    }
    *out = g;
    return PP_OK;
}

/* Makes the file; its folder too, when it is the first there. */
static int create(struct fs_store *s, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    int fd = openat(s->path, path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        char folder[80];
        snprintf(folder, sizeof folder, "%.10s", path);
        if (mkdirat(s->path, folder, 0700) < 0 && errno != EEXIST) {
            return -1;
        }
        fd = openat(s->path, path, flags, 0600);
    }
    return fd;
}

int fs_group_write(struct fs_store *s, const struct fs_group *g, bool aside)
{
    struct pp_buf text = {0};
    char path[90];
    fs_group_path(path, g->kind, &g->name);
    if (aside) {
        size_t len = strlen(path);
        snprintf(path + len, sizeof path - len, ".new");
    }
    int err = fs_text_write(&text, g);
    int fd = err ? -1 : create(s, path);
    if (!err && fd < 0) {
        err = fs_code(errno);
    }
    for (size_t at = 0; !err && at < text.len;) {
        ssize_t n = pwrite(fd, text.data + at, text.len - at, (off_t)at);
        err = n < 0 && errno != EINTR ? fs_code(errno) : PP_OK;
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0 && close(fd) < 0 && !err) {
        err = fs_code(errno);
    }
    pp_buf_free(&text);
    return err;
}
