/* AuthEnvelopedData by hand; see envelope.h. */
#include <seal/envelope.h>

#include <seal/der.h>

#define SEQUENCE 0x30
#define SET 0x31
#define OCTET_STRING 0x04
#define CONTEXT_0 0xa0
#define CONTEXT_1 0xa1
#define CONTEXT_2 0xa2
#define IMPLICIT_0 0x80

/* id-smime-ct-authEnvelopedData */
static const uint8_t oid_envelope[] = {0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                       0x0d, 1,  9,    16,   1,    23};
static const uint8_t oid_data[] = {0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
static const uint8_t version_0[] = {0x02, 1, 0}, version_2[] = {0x02, 1, 2},
                     version_3[] = {0x02, 1, 3};
/* KEKRecipientInfo (RFC 5652 section 6.2.3): version 4, key identifier one zero octet, id-aes256-
 * wrap, then the wrapped key. */
static const uint8_t kek_head[] = {0x02,     1,  4,    SEQUENCE, 3,    OCTET_STRING, 1,    0,
                                   SEQUENCE, 11, 0x06, 9,        0x60, 0x86,         0x48, 1,
                                   0x65,     3,  4,    1,        0x2d};
/* id-aes256-GCM up to its nonce, and the tag's length after it (RFC 5084 section 3.2). */
static const uint8_t gcm_head[] = {SEQUENCE, 30,           0x06,    9, 0x60, 0x86, 0x48,
                                   1,        0x65,         3,       4, 1,    0x2e, SEQUENCE,
                                   17,       OCTET_STRING, PP_NONCE};
static const uint8_t gcm_tail[] = {0x02, 1, PP_TAG};

#define CONST(array) pp_bytes(array, sizeof(array))
#define GCM_LEN (sizeof gcm_head + PP_NONCE + sizeof gcm_tail)

static int add(struct pp_buf *out, struct pp_bytes octets)
{
    return pp_buf_add(out, octets.data, octets.len);
}

int pp_envelope_head(struct pp_buf *out, const struct pp_envelope *e, uint64_t n)
{
    uint64_t kek = sizeof kek_head + pp_der_whole_len(PP_WRAPPED);
    uint64_t content = sizeof oid_data + GCM_LEN + pp_der_whole_len(n);
    uint64_t body = sizeof version_0 + pp_der_whole_len(pp_der_whole_len(kek)) +
                    pp_der_whole_len(content) + PP_MAC_LEN;
    uint64_t outer = pp_der_whole_len(body);
    pp_der_head(out, SEQUENCE, sizeof oid_envelope + pp_der_whole_len(outer));
    add(out, CONST(oid_envelope));
    pp_der_head(out, CONTEXT_0, outer);
    pp_der_head(out, SEQUENCE, body);
    add(out, CONST(version_0));
    pp_der_head(out, SET, pp_der_whole_len(kek));
    pp_der_head(out, CONTEXT_2, kek);
    add(out, CONST(kek_head));
    pp_der_add(out, OCTET_STRING, CONST(e->wrapped));
    pp_der_head(out, SEQUENCE, content);
    add(out, CONST(oid_data));
    add(out, CONST(gcm_head));
    add(out, CONST(e->nonce));
    add(out, CONST(gcm_tail));
    return pp_der_head(out, IMPLICIT_0, n);
}

/* The head is as long as its lengths make it: tries which length fits the object's. */
static bool fit(struct pp_buf *head, const struct pp_envelope *e, uint64_t size, uint64_t *n)
{
    for (uint64_t guess = PP_ENVELOPE_START; guess > 64; guess--) {
        if (size < guess + PP_MAC_LEN) {
            continue;
        }
        head->len = 0;
        *n = size - guess - PP_MAC_LEN;
        if (pp_envelope_head(head, e, *n) == PP_OK && head->len == guess) {
            return true;
        }
    }
    return false;
}

int pp_envelope_find(struct pp_envelope *e, struct pp_bytes start, uint64_t size,
                     uint64_t *cipher_text, uint64_t *n)
{
    struct pp_buf head = {0};
    *e = (struct pp_envelope){{0}, {0}};
    int bad = PP_MALFORMED;
    if (fit(&head, e, size, n) && head.len <= start.len) {
        size_t nonce = head.len - pp_der_head_len(*n) - sizeof gcm_tail - PP_NONCE;
        size_t wrapped = nonce - sizeof gcm_head - sizeof oid_data -
                         pp_der_head_len(sizeof oid_data + GCM_LEN + pp_der_whole_len(*n)) -
                         PP_WRAPPED;
        memcpy(e->nonce, start.data + nonce, PP_NONCE);
        memcpy(e->wrapped, start.data + wrapped, PP_WRAPPED);
        head.len = 0;
        if (pp_envelope_head(&head, e, *n) == PP_OK &&
            memcmp(head.data, start.data, head.len) == 0) {
            *cipher_text = head.len;
            bad = PP_OK;
        }
    }
    pp_buf_free(&head);
    return bad;
}

/* One recipient, by key agreement (version 3) or key transport to a key identifier (version 2). */
static bool recipients_are_sound(struct pp_bytes set)
{
    struct pp_der d = {set, 0, set.len, false};
    bool agreement = set.len && set.data[0] == CONTEXT_1;
    pp_der_enter(&d, agreement ? CONTEXT_1 : SEQUENCE, true);
    pp_der_expect(&d, agreement ? CONST(version_3) : CONST(version_2));
    return !d.failed;
}

bool pp_envelope_is_sound(struct pp_bytes der)
{
    struct pp_der d = {der, 0, der.len, false};
    pp_der_enter(&d, SEQUENCE, true);
    pp_der_expect(&d, CONST(oid_envelope));
    pp_der_enter(&d, CONTEXT_0, true);
    uint64_t body = pp_der_enter(&d, SEQUENCE, true);
    pp_der_expect(&d, CONST(version_0));
    struct pp_bytes recipients = pp_der_value(&d, SET);
    pp_der_enter(&d, SEQUENCE, false);
    pp_der_expect(&d, CONST(oid_data));
    pp_der_expect(&d, CONST(gcm_head));
    if (!d.failed) {
        d.at += PP_NONCE;
    }
    pp_der_expect(&d, CONST(gcm_tail));
    pp_der_value(&d, IMPLICIT_0);
    d.failed = d.failed || d.at != d.end;
    d.end = body;
    return pp_der_value(&d, OCTET_STRING).len == PP_TAG && !d.failed && d.at == der.len &&
           recipients_are_sound(recipients);
}
