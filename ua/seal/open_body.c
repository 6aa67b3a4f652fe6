/*
 * Opens a body object: decrypts into the caller's scratch, and only when the tag has verified looks
 * at what it holds and hands the message out; see seal.h.
 */
#include <seal/seal.h>

#include <base/hash.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <seal/body.h>
#include <seal/envelope.h>
#include <seal/plain.h>
#include <seal/signed.h>
#include <stdlib.h>

#define KEY_LEN 32

static int unwrap_key(uint8_t key[KEY_LEN], const uint8_t session_key[KEY_LEN],
                      const uint8_t wrapped[PP_WRAPPED])
{
    uint8_t both[PP_WRAPPED];
    int n = 0, m = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    }
    bool ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, session_key, NULL) == 1 &&
              EVP_DecryptUpdate(ctx, both, &n, wrapped, PP_WRAPPED) == 1 &&
              EVP_DecryptFinal_ex(ctx, both + n, &m) == 1 && n + m == KEY_LEN;
    if (ok) {
        memcpy(key, both, KEY_LEN);
    }
    OPENSSL_cleanse(both, sizeof both);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? PP_OK : PP_CRYPTO;
}

static int decrypt_pieces(EVP_CIPHER_CTX *ctx, const struct pp_source *object, uint64_t from,
                          uint64_t n, const struct pp_out *scratch)
{
    uint8_t *piece = malloc(PP_PIECE);
    int bad = piece ? PP_OK : PP_NOMEM;
    for (uint64_t at = 0; !bad && at < n;) {
        int len = 0;
        size_t want = n - at < PP_PIECE ? (size_t)(n - at) : PP_PIECE;
        bad = pp_source_read(object, from + at, piece, want);
        if (!bad && EVP_DecryptUpdate(ctx, piece, &len, piece, (int)want) != 1) {
            bad = PP_CRYPTO;
        }
        bad = bad ? bad : scratch->write(scratch->ctx, pp_bytes(piece, (size_t)len));
        at += want;
    }
    if (piece) {
        OPENSSL_cleanse(piece, PP_PIECE);
    }
    free(piece);
    return bad;
}

static int check_tag(EVP_CIPHER_CTX *ctx, const struct pp_source *object)
{
    uint8_t mac[PP_MAC_LEN], none[16];
    int len = 0;
    int bad = pp_source_read(object, object->size - PP_MAC_LEN, mac, sizeof mac);
    if (bad) {
        return bad;
    }
    bool ok = mac[0] == 0x04 && mac[1] == PP_TAG &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, PP_TAG, mac + 2) == 1 &&
              EVP_DecryptFinal_ex(ctx, none, &len) == 1;
    return ok ? PP_OK : PP_CRYPTO;
}

/* *n: octets of plain text now in the scratch, verified. */
static int decrypt(const struct pp_source *object, const uint8_t session_key[KEY_LEN],
                   const struct pp_out *scratch, uint64_t *n)
{
    uint8_t start[PP_ENVELOPE_START], key[KEY_LEN];
    struct pp_envelope envelope;
    uint64_t from;
    size_t have = object->size < sizeof start ? (size_t)object->size : sizeof start;
    int bad = pp_source_read(object, 0, start, have);
    bad = bad ? bad : pp_envelope_find(&envelope, pp_bytes(start, have), object->size, &from, n);
    bad = bad ? bad : unwrap_key(key, session_key, envelope.wrapped);
    if (bad) {
        return bad;
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, envelope.nonce) != 1) {
        bad = PP_CRYPTO;
    }
    OPENSSL_cleanse(key, sizeof key);
    bad = bad ? bad : decrypt_pieces(ctx, object, from, *n, scratch);
    bad = bad ? bad : check_tag(ctx, object);
    EVP_CIPHER_CTX_free(ctx);
    return bad;
}

static int fail(struct pp_error *error, int code)
{
    switch (code) {
    case PP_CRYPTO:
        return pp_fail(error, code,
                       "the message does not decrypt with the notification's key: it "
                       "was altered, or is another");
    case PP_MALFORMED:
        return pp_fail(error, code, "the message is not in a form that this version knows");
    default:
        return pp_fail(error, code, "cannot open the message: %s", pp_error_text(code));
    }
}

int pp_open_body(const struct pp_source *object, const uint8_t session_key[32],
                 const struct pp_out *scratch, const struct pp_source *scratch_back,
                 const struct pp_out *out, struct pp_opened *opened, struct pp_error *error)
{
    struct pp_found found;
    uint8_t digest[32];
    uint64_t n = 0;
    *opened = (struct pp_opened){0};
    if (object->size > PP_OBJECT_MAX) {
        return pp_fail(error, PP_MALFORMED, "the message is over %d MiB, which nobody may send",
                       (int)(PP_OBJECT_MAX >> 20));
    }
    int bad = decrypt(object, session_key, scratch, &n);
    ERR_clear_error();
    bad = bad ? bad : pp_plain_find(&found, scratch_back, n, PP_BODY_HEAD);
    if (bad) {
        return fail(error, bad);
    }
    bad = pp_source_pour(scratch_back, found.content, found.n, out, digest);
    if (!bad && found.has_signature) {
        opened->is_signed =
            pp_signed_check(pp_buf_bytes(&found.tail), digest, &opened->signer) == PP_OK;
    }
    pp_found_finish(&found);
    return bad ? fail(error, bad) : PP_OK;
}

void pp_opened_finish(struct pp_opened *o)
{
    pp_certificate_free(o->signer);
    *o = (struct pp_opened){0};
}
