/* Key files: private, encrypted when asked, and one sentence for each refusal. */
#include <check.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <trust/certificate.h>
#include <unistd.h>

static char folder[40], path[64];

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/peerpost-keys.XXXXXX");
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/key.pem", folder);
}

static void end(void)
{
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static void round_trip(const char *passphrase, const char *marker)
{
    EVP_PKEY *key, *back;
    struct stat st;
    char text[64] = {0};
    begin();
    CU_ASSERT_EQUAL(pp_key_generate(&key), PP_OK);
    CU_ASSERT_EQUAL(pp_key_save(key, path, passphrase, NULL), PP_OK);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, passphrase, NULL), PP_OK);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(key, back), 1);
    FILE *f = fopen(path, "r");
    CU_ASSERT_TRUE(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, marker));
    EVP_PKEY_free(key);
    EVP_PKEY_free(back);
    end();
}

static void test_plain(void)
{
    round_trip(NULL, "BEGIN PRIVATE KEY");
}

static void test_encrypted(void)
{
    round_trip("correct horse", "BEGIN ENCRYPTED PRIVATE KEY");
}

static void test_passphrase_missing_or_wrong(void)
{
    EVP_PKEY *key, *back;
    struct pp_error error;
    begin();
    pp_key_generate(&key);
    pp_key_save(key, path, "right", NULL);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, NULL, &error), PP_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "give its passphrase"));
    CU_ASSERT_EQUAL(pp_key_load(&back, path, "wrong", &error), PP_DENIED);
    CU_ASSERT_PTR_NULL(back);
    EVP_PKEY_free(key);
    end();
}

static void test_loose_file_is_refused(void)
{
    EVP_PKEY *key, *back;
    struct pp_error error;
    begin();
    pp_key_generate(&key);
    pp_key_save(key, path, NULL, NULL);
    chmod(path, 0644);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, NULL, &error), PP_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chmod 600"));
    chmod(path, 0600);
    chmod(folder, 0750);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, NULL, &error), PP_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chmod 700"));
    chmod(folder, 0700);
    FILE *f = fopen(path, "w");
    fputs("no key", f);
    fclose(f);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, NULL, &error), PP_MALFORMED);
    unlink(path);
    CU_ASSERT_EQUAL(pp_key_load(&back, path, NULL, &error), PP_NOT_FOUND);
    EVP_PKEY_free(key);
    end();
}

CHECK_MAIN("keys", CHECK(test_plain), CHECK(test_encrypted),
           CHECK(test_passphrase_missing_or_wrong), CHECK(test_loose_file_is_refused))
