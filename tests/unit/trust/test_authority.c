/* The one question about a certificate: chain, kind, time, revocation. */
#include <identities.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>

static struct identities ids, strangers;
static struct pp_certificate *user, *node;
static EVP_PKEY *user_key, *node_key;

static struct pp_authority *load(bool with_crl, bool fresh)
{
    struct pp_authority *a = NULL;
    CU_ASSERT_EQUAL_FATAL(
        pp_authority_load(&a, ids.ca_file, with_crl ? ids.crl_file : NULL, fresh, NULL), PP_OK);
    return a;
}

static void test_kinds_and_times(void)
{
    struct pp_authority *a = load(false, false);
    pp_ns now = IDENTITIES_WALL;
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, now), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(a, node, PP_CERT_NODE, now), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(a, node, PP_CERT_ADDRESS, now), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_NODE, now), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_authority_check(a, ids.root, PP_CERT_ADDRESS, now), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, now - 2 * PP_HOUR), PP_EXPIRED);
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, now + 91 * PP_DAY), PP_EXPIRED);
    pp_authority_free(a);
}

static void test_strangers(void)
{
    struct pp_authority *a = load(false, false);
    EVP_PKEY *key;
    struct pp_certificate *c = identities_user(&strangers, "bob@x", &key);
    CU_ASSERT_EQUAL(pp_authority_check(a, c, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_UNTRUSTED);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
    /* A node's certificate cannot act as a CA. */
    struct pp_issuer leaf = {node, node_key, NULL};
    static const char *const address = "bob@x";
    pp_key_generate(&key);
    CU_ASSERT_EQUAL(pp_issue_address(&c, &leaf, key, &address, 1, &ids.validity, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(a, c, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_UNTRUSTED);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
    pp_authority_free(a);
}

/* The root certifies for "x" and ".x" alone, in both forms of an address. */
static void test_name_constraints(void)
{
    static const struct {
        const char *address;
        int code;
    } cases[] = {{"a@x", PP_OK},         {"a@deep.sub.x", PP_OK}, {"a@y", PP_UNTRUSTED},
                 {"a@xx", PP_UNTRUSTED}, {"\xc3\xa9@x", PP_OK},   {"\xc3\xa9@y", PP_UNTRUSTED}};
    struct pp_authority *a = load(false, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EVP_PKEY *key;
        struct pp_certificate *c = identities_user(&ids, cases[i].address, &key);
        CU_ASSERT_EQUAL(pp_authority_check(a, c, PP_CERT_ADDRESS, IDENTITIES_WALL), cases[i].code);
        pp_certificate_free(c);
        EVP_PKEY_free(key);
    }
    pp_authority_free(a);
}

static void test_forged_signature(void)
{
    struct pp_authority *a = load(false, false);
    struct pp_buf der = {0};
    struct pp_certificate *c;
    pp_buf_add(&der, user->der.data, user->der.len);
    der.data[der.len - 1] ^= 1;
    CU_ASSERT_EQUAL(pp_certificate_parse(&c, pp_buf_bytes(&der)), PP_OK);
    CU_ASSERT_EQUAL(c->kind, PP_CERT_ADDRESS);
    CU_ASSERT_EQUAL(pp_authority_check(a, c, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_UNTRUSTED);
    pp_certificate_free(c);
    pp_buf_free(&der);
    pp_authority_free(a);
}

static void test_revocation_and_reload(void)
{
    identities_revoke(&ids, NULL, 1);
    struct pp_authority *a = load(true, false);
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_OK);
    CU_ASSERT_FALSE(pp_authority_revoked(a, user));
    identities_revoke(&ids, user, 2);
    CU_ASSERT_EQUAL(pp_authority_reload(a, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_REVOKED);
    CU_ASSERT_TRUE(pp_authority_revoked(a, user));
    CU_ASSERT_EQUAL(pp_authority_check(a, node, PP_CERT_NODE, IDENTITIES_WALL), PP_OK);
    /* An older list does not bring it back, a broken one leaves all as it was. */
    identities_revoke(&ids, NULL, 1);
    CU_ASSERT_EQUAL(pp_authority_reload(a, NULL), PP_OK);
    CU_ASSERT_TRUE(pp_authority_revoked(a, user));
    struct pp_error error;
    pp_file_write(ids.crl_file, pp_str("junk"), 0644, NULL);
    CU_ASSERT_EQUAL(pp_authority_reload(a, &error), PP_MALFORMED);
    CU_ASSERT_TRUE(pp_authority_revoked(a, user));
    pp_authority_free(a);
}

static void test_stale_list(void)
{
    identities_revoke(&ids, NULL, 3);
    struct pp_authority *lax = load(true, false), *strict = load(true, true);
    pp_ns later = IDENTITIES_WALL + 8 * PP_DAY;
    CU_ASSERT_EQUAL(pp_authority_check(lax, user, PP_CERT_ADDRESS, later), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check(strict, user, PP_CERT_ADDRESS, later), PP_UNTRUSTED);
    CU_ASSERT_EQUAL(pp_authority_check(strict, user, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_OK);
    pp_authority_free(lax);
    pp_authority_free(strict);
}

static void test_offered_list(void)
{
    struct pp_buf theirs = {0};
    identities_revoke(&ids, user, 9);
    struct pp_authority *newer = load(true, false);
    struct pp_buf der = {0};
    pp_buf_add(&der, pp_authority_crl(newer).data, pp_authority_crl(newer).len);
    pp_authority_free(newer);
    struct pp_authority *a = load(false, false);
    CU_ASSERT_EQUAL(pp_authority_crl(a).len, 0);
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_buf_bytes(&der)), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_buf_bytes(&der)), PP_EXISTS);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_authority_crl(a), pp_buf_bytes(&der)));
    CU_ASSERT_TRUE(pp_authority_revoked(a, user));
    der.data[der.len - 1] ^= 1;
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_buf_bytes(&der)), PP_UNTRUSTED);
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_bytes(der.data, der.len - 1)), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_bytes(NULL, 0)), PP_MALFORMED);
    identities_revoke(&strangers, NULL, 99);
    CU_ASSERT_EQUAL(pp_file_read(&theirs, strangers.crl_file, 10000, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_offer_crl(a, pp_buf_bytes(&theirs)), PP_UNTRUSTED);
    pp_buf_free(&theirs);
    pp_buf_free(&der);
    pp_authority_free(a);
}

