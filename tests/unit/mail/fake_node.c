/* The primitives of a fake node; see fake_node.h. */
#include "fake_node.h"

#include <base/encode.h>
#include <base/hash.h>
#include <mail/sign_request.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <trust/certificate.h>
#include <trust/signature.h>

static struct pp_bytes field(const struct fake_ask *ask, const char *name)
{
    size_t len = strlen(name);
    for (size_t at = 0; at < ask->fields.len;) {
        const char *line = (const char *)ask->fields.data + at;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            return pp_str(line + len + 2);
        }
        at += strlen(line) + 1;
    }
    return pp_bytes(NULL, 0);
}

static void say(struct fake_answer *a, const char *name, const char *value)
{
    a->names[a->n_fields] = name;
    snprintf(a->values[a->n_fields++], sizeof a->values[0], "%s", value);
}

static void problem(struct fake_answer *a, int status, const char *type)
{
    a->status = status;
    pp_buf_printf(&a->body, "{\"type\":\"%s\",\"title\":\"%s\"}", type, type);
}

struct fake_object *fake_object(struct fake_node *node, struct pp_bytes identifier)
{
    for (size_t i = 0; i < node->n_objects; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&node->objects[i].identifier), identifier)) {
            return &node->objects[i];
        }
    }
    return NULL;
}

struct fake_inbox *fake_inbox(struct fake_node *node, struct pp_bytes address)
{
    for (size_t i = 0; i < node->n_inboxes; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&node->inboxes[i].address), address)) {
            return &node->inboxes[i];
        }
    }
    return NULL;
}

/* --- signatures ---------------------------------------------------------------------------- */

/* Parses the signature and checks time and digest; false: answered. */
static bool read_signature(struct fake_node *node, const struct fake_ask *ask,
                           struct fake_answer *a, struct pp_signed *s)
{
    char authority[64];
    struct pp_buf path = {0};
    uint8_t said[32], digest[32];
    pp_node_authority(authority, &node->peer.id);
    pp_buf_add_str(&path, "/");
    pp_percent(&path, ask->identifier);
    struct pp_covered covered = {.method = pp_str(ask->method),
                                 .authority = pp_str(authority),
                                 .path = pp_buf_bytes(&path),
                                 .content_digest = field(ask, "Content-Digest"),
                                 .pragma = field(ask, "Pragma"),
                                 .confirm = field(ask, "Peerpost-Confirm")};
    int rc =
        pp_signed_parse(s, field(ask, "Signature-Input"), field(ask, "Signature"), &covered, NULL);
    pp_buf_free(&path);
    pp_sha256(digest, ask->wire);
    int64_t now = ask->now + node->clock;
    if (rc != PP_OK || pp_content_digest_parse(said, covered.content_digest) != PP_OK ||
        memcmp(said, digest, 32) != 0) {
        problem(a, 401, "signature");
        return false;
    }
    if (s->created > now + 300 || s->created < now - 300) {
        char date[40];
        time_t t = (time_t)now;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        say(a, "Date", date);
        problem(a, 401, "clock-skew");
        return false;
    }
    return true;
}

struct finding {
    const uint8_t *keyid;
    struct pp_certificate *found;
};

static int find_member(void *ctx, struct pp_bytes der)
{
    struct finding *f = ctx;
    struct pp_certificate *c = NULL;
    if (pp_certificate_parse(&c, der) == PP_OK && memcmp(c->keyid, f->keyid, 32) == 0 &&
        !f->found) {
        f->found = c;
        return 0;
    }
    pp_certificate_free(c);
    return 0;
}

static int count_member(void *ctx, struct pp_bytes der)
{
    (void)der;
    ++*(size_t *)ctx;
    return 0;
}

/* --- the primitives ------------------------------------------------------------------------ */

/* A later certificate takes the place of an earlier. */
static bool supersedes(const struct fake_object *o, struct pp_bytes fresh)
{
    struct pp_certificate *was = NULL, *is = NULL;
    bool later = pp_certificate_parse(&was, pp_buf_bytes(&o->body)) == PP_OK &&
                 pp_certificate_parse(&is, fresh) == PP_OK && was->kind == PP_CERT_ADDRESS &&
                 is->not_before > was->not_before;
    pp_certificate_free(was);
    pp_certificate_free(is);
    return later;
}

