/*
 * The Chat folder as a list of lines; see chat.h. Its files are as mail/chat.c composes them. It
 * must not know how they came there.
 */
#include <session/chat.h>

#include <base/address.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mail/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX 16384 /* octets of a line with its header */

static char *copy(struct pp_bytes b)
{
    return strndup(b.data ? (const char *)b.data : "", b.len);
}

/* The value of a field without white space around it, and without <>. */
static struct pp_bytes value_of(struct pp_bytes header, const char *name)
{
    struct pp_header_field f;
    struct pp_bytes v = {0};
    if (pp_header_find(header, name, &f)) {
        v = f.value;
    }
    while (v.len && strchr(" \t<", v.data[0])) {
        v = pp_bytes(v.data + 1, v.len - 1);
    }
    while (v.len && strchr(" \t\r\n>", v.data[v.len - 1])) {
        v.len--;
    }
    return v;
}

static int add(struct chat_history *h, const struct chat_line *line)
{
    if (h->n == h->cap) {
        size_t cap = h->cap ? 2 * h->cap : 64;
        struct chat_line *grown = realloc(h->lines, cap * sizeof *grown);
        if (!grown) {
            return PP_NOMEM;
        }
        h->lines = grown;
        h->cap = cap;
    }
    h->lines[h->n++] = *line;
    return PP_OK;
}

static void line_finish(struct chat_line *l)
{
    free(l->from);
    free(l->id);
    free(l->text);
    free(l->file);
}

static int take(struct chat_history *h, struct pp_bytes octets, const char *with, const char *file)
{
    size_t length = 0;
    pp_header_length(octets, true, &length);
    struct pp_bytes header = pp_bytes(octets.data, length);
    struct pp_bytes text = pp_bytes(octets.data + length, octets.len - length);
    struct pp_bytes from = value_of(header, "From"), moment = value_of(header, "Peerpost-Chat");
    bool theirs = pp_bytes_is(from, with);
    if (!moment.len || (!theirs && !pp_bytes_is(value_of(header, "To"), with))) {
        return PP_OK;
    }
    text.len -= text.len && text.data[text.len - 1] == '\n';
    char number[32];
    snprintf(number, sizeof number, "%.*s", (int)(moment.len < 31 ? moment.len : 31),
             (const char *)moment.data);
    struct chat_line l = {.from = copy(from),
                          .id = copy(value_of(header, "Message-ID")),
                          .text = copy(text),
                          .file = file && theirs ? strdup(file) : NULL,
                          .moment = strtoull(number, NULL, 10)};
    int rc = l.from && l.id && l.text ? add(h, &l) : PP_NOMEM;
    if (rc != PP_OK) {
        line_finish(&l);
    }
    return rc;
}

static int read_sub(struct chat_history *h, const char *folder, const char *sub, const char *with,
                    struct pp_error *error)
{
    static uint8_t octets[FILE_MAX];
    char path[PATH_MAX];
    int rc = PP_OK;
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    DIR *d = opendir(path);
    if (!d && errno == ENOENT) {
        return PP_OK;
    }
    if (!d) {
        return pp_fail(error, PP_IO, "cannot read %s: %s", path, strerror(errno));
    }
    for (struct dirent *e; rc == PP_OK && (e = readdir(d));) {
        if (e->d_name[0] == '.' ||
            snprintf(path, sizeof path, "%s/%s/%s", folder, sub, e->d_name) >= PATH_MAX) {
            continue;
        }
        FILE *f = fopen(path, "rb");
        if (f) { /* else a mail program moved it just now */
            size_t n = fread(octets, 1, sizeof octets, f);
            fclose(f);
            rc = take(h, pp_bytes(octets, n), with, strcmp(sub, "new") == 0 ? e->d_name : NULL);
        }
    }
    closedir(d);
    return rc == PP_NOMEM ? pp_fail(error, rc, "out of memory") : rc;
}

static int by_moment(const void *a, const void *b)
{
    const struct chat_line *x = a, *y = b;
    return (x->moment > y->moment) - (x->moment < y->moment);
}

int chat_history_read(struct chat_history *h, struct pp_config *config, const char *with,
                      struct pp_error *error)
{
    const char *folder = session_chat(config);
    *h = (struct chat_history){0};
    int rc = read_sub(h, folder, "new", with, error);
    rc = rc == PP_OK ? read_sub(h, folder, "cur", with, error) : rc;
    if (h->n) {
        qsort(h->lines, h->n, sizeof *h->lines, by_moment);
    }
    return rc;
}

void chat_history_finish(struct chat_history *h)
{
    for (size_t i = 0; i < h->n; i++) {
        line_finish(&h->lines[i]);
    }
    free(h->lines);
    *h = (struct chat_history){0};
}

void chat_seen(struct pp_config *config, const char *file)
{
    char from[PATH_MAX], to[PATH_MAX];
    const char *folder = session_chat(config);
    int n = snprintf(from, sizeof from, "%s/new/%s", folder, file);
    int m = snprintf(to, sizeof to, "%s/cur/%s:2,S", folder, file);
    if (n < PATH_MAX && m < PATH_MAX && !strchr(file, '/')) {
        rename(from, to); /* fails when a mail program was faster */
    }
}
