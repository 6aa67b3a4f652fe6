/*
 * Inboxes: entries of two queues under sequences that rise store-wide and are never used twice. An
 * entry is three rows: its octets by sequence alone (so that they are appended), its line in the
 * inbox, and its digest, by which an append is known again.
 */
#include "layout.h"

#include <peerpost/crash.h>

static struct rows_key line_key(const struct pp_name *name, uint64_t seq)
{
    struct rows_key key = rows_key_name('I', name);
    rows_key_u64(&key, seq);
    return key;
}

static struct rows_key digest_key(const struct pp_name *name, const uint8_t digest[32])
{
    struct rows_key key = rows_key_name('D', name);
    rows_key_add(&key, digest, 32);
    return key;
}

static struct rows_key octets_key(const struct pp_store *s, const struct pp_name *name,
                                  uint64_t seq)
{
    struct rows_key key = rows_key_octets(s, name, seq);
    rows_key_add(&key, "\0", 2);
    return key;
}

/* The next line of an inbox with a sequence >= from. */
static int next_line(struct pp_view *v, const struct pp_name *name, uint64_t from, uint64_t *seq,
                     struct rows_entry *entry)
{
    struct rows_key start = line_key(name, from), key;
    struct pp_bytes value;
    int err = rows_next(v, &start, ROWS_OF_NAME, &key, &value);
    if (err) {
        return err;
    }
    if (key.len != ROWS_OF_NAME + 8 || rows_entry_decode(entry, value) != PP_OK) {
        return rows_broken(v->store);
    }
    *seq = pp_get64(key.b + ROWS_OF_NAME);
    return PP_OK;
}