static void put_object(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct fake_object *o = fake_object(node, ask->identifier);
    struct pp_signed s = {0};
    bool is_signed = field(ask, "Signature").len > 0;
    bool right = !is_signed || read_signature(node, ask, a, &s);
    pp_signed_finish(&s);
    if (!right) {
        return;
    }
    if (node->throttles && !node->opens_stores && !is_signed) {
        problem(a, 429, "throttled");
        return;
    }
    if (node->squats) {
        problem(a, 409, "exists");
        return;
    }
    if (o && o->gone) {
        problem(a, 410, "deleted");
        return;
    }
    if (o && supersedes(o, ask->body)) {
        o->body.len = 0;
        pp_buf_add(&o->body, ask->body.data, ask->body.len);
        a->status = 201;
        return;
    }
    if (o) {
        bool same = pp_bytes_equal(pp_buf_bytes(&o->body), ask->body);
        a->status = same ? 200 : 409;
        return;
    }
    CHECK_FATAL(node->n_objects < sizeof node->objects / sizeof *node->objects);
    o = &node->objects[node->n_objects++];
    *o = (struct fake_object){0};
    pp_buf_add(&o->identifier, ask->identifier.data, ask->identifier.len);
    pp_buf_add(&o->body, ask->body.data, ask->body.len);
    pp_buf_add(&o->set, ask->set.data, ask->set.len);
    pp_pem_each(ask->set, count_member, &o->n_members);
    a->status = 201;
}

static void get_object(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct fake_object *o = fake_object(node, ask->identifier);
    if (!o || o->gone || node->blank) {
        problem(a, 404, "not-found");
        return;
    }
    a->status = 200;
    a->endless = node->endless;
    pp_buf_add(&a->body, o->body.data, o->body.len);
    if (node->liar && a->body.len) {
        a->body.data[a->body.len / 2] ^= 1;
    }
}

static void head_object(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct fake_object *o = fake_object(node, ask->identifier);
    struct pp_buf keyid = {0};
    pp_unbase64url(&keyid, field(ask, "Peerpost-Keyid"));
    struct finding f = {.keyid = keyid.data};
    if (o && keyid.len == 32 && !node->blank) {
        pp_pem_each(pp_buf_bytes(&o->set), find_member, &f);
    }
    a->status = f.found ? 200 : 404;
    for (size_t i = 0; f.found && i < o->n_taken; i++) {
        a->status = memcmp(o->taken[i], keyid.data, 32) == 0 ? 410 : a->status;
    }
    pp_certificate_free(f.found);
    pp_buf_free(&keyid);
}

static void delete_object(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct pp_signed s = {0};
    struct fake_object *o = fake_object(node, ask->identifier);
    if (!o || o->gone) {
        problem(a, 404, "not-found");
        return;
    }
    if (!read_signature(node, ask, a, &s)) {
        pp_signed_finish(&s);
        return;
    }
    struct finding f = {.keyid = s.keyid};
    pp_pem_each(pp_buf_bytes(&o->set), find_member, &f);
    bool was_taken = false;
    for (size_t i = 0; i < o->n_taken; i++) {
        was_taken |= memcmp(o->taken[i], s.keyid, 32) == 0;
    }
    if (!f.found || was_taken) {
        problem(a, 404, "not-in-set");
    } else if (pp_signed_verify(&s, pp_certificate_key(f.found)) != PP_OK) {
        problem(a, 401, "signature");
    } else {
        memcpy(o->taken[o->n_taken++], s.keyid, 32);
        o->gone = o->n_taken == o->n_members;
        a->status = 204;
    }
    pp_certificate_free(f.found);
    pp_signed_finish(&s);
}

/* "d=BITS;s=SALT": SHA-256(SALT, address, SHA-256(notification)) begins with BITS zero bits. */
static bool brings_work(const struct fake_node *node, const struct fake_ask *ask)
{
    struct pp_bytes given = field(ask, "Peerpost-Work");
    const uint8_t *salt = given.len ? memmem(given.data, given.len, ";s=", 3) : NULL;
    uint8_t digest[32];
    struct pp_buf text = {0};
    if (!node->work || !salt) {
        return false;
    }
    pp_buf_add(&text, salt + 3, given.len - (size_t)(salt + 3 - given.data));
    pp_buf_add(&text, ask->identifier.data, ask->identifier.len);
    pp_sha256(digest, ask->body);
    pp_buf_add(&text, digest, 32);
    pp_sha256(digest, pp_buf_bytes(&text));
    pp_buf_free(&text);
    return pp_get32(digest) >> (32 - node->work) == 0;
}

