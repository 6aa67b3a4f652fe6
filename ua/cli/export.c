/*
 * peerpost export and import: keys, certificates and the authority in one file under a passphrase
 * (PKCS#12), for another computer or for safe keeping. It must not know the network.
 */
#include <cli/cli.h>

#include <base/file.h>
#include <box/files.h>
#include <box/maildir.h>
#include <limits.h>
#include <openssl/evp.h>
#include <session/session.h>
#include <session/token.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/pkcs12.h>
#include <unistd.h>

/* The file's own passphrase: $PEERPOST_FILE_PASSPHRASE, or the terminal. */
static int file_passphrase(struct pp_buf *out, bool twice, struct pp_error *error)
{
    const char *given = getenv("PEERPOST_FILE_PASSPHRASE");
    struct pp_buf again = {0};
    if (given && *given) {
        return pp_buf_add_str(out, given);
    }
    if (!isatty(STDERR_FILENO)) {
        return pp_fail(error, PP_DENIED,
                       "the file needs a passphrase of its own and there is no terminal to ask on: "
                       "set PEERPOST_FILE_PASSPHRASE");
    }
    int rc = identity_ask(out, "Passphrase of the file", error);
    rc = rc == PP_OK && twice ? identity_ask(&again, "Once more", error) : rc;
    if (rc == PP_OK && twice && !pp_bytes_equal(pp_buf_bytes(out), pp_buf_bytes(&again))) {
        rc = pp_fail(error, PP_INVALID, "the two are not the same: nothing was written");
    }
    pp_buf_wipe(&again);
    return rc;
}

/* --- export -------------------------------------------------------------------------------- */

static int write_file(const struct identity *who, const char *file, struct pp_error *error)
{
    struct pp_buf der = {0}, passphrase = {0};
    struct pp_pkcs12 content = {.n = who->n_keys};
    struct pp_bytes ca = pp_authority_ca(who->authority);
    for (size_t i = 0; i < who->n_keys; i++) {
        content.certificate[i] = who->certificates[i];
        content.key[i] = who->keys[i];
        if (token_holds(who->keys[i])) {
            return pp_fail(error, PP_DENIED,
                           "%s key of yours is on a token and stays there: take the token to the "
                           "other computer, with your certificate and configuration",
                           i ? "an earlier" : "the");
        }
    }
    pp_buf_add(&content.authority, ca.data, ca.len);
    int rc = access(file, F_OK) == 0
                 ? pp_fail(error, PP_EXISTS, "%s exists already: choose another name", file)
                 : file_passphrase(&passphrase, true, error);
    rc = rc == PP_OK ? pp_pkcs12_write(&der, &content, (const char *)passphrase.data, error) : rc;
    rc = rc == PP_OK ? pp_file_write(file, pp_buf_bytes(&der), 0600, error) : rc;
    pp_buf_free(&content.authority);
    pp_buf_wipe(&passphrase);
    pp_buf_wipe(&der);
    return rc;
}

int cli_export(struct cli *cli, int argc, char **argv)
{
    struct identity who = {.n_keys = 0};
    struct pp_error error = {0};
    if (argc != 2 || argv[1][0] == '-') {
        return cli_usage(cli, "into which file?");
    }
    int rc = identity_open(&who, cli->config, &error);
    rc = rc == PP_OK ? write_file(&who, argv[1], &error) : rc;
    if (rc == PP_OK) {
        printf("%zu key%s of %s in %s\n", who.n_keys, who.n_keys == 1 ? "" : "s",
               (const char *)who.address.data, argv[1]);
    }
    identity_finish(&who);
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}

/* --- import -------------------------------------------------------------------------------- */

/* Which of them is current: the newest for the configured address. */
static int choose(struct cli *cli, const struct pp_pkcs12 *content, size_t *current,
                  struct pp_error *error)
{
    struct pp_buf address = {0};
    int rc = identity_address(&address, cli->config, error);
    *current = content->n;
    for (size_t i = content->n; rc == PP_OK && i-- > 0;) {
        if (pp_certificate_has_address(content->certificate[i], pp_buf_bytes(&address))) {
            *current = i;
        }
    }
    if (rc == PP_OK && *current == content->n) {
        rc = pp_fail(error, PP_DENIED, "the file holds no key of %s (user.address), but one of %s",
                     (const char *)address.data,
                     (const char *)content->certificate[0]->address[0].data);
    }
    pp_buf_free(&address);
    return rc;
}

