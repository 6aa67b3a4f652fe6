/* Certificates as PEM; see pem.h. It must not know whose they are. */
#include <mail/pem.h>

#include <base/encode.h>

void pp_pem_add(struct pp_buf *out, struct pp_bytes der)
{
    struct pp_buf text = {0};
    pp_base64(&text, der);
    out->failed |= text.failed;
    pp_buf_add_str(out, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < text.len; at += 64) {
        size_t n = text.len - at < 64 ? text.len - at : 64;
        pp_buf_add(out, text.data + at, n);
        pp_buf_add_str(out, "\n");
    }
    pp_buf_add_str(out, "-----END CERTIFICATE-----\n");
    pp_buf_free(&text);
}
