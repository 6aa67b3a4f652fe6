/* The server's TLS context, over memory: 1.3 only, a client certificate asked for, not required. */
#include <identities.h>
#include <openssl/ssl.h>

struct pair {
    SSL *server, *client;
};

static bool shake(struct pair *p)
{
    for (int i = 0; i < 20; i++) {
        int c = SSL_do_handshake(p->client), s = SSL_do_handshake(p->server);
        if (c == 1 && s == 1) {
            return true;
        }
        if ((c != 1 && SSL_get_error(p->client, c) != SSL_ERROR_WANT_READ) ||
            (s != 1 && SSL_get_error(p->server, s) != SSL_ERROR_WANT_READ)) {
            return false;
        }
    }
    return false;
}

static struct pair connect_pair(SSL_CTX *server, SSL_CTX *client)
{
    struct pair p = {SSL_new(server), SSL_new(client)};
    BIO *a, *b;
    CU_ASSERT_EQUAL_FATAL(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(p.server, a, a);
    SSL_set_bio(p.client, b, b);
    SSL_set_accept_state(p.server);
    SSL_set_connect_state(p.client);
    return p;
}

static void drop(struct pair *p)
{
    SSL_free(p->server);
    SSL_free(p->client);
}

static void test_handshakes(void)
{
    struct identities ids;
    EVP_PKEY *key, *client_key;
    identities_init(&ids);
    struct pp_certificate *node = identities_node(&ids, &key);
    struct pp_certificate *user = identities_user(&ids, "a@x", &client_key);
    SSL_CTX *server = pp_tls_server(node, key, NULL), *client = SSL_CTX_new(TLS_client_method());
    CHECK_FATAL(server && client);
    struct pair p = connect_pair(server, client);
    CU_ASSERT_TRUE(shake(&p));
    CU_ASSERT_STRING_EQUAL(SSL_get_version(p.client), "TLSv1.3");
    CU_ASSERT_PTR_NULL(SSL_get0_peer_certificate(p.server));
    CU_ASSERT_EQUAL(X509_cmp(SSL_get0_peer_certificate(p.client), node->x509), 0);
    drop(&p);
    SSL_CTX_use_certificate(client, user->x509);
    SSL_CTX_use_PrivateKey(client, client_key);
    p = connect_pair(server, client);
    CU_ASSERT_TRUE(shake(&p));
    CU_ASSERT_EQUAL(X509_cmp(SSL_get0_peer_certificate(p.server), user->x509), 0);
    drop(&p);
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    p = connect_pair(server, client);
    CU_ASSERT_FALSE(shake(&p));
    drop(&p);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    struct pp_error error;
    CU_ASSERT_PTR_NULL(pp_tls_server(node, client_key, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "do not belong together"));
    pp_certificate_free(node);
    pp_certificate_free(user);
    EVP_PKEY_free(key);
    EVP_PKEY_free(client_key);
    identities_finish(&ids);
}

CHECK_MAIN("tls", CHECK(test_handshakes))