static int add_identity(struct cli *cli, struct pp_change *change, const struct pp_pkcs12 *content,
                        size_t i, bool is_current, const char *passphrase, struct pp_error *error)
{
    char key[PATH_MAX], certificate[PATH_MAX];
    if (is_current) {
        snprintf(key, sizeof key, "%s", pp_config_path(cli->config, "user.key"));
        snprintf(certificate, sizeof certificate, "%s",
                 pp_config_path(cli->config, "user.certificate"));
    } else {
        identity_archive(key, cli->config, content->certificate[i], "key.pem");
        identity_archive(certificate, cli->config, content->certificate[i], "cert.pem");
    }
    int rc = identity_add_key(change, key, content->key[i], passphrase, error);
    return rc == PP_OK
               ? identity_add_certificate(change, certificate, content->certificate[i], error)
               : rc;
}

static int take(struct cli *cli, const struct pp_pkcs12 *content, struct pp_error *error)
{
    char folder[PATH_MAX];
    size_t current;
    const char *passphrase = "";
    struct pp_change change = {.folder = identity_path(folder, cli->config, "")};
    int rc = choose(cli, content, &current, error);
    rc = rc == PP_OK ? identity_passphrase(&passphrase, cli->config, NULL, error) : rc;
    for (size_t i = 0; rc == PP_OK && i < content->n; i++) {
        rc = add_identity(cli, &change, content, i, i == current, passphrase, error);
    }
    const char *ca =
        *pp_config_text(cli->config, "trust.ca") ? pp_config_path(cli->config, "trust.ca") : NULL;
    if (rc == PP_OK && ca && content->authority.len && access(ca, F_OK) != 0) {
        rc = pp_change_add(&change, ca, pp_buf_bytes(&content->authority), 0644);
    }
    rc = rc == PP_OK ? pp_change_commit(&change, error) : rc;
    pp_change_finish(&change);
    if (rc == PP_OK) {
        printf("%zu key%s of %s\n", content->n, content->n == 1 ? "" : "s",
               (const char *)content->certificate[current]->address[0].data);
    }
    return rc;
}

static int read_file(struct cli *cli, const char *file, struct pp_error *error)
{
    struct pp_buf der = {0}, passphrase = {0};
    struct pp_pkcs12 content = {.n = 0};
    const char *key = identity_key_name(cli->config);
    if (token_is_uri(key)) {
        return pp_fail(error, PP_CONFIG,
                       "user.key names a token, and keys are imported into files: let it name a "
                       "file, import, then move the key (docs/token.md)");
    }
    int rc = access(key, F_OK) == 0
                 ? pp_fail(error, PP_EXISTS,
                           "there is a key already, %s, and a key is never overwritten: move it "
                           "away first",
                           key)
                 : pp_file_read(&der, file, PP_PKCS12_MAX, error);
    rc = rc == PP_OK ? file_passphrase(&passphrase, false, error) : rc;
    rc = rc == PP_OK
             ? pp_pkcs12_read(&content, pp_buf_bytes(&der), (const char *)passphrase.data, error)
             : rc;
    rc = rc == PP_OK ? take(cli, &content, error) : rc;
    rc = rc == PP_OK ? pp_box_make_folder(session_spool(cli->config), error) : rc;
    rc = rc == PP_OK ? pp_maildir_make(session_maildir(cli->config), error) : rc;
    pp_pkcs12_finish(&content);
    pp_buf_wipe(&passphrase);
    pp_buf_wipe(&der);
    return rc;
}

int cli_import(struct cli *cli, int argc, char **argv)
{
    struct pp_error error = {0};
    if (argc != 2 || argv[1][0] == '-') {
        return cli_usage(cli, "from which file?");
    }
    int lock = identity_lock(cli->config, &error), rc = lock < 0 ? lock : PP_OK;
    rc = rc == PP_OK ? read_file(cli, argv[1], &error) : rc;
    if (lock >= 0) {
        close(lock);
    }
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}
