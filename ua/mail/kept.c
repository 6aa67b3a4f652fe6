/* The notes of kept objects; see kept.h. It must not know what the objects are. */
#include <mail/kept.h>

#include <mail/record.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define PREFIX "k:"

static void note_key(struct pp_buf *key, struct pp_bytes identifier)
{
    pp_buf_add_str(key, PREFIX);
    pp_buf_add(key, identifier.data, identifier.len);
}

void pp_kept_note(struct pp_mail *mail, const struct pp_kept *kept)
{
    struct pp_buf key = {0}, value = {0};
    note_key(&key, pp_buf_bytes(&kept->identifier));
    pp_record_u64(&value, kept->size);
    pp_record_fixed(&value, kept->digest, sizeof kept->digest);
    pp_record_u8(&value, kept->has_seed);
    pp_record_fixed(&value, kept->seed, sizeof kept->seed);
    pp_record_u64(&value, kept->life);
    pp_record_u32(&value, kept->copies);
    pp_record_u64(&value, (uint64_t)kept->renewed);
    pp_mail_note(mail, pp_buf_bytes(&key), pp_buf_bytes(&value));
    pp_buf_wipe(&value);
    pp_buf_free(&key);
}

int pp_kept_recall(struct pp_mail *mail, struct pp_bytes identifier, struct pp_kept *kept)
{
    struct pp_buf key = {0}, value = {0};
    note_key(&key, identifier);
    int rc = pp_mail_recall(mail, pp_buf_bytes(&key), &value);
    if (rc == PP_OK) {
        struct pp_reader r = pp_reader(pp_buf_bytes(&value));
        pp_buf_add(&kept->identifier, identifier.data, identifier.len);
        kept->size = pp_read64(&r);
        pp_reads_fixed(&r, kept->digest, sizeof kept->digest);
        kept->has_seed = pp_read8(&r);
        pp_reads_fixed(&r, kept->seed, sizeof kept->seed);
        kept->life = pp_read64(&r);
        kept->copies = pp_read32(&r);
        kept->renewed = (int64_t)pp_read64(&r);
        rc = r.failed || pp_reader_left(&r) ? PP_MALFORMED : PP_OK;
        rc = kept->identifier.failed ? PP_NOMEM : rc;
    }
    pp_buf_wipe(&value);
    pp_buf_free(&key);
    return rc;
}

void pp_kept_forget(struct pp_mail *mail, struct pp_bytes identifier)
{
    struct pp_buf key = {0};
    note_key(&key, identifier);
    pp_mail_note(mail, pp_buf_bytes(&key), pp_bytes(NULL, 0));
    pp_buf_free(&key);
}

struct each {
    int (*fn)(void *ctx, struct pp_bytes identifier);
    void *ctx;
};

static int each_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct each *e = ctx;
    size_t prefix = sizeof PREFIX - 1;
    (void)value;
    return e->fn(e->ctx, pp_bytes(key.data + prefix, key.len - prefix));
}

int pp_kept_each(struct pp_mail *mail, int (*fn)(void *ctx, struct pp_bytes identifier), void *ctx)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct each e = {fn, ctx};
    return net->ops->replay(net->impl, pp_str(PREFIX), each_one, &e);
}

void pp_kept_finish(struct pp_kept *kept)
{
    pp_buf_free(&kept->identifier);
    OPENSSL_cleanse(kept, sizeof *kept);
}

int pp_kept_right(struct pp_mail *mail, const struct pp_kept *kept, struct pp_certificate **c,
                  EVP_PKEY **key)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    EVP_PKEY *made = NULL;
    if (kept->has_seed) {
        int rc = pp_capability(kept->seed, &made, c);
        if (key && rc == PP_OK) {
            *key = made;
        } else {
            EVP_PKEY_free(made);
        }
        return rc;
    }
    int rc = pp_certificate_parse(c, pp_buf_bytes(&o->certificates[0]->der));
    if (key && rc == PP_OK) {
        EVP_PKEY_up_ref(o->keys[0]);
        *key = o->keys[0];
    }
    return rc;
}
