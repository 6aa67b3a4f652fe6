/*
 * Reads Signature-Input, Signature and Content-Digest from hostile octets; see signature.h. Accepts
 * structured fields (RFC 8941) in their canonical form alone, so that the text received is the text
 * that was signed.
 */
#include <trust/signature.h>

#include <base/encode.h>
#include <trust/signature_base.h>

#define INPUT_MAX 2048
#define LABEL_MAX 64

struct scan {
    const uint8_t *at, *end;
};

static bool take(struct scan *s, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0) {
        return false;
    }
    s->at += len;
    return true;
}

static bool is_key_octet(uint8_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || c == '*' ||
           (!first && ((c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'));
}

/* A dictionary's or parameter's key (RFC 8941 section 3.1.2). */
static bool take_key(struct scan *s, struct pp_bytes *key)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && is_key_octet(*s->at, s->at == from)) {
        s->at++;
    }
    *key = pp_bytes(from, (size_t)(s->at - from));
    return key->len > 0 && key->len <= LABEL_MAX;
}

/* A string without escapes: nothing in the profile needs one. */
static bool take_string(struct scan *s, struct pp_bytes *text)
{
    if (!take(s, "\"")) {
        return false;
    }
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= 0x20 && *s->at < 0x7f && *s->at != '"' && *s->at != '\\') {
        s->at++;
    }
    *text = pp_bytes(from, (size_t)(s->at - from));
    return take(s, "\"");
}

/* At most 15 digits (RFC 8941 section 3.3.1), none in front in vain. */
static bool take_number(struct scan *s, int64_t *number)
{
    const uint8_t *from = s->at;
    *number = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from < 15) {
        *number = *number * 10 + (*s->at++ - '0');
    }
    size_t digits = (size_t)(s->at - from);
    return digits == 1 || (digits > 1 && *from != '0');
}

static int component_of(struct pp_bytes name)
{
    for (int i = 0; i < PP_COVERS_ALL; i++) {
        if (pp_bytes_is(name, pp_component_name((enum pp_component)i))) {
            return i;
        }
    }
    return PP_NOT_FOUND;
}

/* No line end may slip into the base through a value. */
static bool is_one_line(struct pp_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 && value.data[i] != '\t') {
            return false;
        }
    }
    return true;
}

static int parse_components(struct pp_signed *out, struct scan *s, const struct pp_covered *covered,
                            struct pp_error *error)
{
    unsigned seen = 0;
    if (!take(s, "(")) {
        return pp_fail(error, PP_MALFORMED, "Signature-Input is no list of covered components");
    }
    while (!take(s, ")")) {
        struct pp_bytes name;
        if ((seen && !take(s, " ")) || !take_string(s, &name)) {
            return pp_fail(error, PP_MALFORMED, "Signature-Input's list of components is broken");
        }
        int component = component_of(name);
        if (component < 0 || seen & 1u << component ||
            !pp_component_due(covered, (enum pp_component)component)) {
            return pp_fail(error, PP_MALFORMED,
                           "the signature covers '%.*s', which is unknown, doubled or absent",
                           (int)(name.len < 40 ? name.len : 40), (const char *)name.data);
        }
        seen |= 1u << component;
        if (!is_one_line(pp_component_value(covered, (enum pp_component)component)) ||
            pp_base_line(&out->base, (enum pp_component)component, covered) != PP_OK) {
            return pp_fail(error, PP_MALFORMED, "a covered field holds control octets");
        }
    }
    for (int i = 0; i < PP_COVERS_ALL; i++) {
        if (!(seen & 1u << i) && pp_component_due(covered, (enum pp_component)i)) {
            return pp_fail(error, PP_MALFORMED, "the signature must cover \"%s\"",
                           pp_component_name((enum pp_component)i));
        }
    }
    return PP_OK;
}

static bool unbase64url(uint8_t *out, size_t len, struct pp_bytes text)
{
    struct pp_buf octets = {0};
    bool fits = text.len <= 64 && pp_unbase64url(&octets, text) == PP_OK && octets.len == len;
    if (fits) {
        memcpy(out, octets.data, len);
    }
    pp_buf_free(&octets);
    return fits;
}

static bool set_algorithm(struct pp_signed *out, struct pp_bytes name)
{
    for (int i = PP_ALG_ECDSA_P256_SHA256; i <= PP_ALG_RSA_PSS_SHA512; i++) {
        if (pp_bytes_is(name, pp_algorithm_name((enum pp_algorithm)i))) {
            out->algorithm = (enum pp_algorithm)i;
            return true;
        }
    }
    return false;
}

static const char *const parameters[] = {"created", "expires", "nonce", "keyid", "alg", "tag"};
#define PARAMETERS (sizeof parameters / sizeof *parameters)

static bool parse_value(struct pp_signed *out, struct scan *s, size_t which)
{
    struct pp_bytes text;
    if (which < 2) {
        return take_number(s, which == 0 ? &out->created : &out->expires);
    }
    if (!take_string(s, &text)) {
        return false;
    }
    switch (which) {
    case 2:
        return unbase64url(out->nonce, sizeof out->nonce, text);
    case 3:
        return unbase64url(out->keyid, sizeof out->keyid, text);
    case 4:
        return set_algorithm(out, text);
    default:
        return pp_bytes_is(text, "peerpost");
    }
}