static void test_open_mode(void)
{
    struct pp_authority *a;
    EVP_PKEY *key;
    struct pp_certificate *own;
    struct pp_id id = pp_certificate_node_id(node), other = pp_id_power(3);
    CU_ASSERT_EQUAL(pp_authority_load(&a, NULL, NULL, false, NULL), PP_OK);
    CU_ASSERT_TRUE(pp_authority_is_open(a));
    CU_ASSERT_EQUAL(pp_authority_check(a, user, PP_CERT_ADDRESS, IDENTITIES_WALL), PP_UNTRUSTED);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, node->x509, &id, IDENTITIES_WALL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, node->x509, &other, IDENTITIES_WALL), PP_IDENTITY);
    pp_key_generate(&key);
    CU_ASSERT_EQUAL(pp_issue_node(&own, NULL, key, &ids.validity, NULL), PP_OK);
    id = pp_certificate_node_id(own);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, own->x509, &id, IDENTITIES_WALL), PP_OK);
    pp_authority_free(a);
    a = load(false, false);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, own->x509, &id, IDENTITIES_WALL), PP_UNTRUSTED);
    pp_authority_free(a);
    pp_certificate_free(own);
    EVP_PKEY_free(key);
}

static void test_check_node(void)
{
    struct pp_authority *a = load(false, false);
    struct pp_id id = pp_certificate_node_id(node), users = pp_certificate_node_id(user);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, node->x509, &id, IDENTITIES_WALL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, node->x509, NULL, IDENTITIES_WALL), PP_OK);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, user->x509, &id, IDENTITIES_WALL), PP_IDENTITY);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, user->x509, &users, IDENTITIES_WALL), PP_UNTRUSTED);
    CU_ASSERT_EQUAL(pp_authority_check_node(a, node->x509, &id, IDENTITIES_WALL + 91 * PP_DAY),
                    PP_EXPIRED);
    pp_authority_free(a);
}

