/* SignedData around content: holds for it, and for nothing else. */
#include "memory.h"

#include <openssl/rsa.h>
#include <seal/signed.h>

static struct identities ids;

static void test_signature_holds_for_its_content_alone(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&ids, "a@x", &key), *by;
    struct pp_signer signer = {c, key};
    struct pp_buf tail = {0};
    uint8_t digest[32];
    pp_sha256(digest, pp_str("content"));
    CU_ASSERT_EQUAL(pp_signed_tail(&tail, &signer, digest), PP_OK);
    CU_ASSERT_EQUAL(pp_signed_check(pp_buf_bytes(&tail), digest, &by), PP_OK);
    CU_ASSERT_EQUAL(memcmp(by->keyid, c->keyid, 32), 0);
    pp_certificate_free(by);
    digest[5] ^= 1;
    CU_ASSERT_EQUAL(pp_signed_check(pp_buf_bytes(&tail), digest, &by), PP_SIGNATURE);
    CU_ASSERT_PTR_NULL(by);
    digest[5] ^= 1;
    /* Any octet changed: the same certificate, or one that the CA does not know. */
    struct pp_authority *ca;
    CU_ASSERT_EQUAL_FATAL(pp_authority_load(&ca, ids.ca_file, NULL, false, NULL), PP_OK);
    for (size_t i = 0; i < tail.len; i++) {
        tail.data[i] ^= 1;
        if (pp_signed_check(pp_buf_bytes(&tail), digest, &by) == PP_OK) {
            CU_ASSERT_TRUE(memcmp(by->keyid, c->keyid, 32) == 0 ||
                           pp_authority_check(ca, by, PP_CERT_ADDRESS, IDENTITIES_WALL) ==
                               PP_UNTRUSTED);
            pp_certificate_free(by);
        }
        tail.data[i] ^= 1;
    }
    pp_authority_free(ca);
    for (size_t n = 0; n < tail.len; n += 7) {
        CU_ASSERT_EQUAL(pp_signed_check(pp_bytes(tail.data, n), digest, &by), PP_SIGNATURE);
    }
    pp_buf_free(&tail);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

/* Signed with one key under the certificate of another; and by a node, which has no say in mail. */
static void test_wrong_signers(void)
{
    EVP_PKEY *key, *other, *node_key;
    struct pp_certificate *c = identities_user(&ids, "a@x", &key), *by;
    struct pp_certificate *node = identities_node(&ids, &node_key);
    struct pp_buf tail = {0};
    uint8_t digest[32] = {1};
    pp_key_generate(&other);
    struct pp_signer liar = {c, other}, machine = {node, node_key};
    CU_ASSERT_EQUAL(pp_signed_tail(&tail, &liar, digest), PP_OK);
    CU_ASSERT_EQUAL(pp_signed_check(pp_buf_bytes(&tail), digest, &by), PP_SIGNATURE);
    tail.len = 0;
    CU_ASSERT_EQUAL(pp_signed_tail(&tail, &machine, digest), PP_OK);
    CU_ASSERT_EQUAL(pp_signed_check(pp_buf_bytes(&tail), digest, &by), PP_SIGNATURE);
    CU_ASSERT_PTR_NULL(by);
    pp_buf_free(&tail);
    pp_certificate_free(c);
    pp_certificate_free(node);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(node_key);
}

static void test_rsa_signer(void)
{
    static const char *const address = "r@x";
    EVP_PKEY *key = EVP_RSA_gen(3072);
    struct pp_certificate *c, *by;
    struct pp_buf tail = {0};
    uint8_t digest[32] = {7};
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, key, &address, 1, &ids.validity, NULL),
                    PP_OK);
    struct pp_signer signer = {c, key};
    CU_ASSERT_EQUAL(pp_signed_tail(&tail, &signer, digest), PP_OK);
    CU_ASSERT_EQUAL(pp_signed_check(pp_buf_bytes(&tail), digest, &by), PP_OK);
    pp_certificate_free(by);
    pp_buf_free(&tail);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

static void test_head_and_find(void)
{
    static const uint64_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 1u << 24, 64u << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pp_buf head = {0};
        uint64_t at, n, size;
        pp_signed_head(&head, sizes[i], 900);
        size = head.len + sizes[i] + 900;
        CU_ASSERT_EQUAL(pp_signed_find(pp_buf_bytes(&head), size, &at, &n), PP_OK);
        CU_ASSERT_EQUAL(at, head.len);
        CU_ASSERT_EQUAL(n, sizes[i]);
        CU_ASSERT_EQUAL(pp_signed_find(pp_buf_bytes(&head), size + 1, &at, &n), PP_MALFORMED);
        CU_ASSERT_EQUAL(pp_signed_find(pp_buf_bytes(&head), size - 1, &at, &n), PP_MALFORMED);
        for (size_t j = 0; j < head.len; j++) {
            head.data[j] ^= 0x20;
            CU_ASSERT_EQUAL(pp_signed_find(pp_buf_bytes(&head), size, &at, &n), PP_MALFORMED);
            head.data[j] ^= 0x20;
            CU_ASSERT_EQUAL(pp_signed_find(pp_bytes(head.data, j), size, &at, &n), PP_MALFORMED);
        }
        pp_buf_free(&head);
    }
}

static void test_begin(void)
{
    identities_init(&ids);
}

static void test_end(void)
{
    identities_finish(&ids);
}

CHECK_MAIN("signed", CHECK(test_begin), CHECK(test_signature_holds_for_its_content_alone),
           CHECK(test_wrong_signers), CHECK(test_rsa_signer), CHECK(test_head_and_find),
           CHECK(test_end))
