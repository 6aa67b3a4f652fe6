/*
 * Signature-Input, a line end, Signature: parsed or refused with a sentence. What is parsed is
 * within its bounds, and its base ends with the very text that was given.
 */
#include <stdlib.h>
#include <trust/signature.h>

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void try_signature(struct pp_bytes input, struct pp_bytes signature, bool with_pragma)
{
    struct pp_covered covered = {.method = pp_str("GET"),
                                 .authority = pp_str("0.peerpost.alt"),
                                 .path = pp_str("/a"),
                                 .content_digest = pp_str("sha-256=:AA==:")};
    struct pp_signed s;
    struct pp_error error = {0};
    if (with_pragma) {
        covered.pragma = pp_str("read-inbox");
    }
    if (pp_signed_parse(&s, input, signature, &covered, &error)) {
        must(error.text[0] != 0);
        return;
    }
    const uint8_t *equals = memchr(input.data, '=', input.len);
    size_t params = input.len - (size_t)(equals + 1 - input.data);
    must(s.signature_len > 0 && s.signature_len <= sizeof s.signature);
    must(s.base.len > params && memcmp(s.base.data + s.base.len - params, equals + 1, params) == 0);
    pp_signed_finish(&s);
}

/* The covered fields are a stranger's octets too: none of them may add a line to the base. */
static void try_hostile_fields(struct pp_bytes input, struct pp_bytes signature)
{
    struct pp_covered covered = {.method = pp_str("GET"),
                                 .authority = pp_str("0.peerpost.alt"),
                                 .path = signature,
                                 .content_digest = input};
    struct pp_signed s;
    size_t lines = 0;
    if (pp_signed_parse(&s, input, pp_str("sig=:AAAA:"), &covered, NULL)) {
        return;
    }
    for (size_t i = 0; i < s.base.len; i++) {
        lines += s.base.data[i] == '\n';
    }
    must(lines == 4);
    pp_signed_finish(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t digest[32];
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t first = end ? (size_t)(end - data) : size;
    struct pp_bytes input = pp_bytes(data, first);
    struct pp_bytes signature =
        end ? pp_bytes(end + 1, size - first - 1) : pp_bytes((const uint8_t *)"", 0);
    try_signature(input, signature, false);
    try_signature(input, signature, true);
    try_hostile_fields(input, signature);
    pp_content_digest_parse(digest, pp_bytes(data, size));
    return 0;
}
