/* Any octets as a certificate, a PEM set, a request's signature fields, a digest, an address. */
#include <base/address.h>
#include <trust/certificate.h>
#include <trust/signature.h>

static int each(void *ctx, struct pp_bytes der)
{
    size_t *n = ctx;
    struct pp_certificate *c;
    if (pp_certificate_parse(&c, der) == PP_OK) {
        pp_certificate_free(c);
    }
    return ++*n > 100 ? PP_LIMIT : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_bytes in = pp_bytes(data, size);
    size_t n = 0, half = size / 2;
    uint8_t digest[32];
    each(&n, in);
    pp_pem_each(in, each, &n);
    pp_content_digest_parse(digest, in);
    (void)pp_address_is_normal(in);
    struct pp_buf normal = {0};
    if (pp_address_normal(&normal, in) == PP_OK && !pp_address_is_normal(pp_buf_bytes(&normal))) {
        __builtin_trap();
    }
    pp_buf_free(&normal);
    const struct pp_covered covered = {pp_str("GET"), pp_str("a"), pp_str("/b"), in, in, in};
    struct pp_signed s = {0};
    struct pp_error error;
    if (pp_signed_parse(&s, pp_bytes(data, half), pp_bytes(data + half, size - half), &covered,
                        &error) == PP_OK) {
        pp_signed_finish(&s);
    }
    return 0;
}
