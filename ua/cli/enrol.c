/*
 * peerpost enrol: a key, a request, and the certificate that comes back; and later its renewal, a
 * roll-over to a new key, or a new key after the loss of one. It must not know the network.
 */
#include <cli/enrol.h>

#include <base/address.h>
#include <base/file.h>
#include <box/files.h>
#include <box/maildir.h>
#include <limits.h>
#include <openssl/evp.h>
#include <session/session.h>
#include <session/token.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trust/rollover.h>
#include <unistd.h>

enum kind { FIRST, RENEW, ROLLOVER, LOST };

struct enrol {
    struct cli *cli;
    enum kind kind;
    bool newcomer;
    const char *certificate; /* the authority's answer */
    const char *uri;         /* of a key on a token, for the one that is to be certified */
    const char *aliases[PP_ADDRESSES_MAX];
    size_t n_aliases;
    char key[PATH_MAX], next[PATH_MAX], request[PATH_MAX], proof[PATH_MAX];
};

/* user.key.pem -> user.csr.pem, user.next.key.pem, or so from user.cert.pem where the key is on a
 * token; the proof waits in STATE/keys. */
static void name_files(struct enrol *e)
{
    const char *key = identity_key_name(e->cli->config);
    bool on_token = token_is_uri(key);
    const char *stem = on_token ? pp_config_path(e->cli->config, "user.certificate") : key;
    const char *suffix = on_token ? ".cert.pem" : ".key.pem", *end = strstr(stem, suffix);
    int len = end && !end[strlen(suffix)] ? (int)(end - stem) : (int)strlen(stem);
    snprintf(e->key, sizeof e->key, "%s", key);
    snprintf(e->next, sizeof e->next, "%.*s.next.key.pem", len, stem);
    snprintf(e->request, sizeof e->request, "%.*s.csr.pem", len, stem);
    identity_path(e->proof, e->cli->config, "rollover.next");
}

static int make_folders(struct cli *cli, struct pp_error *error)
{
    int rc = pp_box_make_folder(session_spool(cli->config), error);
    return rc == PP_OK ? pp_maildir_make(session_maildir(cli->config), error) : rc;
}

/* --- the request --------------------------------------------------------------------------- */

/* The key's file says where the key is. */
static int refer_to_token(struct enrol *e, const char *path, EVP_PKEY **key, struct pp_error *error)
{
    struct pp_buf line = {0};
    if (access(path, F_OK) == 0 || token_is_uri(path)) {
        return pp_fail(error, PP_EXISTS,
                       "there is a key already, %s: peerpost enrol --rollover --key URI goes over "
                       "to one on a token",
                       path);
    }
    int rc = token_load_key(key, e->cli->config, e->uri, error);
    pp_buf_printf(&line, "%s\n", e->uri);
    rc = rc == PP_OK ? pp_file_write(path, pp_buf_bytes(&line), 0600, error) : rc;
    pp_buf_free(&line);
    return rc;
}

/* Loads the key, or makes it where there is none. */
static int make_key(struct enrol *e, const char *path, EVP_PKEY **key, struct pp_error *error)
{
    const char *passphrase = "";
    if (e->uri) {
        return refer_to_token(e, path, key, error);
    }
    if (token_is_uri(path) || access(path, F_OK) == 0) {
        return identity_load_key(key, e->cli->config, path, error);
    }
    int rc =
        identity_passphrase(&passphrase, e->cli->config,
                            identity_is_locked(e->key) ? "Passphrase of your key" : NULL, error);
    if (rc == PP_OK && (rc = pp_key_generate(key)) != PP_OK) {
        pp_fail(error, rc, "cannot make a key: %s", pp_error_text(rc));
    }
    return rc == PP_OK ? pp_key_save(*key, path, *passphrase ? passphrase : NULL, error) : rc;
}

