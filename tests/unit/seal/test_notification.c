/* Notifications: to one recipient, whole or not at all, of few sizes. */
#include <identities.h>
#include <openssl/rsa.h>

#include "sample.h"

static struct identities ids;
static struct pp_certificate *alice, *bob, *eve;
static EVP_PKEY *alice_key, *bob_key, *eve_key;

static int seal(struct pp_buf *out, struct pp_certificate *to, bool sign, bool pad)
{
    struct pp_notification n;
    struct pp_signer signer = {sign ? alice : NULL, sign ? alice_key : NULL};
    sample_fill(&n, to);
    int bad = pp_seal_notification(out, &n, &signer, to, pad, NULL);
    pp_notification_finish(&n);
    return bad;
}

static int open_by(struct pp_notification *n, struct pp_bytes sealed, struct pp_certificate *c,
                   EVP_PKEY *key)
{
    return pp_open_notification(n, sealed, &c, &key, 1, NULL);
}

static void check_opens(struct pp_certificate *to, EVP_PKEY *key, bool sign, bool pad)
{
    struct pp_notification n, back;
    struct pp_buf sealed = {0};
    CU_ASSERT_EQUAL(seal(&sealed, to, sign, pad), PP_OK);
    CU_ASSERT_EQUAL_FATAL(open_by(&back, pp_buf_bytes(&sealed), to, key), PP_OK);
    sample_fill(&n, to);
    CU_ASSERT_TRUE(sample_same(&n, &back));
    CU_ASSERT_EQUAL(back.is_signed, sign);
    CU_ASSERT_EQUAL(back.signer != NULL, sign);
    if (pad) {
        CU_ASSERT_TRUE(sealed.len >= 2048 && (sealed.len & (sealed.len - 1)) == 0);
    }
    pp_notification_finish(&n);
    pp_notification_finish(&back);
    pp_buf_free(&sealed);
}

static void test_opens(void)
{
    for (int way = 0; way < 4; way++) {
        for (int i = 0; i < 10; i++) { /* ECDSA's signatures differ in length */
            check_opens(bob, bob_key, way & 1, way & 2);
        }
    }
}

static void test_rsa_recipient(void)
{
    static const char *const address = "r@x";
    EVP_PKEY *key = EVP_RSA_gen(3072);
    struct pp_certificate *c;
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, key, &address, 1, &ids.validity, NULL),
                    PP_OK);
    for (int way = 0; way < 4; way++) {
        check_opens(c, key, way & 1, way & 2);
    }
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

static void test_old_keys_and_wrong_keys(void)
{
    struct pp_buf sealed = {0};
    struct pp_notification n;
    struct pp_certificate *certificates[] = {eve, alice, bob};
    EVP_PKEY *keys[] = {eve_key, alice_key, bob_key};
    CU_ASSERT_EQUAL(seal(&sealed, bob, true, true), PP_OK);
    CU_ASSERT_EQUAL(pp_open_notification(&n, pp_buf_bytes(&sealed), certificates, keys, 3, NULL),
                    PP_OK);
    pp_notification_finish(&n);
    CU_ASSERT_EQUAL(pp_open_notification(&n, pp_buf_bytes(&sealed), certificates, keys, 2, NULL),
                    PP_CRYPTO);
    CU_ASSERT_EQUAL(pp_open_notification(&n, pp_buf_bytes(&sealed), NULL, NULL, 0, NULL),
                    PP_CRYPTO);
    CU_ASSERT_EQUAL(open_by(&n, pp_buf_bytes(&sealed), bob, eve_key), PP_CRYPTO);
    pp_buf_free(&sealed);
}

/* A point whose last bits happen to be zero stays the same when they are called unused: refused all
 * the same, each time. One point in sixteen is such a one. */
static void test_unused_bits_of_the_point(void)
{
    static const uint8_t point[] = {0x03, 0x42, 0x00, 0x04};
    for (int round = 0; round < 64; round++) {
        struct pp_buf sealed = {0};
        struct pp_notification n;
        CU_ASSERT_EQUAL(seal(&sealed, bob, false, false), PP_OK);
        uint8_t *at = memmem(sealed.data, sealed.len, point, sizeof point);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        at[2] = 4;
        CU_ASSERT_EQUAL(open_by(&n, pp_buf_bytes(&sealed), bob, bob_key), PP_CRYPTO);
        pp_buf_free(&sealed);
    }
}

