/* The plain text inside the encryption; see plain.h. */
#include <seal/plain.h>

#include <base/hash.h>
#include <openssl/crypto.h>
#include <seal/signed.h>
#include <stdlib.h>

static const char padding_name[] = "Peerpost-Padding: ";
static const char signed_head[] =
    "MIME-Version: 1.0\r\n"
    "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"
    "Content-Transfer-Encoding: binary\r\n"
    "\r\n";

#define FOLD 76        /* the padding's lines: 73 octets, CR, LF, SP */
#define START_MAX 4096 /* of a plain text: the header lines and the framing before the content */
#define TAIL_MAX 65536

int pp_source_read(const struct pp_source *s, uint64_t offset, uint8_t *out, size_t n)
{
    while (n) {
        int64_t got = s->read(s->ctx, offset, out, n);
        if (got <= 0 || (uint64_t)got > n) {
            return got < 0 ? (int)got : PP_IO;
        }
        out += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return PP_OK;
}

static int64_t read_bytes(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct pp_bytes *b = ctx;
    size_t left = offset < b->len ? b->len - (size_t)offset : 0;
    size_t n = left < cap ? left : cap;
    if (n) {
        memcpy(out, b->data + offset, n);
    }
    return (int64_t)n;
}

struct pp_source pp_source_of(const struct pp_bytes *bytes)
{
    return (struct pp_source){read_bytes, (void *)bytes, bytes->len};
}

int pp_source_pour(const struct pp_source *s, uint64_t from, uint64_t len, const struct pp_out *out,
                   uint8_t digest[32])
{
    uint8_t *piece = malloc(PP_PIECE);
    struct pp_hash *hash = pp_hash_create();
    int bad = piece && hash ? PP_OK : PP_NOMEM;
    for (uint64_t at = 0; !bad && at < len;) {
        size_t n = len - at < PP_PIECE ? (size_t)(len - at) : PP_PIECE;
        bad = pp_source_read(s, from + at, piece, n);
        if (!bad) {
            pp_hash_add(hash, pp_bytes(piece, n));
            bad = out ? out->write(out->ctx, pp_bytes(piece, n)) : PP_OK;
        }
        at += n;
    }
    if (!bad) {
        pp_hash_digest(hash, digest);
    }
    pp_hash_destroy(hash);
    if (piece) {
        OPENSSL_cleanse(piece, PP_PIECE);
    }
    free(piece);
    return bad;
}

int pp_plain_make(struct pp_plain *p, const struct pp_source *content,
                  const struct pp_signer *signer, const char *unsigned_head)
{
    uint8_t digest[32];
    bool is_signed = signer && signer->certificate;
    int bad = PP_OK;
    *p = (struct pp_plain){.content = content->size};
    pp_buf_add_str(&p->head, is_signed ? signed_head : unsigned_head);
    if (is_signed) {
        bad = pp_source_pour(content, 0, content->size, NULL, digest);
        bad = bad ? bad : pp_signed_tail(&p->tail, signer, digest);
        bad = bad ? bad : pp_signed_head(&p->head, content->size, p->tail.len);
    }
    bad = bad ? bad : p->head.failed ? PP_NOMEM : PP_OK;
    p->size = p->head.len + p->content + p->tail.len;
    if (bad) {
        pp_plain_finish(p);
    }
    return bad;
}

void pp_plain_finish(struct pp_plain *p)
{
    pp_buf_free(&p->head);
    pp_buf_free(&p->tail);
}

void pp_plain_pad(struct pp_plain *p, uint64_t size)
{
    p->padding = size - p->size;
    p->size = size;
}

static unsigned log2_floor(uint64_t v)
{
    unsigned n = 0;
    while (v >>= 1) {
        n++;
    }
    return n;
}

uint64_t pp_padme(uint64_t size)
{
    if (size < 2) {
        return size;
    }
    unsigned e = log2_floor(size), s = log2_floor(e) + 1;
    uint64_t mask = e > s ? ((uint64_t)1 << (e - s)) - 1 : 0;
    return (size + mask) & ~mask;
}

/* Octet i of the padding field's value of n octets: lines of x, folded. A fold that would not be
 * followed by an x within the value is none. */
static uint8_t padding_octet(uint64_t i, uint64_t n)
{
    uint64_t in_line = i % FOLD, fold = i - in_line + FOLD - 3;
    if (in_line < FOLD - 3 || fold + 4 > n) {
        return 'x';
    }
    return (uint8_t) "\r\n "[in_line - (FOLD - 3)];
}

static uint8_t field_octet(uint64_t i, uint64_t len)
{
    if (i < sizeof padding_name - 1) {
        return (uint8_t)padding_name[i];
    }
    if (i + 2 >= len) {
        return i + 2 == len ? '\r' : '\n';
    }
    return padding_octet(i - (sizeof padding_name - 1), len - PP_PADDING_MIN);
}

/* Copies what [offset, offset + n) and a part at [from, from + len) have in common. */
static void overlay(uint8_t *out, uint64_t offset, size_t n, uint64_t from,
                    const struct pp_buf *part)
{
    uint64_t begin = offset > from ? offset : from;
    uint64_t end = offset + n < from + part->len ? offset + n : from + part->len;
    if (begin < end) {
        memcpy(out + (begin - offset), part->data + (begin - from), (size_t)(end - begin));
    }
}

int pp_plain_read(const struct pp_plain *p, const struct pp_source *content, uint64_t offset,
                  uint8_t *out, size_t n)
{
    uint64_t from = p->padding + p->head.len, to = from + p->content;
    for (uint64_t i = offset; i < offset + n && i < p->padding; i++) {
        out[i - offset] = field_octet(i, p->padding);
    }
    overlay(out, offset, n, p->padding, &p->head);
    overlay(out, offset, n, to, &p->tail);
    uint64_t begin = offset > from ? offset : from, end = offset + n < to ? offset + n : to;
    if (begin >= end) {
        return PP_OK;
    }
    return pp_source_read(content, begin - from, out + (begin - offset), (size_t)(end - begin));
}

/* Where the padding field ends: after the first line end that no space follows; 0: there is no such
 * field. */
static int skip_padding(const struct pp_source *plain, uint64_t size, uint64_t *end)
{
    uint8_t piece[4096];
    size_t name = sizeof padding_name - 1;
    uint64_t at = 0;
    bool after_line = false;
    *end = 0;
    while (at < size) {
        size_t n = size - at < sizeof piece ? (size_t)(size - at) : sizeof piece;
        int bad = pp_source_read(plain, at, piece, n);
        if (bad || (at == 0 && (n < name || memcmp(piece, padding_name, name) != 0))) {
            return bad;
        }
        for (size_t i = 0; i < n; i++) {
            if (after_line && piece[i] != ' ') {
                *end = at + i;
                return PP_OK;
            }
            after_line = piece[i] == '\n';
        }
        at += n;
    }
    return PP_MALFORMED;
}

static int find_signed(struct pp_found *f, const struct pp_source *plain, uint64_t der,
                       uint64_t size, struct pp_bytes start)
{
    f->has_signature = true;
    if (pp_signed_find(start, size - der, &f->content, &f->n) != PP_OK) {
        return PP_MALFORMED;
    }
    f->content += der;
    uint64_t tail = f->content + f->n;
    if (size - tail > TAIL_MAX || pp_buf_reserve(&f->tail, (size_t)(size - tail)) != PP_OK) {
        return PP_MALFORMED;
    }
    f->tail.len = (size_t)(size - tail);
    return pp_source_read(plain, tail, f->tail.data, f->tail.len);
}

int pp_plain_find(struct pp_found *f, const struct pp_source *plain, uint64_t size,
                  const char *unsigned_head)
{
    uint8_t start[START_MAX];
    uint64_t at;
    size_t head = sizeof signed_head - 1, plain_head = strlen(unsigned_head);
    *f = (struct pp_found){0};
    int bad = skip_padding(plain, size, &at);
    size_t n = size - at < sizeof start ? (size_t)(size - at) : sizeof start;
    bad = bad ? bad : pp_source_read(plain, at, start, n);
    if (bad) {
        return bad;
    }
    if (n >= head && memcmp(start, signed_head, head) == 0) {
        bad = find_signed(f, plain, at + head, size, pp_bytes(start + head, n - head));
    } else if (n >= plain_head && memcmp(start, unsigned_head, plain_head) == 0) {
        f->content = at + plain_head;
        f->n = size - f->content;
    } else {
        bad = PP_MALFORMED;
    }
    OPENSSL_cleanse(start, sizeof start);
    if (bad) {
        pp_found_finish(f);
    }
    return bad;
}

void pp_found_finish(struct pp_found *f)
{
    pp_buf_free(&f->tail);
}
