/*
 * Writing and reading the values of notes: big-endian numbers and octet strings with a length.
 * Pure.
 */
#ifndef PP_MAIL_RECORD_H
#define PP_MAIL_RECORD_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

static inline void pp_record_u8(struct pp_buf *b, uint8_t v)
{
    pp_buf_add(b, &v, 1);
}

static inline void pp_record_u32(struct pp_buf *b, uint32_t v)
{
    uint8_t p[4];
    pp_put32(p, v);
    pp_buf_add(b, p, sizeof p);
}

static inline void pp_record_u64(struct pp_buf *b, uint64_t v)
{
    uint8_t p[8];
    pp_put64(p, v);
    pp_buf_add(b, p, sizeof p);
}

static inline void pp_record_bytes(struct pp_buf *b, struct pp_bytes v)
{
    pp_record_u32(b, (uint32_t)v.len);
    pp_buf_add(b, v.data, v.len);
}

static inline void pp_record_fixed(struct pp_buf *b, const void *p, size_t len)
{
    pp_buf_add(b, p, len);
}

static inline struct pp_bytes pp_reads(struct pp_reader *r)
{
    size_t len = pp_read32(r);
    const uint8_t *p = pp_read(r, len);
    return pp_bytes(p, p ? len : 0);
}

static inline void pp_reads_buf(struct pp_reader *r, struct pp_buf *out)
{
    struct pp_bytes v = pp_reads(r);
    r->failed |= pp_buf_add(out, v.data, v.len) != PP_OK;
}

static inline void pp_reads_fixed(struct pp_reader *r, void *out, size_t len)
{
    const uint8_t *p = pp_read(r, len);
    if (p) {
        memcpy(out, p, len);
    }
}

#endif
