/*
 * Records of devices' logs and entries of their directory as octets; see device_record.h. It must
 * not know keys or nodes.
 */
#include <mail/device_record.h>

#include <mail/record.h>
#include <stdio.h>
#include <stdlib.h>

/* What is encrypted begins so: a message of no kind that mail readers show, should one ever open it
 * as mail. */
#define RECORD_TYPE "Content-Type: application/vnd.peerpost.record\r\n\r\n"
#define DIRECTORY_TYPE "Content-Type: application/vnd.peerpost.device\r\n\r\n"
#define VERSION 1
#define DEVICES_MAX 255
#define NONE 255 /* the index of no device */
enum { PART_OBJECT = 1, PART_FOLDER = 2, PART_FLAGS = 4, PART_DELETED = 8 };
enum { LOCAL_THERE = 1, LOCAL_DIRTY = 2 };

/* Devices that stamps name, by index. */
struct table {
    uint8_t device[DEVICES_MAX][PP_DEVICE_ID];
    size_t n;
};

static uint8_t index_of(struct table *t, const uint8_t *device)
{
    for (size_t i = 0; i < t->n; i++) {
        if (memcmp(t->device[i], device, PP_DEVICE_ID) == 0) {
            return (uint8_t)i;
        }
    }
    if (t->n == DEVICES_MAX) {
        return NONE;
    }
    memcpy(t->device[t->n], device, PP_DEVICE_ID);
    return (uint8_t)t->n++;
}

static void write_stamp(struct pp_buf *out, struct table *t, const struct pp_stamp *s)
{
    uint8_t index = index_of(t, s->device);
    pp_record_u64(out, s->lamport);
    pp_record_u8(out, index);
    out->failed |= index == NONE;
}

static void read_stamp(struct pp_reader *r, const struct table *t, struct pp_stamp *s)
{
    s->lamport = pp_read64(r);
    uint8_t index = pp_read8(r);
    r->failed |= index >= t->n || !s->lamport || s->lamport > PP_LAMPORT_MAX;
    if (!r->failed) {
        memcpy(s->device, t->device[index], PP_DEVICE_ID);
    }
}

static void write_text(struct pp_buf *out, const char *text)
{
    pp_record_u8(out, (uint8_t)(strlen(text) >> 8));
    pp_record_u8(out, (uint8_t)strlen(text));
    pp_buf_add_str(out, text);
}

static void read_text(struct pp_reader *r, char *out, size_t most)
{
    size_t len = pp_read16(r);
    const uint8_t *p = pp_read(r, len);
    r->failed |= len > most || (p && len && memchr(p, 0, len));
    if (!r->failed && len) {
        memcpy(out, p, len);
    }
    out[r->failed ? 0 : len] = '\0';
}

/* --- items --------------------------------------------------------------------------------- */

static uint8_t known_flags(const struct pp_item *item)
{
    uint8_t known = 0;
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        known = (uint8_t)(known | (item->flagged[i].lamport ? 1u << i : 0u));
    }
    return known;
}

static void write_object(struct pp_buf *out, struct table *t, const struct pp_item *item)
{
    write_stamp(out, t, &item->added);
    pp_record_fixed(out, item->id, sizeof item->id);
    pp_record_u64(out, item->size);
    pp_record_fixed(out, item->digest, sizeof item->digest);
    pp_record_fixed(out, item->key, sizeof item->key);
    pp_record_fixed(out, item->content, sizeof item->content);
    pp_record_u64(out, (uint64_t)item->stored);
    write_text(out, item->first);
}

static void write_parts(struct pp_buf *out, struct table *t, const struct pp_item *item)
{
    uint8_t known = known_flags(item);
    pp_record_u8(out, (uint8_t)((item->added.lamport ? PART_OBJECT : 0) |
                                (item->moved.lamport ? PART_FOLDER : 0) | (known ? PART_FLAGS : 0) |
                                (item->deleted.lamport ? PART_DELETED : 0)));
    if (item->added.lamport) {
        write_object(out, t, item);
    }
    if (item->moved.lamport) {
        write_stamp(out, t, &item->moved);
        write_text(out, item->folder);
    }
    if (known) {
        pp_record_u8(out, known);
        pp_record_u8(out, item->flags);
        for (unsigned i = 0; i < PP_FLAGS; i++) {
            if (known & 1u << i) {
                write_stamp(out, t, &item->flagged[i]);
            }
        }
    }
    if (item->deleted.lamport) {
        write_stamp(out, t, &item->deleted);
        pp_record_u64(out, (uint64_t)item->deleted_at);
    }
}

