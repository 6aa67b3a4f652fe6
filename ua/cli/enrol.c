/*
 * peerpost enrol: a key, a request, and the certificate that comes back. It must not know the
 * network.
 */
#include <cli/cli.h>

#include <base/address.h>
#include <base/file.h>
#include <box/files.h>
#include <box/maildir.h>
#include <session/session.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* user.key.pem -> user.csr.pem */
static void request_name(char out[PATH_MAX], const char *key)
{
    const char *end = strstr(key, ".key.pem");
    int len = end && end[8] == '\0' ? (int)(end - key) : (int)strlen(key);
    snprintf(out, PATH_MAX, "%.*s.csr.pem", len, key);
}

static int make_key(const char *path, EVP_PKEY **key, struct pp_error *error)
{
    if (access(path, F_OK) == 0) {
        return pp_key_load(key, path, getenv("PEERPOST_PASSPHRASE"), error);
    }
    int rc = pp_key_generate(key);
    if (rc != PP_OK) {
        return pp_fail(error, rc, "cannot make a key: %s", pp_error_text(rc));
    }
    return pp_key_save(*key, path, getenv("PEERPOST_PASSPHRASE"), error);
}

static int make_request(struct cli *cli, EVP_PKEY *key, const char *path, struct pp_error *error)
{
    struct pp_buf pem = {0}, address = {0};
    const char *given = pp_config_text(cli->config, "user.address");
    int rc = pp_address_normal(&address, pp_str(given));
    if (rc != PP_OK) {
        rc = pp_config_fail(cli->config, "user.address", error, "%s is no e-mail address", given);
    } else {
        const char *addresses[] = {(const char *)address.data};
        rc = pp_request_create(&pem, key, addresses, 1, error);
    }
    rc = rc == PP_OK ? pp_file_write(path, pp_buf_bytes(&pem), 0644, error) : rc;
    pp_buf_free(&pem);
    pp_buf_free(&address);
    return rc;
}

static int make_folders(struct cli *cli, struct pp_error *error)
{
    int rc = pp_box_make_folder(session_spool(cli->config), error);
    return rc == PP_OK ? pp_maildir_make(session_maildir(cli->config), error) : rc;
}

static int begin(struct cli *cli, struct pp_error *error)
{
    char request[PATH_MAX];
    EVP_PKEY *key = NULL;
    const char *path = pp_config_path(cli->config, "user.key");
    request_name(request, path);
    int rc = make_folders(cli, error);
    rc = rc == PP_OK ? make_key(path, &key, error) : rc;
    rc = rc == PP_OK ? make_request(cli, key, request, error) : rc;
    if (rc == PP_OK) {
        printf("key: %s\nrequest: %s\n"
               "Give the request to your authority (peerpost-ca sign), then run\n"
               "peerpost enrol --certificate FILE with its answer.\n",
               path, request);
    }
    EVP_PKEY_free(key);
    return rc;
}

static int check(struct cli *cli, const struct pp_certificate *c, EVP_PKEY *key,
                 struct pp_error *error)
{
    struct pp_buf address = {0};
    uint8_t hash[32];
    int rc = pp_address_normal(&address, pp_str(pp_config_text(cli->config, "user.address")));
    if (rc == PP_OK && !pp_certificate_has_address(c, pp_buf_bytes(&address))) {
        rc = pp_fail(error, PP_DENIED, "the certificate is not for %s (user.address)",
                     (const char *)address.data);
    } else if (rc == PP_OK &&
               (pp_key_hash(key, hash) != PP_OK || memcmp(hash, c->spki_hash, 32) != 0)) {
        rc = pp_fail(error, PP_DENIED,
                     "the certificate is for another key than yours: send the authority the "
                     "request that peerpost enrol wrote");
    }
    pp_buf_free(&address);
    return rc;
}

static int complete(struct cli *cli, const char *file, struct pp_error *error)
{
    struct pp_certificate *c = NULL;
    struct pp_buf pem = {0};
    EVP_PKEY *key = NULL;
    const char *target = pp_config_path(cli->config, "user.certificate");
    int rc = pp_certificate_load(&c, file, error);
    rc = rc == PP_OK ? pp_key_load(&key, pp_config_path(cli->config, "user.key"),
                                   getenv("PEERPOST_PASSPHRASE"), error)
                     : rc;
    rc = rc == PP_OK ? check(cli, c, key, error) : rc;
    rc = rc == PP_OK ? pp_certificate_pem(&pem, c) : rc;
    rc = rc == PP_OK ? pp_file_write(target, pp_buf_bytes(&pem), 0644, error) : rc;
    rc = rc == PP_OK ? make_folders(cli, error) : rc;
    if (rc == PP_OK) {
        printf("enrolled; now make your address known: peerpost publish\n");
    }
    pp_buf_free(&pem);
    EVP_PKEY_free(key);
    pp_certificate_free(c);
    return rc;
}

int cli_enrol(struct cli *cli, int argc, char **argv)
{
    struct pp_error error = {0};
    const char *certificate = NULL;
    for (int i = 1; i < argc; i++) {
        const char *value = cli_value(argc, argv, &i, "--certificate");
        if (!value) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
        certificate = value;
    }
    int rc = certificate ? complete(cli, certificate, &error) : begin(cli, &error);
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}
