/*
 * Another's judgement: openssl(1) decrypts the notification, decrypts the body with the session key
 * alone, and verifies the signed message.
 */
#include "memory.h"
#include "sample.h"

#include <openssl/rsa.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static struct identities ids;
static struct pp_certificate *alice, *bob;
static EVP_PKEY *alice_key, *bob_key;

static void in_folder(char out[80], const char *name)
{
    snprintf(out, 80, "%s/%s", ids.folder, name);
}

static void write_file(const char *name, struct pp_bytes octets)
{
    char path[80];
    in_folder(path, name);
    CU_ASSERT_EQUAL_FATAL(pp_file_write(path, octets, 0600, NULL), PP_OK);
}

static void read_file(struct pp_buf *out, const char *name)
{
    char path[80];
    in_folder(path, name);
    CU_ASSERT_EQUAL_FATAL(pp_file_read(out, path, 1 << 20, NULL), PP_OK);
    unlink(path);
}

/* Runs openssl in the folder, where its files lie. */
static bool openssl(const char *const *arguments)
{
    char *argv[32] = {"env", "-C", ids.folder, "openssl"};
    pid_t pid;
    int status = -1;
    for (size_t i = 0; arguments[i]; i++) {
        argv[i + 4] = (char *)arguments[i];
    }
    CU_ASSERT_EQUAL_FATAL(posix_spawnp(&pid, "env", NULL, NULL, argv, environ), 0);
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const char message_text[] = "From: Alice <a@x>\r\nSubject: hi\r\n\r\nline\r\nlone\rcr\r\n";

/* Body: cms -decrypt with the session key, then cms -verify of what follows the header lines. */
static void test_body(void)
{
    static const uint8_t key[32] = {0xab, 0xcd};
    static const char hex[] = "abcd000000000000000000000000000000000000000000000000000000000000";
    static const char *const decrypt[] = {"cms",  "-decrypt", "-inform",    "DER", "-in",
                                          "body", "-binary",  "-secretkey", hex,   "-secretkeyid",
                                          "00",   "-out",     "plain",      NULL};
    static const char *const verify[] = {"cms",      "-verify", "-inform",    "DER",
                                         "-in",      "signed",  "-binary",    "-CAfile",
                                         "root.pem", "-attime", "1800000000", "-x509_strict",
                                         "-out",     "content", NULL};
    struct pp_signer signer = {alice, alice_key};
    struct pp_buf message = {0}, object = {0}, plain = {0}, content = {0};
    pp_buf_add_str(&message, message_text);
    CU_ASSERT_EQUAL(memory_seal(&object, &message, &signer, key, true), PP_OK);
    write_file("body", pp_buf_bytes(&object));
    CU_ASSERT_TRUE_FATAL(openssl(decrypt));
    read_file(&plain, "plain");
    CU_ASSERT_EQUAL(strncmp((char *)plain.data, "Peerpost-Padding: x", 19), 0);
    const char *der = strstr((char *)plain.data, "\r\n\r\n");
    CHECK_FATAL(der != NULL);
    der += 4;
    size_t before = (size_t)(der - (char *)plain.data);
    write_file("signed", pp_bytes(der, plain.len - before));
    CU_ASSERT_TRUE_FATAL(openssl(verify));
    read_file(&content, "content");
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&content), pp_buf_bytes(&message)));
    plain.data[plain.len - 1] ^= 1; /* the signature's last octet */
    write_file("signed", pp_bytes(der, plain.len - before));
    CU_ASSERT_FALSE(openssl(verify));
    char path[80];
    in_folder(path, "content");
    unlink(path);
    in_folder(path, "signed");
    unlink(path);
    in_folder(path, "body");
    unlink(path);
    pp_buf_free(&message);
    pp_buf_free(&object);
    pp_buf_free(&plain);
    pp_buf_free(&content);
}

static void check_notification(struct pp_certificate *to, EVP_PKEY *key)
{
    static const char *const decrypt[] = {
        "cms",    "-decrypt",      "-inform", "DER",     "-in",  "sealed", "-binary",
        "-recip", "recipient.pem", "-inkey",  "key.pem", "-out", "plain",  NULL};
    struct pp_notification n;
    struct pp_buf sealed = {0}, pem = {0}, plain = {0};
    char path[80];
    sample_fill(&n, to);
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, NULL, to, true, NULL), PP_OK);
    write_file("sealed", pp_buf_bytes(&sealed));
    pp_certificate_pem(&pem, to);
    write_file("recipient.pem", pp_buf_bytes(&pem));
    in_folder(path, "key.pem");
    CU_ASSERT_EQUAL(pp_key_save(key, path, NULL, NULL), PP_OK);
    CU_ASSERT_TRUE_FATAL(openssl(decrypt));
    read_file(&plain, "plain");
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)plain.data, "\r\nRecipient: bob@x\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)plain.data, "\r\nSession-Key: 5e5e5e"));
    unlink(path);
    in_folder(path, "recipient.pem");
    unlink(path);
    in_folder(path, "sealed");
    unlink(path);
    pp_notification_finish(&n);
    pp_buf_free(&sealed);
    pp_buf_free(&pem);
    pp_buf_free(&plain);
}

static void test_notification(void)
{
    static const char *const address = "bob@x";
    EVP_PKEY *rsa = EVP_RSA_gen(3072);
    struct pp_certificate *c;
    check_notification(bob, bob_key);
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, rsa, &address, 1, &ids.validity, NULL),
                    PP_OK);
    check_notification(c, rsa);
    pp_certificate_free(c);
    EVP_PKEY_free(rsa);
}

/* No SHA-1 in how the recipient's key is derived, and AES-256 to wrap: by their object identifiers,
 * dhSinglePass-stdDH-sha256kdf-scheme and id-aes256-wrap. */
static void test_algorithms(void)
{
    static const uint8_t kdf[] = {0x06, 6, 0x2b, 0x81, 0x04, 1, 11, 1};
    static const uint8_t wrap[] = {0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2d};
    struct pp_notification n;
    struct pp_buf sealed = {0};
    sample_fill(&n, bob);
    CU_ASSERT_EQUAL(pp_seal_notification(&sealed, &n, NULL, bob, false, NULL), PP_OK);
    CU_ASSERT_PTR_NOT_NULL(memmem(sealed.data, sealed.len, kdf, sizeof kdf));
    CU_ASSERT_PTR_NOT_NULL(memmem(sealed.data, sealed.len, wrap, sizeof wrap));
    pp_notification_finish(&n);
    pp_buf_free(&sealed);
}

static void test_begin(void)
{
    identities_init(&ids);
    alice = identities_user(&ids, "a@x", &alice_key);
    bob = identities_user(&ids, "bob@x", &bob_key);
}

static void test_end(void)
{
    pp_certificate_free(alice);
    pp_certificate_free(bob);
    EVP_PKEY_free(alice_key);
    EVP_PKEY_free(bob_key);
    identities_finish(&ids);
}

CHECK_MAIN("seal_openssl", CHECK(test_begin), CHECK(test_body), CHECK(test_notification),
           CHECK(test_algorithms), CHECK(test_end))