static int parse_parameters(struct pp_signed *out, struct scan *s, struct pp_error *error)
{
    unsigned seen = 0;
    while (s->at < s->end) {
        struct pp_bytes key;
        size_t which = 0;
        if (!take(s, ";") || !take_key(s, &key)) {
            return pp_fail(error, PP_MALFORMED, "Signature-Input's parameters are broken");
        }
        while (which < PARAMETERS && !pp_bytes_is(key, parameters[which])) {
            which++;
        }
        if (which == PARAMETERS || seen & 1u << which || !take(s, "=") ||
            !parse_value(out, s, which)) {
            return pp_fail(error, PP_MALFORMED,
                           "the signature's parameter '%.*s' is unknown, doubled or malformed",
                           (int)(key.len < 40 ? key.len : 40), (const char *)key.data);
        }
        seen |= 1u << which;
    }
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (!(seen & 1u << i)) {
            return pp_fail(error, PP_MALFORMED, "the signature lacks the parameter \"%s\"",
                           parameters[i]);
        }
    }
    return PP_OK;
}

/* "label=:base64:", and nothing else. */
static int parse_octets(struct pp_signed *out, struct pp_bytes signature, struct pp_bytes label,
                        struct pp_error *error)
{
    struct scan s = {signature.data, signature.data + signature.len};
    struct pp_bytes name;
    struct pp_buf octets = {0};
    int bad = PP_MALFORMED;
    if (take_key(&s, &name) && pp_bytes_equal(name, label) && take(&s, "=:") && s.end > s.at &&
        s.end[-1] == ':') {
        bad = pp_unbase64(&octets, pp_bytes(s.at, (size_t)(s.end - s.at) - 1));
    }
    if (!bad && (octets.len == 0 || octets.len > sizeof out->signature)) {
        bad = PP_MALFORMED;
    }
    if (!bad) {
        memcpy(out->signature, octets.data, octets.len);
        out->signature_len = octets.len;
    } else {
        pp_fail(error, bad, "Signature must be one octet string with Signature-Input's label");
    }
    pp_buf_free(&octets);
    return bad;
}

int pp_signed_parse(struct pp_signed *out, struct pp_bytes signature_input,
                    struct pp_bytes signature, const struct pp_covered *covered,
                    struct pp_error *error)
{
    struct scan s = {signature_input.data, signature_input.data + signature_input.len};
    struct pp_bytes label;
    *out = (struct pp_signed){0};
    if (signature_input.len > INPUT_MAX || signature.len > INPUT_MAX) {
        return pp_fail(error, PP_TOO_BIG, "a signature is at most %d octets", INPUT_MAX);
    }
    if (!take_key(&s, &label) || !take(&s, "=")) {
        return pp_fail(error, PP_MALFORMED, "Signature-Input must hold one labelled signature");
    }
    struct pp_bytes params = pp_bytes(s.at, (size_t)(s.end - s.at));
    int bad = parse_components(out, &s, covered, error);
    if (!bad) {
        bad = parse_parameters(out, &s, error);
    }
    if (!bad) {
        bad = parse_octets(out, signature, label, error);
    }
    if (!bad) {
        pp_base_end(&out->base, params);
        bad = out->base.failed ? pp_fail(error, PP_NOMEM, "no memory for a signature") : PP_OK;
    }
    if (bad) {
        pp_signed_finish(out);
    }
    return bad;
}

void pp_signed_finish(struct pp_signed *s)
{
    pp_buf_free(&s->base);
}

int pp_content_digest(struct pp_buf *out, const uint8_t sha256[32])
{
    pp_buf_add_str(out, "sha-256=:");
    pp_base64(out, pp_bytes(sha256, 32));
    return pp_buf_add_str(out, ":");
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t')) {
        s->at++;
    }
}

static bool take_octets(struct scan *s, struct pp_bytes *text)
{
    if (!take(s, ":") || s->at == s->end) {
        return false;
    }
    const uint8_t *colon = memchr(s->at, ':', (size_t)(s->end - s->at));
    if (!colon) {
        return false;
    }
    *text = pp_bytes(s->at, (size_t)(colon - s->at));
    s->at = colon + 1;
    return true;
}

static bool set_digest(uint8_t sha256[32], struct pp_bytes text)
{
    struct pp_buf octets = {0};
    bool fits = text.len == 44 && pp_unbase64(&octets, text) == PP_OK && octets.len == 32;
    if (fits) {
        memcpy(sha256, octets.data, 32);
    }
    pp_buf_free(&octets);
    return fits;
}

int pp_content_digest_parse(uint8_t sha256[32], struct pp_bytes value)
{
    struct scan s = {value.data, value.data + value.len};
    bool found = false;
    do {
        struct pp_bytes algorithm, text;
        skip_space(&s);
        if (!take_key(&s, &algorithm) || !take(&s, "=") || !take_octets(&s, &text)) {
            return PP_MALFORMED;
        }
        if (pp_bytes_is(algorithm, "sha-256")) {
            if (found || !set_digest(sha256, text)) {
                return PP_MALFORMED;
            }
            found = true;
        }
        skip_space(&s);
    } while (take(&s, ","));
    return found && s.at == s.end ? PP_OK : PP_MALFORMED;
}