static void append(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct fake_inbox *box = fake_inbox(node, ask->identifier);
    struct pp_signed s = {0};
    if (field(ask, "Signature").len && !read_signature(node, ask, a, &s)) {
        pp_signed_finish(&s);
        return;
    }
    pp_signed_finish(&s);
    if (node->throttles && !field(ask, "Signature").len && !brings_work(node, ask)) {
        char bits[16];
        problem(a, 429, "work-required");
        snprintf(bits, sizeof bits, "d=%u", node->work);
        say(a, "Peerpost-Work", bits);
        return;
    }
    if (!box) {
        CHECK_FATAL(node->n_inboxes < 16);
        box = &node->inboxes[node->n_inboxes++];
        *box = (struct fake_inbox){0};
        pp_buf_add(&box->address, ask->identifier.data, ask->identifier.len);
    }
    for (size_t i = 0; i < box->n; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&box->entries[i].octets), ask->body)) {
            a->status = 200;
            return;
        }
    }
    CHECK_FATAL(box->n < 256);
    struct fake_entry *e = &box->entries[box->n++];
    *e = (struct fake_entry){.seq = ++node->seq};
    pp_buf_add(&e->octets, ask->body.data, ask->body.len);
    a->status = 202;
}

static void confirm(struct fake_node *node, struct fake_inbox *box, struct pp_bytes mark)
{
    uint64_t upto = strtoull((const char *)mark.data + 6, NULL, 10); /* "epoch:" */
    size_t kept = 0;
    if (node->keeps) {
        return;
    }
    for (size_t i = 0; i < box->n; i++) {
        if (box->entries[i].seq <= upto) {
            pp_buf_free(&box->entries[i].octets);
        } else {
            box->entries[kept++] = box->entries[i];
        }
    }
    box->n = kept;
}

static bool is_owner(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct pp_signed s = {0};
    struct pp_certificate *c = NULL;
    struct pp_buf der = {0};
    struct pp_bytes text = field(ask, "Peerpost-Certificate");
    bool ok = text.len > 2 && read_signature(node, ask, a, &s);
    if (ok && (pp_unbase64(&der, pp_bytes(text.data + 1, text.len - 2)) != PP_OK ||
               pp_certificate_parse(&c, pp_buf_bytes(&der)) != PP_OK ||
               !pp_certificate_has_address(c, ask->identifier) ||
               pp_signed_verify(&s, pp_certificate_key(c)) != PP_OK)) {
        problem(a, 403, "owner");
        ok = false;
    }
    if (!ok && !a->status) {
        problem(a, 401, "signature");
    }
    pp_certificate_free(c);
    pp_buf_free(&der);
    pp_signed_finish(&s);
    return ok;
}

static void read_inbox(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    struct fake_inbox *box = fake_inbox(node, ask->identifier);
    struct pp_bytes mark = field(ask, "Peerpost-Confirm");
    char batch[40];
    uint64_t last = 0;
    if (!is_owner(node, ask, a)) {
        return;
    }
    if (box && mark.len > 6) {
        confirm(node, box, mark);
    }
    a->status = 200;
    struct pp_bytes prefer = field(ask, "Prefer");
    if (prefer.len > 5) {
        a->wait = (unsigned)strtoul((const char *)prefer.data + 5, NULL, 10);
    }
    bool hides = node->hides || node->hides_once;
    node->hides_once = false;
    for (size_t i = 0; box && !hides && i < box->n; i++) {
        uint8_t head[12];
        pp_put64(head, box->entries[i].seq);
        pp_put32(head + 8, (uint32_t)box->entries[i].octets.len);
        pp_buf_add(&a->body, head, sizeof head);
        pp_buf_add(&a->body, box->entries[i].octets.data, box->entries[i].octets.len);
        last = box->entries[i].seq;
    }
    snprintf(batch, sizeof batch, "epoch:%llu", (unsigned long long)last);
    say(a, "Peerpost-Batch", batch);
}

void fake_node_handle(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a)
{
    bool inbox = pp_bytes_is(field(ask, "Pragma"), "append-inbox") ||
                 pp_bytes_is(field(ask, "Pragma"), "read-inbox");
    if (node->refuses) {
        problem(a, 503, "busy");
    } else if (strcmp(ask->method, "PUT") == 0) {
        (inbox ? append : put_object)(node, ask, a);
    } else if (strcmp(ask->method, "GET") == 0) {
        (inbox ? read_inbox : get_object)(node, ask, a);
    } else if (strcmp(ask->method, "HEAD") == 0) {
        head_object(node, ask, a);
    } else {
        delete_object(node, ask, a);
    }
}

void fake_answer_finish(struct fake_answer *a)
{
    pp_buf_free(&a->body);
}

void fake_node_finish(struct fake_node *node)
{
    for (size_t i = 0; i < node->n_objects; i++) {
        pp_buf_free(&node->objects[i].identifier);
        pp_buf_free(&node->objects[i].body);
        pp_buf_free(&node->objects[i].set);
    }
    for (size_t i = 0; i < node->n_inboxes; i++) {
        for (size_t j = 0; j < node->inboxes[i].n; j++) {
            pp_buf_free(&node->inboxes[i].entries[j].octets);
        }
        pp_buf_free(&node->inboxes[i].address);
    }
}
