/*
 * The header fields of the primitives, by syntax alone: Pragma, Peerpost-*, Content-Digest and the
 * signature (docs/protocol.md). A field that must be single and is not, or that cannot be read, is
 * 400 here; what it means is the node's.
 */
#include <node/live_internal.h>

#include <base/encode.h>
#include <http/parser.h>

#define SALT_MAX 64

struct parse {
    struct live_request *q;
    const struct pp_request_head *head;
    const char **why;
};

static int bad(struct parse *p, const char *why)
{
    *p->why = why;
    return PP_MALFORMED;
}

/* The single field of a name: *value empty and data NULL when there is none. */
static int single(struct parse *p, const char *name, struct pp_bytes *value)
{
    *value = pp_bytes(NULL, 0);
    size_t n = pp_field_count(p->head->fields, p->head->n_fields, name);
    if (n > 1) {
        return bad(p, "A field that may stand once stands twice.");
    }
    if (n == 1) {
        *value = pp_field_find(p->head->fields, p->head->n_fields, name)->value;
        value->data = value->data ? value->data : (const uint8_t *)"";
    }
    return PP_OK;
}

/* Decimal digits, at most 18. */
static bool number(struct pp_bytes text, uint64_t *out)
{
    *out = 0;
    if (text.len == 0 || text.len > 18) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        *out = *out * 10 + (text.data[i] - '0');
    }
    return true;
}

static int parse_pragma(struct parse *p)
{
    struct pp_bytes value;
    struct pp_node_request *r = &p->q->r;
    int code = single(p, "Pragma", &value);
    if (code || !value.data || pp_bytes_is_nocase(value, "no-cache")) {
        return code;
    }
    if (pp_bytes_is_nocase(value, "append-inbox") && r->primitive == PP_STORE) {
        r->primitive = PP_APPEND_INBOX;
    } else if (pp_bytes_is_nocase(value, "read-inbox") && r->primitive == PP_FETCH) {
        r->primitive = PP_READ_INBOX;
    } else {
        return bad(p, "Pragma is append-inbox with PUT, or read-inbox with GET.");
    }
    return PP_OK;
}

static int parse_numbers(struct parse *p)
{
    struct pp_bytes value;
    struct pp_node_request *r = &p->q->r;
    uint64_t n;
    if (single(p, "Peerpost-Life", &value)) {
        return PP_MALFORMED;
    }
    if (value.data) {
        if (!number(value, &r->life)) {
            return bad(p, "Peerpost-Life is a number of seconds.");
        }
        r->has_life = true;
    }
    if (single(p, "Peerpost-Copies", &value)) {
        return PP_MALFORMED;
    }
    if (value.data) {
        if (!number(value, &n) || n > UINT32_MAX) {
            return bad(p, "Peerpost-Copies is a number of nodes.");
        }
        r->has_copies = true;
        r->copies = (uint32_t)n;
    }
    return PP_OK;
}

/* Prefer: wait=SECONDS among others, of which nothing is refused (RFC 7240 section 2); the first
 * counts. */
static void parse_prefer(struct parse *p)
{
    for (size_t i = 0; i < p->head->n_fields; i++) {
        struct pp_bytes rest = p->head->fields[i].value;
        if (!pp_bytes_is_nocase(p->head->fields[i].name, "Prefer")) {
            continue;
        }
        struct pp_bytes one;
        while (pp_field_next(&rest, &one)) {
            uint64_t n;
            if (one.len > 5 && pp_bytes_is_nocase(pp_bytes(one.data, 5), "wait=") &&
                number(pp_bytes(one.data + 5, one.len - 5), &n)) {
                p->q->r.wait = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
                return;
            }
        }
    }
}

static int parse_keyid(struct parse *p)
{
    struct pp_bytes value;
    struct pp_buf key = {0};
    if (p->q->r.primitive != PP_STATUS) {
        return PP_OK;
    }
    int code = single(p, "Peerpost-Keyid", &value);
    if (code || !value.data) {
        return code;
    }
    code = pp_unbase64url(&key, value);
    if (code == PP_OK && key.len == 32) {
        memcpy(p->q->r.keyid, key.data, 32);
        p->q->r.has_keyid = true;
    } else {
        code = bad(p, "Peerpost-Keyid is the base64url of a certificate's SHA-256.");
    }
    pp_buf_free(&key);
    return code;
}

