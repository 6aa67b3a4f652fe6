/*
 * Replay at open: the records of the log that are not in files yet become the active table again.
 * What stands in them is absolute, so rows that a crash left half in files converge. A record torn
 * by the crash is the log's end; a good record behind a bad one is damage, and is said to be.
 */
#include "fs_store.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <zlib.h>

#define MAGIC 0x50504c31u

struct record {
    uint64_t segment, batch, used, len;
    struct pp_bytes rows;
};

/* A whole record of any segment at this place? */
static bool read_record(struct record *r, const uint8_t *at, uint64_t left)
{
    if (left < FS_RECORD_HEAD || pp_get32(at) != MAGIC) {
        return false;
    }
    uint32_t rows = pp_get32(at + 8);
    r->segment = pp_get64(at + 16);
    r->batch = pp_get64(at + 24);
    r->used = pp_get64(at + 32);
    r->len = pp_get64(at + 40);
    if (r->len > left || r->len < FS_RECORD_HEAD || rows > r->len - FS_RECORD_HEAD ||
        pp_get32(at + 4) != crc32(0, at + 8, (uInt)(r->len - 8))) {
        return false;
    }
    r->rows = pp_bytes(at + FS_RECORD_HEAD, rows);
    return true;
}

static int apply(struct fs_store *s, const struct record *r)
{
    struct pp_reader in = pp_reader(r->rows);
    int err = PP_OK;
    while (!err && pp_reader_left(&in) > 0) {
        unsigned mark = pp_read8(&in);
        size_t key_len = pp_read16(&in), len = pp_read32(&in);
        const uint8_t *key = pp_read(&in, key_len);
        const uint8_t *value = pp_read(&in, len);
        if (in.failed || mark > FS_BORN || key_len == 0 || key_len > ROWS_KEY_MAX) {
            return PP_BROKEN;
        }
        err = fs_apply(&s->active, pp_bytes(key, key_len), pp_bytes(value, len), mark);
    }
    s->active.octets += r->len;
    s->used = r->used;
    s->batch = r->batch;
    return err;
}

static const uint8_t *map_slot(const struct fs_slot *slot)
{
    void *map = slot->size ? mmap(NULL, slot->size, PROT_READ, MAP_SHARED, slot->fd, 0) : NULL;
    return map == MAP_FAILED ? NULL : map;
}

static void unmap_slot(const struct fs_slot *slot, const uint8_t *map)
{
    if (map) {
        munmap((void *)(uintptr_t)map, slot->size);
    }
}

/* Is there a later record of this segment behind its end? */
static bool more_behind(const struct fs_store *s, const struct fs_slot *slot, const uint8_t *map)
{
    struct record r;
    for (uint64_t at = slot->used + 8; at + FS_RECORD_HEAD <= slot->size; at += 8) {
        if (read_record(&r, map + at, slot->size - at) && r.segment == slot->segment &&
            r.batch > s->batch + 1) {
            return true;
        }
    }
    return false;
}

static int replay_slot(struct fs_store *s, struct fs_slot *slot)
{
    const uint8_t *map = map_slot(slot);
    struct record r;
    int err = map ? PP_OK : PP_NOMEM;
    while (!err && read_record(&r, map + slot->used, slot->size - slot->used) &&
           r.segment == slot->segment && r.batch == s->batch + 1) {
        err = apply(s, &r);
        slot->used += r.len;
    }
    if (!err && (slot->used == 0 || more_behind(s, slot, map))) {
        err = PP_BROKEN;
    }
    unmap_slot(slot, map);
    return err;
}

/* Which segment a slot is; 0: none that is still needed. */
static uint64_t segment_of(const struct fs_store *s, const struct fs_slot *slot)
{
    const uint8_t *map = map_slot(slot);
    struct record r;
    bool good = map && read_record(&r, map, slot->size) && r.segment >= s->state.segment;
    unmap_slot(slot, map);
    return good ? r.segment : 0;
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

int fs_replay(struct fs_store *s, const char *path, struct pp_error *error)
{
    uint64_t last = 0;
    int err = PP_OK;
    s->used = s->state.used;
    s->batch = s->state.batch;
    s->segment = s->state.segment - 1;
    s->freed = s->segment;
    for (size_t i = 0; i < s->slots; i++) {
        s->slot[i].segment = segment_of(s, &s->slot[i]);
        last = s->slot[i].segment > last ? s->slot[i].segment : last;
    }
    while (!err && s->segment < last) {
        struct fs_slot *slot = slot_of(s, s->segment + 1);
        err = slot ? replay_slot(s, slot) : PP_BROKEN;
        s->segment++;
        s->current = slot;
    }
    return err ? pp_fail(
                     error, err,
                     "%s/log: a record is damaged in the midst of the log (segment %llu, behind "
                     "batch %llu): restore the store, or move the folder away and start with "
                     "an empty one",
                     path, (unsigned long long)s->segment, (unsigned long long)s->batch)
               : PP_OK;
}
