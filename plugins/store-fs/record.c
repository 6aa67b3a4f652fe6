/*
 * A record of the log as it lies in its slot, written and read: one batch's rows under a checksum,
 * and beside them what a start needs to know should all other files be lost. Knows no files.
 */
#include "fs_store.h"

#include <zlib.h>

#define MAGIC 0x50504c32u /* PPL2 */

void fs_record_add(struct pp_buf *record, struct pp_bytes key, struct pp_bytes value, unsigned mark)
{
    uint8_t head[7] = {(uint8_t)mark};
    pp_put16(head + 1, (uint16_t)key.len);
    pp_put32(head + 3, (uint32_t)value.len);
    pp_buf_add(record, head, sizeof head);
    pp_buf_add(record, key.data, key.len);
    pp_buf_add(record, value.data, value.len);
}

/* Head: magic, check of all behind it, octets of the rows, slots there are, segment, batch, used,
 * octets of the whole record, the segment where the log begins, octets of this slot. */
int fs_record_close(struct pp_buf *record, const struct fs_record *r)
{
    size_t rows = record->len - FS_RECORD_HEAD;
    while (record->len % FS_RECORD_ALIGN) {
        pp_buf_add(record, "", 1);
        if (record->failed) {
            return PP_NOMEM;
        }
    }
    uint8_t *head = record->data;
    pp_put32(head, MAGIC);
    pp_put32(head + 8, (uint32_t)rows);
    pp_put32(head + 12, r->slots);
    pp_put64(head + 16, r->segment);
    pp_put64(head + 24, r->batch);
    pp_put64(head + 32, r->used);
    pp_put64(head + 40, record->len);
    pp_put64(head + 48, r->first);
    pp_put64(head + 56, r->slot_size);
    pp_put32(head + 4, (uint32_t)crc32(0, head + 8, (uInt)(record->len - 8)));
    return PP_OK;
}

bool fs_record_read(struct fs_record *r, const uint8_t *at, uint64_t left)
{
    if (left < FS_RECORD_HEAD || pp_get32(at) != MAGIC) {
        return false;
    }
    uint32_t rows = pp_get32(at + 8);
    r->slots = pp_get32(at + 12);
    r->segment = pp_get64(at + 16);
    r->batch = pp_get64(at + 24);
    r->used = pp_get64(at + 32);
    r->len = pp_get64(at + 40);
    r->first = pp_get64(at + 48);
    r->slot_size = pp_get64(at + 56);
    if (r->len > left || r->len < FS_RECORD_HEAD || rows > r->len - FS_RECORD_HEAD ||
        pp_get32(at + 4) != crc32(0, at + 8, (uInt)(r->len - 8))) {
        return false;
    }
    r->rows = pp_bytes(at + FS_RECORD_HEAD, rows);
    return true;
}

int fs_record_each(const struct fs_record *r, fs_row_fn *fn, void *ctx)
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
        err = fn(ctx, pp_bytes(key, key_len), pp_bytes(value, len), mark);
    }
    return err;
}
