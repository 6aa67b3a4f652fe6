/* The user's keys and certificates, loaded; see identity.h. It must not know the network. */
#include <session/identity.h>

#include <base/address.h>
#include <base/file.h>
#include <box/files.h>
#include <dirent.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <trust/rollover.h>
#include <unistd.h>

#define LOCK_TRIES 200 /* of 50 ms */

const char *identity_path(char *out, struct pp_config *config, const char *name)
{
    snprintf(out, PATH_MAX, "%s/keys%s%s", pp_config_path(config, "user.state"), *name ? "/" : "",
             name);
    return out;
}

const char *identity_archive(char *out, struct pp_config *config, const struct pp_certificate *c,
                             const char *kind)
{
    char name[64], digits[17];
    pp_hex(digits, c->keyid, 8);
    snprintf(name, sizeof name, "%s.%s", digits, kind);
    return identity_path(out, config, name);
}

int identity_lock(struct pp_config *config, struct pp_error *error)
{
    char folder[PATH_MAX], path[PATH_MAX];
    const struct timespec pause = {0, 50000000};
    int lock = pp_box_make_folder(identity_path(folder, config, ""), error);
    identity_path(path, config, "lock");
    for (int i = 0; lock == PP_OK || lock == PP_BUSY; i++) {
        lock = pp_box_lock(path, error);
        if (lock != PP_BUSY || i >= LOCK_TRIES) {
            break;
        }
        nanosleep(&pause, NULL);
    }
    if (lock < 0) {
        return lock;
    }
    int rc = pp_change_recover(folder, error);
    if (rc != PP_OK) {
        close(lock);
        return rc;
    }
    return lock;
}

/* --- the pieces ---------------------------------------------------------------------------- */

int identity_address(struct pp_buf *out, struct pp_config *config, struct pp_error *error)
{
    const char *given = pp_config_text(config, "user.address");
    return pp_address_normal(out, pp_str(given)) == PP_OK
               ? PP_OK
               : pp_config_fail(config, "user.address", error, "%s is no e-mail address", given);
}

/* A path option that may be empty. */
static const char *optional_path(struct pp_config *config, const char *name)
{
    return *pp_config_text(config, name) ? pp_config_path(config, name) : NULL;
}

/* The newest list that was seen on a node, kept by the session. */
static void offer_kept_list(struct pp_authority *a, struct pp_config *config)
{
    char path[PATH_MAX];
    struct pp_buf der = {0};
    snprintf(path, sizeof path, "%s/crl", pp_config_path(config, "user.state"));
    if (access(path, R_OK) == 0 && pp_file_read(&der, path, 16u << 20, NULL) == PP_OK) {
        pp_authority_offer_crl(a, pp_buf_bytes(&der));
    }
    pp_buf_free(&der);
}

int identity_authority(struct pp_authority **out, struct pp_config *config, struct pp_error *error)
{
    int rc = pp_authority_load(out, optional_path(config, "trust.ca"),
                               optional_path(config, "trust.crl"),
                               pp_config_flag(config, "crl.require_fresh"), error);
    if (rc == PP_OK) {
        offer_kept_list(*out, config);
    }
    return rc;
}

static int load_certificate(struct identity *who, struct pp_config *config, struct pp_error *error)
{
    const char *file = pp_config_path(config, "user.certificate");
    if (access(file, F_OK) != 0) {
        return pp_fail(error, PP_DENIED,
                       "you are not enrolled yet: there is no certificate in %s (run peerpost "
                       "enrol, give the request to your authority)",
                       file);
    }
    int rc = pp_certificate_load(&who->certificates[0], file, error);
    if (rc == PP_OK &&
        !pp_certificate_has_address(who->certificates[0], pp_buf_bytes(&who->address))) {
        return pp_fail(error, PP_DENIED, "%s is not for %s (user.address)", file,
                       (const char *)who->address.data);
    }
    return rc;
}

static int load_current(struct identity *who, struct pp_config *config, struct pp_error *error)
{
    uint8_t hash[32];
    const char *path = identity_key_name(config);
    int rc = load_certificate(who, config, error);
    rc = rc == PP_OK ? identity_load_key(&who->keys[0], config, path, error) : rc;
    if (rc == PP_OK && (pp_key_hash(who->keys[0], hash) != PP_OK ||
                        memcmp(hash, who->certificates[0]->spki_hash, 32) != 0)) {
        rc = pp_fail(error, PP_DENIED,
                     "%s is not the key of %s: put back the one that belongs to it, or enrol again",
                     path, pp_config_path(config, "user.certificate"));
    }
    who->n_keys = 1;
    who->certificate = who->certificates[0];
    who->key = who->keys[0];
    return rc;
}