static int write_request(struct enrol *e, EVP_PKEY *key, const struct pp_certificate *old,
                         struct pp_bytes proof, struct pp_error *error)
{
    struct pp_buf pem = {0}, own = {0};
    const char *addresses[PP_ADDRESSES_MAX];
    size_t n = 0;
    int rc = identity_address(&own, e->cli->config, error);
    addresses[n++] = (const char *)own.data;
    for (size_t i = 0; rc == PP_OK && old && !e->n_aliases && i < old->n_addresses; i++) {
        if (!pp_bytes_equal(pp_buf_bytes(&old->address[i]), pp_buf_bytes(&own)) &&
            n < PP_ADDRESSES_MAX) {
            addresses[n++] = (const char *)old->address[i].data;
        }
    }
    for (size_t i = 0; rc == PP_OK && i < e->n_aliases && n < PP_ADDRESSES_MAX; i++) {
        addresses[n++] = e->aliases[i];
    }
    rc = rc == PP_OK ? pp_request_create_next(&pem, key, addresses, n, proof, error) : rc;
    rc = rc == PP_OK ? pp_file_write(e->request, pp_buf_bytes(&pem), 0644, error) : rc;
    pp_buf_free(&pem);
    pp_buf_free(&own);
    return rc;
}

/* The proof that the new key follows the old one; durable before the request may go out. */
static int make_proof(struct enrol *e, const struct pp_certificate *old, EVP_PKEY *old_key,
                      EVP_PKEY *key, struct pp_buf *proof, struct pp_error *error)
{
    int rc = pp_rollover_make(proof, old_key, key, pp_certificate_rollover(old));
    return rc == PP_OK ? pp_file_write(e->proof, pp_buf_bytes(proof), 0600, error)
                       : pp_fail(error, rc, "cannot sign the new key with the old one");
}

static void print_next_steps(struct enrol *e, const struct pp_certificate *old)
{
    uint8_t serial[32];
    char digits[65];
    if (e->newcomer) {
        printf("Send this file to your campus: %s\n"
               "When their answer comes: peerpost join --answer FILE\n",
               e->request);
        return;
    }
    printf("key: %s\nrequest: %s\n", e->kind == ROLLOVER || e->kind == LOST ? e->next : e->key,
           e->request);
    if (e->kind == LOST && old) {
        pp_hex(digits, serial, pp_certificate_serial(old, serial, sizeof serial));
        printf("Ask your authority to revoke the lost certificate: peerpost-ca revoke %s\n"
               "Until it has, those who know the old key hold their mail to you.\n",
               digits);
    }
    printf("Give the request to your authority (peerpost-ca sign), then run\n"
           "peerpost enrol --certificate FILE with its answer.\n");
}

static int begin(struct enrol *e, struct pp_error *error)
{
    struct pp_certificate *old = NULL;
    EVP_PKEY *key = NULL, *old_key = NULL;
    struct pp_buf proof = {0};
    const char *file = pp_config_path(e->cli->config, "user.certificate");
    int rc = make_folders(e->cli, error);
    if (rc == PP_OK && (e->kind == ROLLOVER || e->kind == LOST) && token_is_uri(e->key)) {
        rc = pp_fail(error, PP_CONFIG,
                     "user.key in the configuration names one key for good: write its URI into a "
                     "file, let user.key name that, then peerpost enrol goes over to another");
    }
    if (rc == PP_OK && (access(file, F_OK) == 0 || e->kind == RENEW || e->kind == ROLLOVER)) {
        rc = pp_certificate_load(&old, file, error);
    }
    if (rc == PP_OK && (e->kind == RENEW || e->kind == ROLLOVER)) {
        rc = identity_load_key(&old_key, e->cli->config, e->key, error);
    }
    if (rc == PP_OK) {
        bool new_key = e->kind == ROLLOVER || e->kind == LOST;
        rc = make_key(e, new_key ? e->next : e->key, &key, error);
    }
    if (rc == PP_OK && e->kind == ROLLOVER) {
        rc = make_proof(e, old, old_key, key, &proof, error);
    } else if (rc == PP_OK && e->kind == RENEW) {
        struct pp_bytes carried = pp_certificate_rollover(old);
        pp_buf_add(&proof, carried.data, carried.len);
    }
    rc = rc == PP_OK ? write_request(e, key, old, pp_buf_bytes(&proof), error) : rc;
    if (rc == PP_OK) {
        print_next_steps(e, old);
    }
    pp_buf_free(&proof);
    pp_certificate_free(old);
    EVP_PKEY_free(key);
    EVP_PKEY_free(old_key);
    return rc;
}

