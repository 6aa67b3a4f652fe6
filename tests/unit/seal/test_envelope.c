/* The body's envelope: one shape, every octet of it checked. */
#include <check.h>
#include <seal/envelope.h>

static void test_head_and_find(void)
{
    static const uint64_t sizes[] = {0,   1,    100,   127,   128,      200,      255,
                                     256, 4096, 65535, 65536, 1u << 24, 64u << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pp_envelope e, back;
        struct pp_buf head = {0};
        uint64_t at, n, size;
        memset(&e, 0x5a, sizeof e);
        pp_envelope_head(&head, &e, sizes[i]);
        CU_ASSERT_TRUE(head.len <= PP_ENVELOPE_START);
        size = head.len + sizes[i] + PP_MAC_LEN;
        CU_ASSERT_EQUAL(pp_envelope_find(&back, pp_buf_bytes(&head), size, &at, &n), PP_OK);
        CU_ASSERT_EQUAL(at, head.len);
        CU_ASSERT_EQUAL(n, sizes[i]);
        CU_ASSERT_EQUAL(memcmp(&e, &back, sizeof e), 0);
        CU_ASSERT_EQUAL(pp_envelope_find(&back, pp_buf_bytes(&head), size + 1, &at, &n),
                        PP_MALFORMED);
        size_t accepted = 0; /* those of key and nonce, which the cipher judges */
        for (size_t j = 0; j < head.len; j++) {
            head.data[j] ^= 1;
            accepted += pp_envelope_find(&back, pp_buf_bytes(&head), size, &at, &n) == PP_OK;
            head.data[j] ^= 1;
        }
        CU_ASSERT_EQUAL(accepted, PP_WRAPPED + PP_NONCE);
        pp_buf_free(&head);
    }
    struct pp_envelope e;
    uint64_t at, n;
    for (uint64_t size = 0; size < 300; size++) {
        static const uint8_t zeros[PP_ENVELOPE_START];
        CU_ASSERT_EQUAL(pp_envelope_find(&e, pp_bytes(zeros, sizeof zeros), size, &at, &n),
                        PP_MALFORMED);
    }
}

static void test_sound(void)
{
    struct pp_envelope e = {{1}, {2}};
    struct pp_buf der = {0};
    pp_envelope_head(&der, &e, 10);
    /* A body's envelope but for its recipient: [2] version 4 becomes [1] version 3. */
    uint8_t *kek = memmem(der.data, der.len, "\xa2\x3f\x02\x01\x04", 5);
    CHECK_FATAL(kek != NULL);
    kek[0] = 0xa1;
    kek[4] = 3;
    pp_buf_add(&der, "0123456789\x04\x10", 12);
    pp_buf_add(&der, "0123456789abcdef", 16);
    CU_ASSERT_TRUE(pp_envelope_is_sound(pp_buf_bytes(&der)));
    for (size_t n = 0; n < der.len; n++) {
        CU_ASSERT_FALSE(pp_envelope_is_sound(pp_bytes(der.data, n)));
    }
    kek = memmem(der.data, der.len, "\xa1\x3f\x02\x01\x03", 5);
    kek[4] = 4;
    CU_ASSERT_FALSE(pp_envelope_is_sound(pp_buf_bytes(&der)));
    kek[4] = 3;
    pp_buf_add(&der, "x", 1);
    CU_ASSERT_FALSE(pp_envelope_is_sound(pp_buf_bytes(&der)));
    pp_buf_free(&der);
}

CHECK_MAIN("envelope", CHECK(test_head_and_find), CHECK(test_sound))