static void read_object(struct pp_reader *r, const struct table *t, struct pp_item *item)
{
    read_stamp(r, t, &item->added);
    pp_reads_fixed(r, item->id, sizeof item->id);
    item->size = pp_read64(r);
    pp_reads_fixed(r, item->digest, sizeof item->digest);
    pp_reads_fixed(r, item->key, sizeof item->key);
    pp_reads_fixed(r, item->content, sizeof item->content);
    item->stored = (int64_t)pp_read64(r);
    read_text(r, item->first, PP_ITEM_NAME_MAX);
    r->failed |= !pp_item_folder_is_fit(item->first) || item->size > (uint64_t)72 << 20;
}

static void read_flags(struct pp_reader *r, const struct table *t, struct pp_item *item)
{
    uint8_t known = pp_read8(r);
    item->flags = pp_read8(r);
    r->failed |= !known || known >> PP_FLAGS || (item->flags & ~known);
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        if (known & 1u << i) {
            read_stamp(r, t, &item->flagged[i]);
        }
    }
}

static void read_parts(struct pp_reader *r, const struct table *t, struct pp_item *item)
{
    uint8_t parts = pp_read8(r);
    r->failed |= parts >> 4;
    if (parts & PART_OBJECT) {
        read_object(r, t, item);
    }
    if (parts & PART_FOLDER) {
        read_stamp(r, t, &item->moved);
        read_text(r, item->folder, PP_ITEM_NAME_MAX);
        r->failed |= !pp_item_folder_is_fit(item->folder);
    }
    if (parts & PART_FLAGS) {
        read_flags(r, t, item);
    }
    if (parts & PART_DELETED) {
        read_stamp(r, t, &item->deleted);
        item->deleted_at = (int64_t)pp_read64(r);
    }
}

static void write_table(struct pp_buf *out, const struct table *t)
{
    pp_record_u8(out, (uint8_t)t->n);
    pp_record_fixed(out, t->device, t->n * PP_DEVICE_ID);
}

static void read_table(struct pp_reader *r, struct table *t)
{
    t->n = pp_read8(r);
    r->failed |= t->n > DEVICES_MAX;
    if (!r->failed) {
        pp_reads_fixed(r, t->device, t->n * PP_DEVICE_ID);
    }
}

int pp_item_write(struct pp_buf *out, const struct pp_item *item)
{
    struct table *t = calloc(1, sizeof *t);
    struct pp_buf parts = {0};
    if (!t) {
        return PP_NOMEM;
    }
    write_parts(&parts, t, item);
    pp_record_u8(out, VERSION);
    pp_record_u8(out,
                 (uint8_t)((item->here.there ? LOCAL_THERE : 0) | (item->dirty ? LOCAL_DIRTY : 0)));
    write_text(out, item->here.file);
    write_text(out, item->here.folder);
    pp_record_u8(out, item->here.flags);
    write_table(out, t);
    pp_record_fixed(out, parts.data, parts.len);
    int rc = out->failed || parts.failed ? PP_NOMEM : PP_OK;
    pp_buf_wipe(&parts);
    free(t);
    return rc;
}

int pp_item_read(struct pp_item *item, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    struct table *t = calloc(1, sizeof *t);
    if (!t) {
        return PP_NOMEM;
    }
    r.failed |= pp_read8(&r) != VERSION;
    uint8_t local = pp_read8(&r);
    item->here.there = local & LOCAL_THERE;
    item->dirty = local & LOCAL_DIRTY;
    read_text(&r, item->here.file, PP_ITEM_NAME_MAX);
    read_text(&r, item->here.folder, PP_ITEM_NAME_MAX);
    item->here.flags = pp_read8(&r);
    read_table(&r, t);
    read_parts(&r, t, item);
    free(t);
    return r.failed || pp_reader_left(&r) ? PP_MALFORMED : PP_OK;
}

/* --- records ------------------------------------------------------------------------------- */

static uint32_t write_items(struct pp_buf *out, struct table *t, bool all,
                            const struct pp_device_state *state)
{
    uint32_t n = 0;
    for (const struct pp_item *item = state->items; item; item = item->hh.next) {
        if (all || item->dirty) {
            write_text(out, item->name);
            write_parts(out, t, item);
            n++;
        }
    }
    return n;
}

static uint32_t write_settings(struct pp_buf *out, struct table *t, bool all,
                               const struct pp_device_state *state)
{
    uint32_t n = 0;
    for (const struct pp_setting *s = state->settings; s; s = s->hh.next) {
        if ((all || s->dirty) && s->changed.lamport) {
            write_text(out, s->key);
            pp_record_u8(out, s->on);
            write_stamp(out, t, &s->changed);
            n++;
        }
    }
    return n;
}

static void write_head(struct pp_buf *out, const struct pp_record_head *head)
{
    pp_buf_add_str(out, RECORD_TYPE);
    pp_record_u8(out, VERSION);
    pp_record_u8(out, head->snapshot);
    pp_record_fixed(out, head->device, PP_DEVICE_ID);
    pp_record_u64(out, head->n);
    pp_record_u64(out, head->lamport);
    pp_record_u64(out, (uint64_t)head->time);
    write_text(out, head->name);
}

