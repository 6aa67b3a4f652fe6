/* Objects: naming a body, certificate sets, removal with and without a tombstone, access stamps. */
#include "layout.h"

#include <peerpost/crash.h>

/* Loads a live head of a batch; a tombstone counts as nothing there. */
static int load_live(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
                     struct rows_head *head)
{
    int err = rows_ready(b);
    err = err ? err : rows_load(&b->view, kind, name, head);
    if (err == PP_GONE) {
        return PP_NOT_FOUND;
    }
    return err && err != PP_NOT_FOUND ? rows_doom(b, err) : err;
}

int rows_put(struct pp_batch *b, const struct pp_name *name, const struct pp_head *head)
{
    struct rows_head row;
    int err = load_live(b, PP_OBJECT, name, &row);
    if (err != PP_NOT_FOUND) {
        return err ? err : PP_EXISTS;
    }
    if (rows_load(&b->view, PP_OBJECT, name, &row) == PP_GONE) {
        return PP_GONE;
    }
    if (head->identifier.len > PP_IDENTIFIER_MAX) {
        return PP_INVALID;
    }
    err = rows_room(b, ROWS_HEAD_LEN + head->identifier.len + 4 * ROWS_ROW_COST);
    row = (struct rows_head){.h = *head};
    row.h.members = 0;
    memset(row.h.entries, 0, sizeof row.h.entries);
    memset(row.h.octets, 0, sizeof row.h.octets);
    err = err ? err : rows_body_name(b, head->serial, name, &row);
    if (err) {
        return err;
    }
    struct rows_key index = rows_key_index('S', row.h.stamp, row.h.serial, PP_OBJECT, name);
    err = rows_save(b, PP_OBJECT, name, &row);
    err = err ? err : rows_set(b, &index, pp_bytes(NULL, 0));
    b->meta.objects++;
    pp_crash("store-in-batch");
    return err;
}

static int clear_tombstone(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
                           const struct rows_head *head)
{
    struct rows_key key = rows_key_head(kind, name);
    struct rows_key index = rows_key_index('T', head->h.expires, 0, kind, name);
    int err = rows_unset(b, &index);
    err = err ? err : rows_unset(b, &key);
    b->meta.tombstones--;
    return err;
}

static int leave_tombstone(struct pp_batch *b, const struct pp_name *name,
                           const struct pp_head *was)
{
    struct rows_head grave = {.tombstone = true, .h = {.expires = was->expires}};
    struct rows_key index = rows_key_index('T', was->expires, 0, PP_OBJECT, name);
    memcpy(grave.h.digest, was->digest, sizeof grave.h.digest);
    int err = rows_save(b, PP_OBJECT, name, &grave);
    err = err ? err : rows_set(b, &index, pp_bytes(NULL, 0));
    b->meta.tombstones++;
    return err;
}

static int remove_members(struct pp_batch *b, const struct pp_name *name)
{
    struct rows_key from = rows_key_name('C', name), key;
    struct pp_bytes value;
    int err;
    while ((err = rows_next(&b->view, &from, from.len, &key, &value)) == PP_OK) {
        if ((err = rows_unset(b, &key)) != PP_OK) {
            return err;
        }
    }
    return err == PP_NOT_FOUND ? PP_OK : rows_doom(b, err);
}

static int remove_object(struct pp_batch *b, const struct pp_name *name,
                         const struct rows_head *head, bool tombstone)
{
    struct rows_key key = rows_key_head(PP_OBJECT, name);
    struct rows_key index = rows_key_index('S', head->h.stamp, head->h.serial, PP_OBJECT, name);
    int err = rows_body_remove(b, name, head);
    err = err ? err : remove_members(b, name);
    err = err ? err : rows_unset(b, &index);
    if (!err) {
        err = tombstone ? leave_tombstone(b, name, &head->h) : rows_unset(b, &key);
    }
    b->meta.objects--;
    pp_crash("store-in-batch");
    return err;
}

int rows_remove(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name, bool tombstone)
{
    struct rows_head head;
    int err = rows_ready(b);
    if (err) {
        return rows_never_full(err);
    }
    err = rows_load(&b->view, kind, name, &head);
    if (err == PP_GONE) {
        return rows_never_full(clear_tombstone(b, kind, name, &head));
    }
    if (err) {
        return err == PP_NOT_FOUND ? err : rows_never_full(rows_doom(b, err));
    }
    if (kind == PP_INBOX) {
        return rows_drop(b, name, 0, UINT64_MAX);
    }
    return rows_never_full(remove_object(b, name, &head, tombstone));
}

static struct rows_key member_key(const struct pp_name *name, const uint8_t keyid[32])
{
    struct rows_key key = rows_key_name('C', name);
    rows_key_add(&key, keyid, 32);
    rows_key_add(&key, "\0", 2);
    return key;
}

int rows_member_add(struct pp_batch *b, const struct pp_name *name, const uint8_t keyid[32],
                    struct pp_bytes der)
{
    struct rows_head head;
    struct rows_key key = member_key(name, keyid);
    struct pp_bytes value;
    int err = load_live(b, PP_OBJECT, name, &head);
    if (err) {
        return err;
    }
    if (der.len == 0 || der.len > PP_PIECE_MAX) {
        return PP_INVALID;
    }
    err = rows_get(&b->view, &key, &value);
    if (err != PP_NOT_FOUND) {
        return err ? rows_doom(b, err) : PP_EXISTS;
    }
    size_t rows = 1 + der.len / b->view.store->map->value_max;
    err = rows_room(b, der.len + (rows + 2) * ROWS_ROW_COST);
    if (err) {
        return err;
    }
    head.h.members++;
    err = rows_long_set(b, &key, der);
    return err ? err : rows_save(b, PP_OBJECT, name, &head);
}

int rows_member_drop(struct pp_batch *b, const struct pp_name *name, const uint8_t keyid[32])
{
    struct rows_head head;
    struct rows_key key = member_key(name, keyid);
    struct pp_bytes der;
    int err = load_live(b, PP_OBJECT, name, &head);
    err = err ? err : rows_long_get(&b->view, &key, &der);
    if (err) {
        return rows_never_full(err);
    }
    if (der.len == 0) {
        return PP_TAKEN;
    }
    head.h.members--;
    err = rows_long_unset(b, &key);
    if (!pp_mutant("store-forget-taken")) {
        err = err ? err : rows_long_set(b, &key, pp_bytes(NULL, 0));
    }
    err = err ? err : rows_save(b, PP_OBJECT, name, &head);
    pp_crash("store-in-batch");
    return rows_never_full(err);
}

int rows_touch(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name, pp_ns stamp,
               pp_ns expires, uint32_t copies)
{
    struct rows_head head;
    int err = load_live(b, kind, name, &head);
    if (err) {
        return rows_never_full(err);
    }
    if (stamp && stamp != head.h.stamp) {
        struct rows_key old = rows_key_index('S', head.h.stamp, head.h.serial, kind, name);
        struct rows_key new = rows_key_index('S', stamp, head.h.serial, kind, name);
        head.h.stamp = stamp;
        err = rows_unset(b, &old);
        err = err ? err : rows_set(b, &new, pp_bytes(NULL, 0));
    }
    if (expires && kind == PP_OBJECT) {
        head.h.expires = expires; /* an inbox's is its entries' */
    }
    if (copies) {
        head.h.copies = copies;
    }
    return rows_never_full(err ? err : rows_save(b, kind, name, &head));
}
