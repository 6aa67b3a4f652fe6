/* Octet strings; see peerpost/bytes.h. */
#include <peerpost/bytes.h>

#include <peerpost/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

bool pp_bytes_equal(struct pp_bytes a, struct pp_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool pp_bytes_is(struct pp_bytes a, const char *s)
{
    return pp_bytes_equal(a, pp_str(s));
}

bool pp_bytes_is_nocase(struct pp_bytes a, const char *s)
{
    size_t len = strlen(s);
    return a.len == len && (len == 0 || strncasecmp((const char *)a.data, s, len) == 0);
}

int pp_bytes_compare(struct pp_bytes a, struct pp_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

int pp_buf_reserve(struct pp_buf *b, size_t more)
{
    if (more < SIZE_MAX - b->len - 1 && b->len + more + 1 <= b->cap) {
        return PP_OK;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < more + 1) {
        if (cap > SIZE_MAX / 2 || more > SIZE_MAX / 2) {
            b->failed = true;
            return PP_NOMEM;
        }
        cap *= 2;
    }
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return PP_NOMEM;
    }
    b->data = data;
    b->cap = cap;
    return PP_OK;
}

int pp_buf_add(struct pp_buf *b, const void *data, size_t len)
{
    if (pp_buf_reserve(b, len) != PP_OK) {
        return PP_NOMEM;
    }
    if (len) {
        memcpy(b->data + b->len, data, len);
    }
    b->len += len;
    b->data[b->len] = 0;
    return PP_OK;
}

int pp_buf_add_str(struct pp_buf *b, const char *s)
{
    return pp_buf_add(b, s, strlen(s));
}

int pp_buf_printf(struct pp_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || pp_buf_reserve(b, (size_t)n) != PP_OK) {
        b->failed = true;
        return PP_NOMEM;
    }
    va_start(args, format);
    vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
    return PP_OK;
}

void pp_buf_consume(struct pp_buf *b, size_t n)
{
    if (n == 0) {
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = 0;
}

void pp_buf_free(struct pp_buf *b)
{
    free(b->data);
    *b = (struct pp_buf){0};
}

void pp_buf_wipe(struct pp_buf *b)
{
    if (b->data) {
        explicit_bzero(b->data, b->cap);
    }
    pp_buf_free(b);
}

void pp_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

void pp_put32(uint8_t *p, uint32_t v)
{
    pp_put16(p, (uint16_t)(v >> 16));
    pp_put16(p + 2, (uint16_t)v);
}

void pp_put64(uint8_t *p, uint64_t v)
{
    pp_put32(p, (uint32_t)(v >> 32));
    pp_put32(p + 4, (uint32_t)v);
}

uint16_t pp_get16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

uint32_t pp_get32(const uint8_t *p)
{
    return ((uint32_t)pp_get16(p) << 16) | pp_get16(p + 2);
}

uint64_t pp_get64(const uint8_t *p)
{
    return ((uint64_t)pp_get32(p) << 32) | pp_get32(p + 4);
}

struct pp_reader pp_reader(struct pp_bytes in)
{
    static const uint8_t nothing[1];
    const uint8_t *at = in.data ? in.data : nothing;
    return (struct pp_reader){at, at + in.len, false};
}

const uint8_t *pp_read(struct pp_reader *r, size_t n)
{
    if (r->failed || n > pp_reader_left(r)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += n;
    return at;
}

uint8_t pp_read8(struct pp_reader *r)
{
    const uint8_t *p = pp_read(r, 1);
    return p ? *p : 0;
}

uint16_t pp_read16(struct pp_reader *r)
{
    const uint8_t *p = pp_read(r, 2);
    return p ? pp_get16(p) : 0;
}

uint32_t pp_read32(struct pp_reader *r)
{
    const uint8_t *p = pp_read(r, 4);
    return p ? pp_get32(p) : 0;
}

uint64_t pp_read64(struct pp_reader *r)
{
    const uint8_t *p = pp_read(r, 8);
    return p ? pp_get64(p) : 0;
}

void pp_hex(char *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[p[i] >> 4];
        *out++ = digits[p[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int pp_unhex(uint8_t *out, size_t len, struct pp_bytes text)
{
    if (text.len / 2 != len || text.len % 2) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return PP_MALFORMED;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return PP_OK;
}
