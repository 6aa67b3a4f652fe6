/* The fake host; see fake.h. Twelve short functions stand for sockets, threads and clock. */
#include "fake.h"

#include <base/hash.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/issue.h>
#include <unistd.h>

extern const struct pp_store_plugin peerpost_plugin; /* store-mem's */

static struct fake_request *of(struct pp_node_request *r)
{
    return r->host;
}

static void host_answer(struct pp_node_request *r, int status, const struct pp_answer_field *fields,
                        size_t n, int64_t length)
{
    struct fake_request *q = of(r);
    CU_ASSERT_EQUAL(q->status, 0);
    q->status = status;
    q->length = length;
    for (size_t i = 0; i < n; i++) {
        pp_buf_printf(&q->fields, "\n%s: %s", fields[i].name, fields[i].value);
    }
    pp_buf_add_str(&q->fields, "\n");
}

static size_t host_emit(struct pp_node_request *r, const struct pp_spans *spans)
{
    struct fake_request *q = of(r);
    size_t taken = 0;
    CU_ASSERT_TRUE(spans->fd < 0);
    for (size_t i = 0; i < spans->n && q->room > 0; i++) {
        size_t n = spans->span[i].len < q->room ? spans->span[i].len : q->room;
        pp_buf_add(&q->body, spans->span[i].data, n);
        taken += n;
        q->room -= n;
    }
    return taken;
}

static void host_finish(struct pp_node_request *r)
{
    of(r)->finished = true;
}

static void host_cut(struct pp_node_request *r)
{
    of(r)->cut = true;
}

static void host_resume(struct pp_node_request *r)
{
    of(r)->resumed = true;
}

static void host_release(struct pp_node_request *r)
{
    struct fake_request *q = of(r), **at = &q->fake->requests;
    CU_ASSERT_FALSE(q->released);
    q->released = true;
    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
}

static int host_verify(struct pp_node_request *r, struct pp_check *check)
{
    struct fake_request *q = of(r);
    if (q->fake->verify_busy) {
        return PP_BUSY;
    }
    q->check = check;
    q->next_check = q->fake->checks;
    q->fake->checks = q;
    return PP_OK;
}

static void host_submit(void *ctx, struct pp_op *op)
{
    struct fake *f = ctx;
    op->next = NULL;
    *f->last_op = op;
    f->last_op = &op->next;
}

static enum pp_covers host_covers(void *ctx, const struct pp_id *key, unsigned k)
{
    (void)key, (void)k;
    return ((struct fake *)ctx)->covers;
}

static int host_lookup(void *ctx, const struct pp_id *key, unsigned k, uint64_t token)
{
    struct fake *f = ctx;
    (void)k;
    f->lookups++;
    f->asked = *key;
    f->token = token;
    return PP_OK;
}

static void host_cancel(void *ctx, uint64_t token)
{
    (void)token;
    ((struct fake *)ctx)->token = 0;
}

static void host_log(void *ctx, int level, const char *text)
{
    (void)ctx, (void)level;
    CU_ASSERT_PTR_NULL(strchr(text, '@')); /* no address or identifier enters a log */
}

static const struct pp_node_host host = {
    host_answer, host_emit,   host_finish, host_cut,    host_resume, host_release, host_verify,
    host_submit, host_covers, host_lookup, host_cancel, host_log,    NULL};

static void write_pem(const char *path, X509 *x509)
{
    FILE *file = fopen(path, "w");
    CHECK_FATAL(file != NULL);
    PEM_write_X509(file, x509);
    fclose(file);
}

void fake_issue(struct fake *f, struct fake_person *p, const char *address, int64_t not_before,
                int64_t not_after)
{
    struct pp_issuer issuer = {.certificate = f->ca, .key = f->ca_key};
    struct pp_validity validity = {not_before, not_after};
    struct pp_error error;
    CHECK_FATAL(pp_key_generate(&p->key) == PP_OK);
    CHECK_FATAL(pp_issue_address(&p->certificate, &issuer, p->key, &address, 1, &validity,
                                 &error) == PP_OK);
    p->pem = (struct pp_buf){0};
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, p->certificate->x509);
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    pp_buf_add(&p->pem, text, (size_t)n);
    BIO_free(bio);
}

