/*
 * Replay at open: the records of the log that are not in files yet become the active table again.
 * What stands in them is absolute, so rows that a crash left half in files converge. A record torn
 * by the crash is the log's end: it was never acknowledged. Anything else that cannot be read, or
 * is missing, is damage, and the open says where and changes nothing.
 */
#include "fs_store.h"

#include <stdlib.h>
#include <sys/mman.h>

static int apply_row(void *ctx, struct pp_bytes key, struct pp_bytes value, unsigned mark)
{
    return fs_apply(ctx, key, value, mark);
}

int fs_replay_record(struct fs_store *s, const struct fs_record *r)
{
    int err = fs_record_each(r, apply_row, &s->active);
    s->active.octets += r->len;
    s->used = r->used;
    s->batch = s->reached = r->batch;
    return err;
}

const uint8_t *fs_slot_map(const struct fs_slot *slot)
{
    void *map = slot->size ? mmap(NULL, slot->size, PROT_READ, MAP_SHARED, slot->fd, 0) : NULL;
    return map == MAP_FAILED ? NULL : map;
}

void fs_slot_unmap(const struct fs_slot *slot, const uint8_t *map)
{
    if (map) {
        munmap((void *)(uintptr_t)map, slot->size);
    }
}

struct replay {
    struct fs_store *s;
    const char *path;
    struct pp_error *error;
    uint64_t last;  /* segment there is */
    uint64_t slots; /* that any record knew of */
};

static int damaged(const struct replay *r, size_t slot, uint64_t at, const char *how)
{
    return pp_fail(r->error, PP_BROKEN,
                   "%s/log/%zu: %s at octet %llu, behind batch %llu: " FS_ADVICE, r->path, slot,
                   how, (unsigned long long)at, (unsigned long long)r->s->batch);
}

static int missing(const struct replay *r, size_t slot)
{
    return pp_fail(r->error, PP_BROKEN, "%s/log/%zu is missing: " FS_ADVICE, r->path, slot);
}

/* Is there a record behind `at` of this segment (0: any that the log still needs), which a torn one
 * could not have before it? */
static bool more_behind(const struct fs_store *s, const struct fs_slot *slot, const uint8_t *map,
                        uint64_t at, uint64_t segment)
{
    struct fs_record r;
    for (; at + FS_RECORD_HEAD <= slot->size; at += FS_RECORD_ALIGN) {
        if (fs_record_read(&r, map + at, slot->size - at) &&
            (segment ? r.segment == segment && r.batch > s->batch + 1
                     : r.segment >= s->state.segment)) {
            return true;
        }
    }
    return false;
}

/* Finds out which segment a slot is: none that is still needed (0) or which. */
static int look_at(struct replay *r, size_t n, const uint8_t *map)
{
    struct fs_slot *slot = &r->s->slot[n];
    struct fs_record first;
    slot->segment = 0;
    if (!fs_slot_begins(map, slot->size)) {
        return damaged(r, n, 0, "no record and no new slot's begin");
    }
    if (fs_slot_is_new(map, slot->size)) {
        return PP_OK;
    }
    if (!fs_record_read(&first, map, slot->size)) {
        return more_behind(r->s, slot, map, FS_RECORD_ALIGN, 0)
                   ? damaged(r, n, 0, "a record cannot be read")
                   : PP_OK;
    }
    if (first.slot_size != slot->size) {
        return pp_fail(r->error, PP_BROKEN,
                       "%s/log/%zu has %llu octets and should have %llu: " FS_ADVICE, r->path, n,
                       (unsigned long long)slot->size, (unsigned long long)first.slot_size);
    }
    slot->segment = first.segment >= r->s->state.segment ? first.segment : 0;
    r->last = slot->segment > r->last ? slot->segment : r->last;
    r->slots = first.slots > r->slots ? first.slots : r->slots;
    return PP_OK;
}

static int look_at_all(struct replay *r)
{
    int err = PP_OK;
    for (size_t i = 0; !err && i < r->s->slots; i++) {
        const struct fs_slot *slot = &r->s->slot[i];
        const uint8_t *map = fs_slot_map(slot);
        if (!map) {
            return slot->size ? pp_fail(r->error, PP_NOMEM, "%s/log: no memory to read it", r->path)
                              : damaged(r, i, 0, "the file is empty");
        }
        err = look_at(r, i, map);
        fs_slot_unmap(slot, map);
    }
    return err;
}

static int replay_slot(struct replay *r, struct fs_slot *slot, const uint8_t *map)
{
    struct fs_record record;
    size_t n = (size_t)(slot - r->s->slot);
    int err = PP_OK;
    while (!err && fs_record_read(&record, map + slot->used, slot->size - slot->used) &&
           record.segment == slot->segment && record.batch == r->s->batch + 1) {
        r->slots = record.slots > r->slots ? record.slots : r->slots;
        err = fs_replay_record(r->s, &record);
        slot->used += record.len;
    }
    if (err) {
        return pp_fail(r->error, err, "%s/log/%zu: a record cannot be used: %s", r->path, n,
                       pp_error_text(err));
    }
    return slot->used > 0 &&
                   more_behind(r->s, slot, map, slot->used + FS_RECORD_ALIGN, slot->segment)
               ? damaged(r, n, slot->used, "a record cannot be read")
               : PP_OK;
}

static struct fs_slot *slot_of(struct fs_store *s, uint64_t segment)
{
    for (size_t i = 0; i < s->slots; i++) {
        if (s->slot[i].segment == segment) {
            return &s->slot[i];
        }
    }
    return NULL;
}

/* The log ends here: where the last record was read, or nowhere yet. */
static int ends_early(const struct replay *r)
{
    const struct fs_slot *slot = r->s->current;
    return slot ? damaged(r, (size_t)(slot - r->s->slot), slot->used, "the log ends too early")
                : pp_fail(r->error, PP_BROKEN,
                          "%s/log: segment %llu, behind batch %llu, is in no file: " FS_ADVICE,
                          r->path, (unsigned long long)r->s->segment + 1,
                          (unsigned long long)r->s->batch);
}

static int replay_segments(struct replay *r)
{
    struct fs_store *s = r->s;
    int err = PP_OK;
    while (!err && s->segment < r->last) {
        struct fs_slot *slot = slot_of(s, s->segment + 1);
        const uint8_t *map = slot ? fs_slot_map(slot) : NULL;
        if (!map) {
            return ends_early(r);
        }
        err = replay_slot(r, slot, map);
        fs_slot_unmap(slot, map);
        if (!err && slot->used == 0) {
            return ends_early(r); /* it begins behind batches that are missing */
        }
        s->segment++;
        s->current = slot;
    }
    return err || s->batch >= s->state.reached ? err : ends_early(r);
}

int fs_replay(struct fs_store *s, const char *path, struct pp_error *error)
{
    struct replay r = {.s = s, .path = path, .error = error, .slots = s->state.slots};
    s->used = s->state.used;
    s->batch = s->reached = s->state.batch;
    s->segment = s->freed = s->state.segment - 1;
    if (s->salvaging) {
        int err = fs_salvage_log(s);
        return err ? pp_fail(error, err, "%s/log: %s", path, pp_error_text(err)) : PP_OK;
    }
    if (r.slots > s->slots) {
        return missing(&r, s->slots);
    }
    int err = look_at_all(&r);
    err = err ? err : replay_segments(&r);
    return err || r.slots <= s->slots ? err : missing(&r, s->slots);
}