/* --- the answer ---------------------------------------------------------------------------- */

static bool is_for(const struct pp_certificate *c, EVP_PKEY *key)
{
    uint8_t hash[32];
    return key && pp_key_hash(key, hash) == PP_OK && memcmp(hash, c->spki_hash, 32) == 0;
}

static int check(struct enrol *e, const struct pp_certificate *c, struct pp_error *error)
{
    struct pp_buf address = {0};
    struct pp_authority *authority = NULL;
    int rc = identity_address(&address, e->cli->config, error);
    if (rc == PP_OK && !pp_certificate_has_address(c, pp_buf_bytes(&address))) {
        rc = pp_fail(error, PP_DENIED, "the certificate is not for %s (user.address)",
                     (const char *)address.data);
    }
    rc = rc == PP_OK ? identity_authority(&authority, e->cli->config, error) : rc;
    if (rc == PP_OK && !pp_authority_is_open(authority) &&
        pp_authority_check(authority, c, PP_CERT_ADDRESS, (pp_ns)time(NULL) * PP_SECOND) ==
            PP_UNTRUSTED) {
        rc = pp_fail(error, PP_UNTRUSTED,
                     "the certificate is not from the authority that your network trusts "
                     "(trust.ca): take it from the one that got your request");
    }
    pp_authority_free(authority);
    pp_buf_free(&address);
    return rc;
}

/* What was in use goes to STATE/keys: old mail is for it. A key that does not open any more is kept
 * as it is. */
static int archive(struct enrol *e, struct pp_change *change, const struct pp_certificate *fresh,
                   struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf octets = {0};
    struct pp_certificate *old = NULL;
    struct pp_config *config = e->cli->config;
    if (pp_certificate_load(&old, pp_config_path(config, "user.certificate"), NULL) != PP_OK ||
        memcmp(old->keyid, fresh->keyid, 32) == 0) {
        pp_certificate_free(old);
        return PP_OK; /* the first, or the same once more */
    }
    int rc = identity_add_certificate(change, identity_archive(path, config, old, "cert.pem"), old,
                                      error);
    if (rc == PP_OK && (token_is_uri(e->key) || access(e->key, F_OK) == 0)) {
        EVP_PKEY *key = NULL;
        bool opens = identity_load_key(&key, config, e->key, NULL) == PP_OK && is_for(old, key);
        identity_archive(path, config, old, opens ? "key.pem" : "locked.pem");
        rc = token_is_uri(e->key) ? pp_buf_add_str(&octets, e->key)
                                  : pp_file_read(&octets, e->key, 16u << 10, error);
        rc = rc == PP_OK ? pp_change_add(change, path, pp_buf_bytes(&octets), 0600) : rc;
        EVP_PKEY_free(key);
    }
    pp_buf_wipe(&octets);
    pp_certificate_free(old);
    return rc;
}

/* The next key's file, octet for octet, takes the place of the key's; its proof goes with it. */
static int add_next(struct enrol *e, struct pp_change *change, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf octets = {0};
    int rc = pp_file_read(&octets, e->next, 16u << 10, error);
    rc = rc == PP_OK ? pp_change_add(change, e->key, pp_buf_bytes(&octets), 0600) : rc;
    pp_buf_wipe(&octets);
    if (rc == PP_OK && access(e->proof, F_OK) == 0) {
        rc = pp_file_read(&octets, e->proof, PP_ROLLOVER_MAX, error);
        identity_path(path, e->cli->config, "rollover");
        rc = rc == PP_OK ? pp_change_add(change, path, pp_buf_bytes(&octets), 0600) : rc;
    }
    pp_buf_free(&octets);
    return rc;
}