int rows_entries(struct pp_view *v, const struct pp_name *name, uint64_t after, pp_entry_fn *fn,
                 void *ctx)
{
    struct rows_entry line;
    uint64_t seq = after;
    int err = PP_OK;
    while (!err && seq < UINT64_MAX && (err = next_line(v, name, seq + 1, &seq, &line)) == PP_OK) {
        struct rows_key key = octets_key(v->store, name, seq);
        struct pp_entry entry = {.seq = seq, .queue = line.queue, .expires = line.expires};
        memcpy(entry.digest, line.digest, sizeof entry.digest);
        err = rows_long_get(v, &key, &entry.bytes);
        if (err == PP_NOT_FOUND && rows_lost(v, PP_INBOX, name) == PP_NOT_FOUND) {
            err = PP_OK; /* the others are whole */
            continue;
        }
        if (err) {
            return err == PP_NOT_FOUND ? PP_BROKEN : err;
        }
        if ((err = fn(ctx, &entry)) != 0) {
            return err;
        }
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

static int append_rows(struct pp_batch *b, const struct pp_name *name, struct rows_head *head,
                       const struct pp_entry *entry, uint64_t seq)
{
    struct rows_entry line = {entry->queue, {0}, entry->expires, (uint32_t)entry->bytes.len};
    struct rows_key line_at = line_key(name, seq), digest_at = digest_key(name, entry->digest);
    struct rows_key octets_at = octets_key(b->view.store, name, seq);
    uint8_t row[ROWS_ENTRY_LEN], number[8];
    memcpy(line.digest, entry->digest, sizeof line.digest);
    rows_entry_encode(row, &line);
    pp_put64(number, seq);
    head->h.size += entry->bytes.len;
    head->h.entries[entry->queue]++;
    head->h.octets[entry->queue] += entry->bytes.len;
    int err = rows_set(b, &line_at, pp_bytes(row, sizeof row));
    err = err ? err : rows_set(b, &digest_at, pp_bytes(number, sizeof number));
    err = err ? err : rows_long_set(b, &octets_at, entry->bytes);
    return err ? err : rows_save(b, PP_INBOX, name, head);
}

/* Is there an entry with this digest? PP_EXISTS and its sequence. */
static int known(struct pp_batch *b, const struct pp_name *name, const uint8_t digest[32],
                 uint64_t *seq)
{
    struct rows_key key = digest_key(name, digest);
    struct pp_bytes value;
    int err = rows_get(&b->view, &key, &value);
    if (err) {
        return err == PP_NOT_FOUND ? PP_OK : rows_doom(b, err);
    }
    if (value.len != 8) {
        return rows_doom(b, PP_BROKEN);
    }
    *seq = pp_get64(value.data);
    return PP_EXISTS;
}

/* The next sequence, or the one wanted when no entry has it. */
static int give(struct pp_batch *b, const struct pp_name *name, uint64_t wanted, uint64_t *seq)
{
    struct rows_key key = octets_key(b->view.store, name, wanted);
    struct pp_bytes value;
    if (wanted == 0 || pp_mutant("store-own-seq")) {
        *seq = b->meta.last_seq + 1;
        return PP_OK;
    }
    int err = wanted == UINT64_MAX ? PP_OK : rows_get(&b->view, &key, &value);
    if (err != PP_NOT_FOUND) {
        return err ? rows_doom(b, err) : PP_INVALID;
    }
    *seq = wanted;
    return PP_OK;
}

int rows_append(struct pp_batch *b, const struct pp_name *name, struct pp_bytes identifier,
                const struct pp_entry *entry, pp_ns created, uint64_t *seq)
{
    struct rows_head head;
    uint64_t given = 0;
    if (entry->queue >= PP_QUEUES || entry->bytes.len > PP_PIECE_MAX ||
        identifier.len > PP_IDENTIFIER_MAX) {
        return PP_INVALID;
    }
    int err = rows_ready(b);
    err = err ? err : known(b, name, entry->digest, seq);
    err = err ? err : give(b, name, entry->seq, &given);
    if (err) {
        return err;
    }
    size_t rows = 6 + entry->bytes.len / b->view.store->map->value_max;
    err = rows_room(b, entry->bytes.len + identifier.len + 256 + rows * ROWS_ROW_COST);
    if (err) {
        return err;
    }
    err = rows_load(&b->view, PP_INBOX, name, &head);
    if (err == PP_NOT_FOUND) {
        head = (struct rows_head){.h = {.created = created,
                                        .stamp = created,
                                        .expires = entry->expires,
                                        .identifier = identifier}};
        struct rows_key index = rows_key_index('S', created, 0, PP_INBOX, name);
        err = rows_set(b, &index, pp_bytes(NULL, 0));
        b->meta.inboxes++;
    }
    if (err) {
        return rows_doom(b, err);
    }
    head.h.expires = entry->expires < head.h.expires ? entry->expires : head.h.expires;
    b->meta.last_seq = given > b->meta.last_seq ? given : b->meta.last_seq;
    *seq = given;
    err = append_rows(b, name, &head, entry, *seq);
    pp_crash("store-in-batch");
    return err;
}

static int drop_line(struct pp_batch *b, const struct pp_name *name, struct rows_head *head,
                     uint64_t seq, const struct rows_entry *line)
{
    struct rows_key line_at = line_key(name, seq), digest_at = digest_key(name, line->digest);
    struct rows_key octets_at = octets_key(b->view.store, name, seq);
    head->h.size -= line->size;
    head->h.entries[line->queue]--;
    head->h.octets[line->queue] -= line->size;
    int err = rows_unset(b, &line_at);
    err = err ? err : rows_unset(b, &digest_at);
    return err ? err : rows_long_unset(b, &octets_at);
}

static int earliest(struct pp_batch *b, const struct pp_name *name, pp_ns *expires)
{
    struct rows_entry line;
    uint64_t seq = 0;
    int err;
    *expires = PP_NEVER;
    while ((err = next_line(&b->view, name, seq + 1, &seq, &line)) == PP_OK) {
        *expires = line.expires < *expires ? line.expires : *expires;
    }
    return err == PP_NOT_FOUND ? PP_OK : rows_doom(b, err);
}

/* The head after entries went: saved, or gone with the last one. */
static int shrink(struct pp_batch *b, const struct pp_name *name, struct rows_head *head,
                  pp_ns lost)
{
    if (head->h.entries[0] + head->h.entries[1] == 0) {
        struct rows_key key = rows_key_head(PP_INBOX, name);
        struct rows_key index = rows_key_index('S', head->h.stamp, 0, PP_INBOX, name);
        b->meta.inboxes--;
        int err = rows_unset(b, &key);
        return err ? err : rows_unset(b, &index);
    }
    if (lost <= head->h.expires) {
        int err = earliest(b, name, &head->h.expires);
        if (err) {
            return err;
        }
    }
    return rows_save(b, PP_INBOX, name, head);
}

int rows_drop(struct pp_batch *b, const struct pp_name *name, uint64_t from, uint64_t upto)
{
    struct rows_head head;
    struct rows_entry line;
    uint64_t seq = from;
    pp_ns lost = PP_NEVER;
    int err = rows_ready(b);
    err = err ? err : rows_load(&b->view, PP_INBOX, name, &head);
    if (err) {
        return err == PP_NOT_FOUND ? PP_OK
                                   : rows_never_full(err == PP_FULL ? err : rows_doom(b, err));
    }
    bool any = false;
    while ((err = next_line(&b->view, name, seq, &seq, &line)) == PP_OK && seq <= upto) {
        any = true;
        lost = line.expires < lost ? line.expires : lost;
        if ((err = drop_line(b, name, &head, seq, &line)) != PP_OK || seq++ == UINT64_MAX) {
            break;
        }
    }
    err = err == PP_NOT_FOUND ? PP_OK : err;
    err = err || !any ? err : shrink(b, name, &head, lost);
    pp_crash("store-in-batch");
    return rows_never_full(err);
}