struct checker {
    struct pp_authority *authority;
    atomic_int wrong;
    atomic_bool revoked;
};

static void *check_often(void *ctx)
{
    struct checker *c = ctx;
    for (int i = 0; i < 200; i++) {
        bool before = atomic_load(&c->revoked);
        int code = pp_authority_check(c->authority, user, PP_CERT_ADDRESS, IDENTITIES_WALL);
        if (code != PP_REVOKED && (code != PP_OK || before)) {
            atomic_fetch_add(&c->wrong, 1);
        }
    }
    return NULL;
}

/* Workers check while the loop's thread reloads; once revoked, nobody is told otherwise. */
static void test_checks_beside_reloads(void)
{
    pthread_t thread[3];
    identities_revoke(&ids, NULL, 20);
    struct checker c = {.authority = load(true, false)};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, check_often, &c), 0);
    }
    for (uint64_t i = 0; i < 20; i++) {
        identities_revoke(&ids, i < 10 ? NULL : user, 21 + i);
        CU_ASSERT_EQUAL(pp_authority_reload(c.authority, NULL), PP_OK);
        atomic_store(&c.revoked, i >= 10);
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    CU_ASSERT_EQUAL(atomic_load(&c.wrong), 0);
    CU_ASSERT_EQUAL(pp_authority_check(c.authority, user, PP_CERT_ADDRESS, IDENTITIES_WALL),
                    PP_REVOKED);
    pp_authority_free(c.authority);
}

static void test_files_that_cannot_be_used(void)
{
    struct pp_authority *a;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_authority_load(&a, "/nowhere/ca.pem", NULL, false, &error), PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/nowhere/ca.pem"));
    CU_ASSERT_EQUAL(pp_authority_load(&a, ids.ca_file, "/nowhere/crl", false, &error), PP_IO);
    pp_file_write(ids.crl_file, pp_str("junk"), 0644, NULL);
    CU_ASSERT_EQUAL(pp_authority_load(&a, ids.crl_file, NULL, false, &error), PP_CONFIG);
    CU_ASSERT_EQUAL(pp_authority_load(&a, ids.ca_file, ids.crl_file, false, &error), PP_MALFORMED);
    identities_revoke(&strangers, NULL, 1);
    CU_ASSERT_EQUAL(pp_authority_load(&a, ids.ca_file, strangers.crl_file, false, &error),
                    PP_CONFIG);
    CU_ASSERT_PTR_NULL(a);
}

static void test_begin(void)
{
    identities_init(&ids);
    identities_init(&strangers);
    user = identities_user(&ids, "bob@x", &user_key);
    node = identities_node(&ids, &node_key);
}

static void test_end(void)
{
    pp_certificate_free(user);
    pp_certificate_free(node);
    EVP_PKEY_free(user_key);
    EVP_PKEY_free(node_key);
    identities_finish(&ids);
    identities_finish(&strangers);
}

CHECK_MAIN("authority", CHECK(test_begin), CHECK(test_kinds_and_times), CHECK(test_strangers),
           CHECK(test_name_constraints), CHECK(test_forged_signature),
           CHECK(test_revocation_and_reload), CHECK(test_stale_list), CHECK(test_offered_list),
           CHECK(test_open_mode), CHECK(test_check_node), CHECK(test_checks_beside_reloads),
           CHECK(test_files_that_cannot_be_used), CHECK(test_end))