/* Which key is it for? Then certificate and key change together. */
static int install(struct enrol *e, const struct pp_certificate *c, struct pp_error *error)
{
    char folder[PATH_MAX];
    struct pp_change change = {.folder = identity_path(folder, e->cli->config, "")};
    EVP_PKEY *key = NULL, *next = NULL;
    int rc = PP_OK;
    if (access(e->next, F_OK) == 0) {
        rc = identity_load_key(&next, e->cli->config, e->next, error);
    }
    bool rolls = rc == PP_OK && is_for(c, next);
    if (rc == PP_OK && !rolls) {
        rc = identity_load_key(&key, e->cli->config, e->key, error);
    }
    if (rc == PP_OK && !rolls && !is_for(c, key)) {
        rc = pp_fail(error, PP_DENIED,
                     "the certificate is for another key than yours: send the authority the "
                     "request that peerpost enrol wrote");
    }
    rc = rc == PP_OK ? archive(e, &change, c, error) : rc;
    rc = rc == PP_OK && rolls ? add_next(e, &change, error) : rc;
    rc = rc == PP_OK ? identity_add_certificate(
                           &change, pp_config_path(e->cli->config, "user.certificate"), c, error)
                     : rc;
    rc = rc == PP_OK ? pp_change_commit(&change, error) : rc;
    if (rc == PP_OK && rolls) {
        unlink(e->next);
        unlink(e->proof);
    }
    pp_change_finish(&change);
    EVP_PKEY_free(key);
    EVP_PKEY_free(next);
    return rc;
}

static int complete(struct enrol *e, struct pp_error *error)
{
    struct pp_certificate *c = NULL;
    int rc = pp_certificate_load(&c, e->certificate, error);
    rc = rc == PP_OK ? check(e, c, error) : rc;
    rc = rc == PP_OK ? install(e, c, error) : rc;
    rc = rc == PP_OK ? make_folders(e->cli, error) : rc;
    if (rc == PP_OK && !e->newcomer) {
        printf("enrolled; now make your address known: peerpost publish\n");
    }
    pp_certificate_free(c);
    return rc;
}

/* --- the command --------------------------------------------------------------------------- */

static int run(struct enrol *e, struct pp_error *error)
{
    int lock = identity_lock(e->cli->config, error);
    if (lock < 0) {
        return lock;
    }
    name_files(e);
    int rc = e->certificate ? complete(e, error) : begin(e, error);
    close(lock);
    return rc;
}

int enrol_complete(struct cli *cli, const char *certificate, bool newcomer, struct pp_error *error)
{
    struct enrol e = {.cli = cli, .certificate = certificate, .newcomer = newcomer};
    return run(&e, error);
}

int enrol_begin(struct cli *cli, bool newcomer, struct pp_error *error)
{
    struct enrol e = {.cli = cli, .newcomer = newcomer};
    return run(&e, error);
}

int cli_enrol(struct cli *cli, int argc, char **argv)
{
    static const char *const kinds[] = {[RENEW] = "--renew", "--rollover", "--lost"};
    struct enrol e = {.cli = cli};
    struct pp_error error = {0};
    for (int i = 1; i < argc; i++) {
        enum kind kind = FIRST;
        for (enum kind k = RENEW; k <= LOST; k++) {
            kind = cli_flag(argv, i, kinds[k]) ? k : kind;
        }
        const char *certificate = cli_value(argc, argv, &i, "--certificate");
        const char *alias = certificate ? NULL : cli_value(argc, argv, &i, "--alias");
        const char *uri = certificate || alias ? NULL : cli_value(argc, argv, &i, "--key");
        if (kind != FIRST && e.kind == FIRST) {
            e.kind = kind;
        } else if (certificate) {
            e.certificate = certificate;
        } else if (uri && token_is_uri(uri)) {
            e.uri = uri;
        } else if (alias && e.n_aliases < PP_ADDRESSES_MAX - 1) {
            e.aliases[e.n_aliases++] = alias;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    int rc = run(&e, &error);
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}
