/* Small steps over OpenSSL; see openssl.h. */
#include <trust/openssl.h>

#include <openssl/evp.h>
#include <time.h>
#include <trust/rollover.h>

bool pp_key_is_p256(const EVP_PKEY *key)
{
    char group[32];
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

pp_ns pp_wall_of(const ASN1_TIME *time)
{
    struct tm tm;
    if (!time || !ASN1_TIME_to_tm(time, &tm)) {
        return 0;
    }
    time_t seconds = timegm(&tm);
    if (seconds < 0) {
        return 0;
    }
    return (uint64_t)seconds >= PP_NEVER / PP_SECOND ? PP_NEVER : (pp_ns)seconds * PP_SECOND;
}

AUTHORITY_KEYID *pp_authority_keyid(const X509 *issuer)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id((X509 *)issuer);
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    if (aki && ski) {
        aki->keyid = ASN1_OCTET_STRING_dup(ski);
    }
    if (aki && aki->keyid) {
        return aki;
    }
    AUTHORITY_KEYID_free(aki);
    return NULL;
}

X509_EXTENSION *pp_rollover_extension(struct pp_bytes proof)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(PP_ROLLOVER_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (oid && value && ASN1_OCTET_STRING_set(value, proof.data, (int)proof.len)) {
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    }
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(value);
    return extension;
}

struct pp_bytes pp_rollover_of(const STACK_OF(X509_EXTENSION) * extensions)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(PP_ROLLOVER_OID, 1);
    int at = oid ? X509v3_get_ext_by_OBJ(extensions, oid, -1) : -1;
    ASN1_OBJECT_free(oid);
    if (at < 0) {
        return pp_bytes(NULL, 0);
    }
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509v3_get_ext(extensions, at));
    return pp_bytes(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

int pp_bio_take(struct pp_buf *out, BIO *bio, bool written)
{
    char *text;
    int bad = PP_NOMEM;
    if (bio && written) {
        long len = BIO_get_mem_data(bio, &text);
        bad = pp_buf_add(out, text, (size_t)len);
    }
    BIO_free(bio);
    return bad;
}
