/*
 * Any octets as a sealed body and as a sealed notification, with keys that open the corpus. Nothing
 * of a body comes out unless it opens.
 */
#include "fuzz_identity.h"

#include <openssl/pem.h>
#include <seal/seal.h>
#include <stdlib.h>

static int64_t read_buf(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct pp_buf *b = ctx;
    size_t left = offset < b->len ? b->len - (size_t)offset : 0;
    size_t n = left < cap ? left : cap;
    if (n) {
        memcpy(out, b->data + offset, n);
    }
    return (int64_t)n;
}

static int write_buf(void *ctx, struct pp_bytes bytes)
{
    return pp_buf_add(ctx, bytes.data, bytes.len);
}

static void try_body(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = {'f', 'u', 'z', 'z'};
    struct pp_buf object = {0}, scratch = {0}, message = {0};
    struct pp_opened opened;
    pp_buf_add(&object, data, size);
    struct pp_source source = {read_buf, &object, size}, back = {read_buf, &scratch, 0};
    struct pp_out to_scratch = {write_buf, &scratch}, out = {write_buf, &message};
    if (pp_open_body(&source, key, &to_scratch, &back, &out, &opened, NULL) && message.len) {
        abort();
    }
    pp_opened_finish(&opened);
    pp_buf_free(&object);
    pp_buf_free(&scratch);
    pp_buf_free(&message);
}

static int take(void *ctx, struct pp_bytes der)
{
    return pp_certificate_parse(ctx, der);
}

static void try_notification(struct pp_bytes sealed)
{
    static struct pp_certificate *certificate;
    static EVP_PKEY *key;
    struct pp_notification n;
    if (!key) {
        BIO *bio = BIO_new_mem_buf(fuzz_key, -1);
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        BIO_free(bio);
        if (!key || pp_pem_each(pp_str(fuzz_certificate), take, &certificate)) {
            abort();
        }
    }
    if (pp_open_notification(&n, sealed, &certificate, &key, 1, NULL) == PP_OK) {
        if (n.object_id.len == 0 || n.recipient.len == 0 || n.is_signed != (n.signer != NULL)) {
            abort();
        }
        pp_notification_finish(&n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_body(data, size);
    try_notification(pp_bytes(data, size));
    return 0;
}