/* Changed anywhere, cut anywhere, longer: nothing opens. */
static void test_tampering(void)
{
    struct pp_buf sealed = {0};
    struct pp_notification n;
    CU_ASSERT_EQUAL(seal(&sealed, bob, false, false), PP_OK);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 0x04;
        int code = open_by(&n, pp_buf_bytes(&sealed), bob, bob_key);
        if (code == PP_OK) {
            fprintf(stderr, "octet %zu of %zu changed, and it opens\n", i, sealed.len);
        }
        CU_ASSERT_TRUE(code == PP_CRYPTO || code == PP_MALFORMED);
        CU_ASSERT_EQUAL(n.object_id.len, 0);
        sealed.data[i] ^= 0x04;
    }
    for (size_t len = 0; len < sealed.len; len += 3) {
        int code = open_by(&n, pp_bytes(sealed.data, len), bob, bob_key);
        CU_ASSERT_TRUE(code == PP_CRYPTO || code == PP_MALFORMED);
    }
    pp_buf_add(&sealed, "x", 1);
    CU_ASSERT_EQUAL(open_by(&n, pp_buf_bytes(&sealed), bob, bob_key), PP_MALFORMED);
    pp_buf_free(&sealed);
}

static void test_signature_that_does_not_hold(void)
{
    struct pp_buf sealed = {0};
    struct pp_notification n, back;
    struct pp_signer liar = {alice, eve_key};
    sample_fill(&n, bob);
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, &liar, bob, true, NULL), PP_OK);
    CU_ASSERT_EQUAL(open_by(&back, pp_buf_bytes(&sealed), bob, bob_key), PP_OK);
    CU_ASSERT_FALSE(back.is_signed);
    CU_ASSERT_PTR_NULL(back.signer);
    pp_notification_finish(&n);
    pp_notification_finish(&back);
    pp_buf_free(&sealed);
}

static void test_bounds(void)
{
    struct pp_buf sealed = {0};
    struct pp_notification n, back;
    struct pp_error error;
    struct pp_signer signer = {alice, alice_key};
    sample_fill(&n, bob);
    n.n_asked = n.n_inbox_asked = PP_K_MAX;
    for (int i = 0; i < 3000; i++) { /* the worst that escaping can do */
        pp_buf_add_str(&n.from, "\x01");
        pp_buf_add_str(&n.to, "\x01");
        pp_buf_add_str(&n.cc, "\x01");
        pp_buf_add_str(&n.subject, "\x01");
    }
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, &signer, bob, true, &error), PP_OK);
    CU_ASSERT_EQUAL(sealed.len, PP_NOTIFICATION_MAX);
    CU_ASSERT_EQUAL(open_by(&back, pp_buf_bytes(&sealed), bob, bob_key), PP_OK);
    CU_ASSERT_EQUAL(back.n_asked, PP_K_MAX);
    pp_notification_finish(&back);
    sealed.len = 0;
    for (int i = 0; i < 9000; i++) {
        pp_buf_add_str(&n.rollover, "r");
    }
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, &signer, bob, true, &error), PP_TOO_BIG);
    CU_ASSERT_EQUAL(sealed.len, 0);
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, &signer, ids.root, true, &error), PP_INVALID);
    static uint8_t big[PP_NOTIFICATION_MAX + 1];
    CU_ASSERT_EQUAL(open_by(&back, pp_bytes(big, sizeof big), bob, bob_key), PP_MALFORMED);
    pp_notification_finish(&n);
    pp_buf_free(&sealed);
}

static void test_keys_are_wiped(void)
{
    struct pp_notification n;
    static const struct pp_notification zero;
    sample_fill(&n, bob);
    pp_notification_finish(&n);
    CU_ASSERT_EQUAL(memcmp(&n, &zero, sizeof n), 0);
}

static void test_begin(void)
{
    identities_init(&ids);
    alice = identities_user(&ids, "a@x", &alice_key);
    bob = identities_user(&ids, "bob@x", &bob_key);
    eve = identities_user(&ids, "eve@x", &eve_key);
}

static void test_end(void)
{
    pp_certificate_free(alice);
    pp_certificate_free(bob);
    pp_certificate_free(eve);
    EVP_PKEY_free(alice_key);
    EVP_PKEY_free(bob_key);
    EVP_PKEY_free(eve_key);
    identities_finish(&ids);
}

CHECK_MAIN("notification", CHECK(test_begin), CHECK(test_opens), CHECK(test_rsa_recipient),
           CHECK(test_old_keys_and_wrong_keys), CHECK(test_unused_bits_of_the_point),
           CHECK(test_tampering), CHECK(test_signature_that_does_not_hold), CHECK(test_bounds),
           CHECK(test_keys_are_wiped), CHECK(test_end))
