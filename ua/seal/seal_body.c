/*
 * Makes a body object: signs, pads, encrypts, in two passes over the message and in pieces, so that
 * its size costs no memory; see seal.h. The formats: plain.c and envelope.c.
 */
#include <seal/seal.h>

#include <base/hash.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <seal/body.h>
#include <seal/envelope.h>
#include <seal/notification_text.h>
#include <seal/plain.h>
#include <stdlib.h>

#define KEY_LEN 32
#define OBJECT_MIN 4096 /* of plain text, when padded */

/* The way out: what was written is hashed and counted. */
struct sink {
    const struct pp_out *out;
    struct pp_hash *hash;
    uint64_t size;
};

static int emit(struct sink *s, struct pp_bytes octets)
{
    pp_hash_add(s->hash, octets);
    s->size += octets.len;
    return s->out->write(s->out->ctx, octets);
}

static int wrap_key(uint8_t wrapped[PP_WRAPPED], const uint8_t session_key[KEY_LEN],
                    const uint8_t key[KEY_LEN])
{
    int n = 0, m = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    }
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, session_key, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, wrapped, &n, key, KEY_LEN) == 1 &&
              EVP_EncryptFinal_ex(ctx, wrapped + n, &m) == 1 && n + m == PP_WRAPPED;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? PP_OK : PP_CRYPTO;
}

static int encrypt_pieces(EVP_CIPHER_CTX *ctx, const struct pp_plain *plain,
                          const struct pp_source *message, struct sink *sink)
{
    uint8_t *piece = malloc(PP_PIECE);
    int bad = piece ? PP_OK : PP_NOMEM;
    for (uint64_t at = 0; !bad && at < plain->size;) {
        int len = 0;
        size_t n = plain->size - at < PP_PIECE ? (size_t)(plain->size - at) : PP_PIECE;
        bad = pp_plain_read(plain, message, at, piece, n);
        if (!bad && EVP_EncryptUpdate(ctx, piece, &len, piece, (int)n) != 1) {
            bad = PP_CRYPTO;
        }
        bad = bad ? bad : emit(sink, pp_bytes(piece, (size_t)len));
        at += n;
    }
    if (piece) {
        OPENSSL_cleanse(piece, PP_PIECE);
    }
    free(piece);
    return bad;
}

static int emit_tag(EVP_CIPHER_CTX *ctx, struct sink *sink)
{
    uint8_t mac[PP_MAC_LEN] = {0x04, PP_TAG};
    int len = 0;
    if (EVP_EncryptFinal_ex(ctx, mac + 2, &len) != 1 || len != 0 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, PP_TAG, mac + 2) != 1) {
        return PP_CRYPTO;
    }
    return emit(sink, pp_bytes(mac, sizeof mac));
}

static int encrypt(const struct pp_plain *plain, const struct pp_source *message,
                   const uint8_t session_key[KEY_LEN], struct sink *sink)
{
    uint8_t key[KEY_LEN];
    struct pp_envelope envelope;
    struct pp_buf head = {0};
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    pp_random(key, sizeof key);
    pp_random(envelope.nonce, sizeof envelope.nonce);
    int bad = ctx ? wrap_key(envelope.wrapped, session_key, key) : PP_NOMEM;
    if (!bad && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, envelope.nonce) != 1) {
        bad = PP_CRYPTO;
    }
    OPENSSL_cleanse(key, sizeof key);
    bad = bad ? bad : pp_envelope_head(&head, &envelope, plain->size);
    bad = bad ? bad : emit(sink, pp_buf_bytes(&head));
    bad = bad ? bad : encrypt_pieces(ctx, plain, message, sink);
    bad = bad ? bad : emit_tag(ctx, sink);
    EVP_CIPHER_CTX_free(ctx);
    pp_buf_free(&head);
    ERR_clear_error();
    return bad;
}

/* No signature over a message may ever serve as one over a notification. */
static int check_kind(const struct pp_source *message)
{
    uint8_t start[sizeof PP_NOTIFICATION_HEAD - 1];
    if (message->size < sizeof start) {
        return PP_OK;
    }
    int bad = pp_source_read(message, 0, start, sizeof start);
    if (!bad && memcmp(start, PP_NOTIFICATION_HEAD, sizeof start) == 0) {
        bad = PP_MALFORMED;
    }
    return bad;
}

int pp_seal_body(const struct pp_source *message, const struct pp_signer *signer,
                 const uint8_t session_key[32], bool pad, const struct pp_out *out,
                 uint8_t digest[32], uint64_t *size, struct pp_error *error)
{
    struct pp_plain plain;
    struct sink sink = {out, NULL, 0};
    if (message->size > PP_MESSAGE_MAX) {
        return pp_fail(error, PP_TOO_BIG,
                       "the message is over 64 MiB: send large files another "
                       "way");
    }
    int bad = check_kind(message);
    if (bad == PP_MALFORMED) {
        return pp_fail(error, bad, "a message cannot begin as a notification does");
    }
    bad = bad ? bad : pp_plain_make(&plain, message, signer, PP_BODY_HEAD);
    if (bad) {
        return pp_fail(error, bad, "cannot sign the message: %s", pp_error_text(bad));
    }
    if (pad) {
        uint64_t least = pp_padme(plain.size + PP_PADDING_MIN);
        pp_plain_pad(&plain, least > OBJECT_MIN ? least : OBJECT_MIN);
    }
    sink.hash = pp_hash_create();
    bad = sink.hash ? encrypt(&plain, message, session_key, &sink) : PP_NOMEM;
    if (bad) {
        pp_fail(error, bad, "cannot encrypt the message: %s", pp_error_text(bad));
    } else {
        pp_hash_digest(sink.hash, digest);
        *size = sink.size;
    }
    pp_hash_destroy(sink.hash);
    pp_plain_finish(&plain);
    return bad;
}
