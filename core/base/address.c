/*
 * The normal form of an address; see address.h. Domains go through libidn2 (UTS 46 without
 * transitional mapping, then IDNA2008), local parts through libunistring's NFC. Plain ASCII, nearly
 * all there is, takes neither.
 */
#include <base/address.h>

#include <idn2.h>
#include <peerpost/error.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

/* Longer input cannot shrink to 254 octets by anything that a person would type. */
#define INPUT_MAX 1024
#define LABEL_MAX 63
#define DOMAIN_MAX 253

static bool is_ascii(struct pp_bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* RFC 5322 atext, and all of UTF-8 beyond ASCII (RFC 6532). */
static bool is_atext(uint8_t c)
{
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_dot_atom(struct pp_bytes s)
{
    bool after_dot = true;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '.' ? after_dot : !is_atext(s.data[i])) {
            return false;
        }
        after_dot = s.data[i] == '.';
    }
    return !after_dot;
}

/* A quoted-string's octets without quotes and backslashes; *at: the octet after it. Only what
 * RFC 5321 allows inside (qtextSMTP, quoted-pairSMTP, UTF-8). */
static int unquote(struct pp_buf *out, struct pp_bytes in, size_t *at)
{
    size_t i = 1;
    while (i < in.len && in.data[i] != '"') {
        if (in.data[i] == '\\') {
            i++;
        }
        if (i == in.len || in.data[i] < 0x20 || in.data[i] == 0x7f) {
            return PP_MALFORMED;
        }
        pp_buf_add(out, &in.data[i++], 1);
    }
    *at = i + 1;
    return i < in.len ? PP_OK : PP_MALFORMED;
}

static int split(struct pp_buf *local, struct pp_bytes *domain, struct pp_bytes in)
{
    size_t at = 0;
    if (in.len && in.data[0] == '"') {
        if (unquote(local, in, &at) != PP_OK) {
            return PP_MALFORMED;
        }
    } else {
        const uint8_t *sign = in.len ? memchr(in.data, '@', in.len) : NULL;
        at = sign ? (size_t)(sign - in.data) : in.len;
        if (!is_dot_atom(pp_bytes(in.data, at))) {
            return PP_MALFORMED;
        }
        pp_buf_add(local, in.data, at);
    }
    if (at >= in.len || in.data[at] != '@') {
        return PP_MALFORMED;
    }
    *domain = pp_bytes(in.data + at + 1, in.len - at - 1);
    return local->failed ? PP_NOMEM : PP_OK;
}

/* No controls, no spaces but ASCII's, nothing that turns the direction of writing, no unassigned
 * code point: what it will normalise to is not known yet. */
static bool is_seemly(struct pp_bytes s)
{
    for (size_t i = 0; i < s.len;) {
        ucs4_t c;
        int n = u8_mbtoucr(&c, s.data + i, s.len - i);
        if (n <= 0 || c == 0x7f || uc_is_property_bidi_control(c)) {
            return false;
        }
        if (c >= 0x80 &&
            uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cn |
                                                    UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Z)) {
            return false;
        }
        i += (size_t)n;
    }
    return true;
}

static int compose(struct pp_buf *s)
{
    size_t len = 0;
    uint8_t *nfc = u8_normalize(UNINORM_NFC, s->data, s->len, NULL, &len);
    if (!nfc) {
        return PP_MALFORMED;
    }
    s->len = 0;
    int bad = pp_buf_add(s, nfc, len);
    free(nfc);
    return bad;
}

static void lower_all(struct pp_buf *s)
{
    for (size_t i = 0; i < s->len; i++) {
        s->data[i] = lower(s->data[i]);
    }
}

/* NFC can make ASCII (KELVIN SIGN), and lower case can make a pair that composes (H + MACRON
 * BELOW): hence twice. */
static int normal_local(struct pp_buf *s)
{
    if (is_ascii(pp_buf_bytes(s))) {
        lower_all(s);
        return PP_OK;
    }
    if (!is_seemly(pp_buf_bytes(s)) || compose(s) != PP_OK) {
        return PP_MALFORMED;
    }
    lower_all(s);
    return compose(s);
}

static int add_local(struct pp_buf *out, const struct pp_buf *local)
{
    if (is_dot_atom(pp_buf_bytes(local))) {
        return pp_buf_add(out, local->data, local->len);
    }
    pp_buf_add_str(out, "\"");
    for (size_t i = 0; i < local->len; i++) {
        if (local->data[i] == '"' || local->data[i] == '\\') {
            pp_buf_add_str(out, "\\");
        }
        pp_buf_add(out, &local->data[i], 1);
    }
    return pp_buf_add_str(out, "\"");
}

static bool is_ldh(uint8_t c)
{
    return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of letters, digits and inner hyphens, 1 to 63 octets each, 253 in all. */
static bool is_host(struct pp_bytes s)
{
    size_t label = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i == s.len || s.data[i] == '.') {
            if (label == 0 || label > LABEL_MAX || s.data[i - 1] == '-') {
                return false;
            }
            label = 0;
        } else if (!is_ldh(s.data[i]) || (label == 0 && s.data[i] == '-')) {
            return false;
        } else {
            label++;
        }
    }
    return s.len <= DOMAIN_MAX;
}

/* Plain ASCII whose labels claim no encoding ("xn--", "??--") needs no IDNA. */
static bool is_plain_domain(struct pp_bytes s)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.data[i] == '-' && s.data[i + 1] == '-') {
            return false;
        }
    }
    return is_ascii(s);
}

static int add_domain(struct pp_buf *out, struct pp_bytes domain)
{
    struct pp_buf text = {0};
    char *encoded = NULL;
    int bad = PP_MALFORMED;
    if (pp_buf_add(&text, domain.data, domain.len) != PP_OK) {
        return PP_NOMEM;
    }
    if (is_plain_domain(domain)) {
        lower_all(&text);
    } else {
        if (idn2_to_ascii_8z((const char *)text.data, &encoded, IDN2_NONTRANSITIONAL) != IDN2_OK) {
            goto free_text;
        }
        text.len = 0;
        pp_buf_add_str(&text, encoded);
    }
    if (is_host(pp_buf_bytes(&text))) {
        bad = pp_buf_add(out, text.data, text.len);
    }
free_text:
    idn2_free(encoded);
    pp_buf_free(&text);
    return bad;
}

int pp_address_normal(struct pp_buf *out, struct pp_bytes address)
{
    struct pp_buf local = {0};
    struct pp_bytes domain;
    size_t before = out->len;
    if (address.len > INPUT_MAX || (address.len && memchr(address.data, 0, address.len)) ||
        u8_check(address.data, address.len)) {
        return PP_MALFORMED;
    }
    int bad = split(&local, &domain, address);
    if (!bad) {
        bad = normal_local(&local);
    }
    if (!bad && (add_local(out, &local) != PP_OK || pp_buf_add_str(out, "@") != PP_OK)) {
        bad = PP_NOMEM;
    }
    if (!bad) {
        bad = add_domain(out, domain);
    }
    if (!bad && out->len - before > PP_ADDRESS_MAX) {
        bad = PP_MALFORMED;
    }
    if (bad && out->data) {
        out->len = before;
        out->data[before] = 0;
    }
    pp_buf_free(&local);
    return bad;
}

bool pp_address_is_normal(struct pp_bytes address)
{
    struct pp_buf normal = {0};
    bool same = address.len <= PP_ADDRESS_MAX && pp_address_normal(&normal, address) == PP_OK &&
                pp_bytes_equal(pp_buf_bytes(&normal), address);
    pp_buf_free(&normal);
    return same;
}
