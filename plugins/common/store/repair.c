/*
 * Repairs what verify.c finds, in one batch: objects whose body or certificate set is not whole go
 * (other nodes hold copies, and a repair there brings them back), entries without octets go, and
 * the access index and the counters are written anew from what is left.
 */
#include "layout.h"

/* Takes away every row whose key begins so. */
static int unset_under(struct pp_batch *b, struct rows_key prefix)
{
    struct rows_key key;
    struct pp_bytes value;
    int err;
    while ((err = rows_next(&b->view, &prefix, prefix.len, &key, &value)) == PP_OK) {
        if ((err = rows_unset(b, &key)) != PP_OK) {
            return err;
        }
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

static bool body_is_whole(struct pp_view *v, const struct pp_name *name,
                          const struct rows_head *head)
{
    uint64_t max = v->store->map->value_max;
    if (head->large) {
        uint64_t size;
        return rows_file_size(v->store, head->h.serial, &size) == PP_OK && size == head->h.size;
    }
    for (uint64_t at = 0; at < head->h.size; at += max) {
        uint32_t n = (uint32_t)(at / max);
        struct rows_key key = rows_key_body(v->store, name, head->h.serial, n);
        uint64_t len = head->h.size - at < max ? head->h.size - at : max;
        struct pp_bytes record;
        if (rows_get(v, &key, &record) != PP_OK || record.len != len) {
            return false;
        }
    }
    return true;
}

static int count_member(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    (void)keyid;
    *(uint32_t *)ctx += der.len > 0;
    return 0;
}

/* A line, what is left of its octets, and the digest by which an append would know it. */
static int unset_line(struct pp_batch *b, const struct pp_name *name, const struct rows_key *key,
                      struct pp_bytes value)
{
    struct rows_entry line;
    struct rows_key digest = rows_key_name('D', name);
    int err = PP_OK;
    if (rows_entry_decode(&line, value) == PP_OK) {
        rows_key_add(&digest, line.digest, sizeof line.digest);
        err = rows_unset(b, &digest);
    }
    if (!err && key->len == ROWS_OF_NAME + 8) {
        err = unset_under(b, rows_key_octets(b->view.store, name, pp_get64(key->b + ROWS_OF_NAME)));
    }
    return err ? err : rows_unset(b, key);
}

/* The sum of what is left of an inbox; a line without its octets goes. */
static int mend_inbox(struct pp_batch *b, const struct pp_name *name, struct rows_head *head)
{
    struct rows_key from = rows_key_name('I', name), key;
    struct pp_bytes value, octets;
    struct rows_entry line;
    int err;
    head->h.size = 0;
    head->h.expires = PP_NEVER;
    memset(head->h.entries, 0, sizeof head->h.entries);
    memset(head->h.octets, 0, sizeof head->h.octets);
    while ((err = rows_next(&b->view, &from, ROWS_OF_NAME, &key, &value)) == PP_OK) {
        bool good = key.len == ROWS_OF_NAME + 8;
        uint64_t seq = good ? pp_get64(key.b + ROWS_OF_NAME) : 0;
        struct rows_key at = rows_key_octets(b->view.store, name, seq);
        rows_key_add(&at, "\0", 2);
        if (rows_entry_decode(&line, value) != PP_OK ||
            rows_long_get(&b->view, &at, &octets) != PP_OK || octets.len != line.size) {
            err = unset_line(b, name, &key, value);
        } else {
            rows_head_count(head, &line);
            b->meta.last_seq = seq > b->meta.last_seq ? seq : b->meta.last_seq;
        }
        if (err) {
            return err;
        }
        from = key;
        rows_key_add(&from, "", 1);
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

/* Does the head stay? Its counts are made right. */
static int mend_head(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
                     struct rows_head *head, bool *stays)
{
    *stays = true;
    if (head->tombstone) {
        return PP_OK;
    }
    if (kind == PP_INBOX) {
        int err = mend_inbox(b, name, head);
        *stays = head->h.entries[0] + head->h.entries[1] > 0;
        return err;
    }
    head->h.members = 0;
    *stays = body_is_whole(&b->view, name, head) &&
             rows_members(&b->view, name, count_member, &head->h.members) == PP_OK;
    return PP_OK;
}

static void count(struct rows_meta *meta, enum pp_kind kind, const struct rows_head *head)
{
    if (head->tombstone) {
        meta->tombstones++;
    } else if (kind == PP_INBOX) {
        meta->inboxes++;
    } else {
        meta->objects++;
        meta->large += head->large ? head->h.size : 0;
    }
    if (head->h.serial >= meta->next_serial) { /* the counters were lost */
        meta->next_serial = head->h.serial + 1;
    }
}

/* All rows of a head that cannot stay; a file is the next sweep's. */
static int lose(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
                const struct rows_head *head)
{
    struct rows_key key = rows_key_head(kind, name), file = rows_key_number('L', head->h.serial);
    int err = rows_unset(b, &key);
    if (kind == PP_OBJECT) {
        err = err ? err : rows_unset(b, &file);
        err = err ? err : unset_under(b, rows_key_name('C', name));
        err = err ? err : unset_under(b, rows_key_number('P', head->h.serial));
        err = err || !b->view.store->map->grouped ? err : unset_under(b, rows_key_name('O', name));
    }
    return err;
}

static struct rows_key index_of(enum pp_kind kind, const struct pp_name *name,
                                const struct rows_head *head)
{
    return head->tombstone ? rows_key_index('T', head->h.expires, 0, kind, name)
                           : rows_key_index('S', head->h.stamp, head->h.serial, kind, name);
}

/* Of what an index row leads to nothing else is left. */
static int lose_line(struct pp_batch *b, const struct rows_key *index)
{
    struct pp_store *s = b->view.store;
    uint64_t serial = pp_get64(index->b + 9);
    struct rows_key file = rows_key_number('L', serial);
    bool inbox = index->b[17] == PP_INBOX;
    struct pp_bytes value;
    uint64_t size;
    int err = rows_unset(b, index);
    if (index->b[0] == 'T') {
        b->meta.tombstones--;
        return err;
    }
    b->meta.objects -= !inbox;
    b->meta.inboxes -= inbox;
    if (err || inbox || rows_get(&b->view, &file, &value) != PP_OK) {
        return err;
    }
    (void)rows_file_size(s, serial, &size);
    b->meta.large -= size < b->meta.large ? size : b->meta.large;
    err = rows_unset(b, &file);
    return err ? err : rows_file_doom(b, serial);
}

static int lose_whole(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name,
                      const struct rows_head *head, const struct rows_key *index)
{
    b->meta.objects -= kind == PP_OBJECT;
    b->meta.inboxes -= kind == PP_INBOX;
    int err = lose(b, kind, name, head);
    err = err ? err : rows_unset(b, index);
    if (!err && head->large) {
        b->meta.large -= head->h.size;
        err = rows_file_doom(b, head->h.serial);
    }
    return err;
}

int rows_mend_one(struct pp_batch *b, enum pp_kind kind, const struct pp_name *name)
{
    const struct rows_map *map = b->view.store->map;
    struct rows_head head;
    struct rows_key index = {.len = 0}, stale;
    bool stays = false;
    int err = rows_load(&b->view, kind, name, &head);
    if (!err || err == PP_GONE) {
        index = index_of(kind, name, &head);
        err = mend_head(b, kind, name, &head, &stays);
        if (!err) {
            err =
                stays ? rows_save(b, kind, name, &head) : lose_whole(b, kind, name, &head, &index);
        }
    }
    err = err == PP_NOT_FOUND ? PP_OK : err;
    while (!err && map->index_of) {
        err = map->index_of(b->view.txn, kind, name, stays ? &index : NULL, &stale);
        err = err ? err : lose_line(b, &stale);
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

/* Of what a repair may change. */
static bool same_head(const struct rows_head *a, const struct rows_head *b)
{
    return a->h.size == b->h.size && a->h.expires == b->h.expires && a->h.members == b->h.members &&
           memcmp(a->h.entries, b->h.entries, sizeof a->h.entries) == 0 &&
           memcmp(a->h.octets, b->h.octets, sizeof a->h.octets) == 0;
}

static int mend(struct pp_batch *b, const struct rows_key *key, struct pp_bytes value)
{
    struct rows_head head, was;
    struct pp_name name;
    bool stays = false;
    int err = PP_OK;
    enum pp_kind kind;
    if (!rows_key_of_head(key, &kind, &name) || rows_head_decode(&head, value) != PP_OK) {
        return rows_unset(b, key);
    }
    err = rows_lend(&b->view, &head.h.identifier);
    was = head;
    err = err ? err : mend_head(b, kind, &name, &head, &stays);
    if (err || !stays) {
        return err ? err : lose(b, kind, &name, &head);
    }
    struct rows_key index = index_of(kind, &name, &head),
                    file = rows_key_number('L', head.h.serial);
    count(&b->meta, kind, &head);
    err = same_head(&was, &head) ? PP_OK : rows_save(b, kind, &name, &head);
    err = err || !head.large ? err : rows_set(b, &file, pp_bytes(name.b, sizeof name.b));
    return err ? err : rows_set(b, &index, pp_bytes(NULL, 0));
}

static int mend_all(struct pp_batch *b)
{
    struct rows_key from = rows_key('N'), key;
    struct pp_bytes value;
    int err = unset_under(b, rows_key('S'));
    err = err ? err : unset_under(b, rows_key('T'));
    err = err ? err : unset_under(b, rows_key('L'));
    b->meta.objects = b->meta.inboxes = b->meta.tombstones = b->meta.large = 0;
    while (!err && (err = rows_next(&b->view, &from, 1, &key, &value)) == PP_OK) {
        err = rows_key_is_head(&key) ? mend(b, &key, value) : PP_OK;
        from = key;
        rows_key_add(&from, "", 1);
        rows_forget(&b->view);
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

int rows_repair(struct pp_store *s, const struct pp_sink *sink)
{
    /* A row that cannot be read is a fault to mend here, not the end of the store. */
    atomic_store(&s->broken, false);
    struct pp_batch *b = rows_begin(s);
    if (!b) {
        return PP_BROKEN;
    }
    int err = mend_all(b);
    atomic_store(&s->broken, false);
    b->failed = PP_OK;
    if (err) {
        rows_abort(b);
        return err;
    }
    err = rows_commit(b);
    return err ? err : rows_verify(s, sink);
}
