/* Roll-over proofs: one link, a chain, what is refused, and the way through request and issue. */
#include <trust/rollover.h>

#include <identities.h>

static EVP_PKEY *key[4];
static uint8_t hash[4][32];

static void begin(void)
{
    for (size_t i = 0; i < 4; i++) {
        CHECK_FATAL(pp_key_generate(&key[i]) == PP_OK);
        CHECK_FATAL(pp_key_hash(key[i], hash[i]) == PP_OK);
    }
}

static void end(void)
{
    for (size_t i = 0; i < 4; i++) {
        EVP_PKEY_free(key[i]);
    }
}

/* 0 -> 1 -> .. -> n */
static void chain(struct pp_buf *proof, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pp_buf next = {0};
        CHECK_FATAL(pp_rollover_make(&next, key[i], key[i + 1], pp_buf_bytes(proof)) == PP_OK);
        pp_buf_free(proof);
        *proof = next;
    }
}

static void test_chain(void)
{
    struct pp_buf proof = {0};
    begin();
    chain(&proof, 2);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[1], key[2]), PP_OK);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[0], key[2]), PP_OK);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), NULL, key[2]), PP_OK);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[3], key[2]), PP_SIGNATURE);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[0], key[3]), PP_SIGNATURE);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[2], key[2]), PP_SIGNATURE);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_bytes(NULL, 0), hash[0], key[2]), PP_MALFORMED);
    pp_buf_free(&proof);
    end();
}

/* Every octet changed, every length cut: never good but for a whole first link. */
static void test_damaged(void)
{
    struct pp_buf proof = {0};
    begin();
    chain(&proof, 1);
    for (size_t i = 0; i < proof.len; i++) {
        proof.data[i] ^= 0x10;
        CU_ASSERT_NOT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[0], key[1]), PP_OK);
        proof.data[i] ^= 0x10;
        CU_ASSERT_NOT_EQUAL(pp_rollover_verify(pp_bytes(proof.data, i), hash[0], key[1]), PP_OK);
    }
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[0], key[1]), PP_OK);
    pp_buf_free(&proof);
    end();
}

static void test_bounded(void)
{
    struct pp_buf proof = {0};
    begin();
    for (int i = 0; i < 12; i++) {
        struct pp_buf next = {0};
        CHECK_FATAL(pp_rollover_make(&next, key[i % 2], key[(i + 1) % 2], pp_buf_bytes(&proof)) ==
                    PP_OK);
        pp_buf_free(&proof);
        proof = next;
    }
    CU_ASSERT(proof.len <= PP_ROLLOVER_MAX);
    CU_ASSERT_EQUAL(pp_rollover_verify(pp_buf_bytes(&proof), hash[1], key[0]), PP_OK);
    pp_buf_free(&proof);
    end();
}

static void test_through_the_authority(void)
{
    struct identities ids;
    struct pp_buf proof = {0}, pem = {0};
    struct pp_request request;
    struct pp_certificate *c = NULL;
    struct pp_authority *authority = NULL;
    const char *address = "bob@x";
    begin();
    identities_init(&ids);
    chain(&proof, 1);
    CHECK_FATAL(pp_request_create_next(&pem, key[1], &address, 1, pp_buf_bytes(&proof), NULL) == 0);
    CHECK_FATAL(pp_request_parse(&request, pp_buf_bytes(&pem), NULL) == PP_OK);
    CHECK_FATAL(pp_issue_address_next(&c, &ids.issuer, request.key, &address, 1,
                                      pp_buf_bytes(&request.rollover), &ids.validity, NULL) == 0);
    CU_ASSERT(pp_bytes_equal(pp_certificate_rollover(c), pp_buf_bytes(&proof)));
    CHECK_FATAL(pp_authority_load(&authority, ids.ca_file, NULL, false, NULL) == PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(authority, c, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_OK);
    pp_request_finish(&request);
    pem.len = 0; /* the proof is for another key */
    CHECK_FATAL(pp_request_create_next(&pem, key[2], &address, 1, pp_buf_bytes(&proof), NULL) == 0);
    CU_ASSERT_EQUAL(pp_request_parse(&request, pp_buf_bytes(&pem), NULL), PP_SIGNATURE);
    pp_authority_free(authority);
    pp_certificate_free(c);
    pp_buf_free(&proof);
    pp_buf_free(&pem);
    identities_finish(&ids);
    end();
}

CHECK_MAIN("rollover", CHECK(test_chain), CHECK(test_damaged), CHECK(test_bounded),
           CHECK(test_through_the_authority))
