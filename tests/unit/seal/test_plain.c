/* Padding and the parts around the content. */
#include "memory.h"

#include <seal/plain.h>

/* Every length of padding is one legal header field, which reading takes away. */
static void test_padding_of_every_length(void)
{
    struct pp_buf content = {0};
    pp_buf_add_str(&content, "HEAD\r\nbody");
    struct pp_source source = memory_source(&content);
    for (uint64_t more = PP_PADDING_MIN; more < 400; more++) {
        struct pp_plain p;
        struct pp_found found;
        struct pp_buf all = {0};
        CU_ASSERT_EQUAL(pp_plain_make(&p, &source, NULL, "U: 1\r\n\r\n"), PP_OK);
        uint64_t before = p.size;
        pp_plain_pad(&p, before + more);
        pp_buf_reserve(&all, (size_t)p.size);
        all.len = (size_t)p.size;
        CU_ASSERT_EQUAL(pp_plain_read(&p, &source, 0, all.data, all.len), PP_OK);
        size_t line = 0;
        for (uint64_t i = 0; i < more; i++) {
            line = all.data[i] == '\n' ? 0 : line + 1;
            CU_ASSERT_TRUE(line <= 998);
            if (all.data[i] == '\r') {
                CU_ASSERT_EQUAL(all.data[i + 1], '\n');
                CU_ASSERT_TRUE(i + 2 == more || (all.data[i + 2] == ' ' && all.data[i + 3] == 'x'));
            }
        }
        CU_ASSERT_EQUAL(memcmp(all.data + more, "U: 1\r\n\r\nHEAD\r\nbody", 18), 0);
        struct pp_source back = memory_source(&all);
        CU_ASSERT_EQUAL(pp_plain_find(&found, &back, all.len, "U: 1\r\n\r\n"), PP_OK);
        CU_ASSERT_EQUAL(found.content, more + 8);
        CU_ASSERT_EQUAL(found.n, content.len);
        CU_ASSERT_FALSE(found.has_signature);
        pp_found_finish(&found);
        pp_plain_finish(&p);
        pp_buf_free(&all);
    }
    pp_buf_free(&content);
}

/* Any window of the text is the same octets: sealing reads it in pieces. */
static void test_windows(void)
{
    struct identities ids;
    EVP_PKEY *key;
    identities_init(&ids);
    struct pp_certificate *c = identities_user(&ids, "a@x", &key);
    struct pp_signer signer = {c, key};
    struct pp_buf content = {0}, all = {0};
    struct pp_plain p;
    uint8_t window[300];
    pp_buf_add_str(&content, "From: a@x\r\n\r\nHello\r\n");
    struct pp_source source = memory_source(&content);
    CU_ASSERT_EQUAL(pp_plain_make(&p, &source, &signer, ""), PP_OK);
    pp_plain_pad(&p, p.size + 555);
    pp_buf_reserve(&all, (size_t)p.size);
    all.len = (size_t)p.size;
    pp_plain_read(&p, &source, 0, all.data, all.len);
    for (size_t at = 0; at < all.len; at++) {
        size_t n = (at * 31) % 299 + 1;
        n = n < all.len - at ? n : all.len - at;
        CU_ASSERT_EQUAL(pp_plain_read(&p, &source, at, window, n), PP_OK);
        CU_ASSERT_EQUAL(memcmp(window, all.data + at, n), 0);
    }
    struct pp_found found;
    struct pp_source back = memory_source(&all);
    CU_ASSERT_EQUAL(pp_plain_find(&found, &back, all.len, ""), PP_OK);
    CU_ASSERT_TRUE(found.has_signature);
    CU_ASSERT_EQUAL(found.n, content.len);
    CU_ASSERT_EQUAL(memcmp(all.data + found.content, content.data, content.len), 0);
    pp_found_finish(&found);
    pp_plain_finish(&p);
    pp_buf_free(&content);
    pp_buf_free(&all);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
    identities_finish(&ids);
}

static void test_refused(void)
{
    static const char *const bad[] = {"",
                                      "U: 2\r\n\r\n",
                                      "Peerpost-Padding: x",
                                      "Peerpost-Padding: x\r\n",
                                      "Peerpost-Padding: x\r\n x\r\n",
                                      "Peerpost-Padding: x\r\nU: 2\r\n\r\n",
                                      "Peerpost-Padding: x\r\nPeerpost-Padding: x\r\nU: 1\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_buf b = {0};
        struct pp_found found;
        pp_buf_add_str(&b, bad[i]);
        struct pp_source source = memory_source(&b);
        CU_ASSERT_EQUAL(pp_plain_find(&found, &source, b.len, "U: 1\r\n\r\n"), PP_MALFORMED);
        pp_buf_free(&b);
    }
}

/* Padmé's own properties: at least as big, at most 12 % bigger, few sizes, and a fixed point. */
static void test_padme(void)
{
    uint64_t sizes = 0, last = 0;
    CU_ASSERT_EQUAL(pp_padme(9), 10); /* the paper's example: E = 3, S = 2 */
    for (uint64_t n = 1; n < 70000; n++) {
        uint64_t padded = pp_padme(n);
        CU_ASSERT_TRUE(padded >= n && (padded - n) * 100 <= n * 12);
        CU_ASSERT_TRUE(n < 4096 || (padded - n) * 1000 <= n * 63);
        CU_ASSERT_EQUAL(pp_padme(padded), padded);
        sizes += padded != last;
        last = padded;
    }
    CU_ASSERT_TRUE(sizes < 300);
    CU_ASSERT_TRUE(pp_padme(PP_MESSAGE_MAX + 5000) < PP_OBJECT_MAX);
}

CHECK_MAIN("plain", CHECK(test_padding_of_every_length), CHECK(test_windows), CHECK(test_refused),
           CHECK(test_padme))
