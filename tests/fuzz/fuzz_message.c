/*
 * Any octets as a mail message: prepared for sending and for delivery. No fault, CR and LF only in
 * pairs after pp_crlf_add, and CRLF made LF gives the message back.
 */
#include <mail/message.h>

#include <stdlib.h>

static int ignore(void *ctx, struct pp_bytes address)
{
    size_t *n = ctx;
    *n += address.len;
    return 0;
}

static void check_lines(struct pp_bytes message)
{
    struct pp_crlf crlf = {0};
    struct pp_lf lf = {0};
    struct pp_buf sent = {0}, back = {0}, plain = {0};
    pp_crlf_add(&crlf, &sent, message);
    for (size_t i = 0; i < sent.len; i++) {
        if (sent.data[i] == '\n' && (i == 0 || sent.data[i - 1] != '\r')) {
            abort();
        }
    }
    pp_lf_add(&lf, &back, pp_buf_bytes(&sent), true);
    for (size_t i = 0; i < message.len; i++) { /* the same with its CRLFs made LF */
        bool pair = message.data[i] == '\r' && i + 1 < message.len && message.data[i + 1] == '\n';
        if (!pair) {
            pp_buf_add(&plain, message.data + i, 1);
        }
    }
    if (!pp_bytes_equal(pp_buf_bytes(&back), pp_buf_bytes(&plain))) {
        abort();
    }
    pp_buf_free(&sent);
    pp_buf_free(&back);
    pp_buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_bytes message = pp_bytes(data, size);
    size_t length = 0, at = 0, sum = 0;
    if (!pp_header_length(message, true, &length) || length > size) {
        abort();
    }
    struct pp_bytes header = pp_bytes(data, length);
    struct pp_header_field field;
    while (pp_header_next(header, &at, &field)) {
        struct pp_buf text = {0};
        pp_header_text(&text, field.value, 100);
        pp_header_addresses(field.value, ignore, &sum);
        pp_buf_free(&text);
    }
    struct pp_buf out = {0};
    const struct pp_prepare prepare = {pp_str("a@b.example"), 1700000000, pp_str("x@y.invalid")};
    const struct pp_delivery delivery = {pp_str("a@b.example"), pp_str("c@d.example"), "none"};
    pp_message_prepare(&out, header, &prepare);
    out.len = 0;
    pp_message_deliver(&out, header, &delivery);
    pp_buf_free(&out);
    check_lines(message);
    return 0;
}
