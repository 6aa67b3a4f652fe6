/*
 * Requests and their signatures; see sign_request.h. It must not know when a request is sent.
 */
#include <mail/sign_request.h>

#include <base/encode.h>
#include <base/hash.h>
#include <http/multipart.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/signature.h>

#define SIGNATURE_LIFE 300 /* seconds; the profile's most */

void pp_ask_init(struct pp_ask *ask, const struct pp_mail *mail, const struct pp_peer *peer)
{
    pp_ns silence = pp_mail_is(mail)->timeout;
    *ask = (struct pp_ask){0};
    ask->request.peer = peer;
    ask->request.times = (struct pp_net_times){silence / 2, silence, 6 * silence};
}

void pp_ask_finish(struct pp_ask *ask)
{
    for (size_t i = 0; i < ask->n_fields; i++) {
        free(ask->fields[i]);
    }
    ask->n_fields = 0;
}

void pp_ask_field(struct pp_ask *ask, const char *name, const char *format, ...)
{
    char *text = NULL, *line = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n >= 0 && ask->n_fields < PP_ASK_FIELDS && asprintf(&line, "%s: %s", name, text) >= 0) {
        ask->fields[ask->n_fields++] = line;
    } else {
        ask->failed = true;
    }
    if (n >= 0) {
        free(text);
    }
}

void pp_node_authority(char out[64], const struct pp_id *node)
{
    char id[2 * PP_ID_LEN + 1];
    pp_hex(id, node->b, PP_ID_LEN);
    snprintf(out, 64, "%s.peerpost.alt", id);
}

/* The covered parts that have to be made: digest of the body, and the path. */
struct parts {
    char authority[64];
    struct pp_buf digest, path, input, signature;
};

static void parts_finish(struct parts *p)
{
    pp_buf_free(&p->digest);
    pp_buf_free(&p->path);
    pp_buf_free(&p->input);
    pp_buf_free(&p->signature);
}

static int hash_blob(struct pp_mail *mail, struct pp_blob *blob, struct pp_hash *hash)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    uint8_t piece[16384];
    int64_t n = 1;
    for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
        n = net->ops->blob_read(net->impl, blob, at, piece, sizeof piece);
        if (n > 0) {
            pp_hash_add(hash, pp_bytes(piece, (size_t)n));
        }
    }
    return n < 0 ? PP_IO : PP_OK;
}

/* SHA-256 of the body as it will travel; a multipart one gets its boundary here. */
static int hash_body(struct pp_mail *mail, struct pp_ask *ask, uint8_t digest[32])
{
    struct pp_net_request *q = &ask->request;
    struct pp_buf before = {0}, after = {0};
    uint8_t random[16];
    if (!q->blob) {
        pp_sha256(digest, q->body);
        return PP_OK;
    }
    pp_mail_random(mail, random, sizeof random);
    pp_hex(ask->boundary, random, sizeof random);
    q->boundary = ask->boundary;
    pp_multipart_open_part(&before, q->boundary, "certificates", "application/x-pem-file", true);
    pp_buf_add(&before, q->certificates.data, q->certificates.len);
    pp_multipart_open_part(&before, q->boundary, "object", "application/octet-stream", false);
    pp_multipart_close(&after, q->boundary);
    struct pp_hash *hash = pp_hash_create();
    int rc = hash && !before.failed && !after.failed ? PP_OK : PP_NOMEM;
    if (rc == PP_OK) {
        pp_hash_add(hash, pp_buf_bytes(&before));
        rc = hash_blob(mail, q->blob, hash);
        pp_hash_add(hash, pp_buf_bytes(&after));
        pp_hash_digest(hash, digest);
    }
    pp_hash_destroy(hash);
    pp_buf_free(&before);
    pp_buf_free(&after);
    return rc;
}

static int sign(struct pp_mail *mail, struct pp_ask *ask, struct parts *p, EVP_PKEY *key,
                const uint8_t keyid[32], const char *pragma, const char *confirm)
{
    uint8_t digest[32], nonce[16];
    int rc = hash_body(mail, ask, digest);
    if (rc != PP_OK) {
        return rc;
    }
    pp_mail_random(mail, nonce, sizeof nonce);
    pp_node_authority(p->authority, &ask->request.peer->id);
    pp_buf_add_str(&p->path, "/");
    pp_percent(&p->path, ask->request.identifier);
    pp_content_digest(&p->digest, digest);
    int64_t created = pp_mail_seconds(mail) + pp_mail_offset(mail, &ask->request.peer->id);
    struct pp_covered covered = {
        .method = pp_str(ask->request.method),
        .authority = pp_str(p->authority),
        .path = pp_buf_bytes(&p->path),
        .content_digest = pp_buf_bytes(&p->digest),
        .pragma = pragma ? pp_str(pragma) : pp_bytes(NULL, 0),
        .confirm = confirm ? pp_str(confirm) : pp_bytes(NULL, 0),
    };
    return pp_sign_request(&p->input, &p->signature, key, keyid, &covered, created,
                           created + SIGNATURE_LIFE, nonce);
}

void pp_ask_status(struct pp_ask *ask, struct pp_bytes identifier, const uint8_t keyid[32])
{
    struct pp_buf text = {0};
    ask->failed = ask->failed || pp_base64url(&text, pp_bytes(keyid, 32)) != PP_OK;
    ask->request.method = "HEAD";
    ask->request.identifier = identifier;
    pp_ask_field(ask, "Peerpost-Keyid", "%s", text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
}

int pp_sign_ask(struct pp_mail *mail, struct pp_ask *ask, EVP_PKEY *key, const uint8_t keyid[32],
                const char *pragma, const char *confirm)
{
    struct parts p = {0};
    int rc = sign(mail, ask, &p, key, keyid, pragma, confirm);
    if (rc == PP_OK) {
        if (pragma) {
            pp_ask_field(ask, "Pragma", "%s", pragma);
        }
        if (confirm) {
            pp_ask_field(ask, "Peerpost-Confirm", "%s", confirm);
        }
        pp_ask_field(ask, "Content-Digest", "%s", (const char *)p.digest.data);
        pp_ask_field(ask, "Signature-Input", "%s", (const char *)p.input.data);
        pp_ask_field(ask, "Signature", "%s", (const char *)p.signature.data);
        rc = ask->failed ? PP_NOMEM : PP_OK;
    }
    parts_finish(&p);
    return rc;
}

int pp_sign_ask_as_user(struct pp_mail *mail, struct pp_ask *ask, const char *pragma,
                        const char *confirm)
{
    const struct pp_mail_options *o = pp_mail_is(mail);
    struct pp_buf der = {0};
    pp_base64(&der, pp_buf_bytes(&o->certificates[0]->der));
    if (!der.failed) {
        pp_ask_field(ask, "Peerpost-Certificate", ":%s:", (const char *)der.data);
    }
    int rc = der.failed
                 ? PP_NOMEM
                 : pp_sign_ask(mail, ask, o->keys[0], o->certificates[0]->keyid, pragma, confirm);
    pp_buf_free(&der);
    return rc;
}
