/*
 * What stands inside the encryption, as somebody with the right key but no good will may have
 * written it: padding, framing, signature, and a notification's text. A text that is read is
 * written again and read the same.
 */
#include <base/hash.h>
#include <seal/notification_text.h>
#include <seal/plain.h>
#include <seal/signed.h>
#include <stdlib.h>

static void try_text(struct pp_bytes text)
{
    struct pp_notification n = {0}, again = {0};
    struct pp_buf first = {0}, second = {0};
    if (pp_notification_decode(&n, text) == PP_OK && pp_notification_encode(&first, &n) == PP_OK) {
        if (pp_notification_decode(&again, pp_buf_bytes(&first)) != PP_OK ||
            pp_notification_encode(&second, &again) != PP_OK ||
            !pp_bytes_equal(pp_buf_bytes(&first), pp_buf_bytes(&second))) {
            abort();
        }
    }
    pp_notification_finish(&n);
    pp_notification_finish(&again);
    pp_buf_free(&first);
    pp_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_found found;
    struct pp_bytes plain = pp_bytes(data, size);
    struct pp_source source = pp_source_of(&plain);
    uint8_t digest[32];
    try_text(plain);
    if (pp_plain_find(&found, &source, size, "") == PP_OK) {
        struct pp_certificate *signer = NULL;
        if (found.n > size || found.content > size - found.n) {
            abort();
        }
        struct pp_bytes content = pp_bytes(data + found.content, (size_t)found.n);
        pp_sha256(digest, content);
        if (found.has_signature) {
            pp_signed_check(pp_buf_bytes(&found.tail), digest, &signer);
        }
        try_text(content);
        pp_certificate_free(signer);
        pp_found_finish(&found);
    }
    return 0;
}
