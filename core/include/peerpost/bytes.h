/*
 * Octet strings: lent slices, an owned growable buffer, big-endian access, a bounds-checked reader
 * and hexadecimal. Pure; linked into every plugin as its own copy.
 */
#ifndef PEERPOST_BYTES_H
#define PEERPOST_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Octets lent for the duration of a call. data may be NULL when len is 0. */
struct pp_bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct pp_bytes pp_bytes(const void *data, size_t len)
{
    return (struct pp_bytes){data, len};
}

static inline struct pp_bytes pp_str(const char *s)
{
    return (struct pp_bytes){(const uint8_t *)s, strlen(s)};
}

bool pp_bytes_equal(struct pp_bytes a, struct pp_bytes b);
bool pp_bytes_is(struct pp_bytes a, const char *s);
/* ASCII case-insensitive comparison with a string. */
bool pp_bytes_is_nocase(struct pp_bytes a, const char *s);
/* Order by octets, the shorter first among equals; <0, 0, >0. */
int pp_bytes_compare(struct pp_bytes a, struct pp_bytes b);

/* An owned buffer. Zero-initialise; pp_buf_free when done. A failed append leaves it as it was and
 * sets `failed`, so a chain of appends needs one check at its end. Appended data is always followed
 * by a NUL that len does not count. */
struct pp_buf {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

int pp_buf_reserve(struct pp_buf *b, size_t more); /* ! PP_NOMEM */
int pp_buf_add(struct pp_buf *b, const void *data, size_t len);
int pp_buf_add_str(struct pp_buf *b, const char *s);
int pp_buf_printf(struct pp_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes the first n octets (n <= len). */
void pp_buf_consume(struct pp_buf *b, size_t n);
void pp_buf_free(struct pp_buf *b);
/* Overwrites the contents before freeing: for keys and plain text. */
void pp_buf_wipe(struct pp_buf *b);
static inline struct pp_bytes pp_buf_bytes(const struct pp_buf *b)
{
    return pp_bytes(b->data, b->len);
}

void pp_put16(uint8_t *p, uint16_t v);
void pp_put32(uint8_t *p, uint32_t v);
void pp_put64(uint8_t *p, uint64_t v);
uint16_t pp_get16(const uint8_t *p);
uint32_t pp_get32(const uint8_t *p);
uint64_t pp_get64(const uint8_t *p);

/* Reads big-endian fields from hostile octets. Past the end, `failed` is set and zeros come back,
 * so that a decoder needs one check at its end. */
struct pp_reader {
    const uint8_t *at, *end;
    bool failed;
};

struct pp_reader pp_reader(struct pp_bytes in);
uint8_t pp_read8(struct pp_reader *r);
uint16_t pp_read16(struct pp_reader *r);
uint32_t pp_read32(struct pp_reader *r);
uint64_t pp_read64(struct pp_reader *r);
/* Lends n octets of the input; NULL and failed when there are fewer. */
const uint8_t *pp_read(struct pp_reader *r, size_t n);
static inline size_t pp_reader_left(const struct pp_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Lower-case hexadecimal; out holds 2*len+1 characters. */
void pp_hex(char *out, const void *data, size_t len);
/* Exactly 2*len hexadecimal digits, either case. ! PP_MALFORMED */
int pp_unhex(uint8_t *out, size_t len, struct pp_bytes text);

#endif
