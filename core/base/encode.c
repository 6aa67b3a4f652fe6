/* Base64, base32 and percent-encoding; see encode.h. */
#include <base/encode.h>

#include <peerpost/error.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char urlsafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode64(struct pp_buf *out, struct pp_bytes in, const char *alphabet, bool padding)
{
    if (pp_buf_reserve(out, in.len / 3 * 4 + 4) != PP_OK) {
        return PP_NOMEM;
    }
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t v = (uint32_t)in.data[i] << 16;
        v |= n > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
        v |= n > 2 ? in.data[i + 2] : 0;
        char quad[4];
        for (size_t j = 0; j < 4; j++) {
            quad[j] = j <= n ? alphabet[v >> (18 - 6 * j) & 63] : '=';
        }
        pp_buf_add(out, quad, padding ? 4 : n + 1);
    }
    return PP_OK;
}

/* Canonical only: the unused bits of the last character must be zero. */
static int decode64(struct pp_buf *out, struct pp_bytes text, const char *alphabet)
{
    size_t before = out->len;
    uint32_t v = 0;
    unsigned bits = 0;
    if (text.len % 4 == 1) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at) {
            out->len = before;
            return PP_MALFORMED;
        }
        v = v << 6 | (uint32_t)(at - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            uint8_t octet = (uint8_t)(v >> bits);
            if (pp_buf_add(out, &octet, 1) != PP_OK) {
                return PP_NOMEM;
            }
        }
    }
    if (v & ((1u << bits) - 1)) {
        out->len = before;
        return PP_MALFORMED;
    }
    return PP_OK;
}

int pp_base64(struct pp_buf *out, struct pp_bytes in)
{
    return encode64(out, in, standard, true);
}

int pp_base64url(struct pp_buf *out, struct pp_bytes in)
{
    return encode64(out, in, urlsafe, false);
}

int pp_unbase64(struct pp_buf *out, struct pp_bytes text)
{
    if (text.len % 4) {
        return PP_MALFORMED;
    }
    size_t padding = 0;
    while (padding < 2 && text.len && text.data[text.len - 1] == '=') {
        text.len--;
        padding++;
    }
    return decode64(out, text, standard);
}

int pp_unbase64url(struct pp_buf *out, struct pp_bytes text)
{
    return decode64(out, text, urlsafe);
}

int pp_base32(struct pp_buf *out, struct pp_bytes in)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t v = 0;
    unsigned bits = 0;
    if (pp_buf_reserve(out, in.len * 8 / 5 + 1) != PP_OK) {
        return PP_NOMEM;
    }
    for (size_t i = 0; i < in.len; i++) {
        v = v << 8 | in.data[i];
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            pp_buf_add(out, &alphabet[v >> bits & 31], 1);
        }
    }
    if (bits) {
        pp_buf_add(out, &alphabet[v << (5 - bits) & 31], 1);
    }
    return PP_OK;
}

static bool stays(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~@", c));
}

int pp_percent(struct pp_buf *out, struct pp_bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        int bad = stays(in.data[i]) ? pp_buf_add(out, &in.data[i], 1)
                                    : pp_buf_printf(out, "%%%02X", in.data[i]);
        if (bad) {
            return PP_NOMEM;
        }
    }
    return PP_OK;
}

int pp_unpercent(struct pp_buf *out, struct pp_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t octet = text.data[i];
        if (octet == '%') {
            if (text.len - i < 3 || pp_unhex(&octet, 1, pp_bytes(text.data + i + 1, 2)) != PP_OK) {
                return PP_MALFORMED;
            }
            i += 2;
        }
        if (pp_buf_add(out, &octet, 1) != PP_OK) {
            return PP_NOMEM;
        }
    }
    return PP_OK;
}
