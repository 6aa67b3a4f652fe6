/*
 * The server's TLS context: 1.3 only. A client's certificate is asked for and taken as it comes;
 * what it proves is the node's to decide, after the handshake has proved possession of its key.
 */
#include <trust/authority.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define CLIENT_CHAIN_MAX 8192

static int take_any(X509_STORE_CTX *ctx, void *unused)
{
    (void)unused;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *unused)
{
    static const unsigned char http[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl;
    (void)unused;
    if (SSL_select_next_proto(&chosen, out_len, http, sizeof http - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_manners(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
    SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    /* Buffers go back while a connection idles: thousands of them must stay cheap. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

SSL_CTX *pp_tls_client(struct pp_certificate *c, EVP_PKEY *key, struct pp_error *error)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        SSL_CTX_use_certificate(ctx, c->x509) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        pp_fail(error, PP_CRYPTO, "cannot set up TLS 1.3 as a client");
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* the caller proves the key */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

SSL_CTX *pp_tls_server(struct pp_certificate *c, EVP_PKEY *key, struct pp_error *error)
{
    static const unsigned char context[] = "peerpost";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) ||
        !SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1)) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        pp_fail(error, PP_NOMEM, "cannot set up TLS 1.3");
        return NULL;
    }
    if (SSL_CTX_use_certificate(ctx, c->x509) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        pp_fail(error, PP_CONFIG,
                "the node's key and certificate do not belong together: issue "
                "both with peerpost-ca issue --node");
        return NULL;
    }
    set_manners(ctx);
    return ctx;
}
