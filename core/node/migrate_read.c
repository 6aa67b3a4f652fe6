/* Reading a store from end to end; see migrate.h. Nothing stays lent over a view. */
#include <node/migrate.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ENTRIES_STEP ((size_t)512 * 1024) /* octets of entries read at once, about */
#define ENTRY_HEAD (8 + 4 + 32 + 8 + 4)

/* ---- heads and certificates ---- */

static int add_member(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    struct pp_buf *out = ctx;
    uint8_t len[4];
    pp_put32(len, (uint32_t)der.len);
    pp_buf_add(out, keyid, 32);
    pp_buf_add(out, len, sizeof len);
    pp_buf_add(out, der.data, der.len);
    return out->failed ? PP_NOMEM : PP_OK;
}

bool migrate_next_member(const struct migrate_item *item, size_t *at, const uint8_t **keyid,
                         struct pp_bytes *der)
{
    if (*at >= item->members.len) {
        return false;
    }
    *keyid = item->members.data + *at;
    *der = pp_bytes(*keyid + 36, pp_get32(*keyid + 32));
    *at += 36 + der->len;
    return true;
}

static void clear(struct pp_buf *b)
{
    b->len = 0;
    b->failed = false;
}

static int load_head(const struct migrate_store *from, struct migrate_item *item)
{
    struct pp_view *v = from->api->begin_view(from->store);
    if (!v) {
        return PP_BROKEN;
    }
    clear(&item->identifier);
    clear(&item->members);
    int err = from->api->head(v, item->kind, &item->name, &item->head);
    bool right = item->tombstone ? err == PP_GONE : err == PP_OK;
    if (right && !item->tombstone) {
        pp_buf_add(&item->identifier, item->head.identifier.data, item->head.identifier.len);
        err = item->kind == PP_OBJECT
                  ? from->api->members(v, &item->name, add_member, &item->members)
                  : PP_OK;
        err = item->identifier.failed ? PP_NOMEM : err;
    }
    from->api->end_view(v);
    item->head.identifier = pp_buf_bytes(&item->identifier);
    return !right ? PP_BROKEN : item->tombstone ? PP_OK : err;
}

/* ---- the walk ---- */

static int list(const struct migrate_store *from, struct pp_cursor *cursor, struct pp_listed *out)
{
    struct pp_view *v = from->api->begin_view(from->store);
    int n = v ? from->api->oldest(v, cursor, out) : PP_BROKEN;
    if (v) {
        from->api->end_view(v);
    }
    return n;
}

static uint64_t total_of(const struct migrate_store *from)
{
    struct pp_usage u = {0};
    struct pp_view *v = from->api->begin_view(from->store);
    if (v) {
        from->api->usage(v, &u);
        from->api->end_view(v);
    }
    return u.objects + u.inboxes + u.tombstones;
}

static int fail_at(const struct migrate_store *from, const struct migrate_item *item, int err,
                   struct pp_error *error)
{
    char hex[65];
    pp_hex(hex, item->name.b, sizeof item->name.b);
    return err == PP_NOMEM
               ? pp_fail(error, err, "no memory to read the store in %s", from->path)
               : pp_fail(error, PP_BROKEN,
                         "%s: %s %s cannot be read whole (%s): run peerpostd --check-store "
                         "--repair on this store first",
                         from->path, item->kind == PP_INBOX ? "inbox" : "object", hex,
                         pp_error_text(err));
}

static void item_free(struct migrate_item *item)
{
    pp_buf_free(&item->identifier);
    pp_buf_free(&item->members);
    pp_buf_free(&item->entries);
    pp_buf_free(&item->piece);
}

