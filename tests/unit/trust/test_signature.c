/* Signing and verifying, against RFC 9421's own vector and against ourselves. */
#include <base/encode.h>
#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <trust/certificate.h>
#include <trust/signature.h>

static const uint8_t keyid[32] = {1, 2, 3}, nonce[16] = {9, 8, 7};

static struct pp_covered request(void)
{
    struct pp_covered c = {.method = pp_str("GET"),
                           .authority = pp_str("00ff.peerpost.alt"),
                           .path = pp_str("/bob@x"),
                           .content_digest = pp_str("sha-256=:abc=:"),
                           .pragma = pp_str("read-inbox")};
    return c;
}

static int sign_and_verify(EVP_PKEY *key, EVP_PKEY *other, const struct pp_covered *at_node)
{
    struct pp_buf input = {0}, signature = {0};
    struct pp_signed s;
    struct pp_covered sent = request();
    CU_ASSERT_EQUAL(pp_sign_request(&input, &signature, key, keyid, &sent, 1000, 1300, nonce),
                    PP_OK);
    int code = pp_signed_parse(&s, pp_buf_bytes(&input), pp_buf_bytes(&signature), at_node, NULL);
    if (code == PP_OK) {
        CU_ASSERT_EQUAL(s.created, 1000);
        CU_ASSERT_EQUAL(s.expires, 1300);
        CU_ASSERT_EQUAL(memcmp(s.keyid, keyid, 32), 0);
        CU_ASSERT_EQUAL(memcmp(s.nonce, nonce, 16), 0);
        code = pp_signed_verify(&s, other);
        pp_signed_finish(&s);
    }
    pp_buf_free(&input);
    pp_buf_free(&signature);
    return code;
}

static void check_key(EVP_PKEY *key, EVP_PKEY *another)
{
    struct pp_covered same = request(), changed;
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &same), PP_OK);
    CU_ASSERT_EQUAL(sign_and_verify(key, another, &same), PP_SIGNATURE);
    changed = same;
    changed.method = pp_str("PUT");
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_SIGNATURE);
    changed = same;
    changed.authority = pp_str("00fe.peerpost.alt");
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_SIGNATURE);
    changed = same;
    changed.path = pp_str("/bob@y");
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_SIGNATURE);
    changed = same;
    changed.content_digest = pp_str("sha-256=:abd=:");
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_SIGNATURE);
    changed = same;
    changed.pragma = pp_str("read-inbo");
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_SIGNATURE);
    changed = same;
    changed.confirm = pp_str("00:1"); /* present, and not covered */
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_MALFORMED);
    changed = same;
    changed.pragma = pp_bytes(NULL, 0); /* covered, and absent */
    CU_ASSERT_EQUAL(sign_and_verify(key, key, &changed), PP_MALFORMED);
}

static void test_p256(void)
{
    EVP_PKEY *a, *b;
    pp_key_generate(&a);
    pp_key_generate(&b);
    for (int i = 0; i < 40; i++) { /* r and s with leading zeros among them */
        check_key(a, b);
    }
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
}

static void test_ed25519(void)
{
    uint8_t seed[32] = {5};
    EVP_PKEY *a, *b;
    struct pp_certificate *c, *d;
    CU_ASSERT_EQUAL(pp_capability(seed, &a, &c), PP_OK);
    seed[0] = 6;
    CU_ASSERT_EQUAL(pp_capability(seed, &b, &d), PP_OK);
    check_key(a, b);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    pp_certificate_free(c);
    pp_certificate_free(d);
}

static void test_rsa(void)
{
    EVP_PKEY *a = EVP_RSA_gen(3072), *b, *weak = EVP_RSA_gen(2048);
    pp_key_generate(&b);
    check_key(a, b);
    struct pp_covered same = request();
    struct pp_buf input = {0}, signature = {0};
    CU_ASSERT_EQUAL(sign_and_verify(a, weak, &same), PP_SIGNATURE);
    CU_ASSERT_EQUAL(pp_sign_request(&input, &signature, weak, keyid, &same, 1, 2, nonce),
                    PP_CRYPTO);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    EVP_PKEY_free(weak);
    pp_buf_free(&input);
    pp_buf_free(&signature);
}

/* The base is of our form, the algorithm named is another than the key's. */
static void test_algorithm_must_fit_the_key(void)
{
    struct pp_buf input = {0}, signature = {0};
    struct pp_signed s;
    struct pp_covered sent = request();
    EVP_PKEY *key;
    pp_key_generate(&key);
    pp_sign_request(&input, &signature, key, keyid, &sent, 1000, 1300, nonce);
    CU_ASSERT_EQUAL(
        pp_signed_parse(&s, pp_buf_bytes(&input), pp_buf_bytes(&signature), &sent, NULL), PP_OK);
    s.algorithm = PP_ALG_ED25519;
    CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_SIGNATURE);
    s.algorithm = PP_ALG_ECDSA_P256_SHA256;
    CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_OK);
    for (size_t i = 0; i < s.signature_len; i++) {
        s.signature[i] ^= 1;
        CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_SIGNATURE);
        s.signature[i] ^= 1;
    }
    s.signature_len--;
    CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_SIGNATURE);
    pp_signed_finish(&s);
    pp_buf_free(&input);
    pp_buf_free(&signature);
    EVP_PKEY_free(key);
}

/* RFC 9421 appendix B.2.6: the base's last lines are built by the code under test. */
static void test_rfc9421_b26(void)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
                              "-----END PUBLIC KEY-----\n";
    static const char base[] =
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
        "\"@method\": POST\n"
        "\"@path\": /foo\n"
        "\"@authority\": example.com\n"
        "\"content-type\": application/json\n"
        "\"content-length\": 18\n"
        "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" "
        "\"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    static const char signature[] = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUP"
                                    "iu4A0w6vuQv5lIp5WPpBKRCw==";
    struct pp_signed s = {.algorithm = PP_ALG_ED25519};
    struct pp_buf octets = {0};
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    CHECK_FATAL(key != NULL);
    CHECK_FATAL(pp_unbase64(&octets, pp_str(signature)) == PP_OK && octets.len == 64);
    memcpy(s.signature, octets.data, 64);
    s.signature_len = 64;
    pp_buf_add_str(&s.base, base);
    CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_OK);
    s.base.data[0] ^= 1;
    CU_ASSERT_EQUAL(pp_signed_verify(&s, key), PP_SIGNATURE);
    pp_signed_finish(&s);
    pp_buf_free(&octets);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

CHECK_MAIN("signature", CHECK(test_p256), CHECK(test_ed25519), CHECK(test_rsa),
           CHECK(test_algorithm_must_fit_the_key), CHECK(test_rfc9421_b26))