void fake_person_free(struct fake_person *p)
{
    EVP_PKEY_free(p->key);
    pp_certificate_free(p->certificate);
    pp_buf_free(&p->pem);
}

static void start_authority(struct fake *f)
{
    struct pp_validity validity = {FAKE_SECOND - 86400, FAKE_SECOND + 400 * 86400};
    struct pp_error error;
    char path[80];
    snprintf(f->dir, sizeof f->dir, "/tmp/peerpost-node-XXXXXX");
    CHECK_FATAL(mkdtemp(f->dir) != NULL);
    snprintf(path, sizeof path, "%s/ca.pem", f->dir);
    CHECK_FATAL(pp_key_generate(&f->ca_key) == PP_OK);
    CHECK_FATAL(pp_issue_root(&f->ca, f->ca_key, "Test", NULL, 0, &validity, &error) == PP_OK);
    write_pem(path, f->ca->x509);
    CHECK_FATAL(pp_authority_load(&f->authority, path, NULL, false, &error) == PP_OK);
    fake_issue(f, &f->alice, "alice@a.example", FAKE_SECOND - 3600, FAKE_SECOND + 365 * 86400);
    fake_issue(f, &f->bob, "bob@a.example", FAKE_SECOND - 3600, FAKE_SECOND + 365 * 86400);
}

void fake_start(struct fake *f, int64_t capacity)
{
    static const uint8_t epoch[16] = {0xe0, 1};
    const union pp_value options[] = {{.number = capacity}};
    struct pp_error error;
    *f = (struct fake){.covers = PP_COVERS_YES};
    f->last_op = &f->ops;
    f->now = (struct pp_now){PP_HOUR, (pp_ns)FAKE_SECOND * PP_SECOND};
    f->api = &peerpost_plugin;
    CHECK_FATAL(f->api->open(&f->store, "memory", options, epoch, PP_STORE_CREATE, &error) ==
                PP_OK);
    start_authority(f);
    pp_node_config_default(&f->config);
    f->config.authority = f->authority;
    f->config.self.b[0] = 0x77;
    f->node = pp_node_create(&f->config, f->api, f->store, &host, f, f->now);
    CHECK_FATAL(f->node != NULL);
    fake_later(f, 10 * PP_SECOND);
}

void fake_restart(struct fake *f)
{
    pp_node_destroy(f->node);
    f->node = pp_node_create(&f->config, f->api, f->store, &host, f, f->now);
    CHECK_FATAL(f->node != NULL);
}

void fake_stop(struct fake *f)
{
    char path[80];
    CU_ASSERT_PTR_NULL(f->requests); /* every request was released */
    CU_ASSERT_PTR_NULL(f->ops);
    pp_node_destroy(f->node);
    f->api->close(f->store);
    fake_person_free(&f->alice);
    fake_person_free(&f->bob);
    pp_authority_free(f->authority);
    pp_certificate_free(f->ca);
    EVP_PKEY_free(f->ca_key);
    snprintf(path, sizeof path, "%s/ca.pem", f->dir);
    unlink(path);
    rmdir(f->dir);
}

void fake_later(struct fake *f, pp_ns ns)
{
    f->now.mono += ns;
    f->now.wall += ns;
}

struct fake_request *fake_request(struct fake *f, enum pp_primitive primitive,
                                  const char *identifier)
{
    struct fake_request *q = calloc(1, sizeof *q);
    CHECK_FATAL(q != NULL);
    q->fake = f;
    q->room = SIZE_MAX;
    q->r.primitive = primitive;
    q->r.identifier = pp_str(identifier);
    q->r.name = pp_name_of(q->r.identifier);
    q->r.length = -1;
    q->r.host = q;
    pp_address_parse(q->r.source, "192.0.2.7");
    return q;
}

