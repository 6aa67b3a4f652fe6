/*
 * Any octets as a certificate, a set in PEM, a request, a revocation list: an object or an error,
 * never a fault; and a certificate has one encoding.
 */
#include <stdlib.h>
#include <trust/authority.h>
#include <trust/issue.h>

static int one_more(void *ctx, struct pp_bytes der)
{
    struct pp_certificate *c;
    (*(size_t *)ctx)++;
    int bad = pp_certificate_parse(&c, der);
    pp_certificate_free(c);
    return bad;
}

static void try_certificate(struct pp_authority *a, struct pp_bytes octets)
{
    struct pp_certificate *c;
    struct pp_id id;
    if (pp_certificate_parse(&c, octets)) {
        return;
    }
    if (!pp_bytes_equal(pp_buf_bytes(&c->der), octets) || c->n_addresses > PP_ADDRESSES_MAX ||
        (c->kind == PP_CERT_ADDRESS) != (c->n_addresses > 0 && c->kind == PP_CERT_ADDRESS)) {
        abort();
    }
    id = pp_certificate_node_id(c);
    pp_authority_check(a, c, c->kind, PP_DAY);
    pp_authority_revoked(a, c);
    if (pp_authority_check_node(a, c->x509, &id, PP_DAY) != PP_OK) {
        abort(); /* in open mode the key's hash is all that is asked */
    }
    pp_certificate_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pp_authority *open_mode;
    struct pp_bytes octets = pp_bytes(data, size);
    struct pp_request request;
    size_t n = 0;
    if (!open_mode && pp_authority_load(&open_mode, NULL, NULL, false, NULL)) {
        abort();
    }
    try_certificate(open_mode, octets);
    pp_pem_each(octets, one_more, &n);
    if (pp_request_parse(&request, octets, NULL) == PP_OK) {
        pp_request_finish(&request);
    }
    if (pp_authority_offer_crl(open_mode, octets) == PP_OK) {
        abort(); /* nobody's list is taken without a CA */
    }
    return 0;
}
