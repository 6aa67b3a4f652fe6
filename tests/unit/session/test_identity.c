/* Keys loaded from disk: which old ones still count, keys that do not fit, passphrases by command,
 * what a crash left is finished first. */
#include <session/identity.h>

#include <box/files.h>
#include <identities.h>
#include <stdlib.h>
#include <time.h>

static const struct pp_option options[] = {
    {"user.address", PP_OPT_STRING, NULL, 0, 0, PP_SCOPE_NODE, "address"},
    {"user.key", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "key"},
    {"user.certificate", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "certificate"},
    {"user.state", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "state"},
    {"user.passphrase_command", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "command"},
    {"trust.ca", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "authority"},
    {"trust.crl", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "list"},
    {"crl.require_fresh", PP_OPT_BOOL, "false", 0, 0, PP_SCOPE_NODE, "fresh"},
};
static const struct pp_schema schema = {options, sizeof options / sizeof *options};

static struct identities ids;
static struct pp_config *config;
static struct identity who;
static char folder[64];

static const char *at(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void configure(const char *more)
{
    char yaml[512];
    pp_config_free(config);
    config = NULL;
    snprintf(yaml, sizeof yaml,
             "user:\n  address: anna@x\n  key: user.key.pem\n  certificate: user.cert.pem\n"
             "  state: state\n%s",
             more);
    CHECK_FATAL(pp_file_write(at("c.yaml"), pp_str(yaml), 0600, NULL) == PP_OK);
    CHECK_FATAL(pp_config_load(&config, at("c.yaml"), &schema, 1, NULL) == PP_OK);
}

/* A key and its certificate that ends `days` from now, as PREFIX.key.pem and PREFIX.cert.pem. */
static void put(const char *prefix, int64_t days, const char *passphrase)
{
    char name[128];
    const char *address = "anna@x";
    EVP_PKEY *key = NULL;
    struct pp_certificate *c = NULL;
    struct pp_buf pem = {0};
    struct pp_validity v = {time(NULL) - 1000 * 86400 + days * 86400 / 2,
                            time(NULL) + days * 86400};
    CHECK_FATAL(pp_key_generate(&key) == PP_OK);
    CHECK_FATAL(pp_issue_address(&c, &ids.issuer, key, &address, 1, &v, NULL) == PP_OK);
    snprintf(name, sizeof name, "%s.key.pem", prefix);
    CHECK_FATAL(pp_key_save(key, at(name), passphrase, NULL) == PP_OK);
    snprintf(name, sizeof name, "%s.cert.pem", prefix);
    CHECK_FATAL(pp_certificate_pem(&pem, c) == PP_OK);
    CHECK_FATAL(pp_file_write(at(name), pp_buf_bytes(&pem), 0644, NULL) == PP_OK);
    pp_buf_free(&pem);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

static void begin(void)
{
    identities_init(&ids);
    snprintf(folder, sizeof folder, "/tmp/peerpost-who.XXXXXX");
    CHECK_FATAL(mkdtemp(folder) != NULL);
    configure("");
    put("user", 100, NULL);
    int lock = identity_lock(config, NULL); /* makes state/keys */
    CHECK_FATAL(lock >= 0);
    close(lock);
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    identity_finish(&who);
    pp_config_free(config);
    config = NULL;
    identities_finish(&ids);
}

static void test_old_keys_count_a_year_longer(void)
{
    begin();
    put("state/keys/a", -364, NULL);
    put("state/keys/b", -366, NULL);
    put("state/keys/c", 10, NULL);
    CHECK_FATAL(identity_open(&who, config, NULL) == PP_OK);
    CU_ASSERT_EQUAL(who.n_keys, 3);
    CU_ASSERT(who.certificate == who.certificates[0]);
    CU_ASSERT(who.certificates[1]->not_before > who.certificates[2]->not_before);
    for (size_t i = 0; i < who.n_keys; i++) {
        CU_ASSERT_EQUAL(EVP_PKEY_eq(who.keys[i], pp_certificate_key(who.certificates[i])), 1);
    }
    end();
}

static void test_key_that_does_not_fit(void)
{
    struct pp_error error = {0};
    begin();
    put("other", 100, NULL);
    CHECK_FATAL(rename(at("other.key.pem"), at("user.key.pem")) == 0);
    CU_ASSERT_EQUAL(identity_open(&who, config, &error), PP_DENIED);
    CU_ASSERT(strstr(error.text, "is not the key of") != NULL);
    CU_ASSERT_EQUAL(who.n_keys, 0);
    end();
}

static void test_passphrase_by_command(void)
{
    struct pp_error error = {0};
    begin();
    put("user", 100, "sesame");
    CU_ASSERT_TRUE(identity_is_locked(at("user.key.pem")));
    configure("  passphrase_command: exit 3\n");
    CU_ASSERT_EQUAL(identity_open(&who, config, &error), PP_CONFIG);
    CU_ASSERT(strstr(error.text, "exit 3") != NULL);
    configure("  passphrase_command: printf 'sesame\\nnot this'\n");
    CU_ASSERT_EQUAL(identity_open(&who, config, &error), PP_OK);
    end();
}

static void test_crash_is_finished_first(void)
{
    struct pp_buf manifest = {0};
    begin();
    put("next", 200, NULL);
    CHECK_FATAL(rename(at("next.key.pem"), at("user.key.pem.new")) == 0);
    CHECK_FATAL(rename(at("next.cert.pem"), at("user.cert.pem.new")) == 0);
    pp_buf_printf(&manifest, "replace\n%s\n%s\n", at("user.key.pem"), at("user.cert.pem"));
    CHECK_FATAL(pp_file_write(at("state/keys/change"), pp_buf_bytes(&manifest), 0600, NULL) ==
                PP_OK);
    CHECK_FATAL(identity_open(&who, config, NULL) == PP_OK);
    CU_ASSERT(who.certificate->not_after > (pp_ns)(time(NULL) + 150 * 86400) * PP_SECOND);
    CU_ASSERT_NOT_EQUAL(access(at("state/keys/change"), F_OK), 0);
    pp_buf_free(&manifest);
    end();
}

static void test_lock_is_exclusive(void)
{
    begin();
    int lock = identity_lock(config, NULL);
    CHECK_FATAL(lock >= 0);
    CU_ASSERT_EQUAL(pp_box_lock(at("state/keys/lock"), NULL), PP_BUSY);
    close(lock);
    end();
}

CHECK_MAIN("identity", CHECK(test_old_keys_count_a_year_longer), CHECK(test_key_that_does_not_fit),
           CHECK(test_passphrase_by_command), CHECK(test_crash_is_finished_first),
           CHECK(test_lock_is_exclusive))
