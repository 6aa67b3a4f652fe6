/* PKCS#11 URIs; see token_uri.h. It must not know any token. */
#include <session/token_uri.h>

#include <session/token.h>
#include <stdio.h>
#include <string.h>

#define SCHEME "pkcs11:"
#define URI_MAX 2000

bool token_is_uri(const char *text)
{
    return strncmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at && (c < 'A' || c > 'Z' || at - digits > 9) ? (int)(at - digits) : -1;
}

/* Percent-decoding. */
static int decode(struct pp_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t octet = (uint8_t)text[i];
        if (text[i] == '%') {
            int high = len - i > 2 ? digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : digit(text[i + 2]);
            if (low < 0) {
                return PP_MALFORMED;
            }
            octet = (uint8_t)(high << 4 | low);
            i += 2;
        }
        pp_buf_add(out, &octet, 1);
    }
    return out->failed ? PP_NOMEM : PP_OK;
}

static int refuse(struct pp_error *error, const char *name, size_t len, const char *why)
{
    return pp_fail(error, PP_CONFIG, "the PKCS#11 URI of your key: %.*s %s", (int)len, name, why);
}

/* One "name=value". */
static int take(struct token_uri *out, const char *text, size_t len, struct pp_error *error)
{
    const struct {
        const char *name;
        struct pp_buf *to;
    } known[] = {{"token", &out->token},
                 {"serial", &out->serial},
                 {"manufacturer", &out->manufacturer},
                 {"model", &out->model},
                 {"object", &out->object},
                 {"id", &out->id},
                 {"module-path", &out->module}};
    const char *equals = memchr(text, '=', len);
    size_t n = equals ? (size_t)(equals - text) : len;
    struct pp_bytes name = pp_bytes(text, n);
    if (pp_bytes_is(name, "pin-value") || pp_bytes_is(name, "pin-source")) {
        return refuse(error, text, n,
                      "does not belong into it: give the PIN by PEERPOST_PIN, "
                      "user.passphrase_command or the terminal");
    }
    if (pp_bytes_is(name, "type")) {
        return equals && pp_bytes_is(pp_bytes(equals + 1, len - n - 1), "private")
                   ? PP_OK
                   : refuse(error, text, n, "can be nothing but private");
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (equals && pp_bytes_is(name, known[i].name)) {
            return known[i].to->len || decode(known[i].to, equals + 1, len - n - 1) != PP_OK
                       ? refuse(error, text, n, "stands twice, or is no percent-encoded text")
                       : PP_OK;
        }
    }
    return refuse(error, text, n,
                  "is not understood (token, serial, manufacturer, model, object, id, type; "
                  "?module-path)");
}

int token_uri_read(struct token_uri *out, const char *text, struct pp_error *error)
{
    *out = (struct token_uri){.token = {0}};
    if (!token_is_uri(text) || strlen(text) > URI_MAX) {
        return pp_fail(error, PP_CONFIG, "%.40s is no PKCS#11 URI", text);
    }
    int rc = PP_OK;
    for (const char *at = text + strlen(SCHEME); rc == PP_OK && *at;) {
        size_t len = strcspn(at, ";?&\r\n");
        rc = len ? take(out, at, len, error) : PP_OK;
        at += len;
        at += *at != '\0';
    }
    if (rc == PP_OK && !out->object.len && !out->id.len) {
        rc = pp_fail(error, PP_CONFIG,
                     "the PKCS#11 URI of your key names no key: add object=LABEL or id=%%01");
    }
    if (rc != PP_OK) {
        token_uri_finish(out);
    }
    return rc;
}

void token_uri_finish(struct token_uri *uri)
{
    struct pp_buf *const all[] = {&uri->token,  &uri->serial, &uri->manufacturer, &uri->model,
                                  &uri->object, &uri->id,     &uri->module};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        pp_buf_free(all[i]);
    }
}