/* --- earlier identities -------------------------------------------------------------------- */

static bool is_useful(const struct identity *who, const struct pp_certificate *c)
{
    pp_ns now = (pp_ns)time(NULL) * PP_SECOND;
    for (size_t i = 0; i < who->n_keys; i++) {
        if (memcmp(who->certificates[i]->keyid, c->keyid, 32) == 0) {
            return false;
        }
    }
    return c->kind == PP_CERT_ADDRESS && now < c->not_after + IDENTITY_OLD_DAYS * PP_DAY;
}

/* One that cannot be opened is left out, and said: the rest still works. */
static void load_old(struct identity *who, struct pp_config *config, const char *folder,
                     const char *name, size_t stem)
{
    char path[PATH_MAX + 300];
    struct pp_error error = {0};
    struct pp_certificate *c = NULL;
    EVP_PKEY *key = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (who->n_keys == IDENTITY_KEYS || pp_certificate_load(&c, path, NULL) != PP_OK ||
        !is_useful(who, c)) {
        pp_certificate_free(c);
        return;
    }
    snprintf(path, sizeof path, "%s/%.*s.key.pem", folder, (int)stem, name);
    if (access(path, F_OK) != 0 || identity_load_key(&key, config, path, &error) != PP_OK) {
        if (error.text[0]) {
            fprintf(stderr, "peerpost: an old key is left out: %s\n", error.text);
        }
        pp_certificate_free(c);
        return;
    }
    size_t at = who->n_keys++;
    for (; at > 1 && who->certificates[at - 1]->not_before < c->not_before; at--) {
        who->certificates[at] = who->certificates[at - 1];
        who->keys[at] = who->keys[at - 1];
    }
    who->certificates[at] = c;
    who->keys[at] = key;
}

static void load_all_old(struct identity *who, struct pp_config *config)
{
    char folder[PATH_MAX];
    DIR *d = opendir(identity_path(folder, config, ""));
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        const char *end = strstr(e->d_name, ".cert.pem");
        if (end && end[9] == '\0') {
            load_old(who, config, folder, e->d_name, (size_t)(end - e->d_name));
        }
    }
    if (d) {
        closedir(d);
    }
}

/* Of the certificate, or, where the authority does not put it there, of the file. */
static void load_rollover(struct identity *who, struct pp_config *config)
{
    char path[PATH_MAX];
    struct pp_bytes own = pp_certificate_rollover(who->certificate);
    identity_path(path, config, "rollover");
    if (own.len) {
        pp_buf_add(&who->rollover, own.data, own.len);
    } else if (access(path, F_OK) == 0) {
        pp_file_read(&who->rollover, path, PP_ROLLOVER_MAX, NULL);
    }
    if (who->rollover.len &&
        pp_rollover_verify(pp_buf_bytes(&who->rollover), NULL, who->key) != PP_OK) {
        who->rollover.len = 0; /* of another key */
    }
}

int identity_open(struct identity *who, struct pp_config *config, struct pp_error *error)
{
    *who = (struct identity){.n_keys = 0};
    int lock = identity_lock(config, error), rc = lock < 0 ? lock : PP_OK;
    rc = rc == PP_OK ? identity_address(&who->address, config, error) : rc;
    rc = rc == PP_OK ? load_current(who, config, error) : rc;
    if (rc == PP_OK) {
        load_all_old(who, config);
        load_rollover(who, config);
        rc = identity_authority(&who->authority, config, error);
    }
    if (lock >= 0) {
        close(lock);
    }
    if (rc != PP_OK) {
        identity_finish(who);
    }
    return rc;
}

void identity_finish(struct identity *who)
{
    for (size_t i = 0; i < IDENTITY_KEYS; i++) {
        pp_certificate_free(who->certificates[i]);
        EVP_PKEY_free(who->keys[i]);
    }
    pp_buf_free(&who->address);
    pp_buf_free(&who->rollover);
    pp_authority_free(who->authority);
    *who = (struct identity){.n_keys = 0};
}
