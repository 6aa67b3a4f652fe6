/* Known keys; see pins.h. It must not know whether a certificate is for sending or for reading. */
#include <mail/pins.h>

#include <mail/record.h>
#include <stdio.h>
#include <trust/rollover.h>

static void note_key(struct pp_buf *out, const char *prefix, struct pp_bytes address)
{
    pp_buf_add_str(out, prefix);
    pp_buf_add(out, address.data, address.len);
}

static void note(struct pp_mail *mail, const char *prefix, struct pp_bytes address,
                 struct pp_bytes value)
{
    struct pp_buf key = {0};
    note_key(&key, prefix, address);
    pp_mail_note(mail, pp_buf_bytes(&key), value);
    pp_buf_free(&key);
}

static int recall(struct pp_mail *mail, const char *prefix, struct pp_bytes address,
                  struct pp_buf *value)
{
    struct pp_buf key = {0};
    note_key(&key, prefix, address);
    int rc = pp_mail_recall(mail, pp_buf_bytes(&key), value);
    pp_buf_free(&key);
    return rc;
}

void pp_pin_text(char out[33], const struct pp_certificate *c)
{
    pp_hex(out, c->spki_hash, 16);
}

int pp_pin_get(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate **c)
{
    struct pp_buf der = {0};
    int rc = recall(mail, "p:", address, &der);
    rc = rc == PP_OK ? pp_certificate_parse(c, pp_buf_bytes(&der)) : rc;
    pp_buf_free(&der);
    return rc == PP_OK ? rc : PP_NOT_FOUND;
}

void pp_pin_set(struct pp_mail *mail, struct pp_bytes address, const struct pp_certificate *c)
{
    note(mail, "p:", address, pp_buf_bytes(&c->der));
}

int pp_pin_forget(struct pp_mail *mail, struct pp_bytes address)
{
    struct pp_buf der = {0};
    int rc = recall(mail, "p:", address, &der);
    if (rc == PP_OK) {
        note(mail, "p:", address, pp_bytes(NULL, 0));
        note(mail, "r:", address, pp_bytes(NULL, 0));
    }
    pp_buf_free(&der);
    return rc;
}

/* --- earlier keys -------------------------------------------------------------------------- */

static bool is_earlier(struct pp_mail *mail, struct pp_bytes address,
                       const struct pp_certificate *c)
{
    struct pp_buf hashes = {0};
    bool found = false;
    if (recall(mail, "r:", address, &hashes) == PP_OK) {
        for (size_t at = 0; at + 32 <= hashes.len; at += 32) {
            found |= memcmp(hashes.data + at, c->spki_hash, 32) == 0;
        }
    }
    pp_buf_free(&hashes);
    return found;
}

/* The known key is followed by that of c. */
static void replace(struct pp_mail *mail, struct pp_bytes address,
                    const struct pp_certificate *known, const struct pp_certificate *c)
{
    struct pp_buf hashes = {0}, before = {0};
    pp_buf_add(&hashes, known->spki_hash, 32);
    if (recall(mail, "r:", address, &before) == PP_OK) {
        size_t most = 32 * (PP_PINS_EARLIER - 1);
        pp_buf_add(&hashes, before.data, before.len < most ? before.len : most);
    }
    note(mail, "r:", address, pp_buf_bytes(&hashes));
    pp_pin_set(mail, address, c);
    pp_buf_free(&hashes);
    pp_buf_free(&before);
}

/* --- the decision -------------------------------------------------------------------------- */

static bool is_void(struct pp_mail *mail, const struct pp_certificate *known)
{
    return known->not_after < pp_mail_now(mail).wall ||
           pp_authority_revoked(pp_mail_is(mail)->authority, known);
}

static bool vouches(const struct pp_certificate *known, const struct pp_certificate *c,
                    struct pp_bytes proof)
{
    struct pp_bytes own = pp_certificate_rollover(c);
    EVP_PKEY *key = pp_certificate_key(c);
    return (own.len && pp_rollover_verify(own, known->spki_hash, key) == PP_OK) ||
           (proof.len && pp_rollover_verify(proof, known->spki_hash, key) == PP_OK);
}

static int check_known(struct pp_mail *mail, struct pp_bytes address,
                       const struct pp_certificate *known, struct pp_certificate *c,
                       struct pp_bytes proof, char *text, size_t cap)
{
    char was[33], is[33];
    if (memcmp(known->spki_hash, c->spki_hash, 32) == 0) {
        if (c->not_before > known->not_before) {
            pp_pin_set(mail, address, c); /* renewed */
        }
        return c->not_before < known->not_before && !is_void(mail, known) ? PP_EXISTS : PP_OK;
    }
    if (is_earlier(mail, address, c)) {
        return PP_EXISTS;
    }
    bool later = c->not_before >= known->not_before;
    if ((later && is_void(mail, known)) || vouches(known, c, proof)) {
        replace(mail, address, known, c);
        return PP_OK;
    }
    pp_pin_text(was, known);
    pp_pin_text(is, c);
    snprintf(text, cap,
             "%.*s shows another key (%s) than before (%s): ask its owner, then run "
             "peerpost trust accept %.*s",
             (int)address.len, (const char *)address.data, is, was, (int)address.len,
             (const char *)address.data);
    return PP_DENIED;
}

int pp_pin_check(struct pp_mail *mail, struct pp_bytes address, struct pp_certificate *c,
                 struct pp_bytes proof, char *text, size_t cap)
{
    struct pp_certificate *known = NULL;
    if (pp_pin_get(mail, address, &known) != PP_OK) {
        pp_pin_set(mail, address, c);
        return PP_OK;
    }
    int rc = check_known(mail, address, known, c, proof, text, cap);
    pp_certificate_free(known);
    return rc;
}

/* --- all of them --------------------------------------------------------------------------- */

struct each {
    int (*fn)(void *ctx, struct pp_bytes address, struct pp_certificate *c);
    void *ctx;
};

static int each_note(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct each *e = ctx;
    struct pp_certificate *c = NULL;
    if (key.len <= 2 || pp_certificate_parse(&c, value) != PP_OK) {
        return 0;
    }
    int stop = e->fn(e->ctx, pp_bytes(key.data + 2, key.len - 2), c);
    pp_certificate_free(c);
    return stop;
}

int pp_pin_each(struct pp_mail *mail,
                int (*fn)(void *ctx, struct pp_bytes address, struct pp_certificate *c), void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct each e = {fn, ctx};
    return net->ops->replay(net->impl, pp_str("p:"), each_note, &e);
}