static int parse_confirm(struct parse *p, struct pp_bytes value)
{
    struct pp_node_request *r = &p->q->r;
    if (!value.data || r->primitive != PP_READ_INBOX) {
        return PP_OK;
    }
    bool good = value.len > 33 && value.data[32] == ':' &&
                pp_unhex(r->confirm.epoch, 16, pp_bytes(value.data, 32)) == PP_OK &&
                number(pp_bytes(value.data + 33, value.len - 33), &r->confirm.seq);
    r->has_confirm = good;
    return good ? PP_OK : bad(p, "Peerpost-Confirm repeats the text of a Peerpost-Batch.");
}

/* d=BITS;s=SALT */
static int parse_work(struct parse *p)
{
    struct pp_bytes value;
    struct pp_node_request *r = &p->q->r;
    uint64_t bits;
    int code = single(p, "Peerpost-Work", &value);
    if (code || !value.data) {
        return code;
    }
    const uint8_t *semicolon = memchr(value.data, ';', value.len);
    size_t left = semicolon ? (size_t)(value.data + value.len - semicolon) : 0;
    if (left < 4 || left - 3 > SALT_MAX || memcmp(value.data, "d=", 2) != 0 ||
        memcmp(semicolon + 1, "s=", 2) != 0 ||
        !number(pp_bytes(value.data + 2, (size_t)(semicolon - value.data) - 2), &bits) ||
        bits > 256) {
        return bad(p, "Peerpost-Work is d=BITS;s=SALT.");
    }
    if (pp_buf_add(&p->q->salt, semicolon + 3, left - 3) != PP_OK) {
        return PP_NOMEM;
    }
    r->has_work = true;
    r->work_bits = (unsigned)bits;
    r->work_salt = pp_buf_bytes(&p->q->salt);
    return PP_OK;
}

/* A byte sequence of RFC 8941: :base64: */
static int parse_certificate(struct parse *p)
{
    struct pp_bytes value;
    int code = single(p, "Peerpost-Certificate", &value);
    if (code || !value.data) {
        return code;
    }
    if (value.len < 2 || value.data[0] != ':' || value.data[value.len - 1] != ':' ||
        pp_unbase64(&p->q->certificate, pp_bytes(value.data + 1, value.len - 2)) != PP_OK) {
        return bad(p, "Peerpost-Certificate is the base64 of a DER certificate between colons.");
    }
    p->q->r.certificate = pp_buf_bytes(&p->q->certificate);
    return PP_OK;
}

static int parse_digest(struct parse *p, struct pp_bytes value)
{
    struct live_request *q = p->q;
    if (!value.data) {
        return PP_OK;
    }
    if (pp_content_digest_parse(q->digest, value) != PP_OK) {
        return bad(p, "Content-Digest holds no sha-256 digest.");
    }
    q->hash = pp_hash_create();
    return q->hash ? PP_OK : PP_NOMEM;
}

static int parse_signature(struct parse *p, struct pp_bytes digest, struct pp_bytes confirm)
{
    struct live_request *q = p->q;
    struct pp_bytes input, value, pragma;
    if (single(p, "Signature-Input", &input) || single(p, "Signature", &value) ||
        single(p, "Pragma", &pragma)) {
        return PP_MALFORMED;
    }
    if (!input.data && !value.data) {
        return PP_OK;
    }
    if (!input.data || !value.data || !digest.data) {
        return bad(p, "A signed request has Signature-Input, Signature and Content-Digest.");
    }
    struct pp_covered covered = {.method = p->head->method,
                                 .authority = pp_str(q->live->authority),
                                 .path = p->head->path,
                                 .content_digest = digest,
                                 .pragma = pragma,
                                 .confirm = confirm};
    struct pp_error error;
    int code = pp_signed_parse(&q->signature, input, value, &covered, &error);
    if (code != PP_OK) {
        return code == PP_NOMEM ? code
                                : bad(p, "The signature is not of the profile that "
                                         "docs/protocol.md gives.");
    }
    q->is_signed = true;
    q->r.signature = &q->signature;
    return PP_OK;
}

int live_parse_fields(struct live_request *q, const struct pp_request_head *head, const char **why)
{
    struct parse p = {q, head, why};
    struct pp_bytes digest, confirm;
    *why = "Out of memory for this request.";
    parse_prefer(&p);
    int code = parse_pragma(&p);
    code = code ? code : parse_numbers(&p);
    code = code ? code : parse_keyid(&p);
    code = code ? code : single(&p, "Content-Digest", &digest);
    code = code ? code : single(&p, "Peerpost-Confirm", &confirm);
    code = code ? code : parse_confirm(&p, confirm);
    code = code ? code : parse_work(&p);
    code = code ? code : parse_certificate(&p);
    code = code ? code : parse_digest(&p, digest);
    return code ? code : parse_signature(&p, digest, confirm);
}
