/* PKCS#12: what was put in comes out, the newest first; other passphrases, damage, openssl's own
 * program both ways. */
#include <trust/pkcs12.h>

#include <identities.h>

static struct identities ids;
static struct pp_pkcs12 content;

static void begin(void)
{
    const char *address = "anna@x";
    identities_init(&ids);
    content = (struct pp_pkcs12){.n = 2};
    for (size_t i = 0; i < 2; i++) {
        struct pp_validity v = {IDENTITIES_NOW - 1000 + (int64_t)i * 100, IDENTITIES_NOW + 86400};
        CHECK_FATAL(pp_key_generate(&content.key[i]) == PP_OK);
        CHECK_FATAL(pp_issue_address(&content.certificate[i], &ids.issuer, content.key[i], &address,
                                     1, &v, NULL) == PP_OK);
    }
    CHECK_FATAL(pp_certificate_pem(&content.authority, ids.root) == PP_OK);
}

static void end(void)
{
    pp_pkcs12_finish(&content);
    identities_finish(&ids);
}

static void check_read(struct pp_bytes der, size_t n)
{
    struct pp_pkcs12 back;
    CHECK_FATAL(pp_pkcs12_read(&back, der, "sesame", NULL) == PP_OK);
    CHECK_FATAL(back.n == n);
    for (size_t i = 0; i < n; i++) {
        const struct pp_certificate *want = content.certificate[n == 1 ? 1 : 1 - i];
        CU_ASSERT(
            pp_bytes_equal(pp_buf_bytes(&back.certificate[i]->der), pp_buf_bytes(&want->der)));
        CU_ASSERT_EQUAL(EVP_PKEY_eq(back.key[i], pp_certificate_key(want)), 1);
    }
    CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&back.authority), pp_buf_bytes(&content.authority)));
    pp_pkcs12_finish(&back);
}

static void test_round(void)
{
    struct pp_buf der = {0};
    struct pp_pkcs12 back;
    struct pp_error error = {0};
    begin();
    CHECK_FATAL(pp_pkcs12_write(&der, &content, "sesame", NULL) == PP_OK);
    check_read(pp_buf_bytes(&der), 2);
    CU_ASSERT_EQUAL(pp_pkcs12_read(&back, pp_buf_bytes(&der), "other", &error), PP_DENIED);
    CU_ASSERT(strstr(error.text, "passphrase") != NULL);
    CU_ASSERT_EQUAL(pp_pkcs12_read(&back, pp_str("no file"), "sesame", &error), PP_MALFORMED);
    for (size_t i = 0; i < der.len; i += 97) {
        der.data[i] ^= 0x55;
        CU_ASSERT_NOT_EQUAL(pp_pkcs12_read(&back, pp_buf_bytes(&der), "sesame", &error), PP_OK);
        der.data[i] ^= 0x55;
    }
    pp_buf_free(&der);
    end();
}

static void test_openssl_both_ways(void)
{
    char path[128], command[1024];
    struct pp_buf der = {0}, pem = {0};
    begin();
    CHECK_FATAL(pp_pkcs12_write(&der, &content, "sesame", NULL) == PP_OK);
    snprintf(path, sizeof path, "%s/a.p12", ids.folder);
    CHECK_FATAL(pp_file_write(path, pp_buf_bytes(&der), 0600, NULL) == PP_OK);
    snprintf(command, sizeof command,
             "openssl pkcs12 -info -in %s -passin pass:sesame -nodes >%s/out 2>&1 && "
             "test $(grep -c 'BEGIN PRIVATE KEY' %s/out) = 2 && "
             "test $(grep -c 'BEGIN CERTIFICATE' %s/out) = 3 && grep -q 'sha256' %s/out",
             path, ids.folder, ids.folder, ids.folder, ids.folder);
    CU_ASSERT_EQUAL(system(command), 0);
    snprintf(path, sizeof path, "%s/key.pem", ids.folder);
    CHECK_FATAL(pp_key_save(content.key[1], path, NULL, NULL) == PP_OK);
    snprintf(path, sizeof path, "%s/cert.pem", ids.folder);
    CHECK_FATAL(pp_certificate_pem(&pem, content.certificate[1]) == PP_OK);
    CHECK_FATAL(pp_file_write(path, pp_buf_bytes(&pem), 0644, NULL) == PP_OK);
    snprintf(command, sizeof command,
             "cd %s && openssl pkcs12 -export -inkey key.pem -in cert.pem -certfile root.pem "
             "-passout pass:sesame -out b.p12 2>/dev/null",
             ids.folder);
    CU_ASSERT_EQUAL(system(command), 0);
    der.len = 0;
    snprintf(path, sizeof path, "%s/b.p12", ids.folder);
    CHECK_FATAL(pp_file_read(&der, path, PP_PKCS12_MAX, NULL) == PP_OK);
    check_read(pp_buf_bytes(&der), 1);
    snprintf(command, sizeof command, "cd %s && rm -f a.p12 b.p12 out key.pem cert.pem",
             ids.folder);
    CU_ASSERT_EQUAL(system(command), 0);
    pp_buf_free(&der);
    pp_buf_free(&pem);
    end();
}

CHECK_MAIN("pkcs12", CHECK(test_round), CHECK(test_openssl_both_ways))
