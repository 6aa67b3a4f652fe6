/* PKCS#10 requests (RFC 2986), made by user agents and read by a CA; see certificate.h, issue.h. */
#include <trust/issue.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <trust/names.h>
#include <trust/openssl.h>
#include <trust/rollover.h>

/* The names that it asks for, and a roll-over proof when there is one. */
static bool add_extensions(X509_REQ *request, GENERAL_NAMES *names, struct pp_bytes rollover)
{
    X509_EXTENSIONS *extensions = NULL;
    X509_EXTENSION *proof = rollover.len ? pp_rollover_extension(rollover) : NULL;
    bool added = X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 1, X509V3_ADD_DEFAULT) &&
                 (!rollover.len || (proof && X509v3_add_ext(&extensions, proof, -1))) &&
                 X509_REQ_add_extensions(request, extensions);
    X509_EXTENSION_free(proof);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return added;
}

static int add_pem(struct pp_buf *pem, X509_REQ *request)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return pp_bio_take(pem, bio, bio && PEM_write_bio_X509_REQ(bio, request));
}

int pp_request_create(struct pp_buf *pem, EVP_PKEY *key, const char *const *addresses, size_t n,
                      struct pp_error *error)
{
    return pp_request_create_next(pem, key, addresses, n, pp_bytes(NULL, 0), error);
}

int pp_request_create_next(struct pp_buf *pem, EVP_PKEY *key, const char *const *addresses,
                           size_t n, struct pp_bytes rollover, struct pp_error *error)
{
    GENERAL_NAMES *names = NULL;
    if (n) {
        names = pp_names_of_addresses(addresses, n, error);
        if (!names) {
            return PP_MALFORMED;
        }
    }
    X509_REQ *request = X509_REQ_new();
    int bad = PP_CRYPTO;
    if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
        X509_REQ_set_pubkey(request, key) && (!names || add_extensions(request, names, rollover)) &&
        X509_REQ_sign(request, key, EVP_sha256()) > 0) {
        bad = add_pem(pem, request);
    }
    if (bad) {
        pp_fail(error, bad, "cannot make a certificate request with this key");
    }
    X509_REQ_free(request);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return bad;
}

static int read_names(struct pp_request *out, X509_REQ *request, struct pp_error *error)
{
    X509_EXTENSIONS *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *names =
        extensions ? X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL) : NULL;
    int bad = PP_OK;
    if (names) {
        bad = pp_names_addresses(names, out->address, &out->n_addresses);
        if (bad) {
            pp_fail(error, bad,
                    "the request names something that is no e-mail address: make it "
                    "with peerpost enrol");
        }
    }
    struct pp_bytes proof = extensions ? pp_rollover_of(extensions) : pp_bytes(NULL, 0);
    if (!bad && proof.len) {
        bad = pp_rollover_verify(proof, NULL, X509_REQ_get0_pubkey(request));
        bad = bad ? bad : pp_buf_add(&out->rollover, proof.data, proof.len);
        if (bad) {
            pp_fail(error, bad,
                    "the request's proof that it follows an earlier key is not good: "
                    "make it with peerpost enrol --rollover");
        }
    }
    GENERAL_NAMES_free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return bad;
}

int pp_request_parse(struct pp_request *out, struct pp_bytes pem, struct pp_error *error)
{
    *out = (struct pp_request){0};
    BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    X509_REQ *request = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    int bad;
    if (!key) {
        bad = pp_fail(error, PP_MALFORMED,
                      "this is no certificate request: it must be PEM, "
                      "\"-----BEGIN CERTIFICATE REQUEST-----\"");
    } else if (X509_REQ_verify(request, key) != 1) {
        bad = pp_fail(error, PP_SIGNATURE, "the request is not signed by the key it names");
    } else {
        bad = read_names(out, request, error);
    }
    if (!bad) {
        EVP_PKEY_up_ref(key);
        out->key = key;
    } else {
        pp_request_finish(out);
    }
    X509_REQ_free(request);
    BIO_free(bio);
    ERR_clear_error();
    return bad;
}

void pp_request_finish(struct pp_request *request)
{
    for (size_t i = 0; i < PP_ADDRESSES_MAX; i++) {
        pp_buf_free(&request->address[i]);
    }
    pp_buf_free(&request->rollover);
    EVP_PKEY_free(request->key);
    *request = (struct pp_request){0};
}
