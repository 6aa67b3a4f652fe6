/* peerpost passphrase: all keys, old ones too, under another passphrase at once, or under none. It
 * must not know what the keys are for. */
#include <cli/cli.h>

#include <base/file.h>
#include <dirent.h>
#include <limits.h>
#include <openssl/evp.h>
#include <session/identity.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int change_one(struct cli *cli, struct pp_change *change, const char *path,
                      const char *fresh, struct pp_error *error)
{
    EVP_PKEY *key = NULL;
    struct pp_buf uri = {0};
    bool on_token = identity_key_uri(&uri, path); /* its PIN is the token's */
    pp_buf_free(&uri);
    if (on_token) {
        return PP_OK;
    }
    int rc = identity_load_key(&key, cli->config, path, error);
    rc = rc == PP_OK ? identity_add_key(change, path, key, fresh, error) : rc;
    EVP_PKEY_free(key);
    return rc;
}

static bool is_key(const char *name)
{
    size_t len = strlen(name);
    return len > 8 && strcmp(name + len - 8, ".key.pem") == 0;
}

/* The current key and those of STATE/keys. */
static int change_all(struct cli *cli, const char *fresh, struct pp_error *error)
{
    char folder[PATH_MAX], path[2 * PATH_MAX];
    struct pp_change change = {.folder = identity_path(folder, cli->config, "")};
    int rc = change_one(cli, &change, identity_key_name(cli->config), fresh, error);
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; rc == PP_OK && e; e = readdir(d)) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        rc = is_key(e->d_name) ? change_one(cli, &change, path, fresh, error) : PP_OK;
    }
    if (d) {
        closedir(d);
    }
    size_t n = change.n;
    if (rc == PP_OK && !n) {
        rc = pp_fail(error, PP_NOT_FOUND,
                     "your key is on a token: change its PIN (pkcs11-tool --change-pin)");
    }
    rc = rc == PP_OK ? pp_change_commit(&change, error) : rc;
    pp_change_finish(&change);
    if (rc == PP_OK) {
        printf("%zu key%s %s\n", n, n == 1 ? "" : "s",
               *fresh ? "under the new passphrase" : "without a passphrase");
    }
    return rc;
}

/* From a file's first line, the environment, or the terminal, twice. */
static int ask_new(struct pp_buf *out, const char *file, struct pp_error *error)
{
    const char *given = getenv("PEERPOST_NEW_PASSPHRASE");
    struct pp_buf again = {0};
    int rc;
    if (file) {
        rc = pp_file_read(out, file, 4096, error);
        out->len = rc == PP_OK && out->len ? strcspn((const char *)out->data, "\r\n") : 0;
        if (out->len) {
            out->data[out->len] = '\0';
        }
    } else if (given) {
        rc = pp_buf_add_str(out, given);
    } else {
        rc = identity_ask(out, "New passphrase", error);
        rc = rc == PP_OK ? identity_ask(&again, "Once more", error) : rc;
        if (rc == PP_OK && !pp_bytes_equal(pp_buf_bytes(out), pp_buf_bytes(&again))) {
            rc = pp_fail(error, PP_INVALID, "the two are not the same: nothing was changed");
        }
    }
    pp_buf_wipe(&again);
    return rc != PP_OK || out->len
               ? rc
               : pp_fail(error, PP_INVALID, "an empty passphrase is none: use --remove");
}

int cli_passphrase(struct cli *cli, int argc, char **argv)
{
    struct pp_error error = {0};
    struct pp_buf fresh = {0};
    const char *file = NULL;
    bool removes = false;
    for (int i = 1; i < argc; i++) {
        const char *value = cli_value(argc, argv, &i, "--new-file");
        if (value) {
            file = value;
        } else if (cli_flag(argv, i, "--remove")) {
            removes = true;
        } else {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
    }
    int lock = identity_lock(cli->config, &error), rc = lock < 0 ? lock : PP_OK;
    rc = rc == PP_OK && !removes ? ask_new(&fresh, file, &error) : rc;
    rc = rc == PP_OK ? change_all(cli, removes ? "" : (const char *)fresh.data, &error) : rc;
    pp_buf_wipe(&fresh);
    if (lock >= 0) {
        close(lock);
    }
    return rc == PP_OK ? EX_OK : cli_fail(&error);
}