int migrate_each(const struct migrate_store *from, const struct migrate_progress *progress,
                 const char *act, migrate_item_fn *fn, void *ctx, struct pp_error *error)
{
    struct pp_cursor cursor = {{0}};
    struct migrate_item item = {.kind = PP_OBJECT};
    struct pp_listed *listed = calloc(PP_OLDEST_MAX, sizeof *listed);
    uint64_t done = 0, total = total_of(from);
    int n = listed ? PP_OK : PP_NOMEM, err = n;
    while (!err && (n = list(from, &cursor, listed)) > 0) {
        for (int i = 0; !err && i < n; i++) {
            item.kind = listed[i].kind;
            item.name = listed[i].name;
            item.tombstone = listed[i].tombstone;
            item.after = 0;
            err = load_head(from, &item);
            err = err ? fail_at(from, &item, err, error) : fn(ctx, &item);
            done++;
        }
        if (progress->fn && !err) {
            progress->fn(progress->ctx, act, done, total > done ? total : done);
        }
    }
    if (!err && n < 0) {
        err = pp_fail(error, n, "%s: what it holds cannot be listed (%s)", from->path,
                      pp_error_text(n));
    }
    item_free(&item);
    free(listed);
    return err == PP_NOMEM ? pp_fail(error, err, "no memory to read the store in %s", from->path)
                           : err;
}

/* ---- inboxes ---- */

static int add_entry(void *ctx, const struct pp_entry *e)
{
    struct migrate_item *item = ctx;
    uint8_t head[ENTRY_HEAD];
    pp_put64(head, e->seq);
    pp_put32(head + 8, e->queue);
    memcpy(head + 12, e->digest, 32);
    pp_put64(head + 44, e->expires);
    pp_put32(head + 52, (uint32_t)e->bytes.len);
    pp_buf_add(&item->entries, head, sizeof head);
    pp_buf_add(&item->entries, e->bytes.data, e->bytes.len);
    item->after = e->seq;
    return item->entries.failed ? PP_NOMEM : item->entries.len >= ENTRIES_STEP ? 1 : 0;
}

int migrate_read_entries(const struct migrate_store *from, struct migrate_item *item)
{
    struct pp_view *v = from->api->begin_view(from->store);
    if (!v) {
        return PP_BROKEN;
    }
    clear(&item->entries);
    int err = from->api->entries(v, &item->name, item->after, add_entry, item);
    from->api->end_view(v);
    return err == 1 ? PP_OK : err;
}

bool migrate_next_entry(const struct migrate_item *item, size_t *at, struct pp_entry *entry)
{
    const uint8_t *head = item->entries.data + *at;
    if (*at >= item->entries.len) {
        return false;
    }
    entry->seq = pp_get64(head);
    entry->queue = pp_get32(head + 8);
    memcpy(entry->digest, head + 12, 32);
    entry->expires = pp_get64(head + 44);
    entry->bytes = pp_bytes(head + ENTRY_HEAD, pp_get32(head + 52));
    *at += ENTRY_HEAD + entry->bytes.len;
    return true;
}

/* ---- bodies ---- */

static int read_file(const struct pp_spans *spans, struct pp_buf *out)
{
    size_t len = spans->fd_len < PP_PIECE_MAX ? spans->fd_len : PP_PIECE_MAX;
    if (pp_buf_reserve(out, len) != PP_OK) {
        return PP_NOMEM;
    }
    while (out->len < len) {
        ssize_t n = pread(spans->fd, out->data + out->len, len - out->len,
                          (off_t)(spans->fd_offset + out->len));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return PP_BROKEN;
        }
        out->len += n > 0 ? (size_t)n : 0;
    }
    return PP_OK;
}

int migrate_read_piece(const struct migrate_store *from, struct migrate_item *item, uint64_t offset)
{
    struct pp_spans spans = {.fd = -1};
    struct pp_view *v = from->api->begin_view(from->store);
    if (!v) {
        return PP_BROKEN;
    }
    clear(&item->piece);
    int err = from->api->read(v, &item->name, item->head.serial, offset, &spans);
    if (!err && spans.fd >= 0) {
        err = read_file(&spans, &item->piece);
    } else if (!err) {
        for (size_t i = 0; i < spans.n; i++) {
            pp_buf_add(&item->piece, spans.span[i].data, spans.span[i].len);
        }
        err = item->piece.failed ? PP_NOMEM : PP_OK;
    }
    from->api->end_view(v);
    return err ? err : item->piece.len == 0 ? PP_BROKEN : PP_OK;
}
