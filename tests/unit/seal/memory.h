/* Sources and outlets in memory, and a sealed body to try things on. */
#ifndef MEMORY_H
#define MEMORY_H

#include <base/hash.h>
#include <identities.h>
#include <seal/seal.h>

static inline int64_t memory_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct pp_buf *b = ctx;
    size_t left = offset < b->len ? b->len - (size_t)offset : 0;
    size_t n = left < cap ? left : cap;
    n = n > 1000 ? 1000 : n; /* in portions, as a source may */
    if (n) {
        memcpy(out, b->data + offset, n);
    }
    return (int64_t)n;
}

static inline int memory_write(void *ctx, struct pp_bytes bytes)
{
    return pp_buf_add(ctx, bytes.data, bytes.len);
}

static inline struct pp_source memory_source(struct pp_buf *b)
{
    return (struct pp_source){memory_read, b, b->len};
}

static inline struct pp_out memory_out(struct pp_buf *b)
{
    return (struct pp_out){memory_write, b};
}

static inline int memory_seal(struct pp_buf *object, struct pp_buf *message,
                              const struct pp_signer *signer, const uint8_t key[32], bool pad)
{
    struct pp_source source = memory_source(message);
    struct pp_out out = memory_out(object);
    uint8_t digest[32], same[32];
    uint64_t size = 0;
    int bad = pp_seal_body(&source, signer, key, pad, &out, digest, &size, NULL);
    if (!bad) {
        pp_sha256(same, pp_buf_bytes(object));
        CU_ASSERT_EQUAL(size, object->len);
        CU_ASSERT_EQUAL(memcmp(digest, same, 32), 0);
    }
    return bad;
}

static inline int memory_open(struct pp_buf *message, struct pp_buf *object, const uint8_t key[32],
                              struct pp_opened *opened)
{
    struct pp_buf scratch = {0};
    struct pp_source source = memory_source(object), back = {memory_read, &scratch, 0};
    struct pp_out to_scratch = memory_out(&scratch), out = memory_out(message);
    int bad = pp_open_body(&source, key, &to_scratch, &back, &out, opened, NULL);
    pp_buf_free(&scratch);
    return bad;
}

#endif