int pp_record_write(struct pp_buf *out, const struct pp_record_head *head,
                    const struct pp_device_state *state)
{
    struct table *t = calloc(1, sizeof *t);
    struct pp_buf items = {0}, settings = {0};
    if (!t) {
        return PP_NOMEM;
    }
    uint32_t n_items = write_items(&items, t, head->snapshot, state);
    uint32_t n_settings = write_settings(&settings, t, head->snapshot, state);
    write_head(out, head);
    write_table(out, t);
    pp_record_u32(out, n_items);
    pp_record_fixed(out, items.data, items.len);
    pp_record_u32(out, n_settings);
    pp_record_fixed(out, settings.data, settings.len);
    int rc = t->n == DEVICES_MAX                              ? PP_LIMIT
             : out->failed || items.failed || settings.failed ? PP_NOMEM
                                                              : PP_OK;
    pp_buf_wipe(&items);
    pp_buf_free(&settings);
    free(t);
    return rc;
}

static void expect(struct pp_reader *r, const char *text)
{
    const uint8_t *p = pp_read(r, strlen(text));
    r->failed |= !p || memcmp(p, text, strlen(text)) != 0;
}

static void read_head(struct pp_reader *r, struct pp_record_head *head)
{
    expect(r, RECORD_TYPE);
    r->failed |= pp_read8(r) != VERSION;
    uint8_t kind = pp_read8(r);
    r->failed |= kind > 1;
    head->snapshot = kind == 1;
    pp_reads_fixed(r, head->device, PP_DEVICE_ID);
    head->n = pp_read64(r);
    head->lamport = pp_read64(r);
    head->time = (int64_t)pp_read64(r);
    read_text(r, head->name, PP_DEVICE_NAME_MAX);
    r->failed |= head->lamport > PP_LAMPORT_MAX;
}

/* A name that comes twice is malformed: an item in a record is whole. */
static void read_item(struct pp_reader *r, const struct table *t, struct pp_device_state *state)
{
    char name[PP_ITEM_NAME_MAX + 1];
    read_text(r, name, PP_ITEM_NAME_MAX);
    struct pp_item *item = r->failed || pp_item_find(state, name) ? NULL : pp_item_of(state, name);
    r->failed |= !item;
    if (item) {
        read_parts(r, t, item);
    }
}

static void read_setting(struct pp_reader *r, const struct table *t, struct pp_device_state *state)
{
    char key[PP_SETTING_KEY_MAX + 1];
    read_text(r, key, PP_SETTING_KEY_MAX);
    uint8_t on = pp_read8(r);
    struct pp_setting *s = r->failed || on > 1 ? NULL : pp_setting_of(state, key);
    r->failed |= !s || s->changed.lamport;
    if (s) {
        s->on = on;
        read_stamp(r, t, &s->changed);
    }
}

int pp_record_read(struct pp_record_head *head, struct pp_device_state *state, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    struct table *t = calloc(1, sizeof *t);
    *head = (struct pp_record_head){0};
    if (!t) {
        return PP_NOMEM;
    }
    read_head(&r, head);
    read_table(&r, t);
    for (uint32_t n = pp_read32(&r); n && !r.failed; n--) {
        read_item(&r, t, state);
    }
    for (uint32_t n = pp_read32(&r); n && !r.failed; n--) {
        read_setting(&r, t, state);
    }
    free(t);
    if (r.failed || pp_reader_left(&r)) {
        pp_device_state_finish(state);
        return PP_MALFORMED;
    }
    state->lamport = head->lamport;
    return PP_OK;
}

/* --- the directory ------------------------------------------------------------------------- */

int pp_directory_write(struct pp_buf *out, const struct pp_directory_entry *e)
{
    pp_buf_add_str(out, DIRECTORY_TYPE);
    pp_record_u8(out, VERSION);
    pp_record_fixed(out, e->device, PP_DEVICE_ID);
    pp_record_u64(out, e->first);
    pp_record_u64(out, (uint64_t)e->time);
    write_text(out, e->name);
    return out->failed ? PP_NOMEM : PP_OK;
}

int pp_directory_read(struct pp_directory_entry *e, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    *e = (struct pp_directory_entry){0};
    expect(&r, DIRECTORY_TYPE);
    r.failed |= pp_read8(&r) != VERSION;
    pp_reads_fixed(&r, e->device, PP_DEVICE_ID);
    e->first = pp_read64(&r);
    e->time = (int64_t)pp_read64(&r);
    read_text(&r, e->name, PP_DEVICE_NAME_MAX);
    r.failed |= e->first % PP_SNAPSHOT_EVERY != 0 || e->first > PP_LAMPORT_MAX;
    return r.failed || pp_reader_left(&r) ? PP_MALFORMED : PP_OK;
}
