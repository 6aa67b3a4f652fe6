/* Sealing bodies: what is refused, what sizes show, that nothing repeats. */
#include "memory.h"

static const uint8_t key[32] = {1, 2, 3};

static void test_padded_sizes(void)
{
    uint64_t sizes = 0, last = 0;
    for (size_t n = 0; n < 6000; n += 50) {
        struct pp_buf message = {0}, object = {0};
        pp_buf_reserve(&message, n + 1);
        memset(message.data, 'a', n);
        message.len = n;
        CU_ASSERT_EQUAL(memory_seal(&object, &message, NULL, key, true), PP_OK);
        CU_ASSERT_TRUE(object.len > 4096);
        sizes += object.len != last;
        last = object.len;
        pp_buf_free(&message);
        pp_buf_free(&object);
    }
    CU_ASSERT_TRUE(sizes <= 16); /* 120 lengths, few sizes */
}

static void test_never_twice_the_same(void)
{
    struct pp_buf message = {0}, a = {0}, b = {0};
    pp_buf_add_str(&message, "From: a@x\r\n\r\nhi\r\n");
    CU_ASSERT_EQUAL(memory_seal(&a, &message, NULL, key, false), PP_OK);
    CU_ASSERT_EQUAL(memory_seal(&b, &message, NULL, key, false), PP_OK);
    CU_ASSERT_EQUAL(a.len, b.len);
    CU_ASSERT_FALSE(pp_bytes_equal(pp_buf_bytes(&a), pp_buf_bytes(&b)));
    CU_ASSERT_PTR_NULL(memmem(a.data, a.len, "From", 4));
    pp_buf_free(&message);
    pp_buf_free(&a);
    pp_buf_free(&b);
}

static int64_t endless(void *ctx, uint64_t offset, void *out, size_t cap)
{
    (void)ctx;
    (void)offset;
    memset(out, 'a', cap);
    return (int64_t)cap;
}

static int64_t broken(void *ctx, uint64_t offset, void *out, size_t cap)
{
    (void)ctx;
    (void)out;
    (void)cap;
    return offset == 0 ? 0 : PP_IO;
}

static int full(void *ctx, struct pp_bytes bytes)
{
    (void)ctx;
    (void)bytes;
    return PP_FULL;
}

static void test_refused(void)
{
    struct pp_source big = {endless, NULL, PP_MESSAGE_MAX + 1}, bad = {broken, NULL, 10},
                     good = {endless, NULL, 100};
    struct pp_buf object = {0}, notification = {0};
    struct pp_out out = memory_out(&object), no_room = {full, NULL};
    uint8_t digest[32];
    uint64_t size;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_seal_body(&big, NULL, key, false, &out, digest, &size, &error), PP_TOO_BIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "64 MiB"));
    CU_ASSERT_EQUAL(object.len, 0);
    CU_ASSERT_EQUAL(pp_seal_body(&bad, NULL, key, false, &out, digest, &size, &error), PP_IO);
    CU_ASSERT_EQUAL(pp_seal_body(&good, NULL, key, false, &no_room, digest, &size, &error),
                    PP_FULL);
    pp_buf_add_str(&notification, "Content-Type: application/vnd.peerpost.notification\r\n\r\nx");
    object.len = 0;
    CU_ASSERT_EQUAL(memory_seal(&object, &notification, NULL, key, false), PP_MALFORMED);
    CU_ASSERT_EQUAL(object.len, 0);
    pp_buf_free(&notification);
    pp_buf_free(&object);
}

CHECK_MAIN("seal_body", CHECK(test_padded_sizes), CHECK(test_never_twice_the_same),
           CHECK(test_refused))
