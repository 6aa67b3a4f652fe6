/* The node's key and certificate, and what it trusts: read at the start, read again on SIGHUP. */
#include <node/daemon.h>

#include <base/log.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <time.h>
#include <trust/certificate.h>

static const char *optional_path(struct daemon *d, const char *name)
{
    return pp_config_text(d->config, name)[0] ? pp_config_path(d->config, name) : NULL;
}

static int load_pair(struct daemon *d, struct pp_certificate **c, EVP_PKEY **key,
                     struct pp_error *error)
{
    const char *key_path = pp_config_path(d->config, "node.key");
    const char *path = pp_config_path(d->config, "node.certificate");
    *c = NULL;
    int code = pp_key_load(key, key_path, NULL, error);
    code = code ? code : pp_certificate_load(c, path, error);
    if (code) {
        return code;
    }
    struct pp_id id = pp_key_id(*key), certified = pp_certificate_node_id(*c);
    if (!pp_id_equal(&id, &certified)) {
        return pp_fail(error, PP_CONFIG, "%s is not the certificate of the key in %s", path,
                       key_path);
    }
    if ((*c)->kind != PP_CERT_NODE) {
        return pp_fail(error, PP_CONFIG,
                       "%s is no node certificate; make one with peerpost-ca issue --node", path);
    }
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    pp_ns now = (pp_ns)wall.tv_sec * PP_SECOND;
    if (pp_authority_is_open(d->authority)) {
        return PP_OK;
    }
    code = pp_authority_check(d->authority, *c, PP_CERT_NODE, now);
    return code ? pp_fail(error, PP_CONFIG,
                          "%s: %s by the authority in %s: other nodes would refuse this one", path,
                          pp_error_text(code), pp_config_path(d->config, "trust.ca"))
                : PP_OK;
}

static int make_tls(struct daemon *d, struct pp_certificate *c, EVP_PKEY *key, SSL_CTX **tls,
                    struct pp_error *error)
{
    *tls = NULL;
    if (!pp_config_flag(d->config, "http.tls")) {
        return PP_OK;
    }
    *tls = pp_tls_server(c, key, error);
    return *tls ? PP_OK : PP_CRYPTO;
}

int daemon_load_keys(struct daemon *d, struct pp_error *error)
{
    int code = pp_authority_load(&d->authority, optional_path(d, "trust.ca"),
                                 optional_path(d, "trust.crl"),
                                 pp_config_flag(d->config, "crl.require_fresh"), error);
    code = code ? code : load_pair(d, &d->certificate, &d->key, error);
    return code ? code : make_tls(d, d->certificate, d->key, &d->tls, error);
}

static int renew(struct daemon *d, struct pp_error *error)
{
    struct pp_certificate *c = NULL;
    EVP_PKEY *key = NULL;
    SSL_CTX *tls = NULL;
    int code = load_pair(d, &c, &key, error);
    if (!code && memcmp(c->spki_hash, d->certificate->spki_hash, 32) != 0) {
        code = pp_fail(error, PP_CONFIG, "the key is another: a new id needs a restart");
    }
    code = code ? code : make_tls(d, c, key, &tls, error);
    if (!code) {
        if (tls) {
            pp_server_set_tls(d->server, tls);
        }
        SSL_CTX *old = d->tls;
        d->tls = tls;
        tls = old;
    }
    SSL_CTX_free(tls);
    EVP_PKEY_free(key);
    pp_certificate_free(c);
    return code;
}

void daemon_reload_keys(struct daemon *d)
{
    struct pp_error error;
    if (pp_authority_reload(d->authority, &error) != PP_OK) {
        pp_log(PP_LOG_ERROR, "peerpostd", "the authority's files stay as they were: %s",
               error.text);
    }
    if (renew(d, &error) != PP_OK) {
        pp_log(PP_LOG_ERROR, "peerpostd", "the node's certificate stays as it was: %s", error.text);
    }
}
