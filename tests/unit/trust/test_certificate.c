/* Certificates from octets: kinds, hostile input, sets in PEM. */
#include <identities.h>
#include <openssl/x509.h>

static struct identities ids;

static void test_address_kind(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&ids, "Bob@X", &key);
    CU_ASSERT_EQUAL(c->kind, PP_CERT_ADDRESS);
    CU_ASSERT_EQUAL(c->n_addresses, 1);
    CU_ASSERT_TRUE(pp_certificate_has_address(c, pp_str("bob@x")));
    CU_ASSERT_FALSE(pp_certificate_has_address(c, pp_str("bo@x")));
    CU_ASSERT_EQUAL(c->not_before, (pp_ns)ids.validity.not_before * PP_SECOND);
    CU_ASSERT_EQUAL(c->not_after, (pp_ns)ids.validity.not_after * PP_SECOND);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(pp_certificate_key(c), key), 1);
    struct pp_certificate *again = pp_certificate_ref(c);
    pp_certificate_free(c);
    CU_ASSERT_TRUE(pp_certificate_has_address(again, pp_str("bob@x")));
    pp_certificate_free(again);
    EVP_PKEY_free(key);
}

static void test_node_kind(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_node(&ids, &key);
    struct pp_id id = pp_certificate_node_id(c), same = pp_key_id(key);
    CU_ASSERT_EQUAL(c->kind, PP_CERT_NODE);
    CU_ASSERT_TRUE(pp_id_equal(&id, &same));
    CU_ASSERT_EQUAL(c->n_addresses, 0);
    CU_ASSERT_FALSE(pp_certificate_has_address(c, pp_str("")));
    CU_ASSERT_EQUAL(ids.root->kind, PP_CERT_OTHER);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

/* Cut anywhere, lengthened, too big: refused, never a crash. A flipped bit parses or does not, but
 * is never the same certificate. */
static void test_hostile_octets(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&ids, "bob@x", &key), *d;
    static uint8_t big[PP_CERTIFICATE_MAX + 1];
    for (size_t n = 0; n < c->der.len; n++) {
        CU_ASSERT_EQUAL(pp_certificate_parse(&d, pp_bytes(c->der.data, n)), PP_MALFORMED);
        CU_ASSERT_PTR_NULL(d);
    }
    memcpy(big, c->der.data, c->der.len);
    CU_ASSERT_EQUAL(pp_certificate_parse(&d, pp_bytes(big, c->der.len + 1)), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_certificate_parse(&d, pp_bytes(big, sizeof big)), PP_TOO_BIG);
    for (size_t i = 0; i < c->der.len; i++) {
        big[i] ^= 0x10;
        if (pp_certificate_parse(&d, pp_bytes(big, c->der.len)) == PP_OK) {
            CU_ASSERT_NOT_EQUAL(memcmp(d->keyid, c->keyid, 32), 0);
            pp_certificate_free(d);
        }
        big[i] ^= 0x10;
    }
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

/* The outer SEQUENCE with an indefinite length: BER that OpenSSL reads, and another keyid. */
static void test_one_encoding_only(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&ids, "bob@x", &key), *d;
    struct pp_buf ber = {0};
    CHECK_FATAL(c->der.data[0] == 0x30 && c->der.data[1] == 0x82);
    pp_buf_add(&ber, "\x30\x80", 2);
    pp_buf_add(&ber, c->der.data + 4, c->der.len - 4);
    pp_buf_add(&ber, "\0\0", 2);
    CU_ASSERT_EQUAL(pp_certificate_parse(&d, pp_buf_bytes(&ber)), PP_MALFORMED);
    pp_buf_free(&ber);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

static int count(void *ctx, struct pp_bytes der)
{
    struct pp_certificate *c;
    int bad = pp_certificate_parse(&c, der);
    *(int *)ctx += bad ? 0 : 1;
    pp_certificate_free(c);
    return bad;
}

static void test_pem_sets(void)
{
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&ids, "bob@x", &key);
    struct pp_buf pem = {0};
    int n = 0;
    CU_ASSERT_EQUAL(pp_pem_each(pp_bytes(NULL, 0), count, &n), PP_OK);
    CU_ASSERT_EQUAL(pp_pem_each(pp_str("hello\n"), count, &n), PP_MALFORMED);
    CU_ASSERT_EQUAL(n, 0);
    pp_certificate_pem(&pem, c);
    pp_certificate_pem(&pem, ids.root);
    CU_ASSERT_EQUAL(pp_pem_each(pp_buf_bytes(&pem), count, &n), PP_OK);
    CU_ASSERT_EQUAL(n, 2);
    pp_buf_add_str(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n");
    CU_ASSERT_EQUAL(pp_pem_each(pp_buf_bytes(&pem), count, &n), PP_MALFORMED);
    pem.len = 0;
    pp_buf_add_str(&pem, "-----BEGIN X-----\nAAAA\n-----END X-----\n");
    CU_ASSERT_EQUAL(pp_pem_each(pp_buf_bytes(&pem), count, &n), PP_MALFORMED);
    pp_buf_free(&pem);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

static void test_load(void)
{
    struct pp_certificate *c;
    struct pp_error error;
    char path[80];
    CU_ASSERT_EQUAL(pp_certificate_load(&c, ids.ca_file, &error), PP_OK);
    CU_ASSERT_EQUAL(memcmp(c->keyid, ids.root->keyid, 32), 0);
    pp_certificate_free(c);
    CU_ASSERT_EQUAL(pp_certificate_load(&c, "/nowhere", &error), PP_NOT_FOUND);
    snprintf(path, sizeof path, "%s/junk", ids.folder);
    pp_file_write(path, pp_str("junk"), 0600, NULL);
    CU_ASSERT_EQUAL(pp_certificate_load(&c, path, &error), PP_MALFORMED);
    CU_ASSERT_PTR_NULL(c);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    pp_file_write(path, pp_bytes(NULL, 0), 0600, NULL);
    CU_ASSERT_EQUAL(pp_certificate_load(&c, path, &error), PP_MALFORMED);
    unlink(path);
}

static void test_begin(void)
{
    identities_init(&ids);
}

static void test_end(void)
{
    identities_finish(&ids);
}

CHECK_MAIN("certificate", CHECK(test_begin), CHECK(test_address_kind), CHECK(test_node_kind),
           CHECK(test_hostile_octets), CHECK(test_one_encoding_only), CHECK(test_pem_sets),
           CHECK(test_load), CHECK(test_end))