void fake_sign(struct fake_request *q, const struct fake_person *by, bool with_certificate)
{
    static const char *const methods[] = {"PUT", "GET", "DELETE", "PUT", "GET", "HEAD"};
    struct pp_buf input = {0}, value = {0}, digest = {0};
    struct pp_error error;
    uint8_t empty[32], nonce[16] = {0};
    nonce[0] = ++q->fake->nonce;
    int64_t created = (int64_t)(q->fake->now.wall / PP_SECOND);
    pp_sha256(empty, pp_bytes(NULL, 0));
    pp_content_digest(&digest, empty);
    struct pp_covered covered = {.method = pp_str(methods[q->r.primitive]),
                                 .authority = pp_str("00.peerpost.alt"),
                                 .path = pp_str("/x"),
                                 .content_digest = pp_buf_bytes(&digest)};
    CHECK_FATAL(pp_sign_request(&input, &value, by->key, by->certificate->keyid, &covered, created,
                                created + 300, nonce) == PP_OK);
    CHECK_FATAL(pp_signed_parse(&q->signature, pp_buf_bytes(&input), pp_buf_bytes(&value), &covered,
                                &error) == PP_OK);
    q->r.signature = &q->signature;
    if (with_certificate) {
        pp_buf_add(&q->certificate, by->certificate->der.data, by->certificate->der.len);
        q->r.certificate = pp_buf_bytes(&q->certificate);
    }
    pp_buf_free(&input);
    pp_buf_free(&value);
    pp_buf_free(&digest);
}

void fake_begin(struct fake_request *q)
{
    q->next = q->fake->requests;
    q->fake->requests = q;
    pp_node_begin(q->fake->node, q->fake->now, &q->r);
}

void fake_object(struct fake_request *q, struct pp_bytes set)
{
    struct fake *f = q->fake;
    if (set.len > 0) {
        pp_node_part(f->node, &q->r, PP_PART_CERTIFICATES);
        if (pp_node_body(f->node, &q->r, f->now, set) == 0) {
            fake_run(f); /* its signature is checked first */
            CU_ASSERT_TRUE(q->resumed);
            CU_ASSERT_EQUAL(pp_node_body(f->node, &q->r, f->now, set), set.len);
        }
    }
    pp_node_part(f->node, &q->r, PP_PART_OBJECT);
}

size_t fake_body(struct fake_request *q, struct pp_bytes bytes)
{
    return pp_node_body(q->fake->node, &q->r, q->fake->now, bytes);
}

void fake_end(struct fake_request *q)
{
    pp_node_end(q->fake->node, &q->r, q->fake->now);
}

void fake_drop(struct fake_request *q)
{
    pp_node_drop(q->fake->node, &q->r, q->fake->now);
}

bool fake_write(struct fake *f)
{
    struct pp_op *rest, *list = pp_batch_take(f->ops, &rest);
    f->ops = rest;
    if (!rest) {
        f->last_op = &f->ops;
    }
    if (!list) {
        return false;
    }
    f->batches++;
    CU_ASSERT_EQUAL(pp_batch_run(f->api, f->store, list), PP_OK);
    while (list) {
        struct pp_op *op = list;
        list = op->next;
        pp_node_done(f->node, op, f->now, op->status);
    }
    return true;
}

void fake_verify(struct fake *f)
{
    while (f->checks) {
        struct fake_request *q = f->checks;
        f->checks = q->next_check;
        bool ok = pp_check_run(q->check);
        pp_node_verified(f->node, &q->r, f->now, ok);
    }
}

void fake_run(struct fake *f)
{
    do {
        fake_verify(f);
        pp_node_tick(f->node, f->now);
    } while (fake_write(f) || f->checks || pp_node_next(f->node) <= f->now.mono);
}

