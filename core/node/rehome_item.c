/*
 * What a rehoming node sends: an object with its remaining life, its copies and the certificates
 * that are still in its set, or one notification of an inbox. Bodies are read from the store piece
 * by piece as they go out. Knows no network.
 */
#include <node/rehome.h>

#include <base/hash.h>
#include <http/multipart.h>
#include <stdio.h>
#include <trust/certificate.h>
#include <unistd.h>

void rehome_item_finish(struct rehome_item *item)
{
    pp_buf_free(&item->identifier);
    pp_buf_free(&item->before);
    pp_buf_free(&item->after);
    *item = (struct rehome_item){0};
}

static void take_life(struct rehome *r, struct rehome_item *item, pp_ns expires)
{
    pp_ns wall = pp_loop_now(r->daemon->loop).wall;
    item->life = expires > wall ? (expires - wall) / PP_SECOND : 0;
}

/* Who was taken out of the set has no certificate any more and is not sent. */
static int add_member(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    struct pp_buf *pem = ctx;
    struct pp_certificate *c;
    (void)keyid;
    if (der.len > 0 && pp_certificate_parse(&c, der) == PP_OK) {
        pp_certificate_pem(pem, c);
        pp_certificate_free(c);
    }
    return pem->failed ? PP_NOMEM : 0;
}

static int load_object(struct rehome *r, struct rehome_item *item, struct pp_view *view)
{
    const struct pp_store_plugin *api = r->daemon->api;
    uint8_t random[16];
    struct pp_head head;
    int code = api->head(view, PP_OBJECT, &item->name, &head);
    if (code != PP_OK) {
        return code == PP_GONE ? PP_NOT_FOUND : code;
    }
    pp_random(random, sizeof random);
    pp_hex(item->boundary, random, sizeof random);
    item->serial = head.serial;
    item->size = head.size;
    item->copies = head.copies > r->daemon->node.k ? head.copies : 0;
    take_life(r, item, head.expires);
    pp_buf_add(&item->identifier, head.identifier.data, head.identifier.len);
    pp_multipart_open_part(&item->before, item->boundary, "certificates", "application/x-pem-file",
                           true);
    code = api->members(view, &item->name, add_member, &item->before);
    pp_multipart_open_part(&item->before, item->boundary, "object", "application/octet-stream",
                           false);
    pp_multipart_close(&item->after, item->boundary);
    item->more_after = UINT64_MAX;
    return code < 0 ? code : PP_OK;
}

struct wanted {
    struct rehome *r;
    struct rehome_item *item;
    bool found;
};

/* The first notification that was here before the change and still lives. */
static int take_entry(void *ctx, const struct pp_entry *entry)
{
    struct wanted *w = ctx;
    if (entry->seq > w->r->upto_seq) {
        return 1;
    }
    take_life(w->r, w->item, entry->expires);
    if (w->item->life == 0) {
        return 0;
    }
    pp_buf_add(&w->item->before, entry->bytes.data, entry->bytes.len);
    w->item->seq = entry->seq;
    w->found = true;
    return 1;
}

static int load_notification(struct rehome *r, struct rehome_item *item, struct pp_view *view)
{
    const struct pp_store_plugin *api = r->daemon->api;
    struct wanted w = {r, item, false};
    struct pp_head head;
    int code = api->head(view, PP_INBOX, &item->name, &head);
    if (code != PP_OK) {
        return code;
    }
    if (item->identifier.len == 0) {
        pp_buf_add(&item->identifier, head.identifier.data, head.identifier.len);
    }
    code = api->entries(view, &item->name, item->more_after, take_entry, &w);
    if (code < 0 || !w.found) {
        return code < 0 ? code : PP_NOT_FOUND;
    }
    item->more_after = item->seq;
    return PP_OK;
}

int rehome_item_load(struct rehome *r, struct rehome_item *item)
{
    const struct pp_store_plugin *api = r->daemon->api;
    if (item->more_after == UINT64_MAX) {
        return PP_NOT_FOUND;
    }
    pp_buf_free(&item->before);
    pp_buf_free(&item->after);
    struct pp_view *view = api->begin_view(r->daemon->store);
    if (!view) {
        return PP_NOMEM;
    }
    int code =
        item->kind == PP_OBJECT ? load_object(r, item, view) : load_notification(r, item, view);
    api->end_view(view);
    bool whole = !item->before.failed && !item->after.failed && !item->identifier.failed;
    code = code == PP_OK && !whole ? PP_NOMEM : code;
    return code == PP_OK && item->life == 0 ? PP_NOT_FOUND : code;
}

static int64_t copy(const struct pp_buf *from, uint64_t offset, void *out, size_t cap)
{
    size_t left = from->len - (size_t)offset, n = left < cap ? left : cap;
    memcpy(out, from->data + offset, n);
    return (int64_t)n;
}

static int64_t copy_spans(const struct pp_spans *spans, uint8_t *out, size_t cap)
{
    size_t n = 0;
    if (spans->fd >= 0) {
        return pread(spans->fd, out, spans->fd_len < cap ? spans->fd_len : cap,
                     (off_t)spans->fd_offset);
    }
    for (size_t i = 0; i < spans->n && n < cap; i++) {
        size_t part = spans->span[i].len < cap - n ? spans->span[i].len : cap - n;
        memcpy(out + n, spans->span[i].data, part);
        n += part;
    }
    return (int64_t)n;
}

/* Negative when the object is another by now or gone: the request then ends. */
static int64_t read_body(struct rehome *r, const struct rehome_item *item, uint64_t offset,
                         void *out, size_t cap)
{
    const struct pp_store_plugin *api = r->daemon->api;
    struct pp_spans spans = {.fd = -1};
    struct pp_view *view = api->begin_view(r->daemon->store);
    if (!view) {
        return -1;
    }
    int code = api->read(view, &item->name, item->serial, offset, &spans);
    int64_t n = code == PP_OK ? copy_spans(&spans, out, cap) : -1;
    api->end_view(view);
    return n > 0 ? n : -1;
}

int64_t rehome_item_read(struct rehome *r, const struct rehome_item *item, uint64_t offset,
                         void *out, size_t cap)
{
    if (offset < item->before.len) {
        return copy(&item->before, offset, out, cap);
    }
    offset -= item->before.len;
    if (offset < item->size) {
        return read_body(r, item, offset, out, cap);
    }
    offset -= item->size;
    return offset < item->after.len ? copy(&item->after, offset, out, cap) : 0;
}
