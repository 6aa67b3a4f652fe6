/* A Maildir in memory; see fake_box.h. */
#include "fake_box.h"

#include <stdio.h>

static int b_each(void *ctx, int (*fn)(void *ctx, const struct pp_box_file *file), void *fn_ctx)
{
    const struct fake_box *box = ctx;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < box->n; i++) {
        const struct fake_box_file *f = &box->files[i];
        const struct pp_box_file file = {f->folder, f->name, f->letters, !f->letters[0]};
        rc = fn(fn_ctx, &file);
    }
    return rc;
}

static struct fake_box_file *place(struct fake_box *box, const struct pp_box_file *file)
{
    for (size_t i = 0; i < box->n; i++) {
        if (strcmp(box->files[i].folder, file->folder) == 0 &&
            strcmp(box->files[i].name, file->name) == 0) {
            return &box->files[i];
        }
    }
    return NULL;
}

static struct pp_blob *b_open(void *ctx, const struct pp_box_file *file)
{
    struct fake_box *box = ctx;
    const struct fake_box_file *f = place(box, file);
    struct pp_blob *blob = f ? fake_ops.blob_new(box->net) : NULL;
    if (blob) {
        fake_ops.blob_write(box->net, blob, pp_buf_bytes(&f->octets));
    }
    return blob;
}

static int b_put(void *ctx, const struct pp_box_file *as, struct pp_blob *blob)
{
    struct fake_box *box = ctx;
    struct pp_buf text = {0};
    char piece[256];
    if (box->net->killed || box->full) {
        return box->full ? PP_FULL : PP_IO;
    }
    if (place(box, as)) {
        return PP_EXISTS;
    }
    int64_t n;
    while ((n = fake_ops.blob_read(box->net, blob, text.len, piece, sizeof piece)) > 0) {
        pp_buf_add(&text, piece, (size_t)n);
    }
    pp_buf_add(&text, "", 1);
    fake_box_add(box, as->folder, as->name, as->letters, (const char *)text.data);
    pp_buf_free(&text);
    return PP_OK;
}

static int b_move(void *ctx, const struct pp_box_file *from, const struct pp_box_file *to)
{
    struct fake_box *box = ctx;
    struct fake_box_file *f = place(box, from);
    if (box->net->killed) {
        return PP_IO;
    }
    if (!f || strcmp(f->letters, from->letters) != 0) {
        return PP_NOT_FOUND;
    }
    snprintf(f->folder, sizeof f->folder, "%s", to->folder);
    snprintf(f->letters, sizeof f->letters, "%s", to->letters);
    return PP_OK;
}

static void drop(struct fake_box *box, struct fake_box_file *f)
{
    pp_buf_free(&f->octets);
    *f = box->files[--box->n];
}

static int b_remove(void *ctx, const struct pp_box_file *file)
{
    struct fake_box *box = ctx;
    struct fake_box_file *f = place(box, file);
    if (box->net->killed) {
        return PP_IO;
    }
    if (!f || strcmp(f->letters, file->letters) != 0) {
        return PP_NOT_FOUND;
    }
    drop(box, f);
    return PP_OK;
}

static int b_settings(void *ctx, int (*fn)(void *ctx, const char *key), void *fn_ctx)
{
    const struct fake_box *box = ctx;
    int rc = fn(fn_ctx, "1");
    rc = rc || box->no_lists ? rc : fn(fn_ctx, "2");
    for (size_t i = 0; rc == 0 && i < box->n_settings; i++) {
        rc = fn(fn_ctx, box->settings[i]);
    }
    return rc;
}

static int b_set(void *ctx, const char *key, bool on)
{
    struct fake_box *box = ctx;
    if (box->net->killed) {
        return PP_IO;
    }
    if (key[0] != '1' && box->no_lists) {
        return PP_NOT_FOUND;
    }
    fake_box_setting(box, key, on);
    return PP_OK;
}

const struct pp_box_ops fake_box_ops = {b_each, b_open, b_put, b_move, b_remove, b_settings, b_set};

void fake_box_add(struct fake_box *box, const char *folder, const char *name, const char *letters,
                  const char *text)
{
    CHECK_FATAL(box->n < FAKE_BOX_FILES);
    struct fake_box_file *f = &box->files[box->n++];
    *f = (struct fake_box_file){0};
    snprintf(f->folder, sizeof f->folder, "%s", folder);
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->letters, sizeof f->letters, "%s", letters);
    pp_buf_add_str(&f->octets, text);
}

struct fake_box_file *fake_box_find(struct fake_box *box, const char *text)
{
    for (size_t i = 0; i < box->n; i++) {
        if (pp_bytes_is(pp_buf_bytes(&box->files[i].octets), text)) {
            return &box->files[i];
        }
    }
    return NULL;
}

void fake_box_delete(struct fake_box *box, const char *text)
{
    struct fake_box_file *f = fake_box_find(box, text);
    CHECK_FATAL(f != NULL);
    drop(box, f);
}

void fake_box_change(struct fake_box *box, const char *text, const char *folder,
                     const char *letters)
{
    struct fake_box_file *f = fake_box_find(box, text);
    CHECK_FATAL(f != NULL);
    snprintf(f->folder, sizeof f->folder, "%s", folder);
    snprintf(f->letters, sizeof f->letters, "%s", letters);
}

bool fake_box_has(const struct fake_box *box, const char *key)
{
    for (size_t i = 0; i < box->n_settings; i++) {
        if (strcmp(box->settings[i], key) == 0) {
            return true;
        }
    }
    return false;
}

void fake_box_setting(struct fake_box *box, const char *key, bool on)
{
    if (on && !fake_box_has(box, key)) {
        CHECK_FATAL(box->n_settings < 16);
        snprintf(box->settings[box->n_settings++], 64, "%s", key);
    }
    for (size_t i = 0; !on && i < box->n_settings; i++) {
        if (strcmp(box->settings[i], key) == 0) {
            memcpy(box->settings[i], box->settings[--box->n_settings], 64);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

void fake_box_print(const struct fake_box *box, struct pp_buf *out)
{
    static char lines[FAKE_BOX_FILES + 16][400];
    size_t n = 0;
    for (size_t i = 0; i < box->n; i++) {
        const struct fake_box_file *f = &box->files[i];
        snprintf(lines[n++], sizeof lines[0], "%s|%s|%.300s", f->folder, f->letters,
                 (const char *)f->octets.data);
    }
    for (size_t i = 0; i < box->n_settings; i++) {
        snprintf(lines[n++], sizeof lines[0], "setting %s", box->settings[i]);
    }
    qsort(lines, n, sizeof lines[0], by_text);
    out->len = 0;
    for (size_t i = 0; i < n; i++) {
        pp_buf_printf(out, "%s\n", lines[i]);
    }
}

void fake_box_finish(struct fake_box *box)
{
    while (box->n) {
        drop(box, &box->files[0]);
    }
}
