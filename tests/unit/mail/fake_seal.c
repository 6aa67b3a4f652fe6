/* A stand-in for the message formats: nothing is encrypted, all fields travel. */
#include <mail/record.h>
#include <openssl/evp.h>
#include <seal/seal.h>
#include <base/hash.h>
#include <stdlib.h>

int pp_seal_body(const struct pp_source *message, const struct pp_signer *signer,
                 const uint8_t session_key[32], bool pad, const struct pp_out *out,
                 uint8_t digest[32], uint64_t *size, struct pp_error *error)
{
    (void)pad;
    (void)error;
    struct pp_buf b = {0};
    pp_record_fixed(&b, session_key, 32);
    pp_record_bytes(&b, signer->certificate ? pp_buf_bytes(&signer->certificate->der)
                                            : pp_bytes(NULL, 0));
    pp_buf_reserve(&b, message->size + 1);
    for (uint64_t at = 0; at < message->size;) {
        int64_t n = message->read(message->ctx, at, b.data + b.len, message->size - at);
        if (n <= 0) {
            return PP_IO;
        }
        at += (uint64_t)n;
        b.len += (size_t)n;
    }
    pp_sha256(digest, pp_buf_bytes(&b));
    *size = b.len;
    int rc = out->write(out->ctx, pp_buf_bytes(&b));
    pp_buf_free(&b);
    return rc;
}

int pp_open_body(const struct pp_source *object, const uint8_t session_key[32],
                 const struct pp_out *scratch, const struct pp_source *scratch_back,
                 const struct pp_out *out, struct pp_opened *opened, struct pp_error *error)
{
    (void)scratch;
    (void)scratch_back;
    uint8_t *all = malloc(object->size + 1);
    uint64_t at = 0;
    while (at < object->size) {
        int64_t n = object->read(object->ctx, at, all + at, object->size - at);
        at += (uint64_t)n;
    }
    struct pp_reader r = pp_reader(pp_bytes(all, at));
    const uint8_t *key = pp_read(&r, 32);
    struct pp_bytes der = pp_reads(&r);
    int rc = r.failed || memcmp(key, session_key, 32) ? pp_fail(error, PP_CRYPTO, "tag") : 0;
    if (rc == 0 && der.len) {
        opened->is_signed = pp_certificate_parse(&opened->signer, der) == 0;
    }
    rc = rc ? rc : out->write(out->ctx, pp_bytes(r.at, pp_reader_left(&r)));
    free(all);
    return rc;
}

void pp_opened_finish(struct pp_opened *o)
{
    pp_certificate_free(o->signer);
    o->signer = NULL;
}

void pp_notification_finish(struct pp_notification *n)
{
    pp_buf_free(&n->recipient);
    pp_buf_free(&n->object_id);
    pp_buf_free(&n->from);
    pp_buf_free(&n->to);
    pp_buf_free(&n->cc);
    pp_buf_free(&n->subject);
    pp_buf_free(&n->date);
    pp_buf_free(&n->rollover);
    pp_certificate_free(n->signer);
}

int pp_seal_notification(struct pp_buf *b, const struct pp_notification *n,
                         const struct pp_signer *signer, struct pp_certificate *recipient, bool pad,
                         struct pp_error *error)
{
    (void)pad;
    (void)error;
    pp_record_fixed(b, recipient->keyid, 32);
    pp_record_bytes(b, signer->certificate ? pp_buf_bytes(&signer->certificate->der)
                                           : pp_bytes(NULL, 0));
    pp_record_bytes(b, pp_buf_bytes(&n->recipient));
    pp_record_bytes(b, pp_buf_bytes(&n->object_id));
    pp_record_u64(b, n->object_size);
    pp_record_fixed(b, n->object_digest, 32);
    pp_record_fixed(b, n->session_key, 32);
    pp_record_fixed(b, n->deletion_seed, 32);
    pp_record_bytes(b, pp_buf_bytes(&n->from));
    pp_record_bytes(b, pp_buf_bytes(&n->subject));
    pp_record_bytes(b, pp_buf_bytes(&n->date));
    pp_record_u64(b, n->created);
    return b->failed ? PP_NOMEM : 0;
}

int pp_open_notification(struct pp_notification *n, struct pp_bytes sealed,
                         struct pp_certificate *const *certificates, EVP_PKEY *const *keys,
                         size_t n_keys, struct pp_error *error)
{
    (void)keys;
    struct pp_reader r = pp_reader(sealed);
    *n = (struct pp_notification){0};
    const uint8_t *keyid = pp_read(&r, 32);
    if (!n_keys || !keyid || memcmp(keyid, certificates[0]->keyid, 32)) {
        return pp_fail(error, PP_CRYPTO, "not for us");
    }
    struct pp_bytes der = pp_reads(&r);
    n->is_signed = der.len && pp_certificate_parse(&n->signer, der) == 0;
    pp_reads_buf(&r, &n->recipient);
    pp_reads_buf(&r, &n->object_id);
    n->object_size = pp_read64(&r);
    pp_reads_fixed(&r, n->object_digest, 32);
    pp_reads_fixed(&r, n->session_key, 32);
    pp_reads_fixed(&r, n->deletion_seed, 32);
    n->has_seed = true;
    pp_reads_buf(&r, &n->from);
    pp_reads_buf(&r, &n->subject);
    pp_reads_buf(&r, &n->date);
    n->created = pp_read64(&r);
    return r.failed ? pp_fail(error, PP_MALFORMED, "short") : 0;
}
