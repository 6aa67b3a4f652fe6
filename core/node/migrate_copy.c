/*
 * Filling an empty store with what another holds; see migrate.h. In batches as a node makes them,
 * least recently used first, so that what one store lists in the order of its serials the other
 * does too.
 */
#include <node/migrate.h>

#include <peerpost/crash.h>

#define BATCH_OPS 64u
#define BATCH_OCTETS ((size_t)1024 * 1024)

struct copying {
    const struct migrate_store *from, *to;
    struct pp_batch *batch;
    unsigned ops;
    size_t octets;
    struct pp_error *error;
};

static int fail(struct copying *c, const char *act, int err)
{
    const struct migrate_store *to = c->to;
    if (err == PP_FULL) {
        return pp_fail(c->error, err,
                       "%s: the new store is full: raise its capacity (store.%s.capacity), or make "
                       "room on the disk",
                       to->path, to->api->plugin.name);
    }
    return pp_fail(c->error, err, "%s: the new store refused to %s: %s", to->path, act,
                   pp_error_text(err));
}

static int fail_reading(struct copying *c, int err)
{
    return pp_fail(c->error, err,
                   "%s: something in it cannot be read whole (%s): run peerpostd --check-store "
                   "--repair on this store first",
                   c->from->path, pp_error_text(err));
}

static int commit(struct copying *c)
{
    int err = c->batch ? c->to->api->commit(c->batch) : PP_OK;
    c->batch = NULL;
    c->ops = 0;
    c->octets = 0;
    pp_crash("migrate-batch");
    return err ? fail(c, "commit", err) : PP_OK;
}

/* Room for one more operation of so many octets. */
static int go_on(struct copying *c, size_t octets)
{
    int err = PP_OK;
    if (c->batch && (c->ops >= BATCH_OPS || c->octets + octets > BATCH_OCTETS)) {
        err = commit(c);
    }
    if (!err && !c->batch && !(c->batch = c->to->api->begin(c->to->store))) {
        err = fail(c, "begin a batch", PP_BROKEN);
    }
    c->ops++;
    c->octets += octets;
    return err;
}

static int copy_tombstone(struct copying *c, const struct migrate_item *item)
{
    struct pp_head head = {.expires = item->head.expires};
    memcpy(head.digest, item->head.digest, sizeof head.digest);
    int err = go_on(c, 256);
    if (err) {
        return err;
    }
    err = c->to->api->put(c->batch, &item->name, &head);
    err = err ? err : c->to->api->remove(c->batch, PP_OBJECT, &item->name, true);
    return err ? fail(c, "take a tombstone", err) : PP_OK;
}

static int copy_body(struct copying *c, struct migrate_item *item, uint64_t *serial)
{
    for (uint64_t at = 0; at < item->head.size; at += item->piece.len) {
        int err = migrate_read_piece(c->from, item, at);
        if (err) {
            return fail_reading(c, err);
        }
        err = go_on(c, item->piece.len);
        if (err) {
            return err;
        }
        err = c->to->api->piece(c->batch, serial, pp_buf_bytes(&item->piece));
        if (err) {
            return fail(c, "take a body", err);
        }
    }
    return PP_OK;
}

/* One that was taken out is put in and taken out. */
static int copy_members(struct copying *c, const struct migrate_item *item)
{
    const struct pp_store_plugin *api = c->to->api;
    const uint8_t *keyid;
    struct pp_bytes der;
    for (size_t at = 0; migrate_next_member(item, &at, &keyid, &der);) {
        bool taken = der.len == 0;
        int err = go_on(c, der.len + 128);
        if (err) {
            return err;
        }
        err = api->member_add(c->batch, &item->name, keyid, taken ? pp_str("-") : der);
        err = err || !taken ? err : api->member_drop(c->batch, &item->name, keyid);
        if (err) {
            return fail(c, "take a certificate", err);
        }
    }
    return PP_OK;
}

static int copy_object(struct copying *c, struct migrate_item *item)
{
    struct pp_head head = item->head;
    head.serial = 0;
    int err = copy_body(c, item, &head.serial);
    err = err ? err : go_on(c, 512);
    if (err) {
        return err;
    }
    err = c->to->api->put(c->batch, &item->name, &head);
    return err ? fail(c, "take an object", err) : copy_members(c, item);
}

static int append(struct copying *c, const struct migrate_item *item, const struct pp_entry *entry)
{
    uint64_t seq = 0;
    int err = go_on(c, entry->bytes.len + 256);
    if (err) {
        return err;
    }
    err = c->to->api->append(c->batch, &item->name, item->head.identifier, entry,
                             item->head.created, &seq);
    if (!err && seq != entry->seq) {
        return pp_fail(c->error, PP_PLUGIN,
                       "store plugin %s gives sequences of its own where it is told which: it was "
                       "made for an older contract, take a newer one",
                       c->to->api->plugin.name);
    }
    return err ? fail(c, "take a notification", err) : PP_OK;
}

static int copy_inbox(struct copying *c, struct migrate_item *item)
{
    struct pp_entry entry = {0};
    int err;
    while ((err = migrate_read_entries(c->from, item)) == PP_OK && item->entries.len > 0) {
        for (size_t at = 0; migrate_next_entry(item, &at, &entry);) {
            err = append(c, item, &entry);
            if (err) {
                return err;
            }
        }
    }
    if (err) {
        return fail_reading(c, err);
    }
    err = go_on(c, 256);
    if (err) {
        return err;
    }
    err =
        c->to->api->touch(c->batch, PP_INBOX, &item->name, item->head.stamp, 0, item->head.copies);
    return err ? fail(c, "touch an inbox", err) : PP_OK;
}

static int copy_item(void *ctx, struct migrate_item *item)
{
    struct copying *c = ctx;
    return item->tombstone           ? copy_tombstone(c, item)
           : item->kind == PP_OBJECT ? copy_object(c, item)
                                     : copy_inbox(c, item);
}

static uint64_t last_seq(const struct migrate_store *m)
{
    struct pp_view *v = m->api->begin_view(m->store);
    uint64_t seq = v ? m->api->last_seq(v) : 0;
    if (v) {
        m->api->end_view(v);
    }
    return seq;
}

/* The highest sequence ever given may belong to a notification that is gone: it is given to one,
 * and that one goes. */
static int copy_last_seq(struct copying *c)
{
    struct migrate_item none = {.kind = PP_INBOX};
    struct pp_entry entry = {.seq = last_seq(c->from), .expires = 1};
    if (entry.seq == 0 || last_seq(c->to) == entry.seq) {
        return PP_OK;
    }
    int err = append(c, &none, &entry);
    if (err) {
        return err;
    }
    err = c->to->api->remove(c->batch, PP_INBOX, &none.name, false);
    return err ? fail(c, "remove a notification", err) : commit(c);
}

int migrate_copy(const struct migrate_store *from, const struct migrate_store *to,
                 const struct migrate_progress *progress, struct pp_error *error)
{
    struct copying c = {.from = from, .to = to, .error = error};
    int err = migrate_each(from, progress, "copying", copy_item, &c, error);
    err = err ? err : commit(&c);
    err = err ? err : copy_last_seq(&c);
    if (c.batch) {
        to->api->abort(c.batch);
    }
    return err;
}
