/*
 * What a store holds, as one hash: each object, certificate, notification and tombstone is hashed
 * with all that stands beside it, and the hashes are added up without regard to order, since stores
 * may list equals as they like. Serials are the store's own and no part of it.
 */
#include <node/migrate.h>

#include <base/hash.h>
#include <inttypes.h>

struct summing {
    const struct migrate_store *from;
    struct migrate_sum *sum;
    struct pp_hash *hash;
    struct pp_error *error;
};

static void add8(struct pp_hash *h, uint64_t v)
{
    uint8_t b[8];
    pp_put64(b, v);
    pp_hash_add(h, pp_bytes(b, sizeof b));
}

static void begin(struct summing *s, char what, const struct migrate_item *item)
{
    pp_hash_reset(s->hash);
    pp_hash_add(s->hash, pp_bytes(&what, 1));
    add8(s->hash, item->kind);
    pp_hash_add(s->hash, pp_bytes(item->name.b, sizeof item->name.b));
}

/* Equal hashes, were there any, would not undo each other: a sum, not an exclusive or. */
static void end(struct summing *s)
{
    uint8_t digest[32];
    unsigned carry = 0;
    pp_hash_digest(s->hash, digest);
    for (size_t i = sizeof digest; i-- > 0;) {
        carry += (unsigned)s->sum->digest[i] + digest[i];
        s->sum->digest[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void sum_members(struct summing *s, const struct migrate_item *item)
{
    const uint8_t *keyid;
    struct pp_bytes der;
    for (size_t at = 0; migrate_next_member(item, &at, &keyid, &der);) {
        begin(s, 'm', item);
        pp_hash_add(s->hash, pp_bytes(keyid, 32));
        pp_hash_add(s->hash, der);
        end(s);
        s->sum->members += der.len > 0;
        s->sum->taken += der.len == 0;
    }
}

static int sum_entries(struct summing *s, struct migrate_item *item)
{
    struct pp_entry e = {0};
    int err;
    while ((err = migrate_read_entries(s->from, item)) == PP_OK && item->entries.len > 0) {
        for (size_t at = 0; migrate_next_entry(item, &at, &e);) {
            begin(s, 'e', item);
            add8(s->hash, e.seq);
            add8(s->hash, e.queue);
            add8(s->hash, e.expires);
            pp_hash_add(s->hash, pp_bytes(e.digest, sizeof e.digest));
            pp_hash_add(s->hash, e.bytes);
            end(s);
            s->sum->notifications++;
            s->sum->octets += e.bytes.len;
        }
    }
    return err;
}

static void add_head(struct summing *s, const struct pp_head *h)
{
    const uint64_t numbers[] = {h->created,   h->expires,  h->stamp,      h->copies,
                                h->members,   h->size,     h->entries[0], h->entries[1],
                                h->octets[0], h->octets[1]};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        add8(s->hash, numbers[i]);
    }
    pp_hash_add(s->hash, h->identifier);
}

static int sum_body(struct summing *s, struct migrate_item *item)
{
    int err = PP_OK;
    for (uint64_t at = 0; !err && at < item->head.size; at += item->piece.len) {
        err = migrate_read_piece(s->from, item, at);
        if (!err) {
            pp_hash_add(s->hash, pp_buf_bytes(&item->piece));
        }
    }
    return err;
}

static int sum_item(void *ctx, struct migrate_item *item)
{
    struct summing *s = ctx;
    int err = PP_OK;
    begin(s, item->tombstone ? 't' : 'h', item);
    if (item->tombstone) {
        s->sum->tombstones++;
        add8(s->hash, item->head.expires);
        pp_hash_add(s->hash, pp_bytes(item->head.digest, sizeof item->head.digest));
        end(s);
        return PP_OK;
    }
    add_head(s, &item->head);
    if (item->kind == PP_OBJECT) {
        pp_hash_add(s->hash, pp_bytes(item->head.digest, sizeof item->head.digest));
        s->sum->objects++;
        s->sum->octets += item->head.size;
        err = sum_body(s, item);
    }
    end(s);
    sum_members(s, item);
    if (item->kind == PP_INBOX) {
        s->sum->inboxes++;
        err = sum_entries(s, item);
    }
    return err ? pp_fail(s->error, err,
                         "%s: something in it cannot be read whole (%s): run peerpostd "
                         "--check-store --repair on this store first",
                         s->from->path, pp_error_text(err))
               : PP_OK;
}

int migrate_sum_of(const struct migrate_store *from, const struct migrate_progress *progress,
                   const char *act, struct migrate_sum *sum, struct pp_error *error)
{
    struct summing s = {from, sum, pp_hash_create(), error};
    struct pp_view *v = from->api->begin_view(from->store);
    *sum = (struct migrate_sum){0};
    int err = v && s.hash ? PP_OK : pp_fail(error, PP_NOMEM, "no memory to read %s", from->path);
    if (v) {
        sum->last_seq = from->api->last_seq(v);
        from->api->end_view(v);
    }
    from->api->epoch(from->store, sum->epoch);
    err = err ? err : migrate_each(from, progress, act, sum_item, &s, error);
    pp_hash_destroy(s.hash);
    return err;
}

bool migrate_sum_equal(const struct migrate_sum *was, const struct migrate_sum *is,
                       struct pp_error *error)
{
    static const char *const names[] = {"objects",           "inboxes",       "tombstones",
                                        "certificates",      "taken out",     "notifications",
                                        "octets of content", "last sequence", NULL};
    const uint64_t a[] = {was->objects, was->inboxes,       was->tombstones, was->members,
                          was->taken,   was->notifications, was->octets,     was->last_seq};
    const uint64_t b[] = {is->objects, is->inboxes,       is->tombstones, is->members,
                          is->taken,   is->notifications, is->octets,     is->last_seq};
    for (size_t i = 0; names[i]; i++) {
        if (a[i] != b[i]) {
            pp_fail(error, PP_BROKEN,
                    "the copy differs from the original (%s: %" PRIu64 ", were %" PRIu64 ")",
                    names[i], b[i], a[i]);
            return false;
        }
    }
    if (memcmp(was->epoch, is->epoch, sizeof was->epoch) != 0 ||
        memcmp(was->digest, is->digest, sizeof was->digest) != 0) {
        pp_fail(error, PP_BROKEN, "the copy differs from the original (%s)",
                memcmp(was->digest, is->digest, sizeof was->digest) ? "the hash of all" : "epoch");
        return false;
    }
    return true;
}