/* Gives all of bytes, running the host whenever the node wants no more. */
static void feed(struct fake_request *q, struct pp_bytes bytes)
{
    unsigned stuck = 0;
    while (bytes.len > 0 && stuck < 3 && !q->released) {
        size_t n = fake_body(q, bytes);
        bytes = pp_bytes(bytes.data + n, bytes.len - n);
        stuck = n > 0 ? 0 : stuck + 1;
        if (bytes.len > 0) {
            fake_run(q->fake);
        }
    }
    CU_ASSERT_EQUAL(bytes.len, 0);
}

void fake_go(struct fake_request *q, struct pp_bytes set, struct pp_bytes body)
{
    fake_begin(q);
    if (q->r.primitive == PP_STORE) {
        fake_object(q, set);
    }
    feed(q, body);
    fake_end(q);
    fake_run(q->fake);
}

void fake_free(struct fake_request *q)
{
    CU_ASSERT_TRUE(q->released);
    pp_signed_finish(&q->signature);
    pp_buf_free(&q->certificate);
    pp_buf_free(&q->fields);
    pp_buf_free(&q->body);
    free(q);
}

static int end_with_status(struct fake_request *q)
{
    int status = q->status;
    fake_free(q);
    return status;
}

int fake_store(struct fake *f, const char *identifier, const struct fake_person *owner,
               const char *body)
{
    struct fake_request *q = fake_request(f, PP_STORE, identifier);
    fake_go(q, pp_buf_bytes(&owner->pem), pp_str(body));
    return end_with_status(q);
}

int fake_fetch(struct fake *f, const char *identifier, struct pp_buf *body)
{
    struct fake_request *q = fake_request(f, PP_FETCH, identifier);
    fake_go(q, pp_str(""), pp_str(""));
    if (body) {
        pp_buf_free(body);
        pp_buf_add(body, q->body.data, q->body.len);
    }
    return end_with_status(q);
}

int fake_delete(struct fake *f, const char *identifier, const struct fake_person *by)
{
    struct fake_request *q = fake_request(f, PP_DELETE, identifier);
    fake_sign(q, by, false);
    fake_go(q, pp_str(""), pp_str(""));
    return end_with_status(q);
}

int fake_status(struct fake *f, const char *identifier, const struct fake_person *who)
{
    struct fake_request *q = fake_request(f, PP_STATUS, identifier);
    if (who) {
        q->r.has_keyid = true;
        memcpy(q->r.keyid, who->certificate->keyid, 32);
    }
    fake_go(q, pp_str(""), pp_str(""));
    return end_with_status(q);
}

int fake_append(struct fake *f, const char *address, const char *text)
{
    struct fake_request *q = fake_request(f, PP_APPEND_INBOX, address);
    fake_go(q, pp_str(""), pp_str(text));
    return end_with_status(q);
}

struct fake_request *fake_read(struct fake *f, const char *address, const struct fake_person *by,
                               const char *confirm)
{
    struct fake_request *q = fake_request(f, PP_READ_INBOX, address);
    if (confirm) {
        q->r.has_confirm = true;
        CHECK_FATAL(pp_unhex(q->r.confirm.epoch, 16, pp_bytes(confirm, 32)) == PP_OK);
        q->r.confirm.seq = strtoull(confirm + 33, NULL, 10);
    }
    fake_sign(q, by, true);
    fake_go(q, pp_str(""), pp_str(""));
    return q;
}

const char *fake_field(const struct fake_request *q, const char *name)
{
    static char value[200];
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\n%s: ", name);
    const char *at = q->fields.data ? strstr((char *)q->fields.data, wanted) : NULL;
    if (!at) {
        return "";
    }
    at += strlen(wanted);
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\n"), at);
    return value;
}

bool fake_says(const struct fake_request *q, const char *slug)
{
    char type[128];
    snprintf(type, sizeof type, "\"type\":\"" PP_PROBLEM_BASE "%s\"", slug);
    return q->body.data && strstr((char *)q->body.data, type) != NULL &&
           strcmp(fake_field(q, "Content-Type"), "application/problem+json") == 0;
}
