/*
 * Store: PUT /<identifier> (Kangasharju et al. 2003, section 2.2). Takes the certificate set, then
 * the object, and names it in one op. Objects never change: the same octets again unite the sets
 * and prolong the life, others are refused. "<address>-certificate" must prove itself, and a newer
 * certificate takes the place of an older one (docs/security.md, 1.8).
 */
#include <node/internal.h>

#include <node/naming.h>
#include <stdlib.h>
#include <trust/certificate.h>

/* What PEM makes of a set at most: base64, line ends, the two delimiter lines of each. */
#define PEM_OCTETS(config) ((config)->set_octets * 2 + (uint64_t)(config)->members_max * 128)

enum store_stage { STORE_PROVING, STORE_READING, STORE_CHECKING, STORE_NAMING };

struct store_state {
    struct node_upload *up;
    enum store_stage stage;
    enum pp_part part;
    bool has_part, is_certificate, paused, ended, retried;
    struct pp_bytes address; /* of a certificate */
    struct pp_buf pem, der;
    struct node_members members;
    uint64_t reserved;
    pp_ns begun;
    struct node_naming naming;
};

/* 413, 429 and 503 by what the header declares: before the body is asked for. */
static bool store_has_room(struct node_exchange *x, struct store_state *s, struct pp_now now)
{
    const struct pp_node_config *c = &x->node->config;
    int64_t length = x->r->length;
    if (length >= 0 && (uint64_t)length > c->object_max + PEM_OCTETS(c)) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "An object has at most %llu octets.",
                    (unsigned long long)c->object_max);
        return false;
    }
    struct node_source *who = x->proved ? x->proved : x->source;
    uint64_t octets = length >= 0 ? (uint64_t)length : c->object_max;
    if (!node_day_has_room(x->node->limits, who, length >= 0 ? octets : 0, now.mono)) {
        node_refuse_for(x, PP_PROBLEM_DAY, PP_HOUR, "This source has stored its share of today.");
        return false;
    }
    int code = node_upload_reserve(x->node->limits, who, octets);
    if (code != PP_OK) {
        node_refuse_for(x, code == PP_BUSY ? PP_PROBLEM_BUSY : PP_PROBLEM_RATE, 5 * PP_SECOND,
                        "Too many octets are on their way in; try again.");
        return false;
    }
    s->reserved = octets;
    return true;
}

/* Rates are settled: take the body. */
static void store_accept(struct node_exchange *x, struct store_state *s, struct pp_now now)
{
    if (!node_take_rate(x, NODE_STORES, now) || !store_has_room(x, s, now)) {
        return;
    }
    s->up = node_upload_create(x, x->r->length);
    if (!s->up) {
        node_refuse_code(x, PP_NOMEM);
        return;
    }
    s->stage = STORE_READING;
}

static void store_begin(struct node_exchange *x, struct pp_now now)
{
    struct store_state *s = calloc(1, sizeof *s);
    x->state = s;
    if (!s) {
        node_refuse_code(x, PP_NOMEM);
        return;
    }
    s->begun = now.wall;
    s->is_certificate = node_certificate_address(x->r->identifier, &s->address);
    if (s->is_certificate && !node_address_fits(x, s->address)) {
        return;
    }
    const struct pp_node_config *c = &x->node->config;
    if (x->r->has_copies && (x->r->copies < c->k || x->r->copies > PP_K_MAX)) {
        node_refuse(x, PP_PROBLEM_MALFORMED, "Peerpost-Copies is %u to %d.", c->k, PP_K_MAX);
    } else if (x->r->has_life && x->r->life == 0) {
        node_refuse(x, PP_PROBLEM_MALFORMED, "Peerpost-Life is at least 1 second.");
    } else if (!x->r->signature) {
        store_accept(x, s, now);
    } else if (node_has_certificate(x)) {
        node_start_check(x, x->r->certificate, true, now);
    }
}

static void store_part(struct node_exchange *x, enum pp_part part)
{
    struct store_state *s = x->state;
    bool first = !s->has_part;
    if (part == PP_PART_CERTIFICATES ? !first : !first && s->part == PP_PART_OBJECT) {
        node_refuse(x, PP_PROBLEM_PARTS,
                    "Wanted are the parts \"certificates\" and then \"object\", once each.");
        return;
    }
    s->has_part = true;
    s->part = part;
    if (part == PP_PART_CERTIFICATES || s->is_certificate) {
        return;
    }
    const struct pp_node_config *c = &x->node->config;
    int code =
        node_members_parse(&s->members, pp_buf_bytes(&s->pem), c->members_max, c->set_octets);
    pp_buf_free(&s->pem);
    if (code == PP_TOO_BIG) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "A set has at most %u certificates and %llu octets.",
                    c->members_max, (unsigned long long)c->set_octets);
    } else if (code == PP_NOMEM) {
        node_refuse_code(x, code);
    } else if (code != PP_OK) {
        node_refuse(x, PP_PROBLEM_CERTIFICATE,
                    "The part \"certificates\" is to hold PEM certificates of at most %d octets.",
                    PP_CERTIFICATE_MAX);
    } else if (s->members.n == 0) {
        node_refuse(x, PP_PROBLEM_PARTS,
                    "The part \"certificates\" names nobody: without a set nobody could delete the "
                    "object.");
    }
}

static size_t store_take_pem(struct node_exchange *x, struct store_state *s, struct pp_bytes bytes)
{
    if (s->is_certificate) {
        return bytes.len; /* it is its own set */
    }
    if (s->pem.len + bytes.len > PEM_OCTETS(&x->node->config)) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "The set of certificates is too big.");
    } else if (pp_buf_add(&s->pem, bytes.data, bytes.len) != PP_OK) {
        node_refuse_code(x, PP_NOMEM);
    }
    return bytes.len;
}

static void store_drop(struct node_exchange *x, struct pp_now now)
{
    struct store_state *s = x->state;
    if (s && s->up && s->stage != STORE_NAMING) {
        node_upload_abandon(s->up, now);
    }
}

static size_t store_body(struct node_exchange *x, struct pp_now now, struct pp_bytes bytes)
{
    struct store_state *s = x->state;
    if (s->stage == STORE_PROVING) {
        s->paused = true;
        return 0;
    }
    if (!s->has_part || s->part == PP_PART_CERTIFICATES) {
        return store_take_pem(x, s, bytes);
    }
    uint64_t most =
        s->is_certificate ? 4 * (uint64_t)PP_CERTIFICATE_MAX : x->node->config.object_max;
    if (node_upload_size(s->up) + bytes.len > most) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "This object may have at most %llu octets.",
                    (unsigned long long)most);
        node_upload_abandon(s->up, now);
        return bytes.len;
    }
    return node_upload_add(s->up, now, bytes);
}

static void naming_done(struct node_op *op, struct pp_now now, int status);

static void store_name(struct node_exchange *x, struct pp_now now)
{
    struct store_state *s = x->state;
    struct node_naming *n = &s->naming;
    s->stage = STORE_NAMING;
    n->name = &x->r->name;
    n->members = &s->members;
    n->members_max = x->node->config.members_max;
    n->network_k = x->node->config.k;
    n->serial = node_upload_serial(s->up);
    n->single = s->is_certificate ? pp_buf_bytes(&s->der) : node_upload_single(s->up);
    n->head.identifier = x->r->identifier;
    n->head.size = s->is_certificate ? s->der.len : node_upload_size(s->up);
    n->head.created = n->head.stamp = now.wall;
    n->is_certificate = s->is_certificate;
    n->op = (struct node_op){
        .op = {.apply = node_naming_apply, .weight = n->single.len + (size_t)s->members.octets},
        .done = naming_done};
    node_submit(x, &n->op, now);
}

/* The DER of a certificate object, which may have come as PEM. */
static int take_der(void *ctx, struct pp_bytes der)
{
    struct pp_buf *out = ctx;
    return out->len > 0 ? PP_MALFORMED : pp_buf_add(out, der.data, der.len);
}

static void store_check_certificate(struct node_exchange *x, struct store_state *s,
                                    struct pp_now now)
{
    struct pp_bytes body = node_upload_single(s->up);
    int code = body.len > 0 && body.data[0] == '-' ? pp_pem_each(body, take_der, &s->der)
                                                   : pp_buf_add(&s->der, body.data, body.len);
    if (code < 0 || s->der.len == 0 || node_members_add(&s->members, pp_buf_bytes(&s->der))) {
        node_refuse(x, PP_PROBLEM_CERTIFICATE,
                    "The object is to be one X.509 certificate of at most %d octets, DER or PEM.",
                    PP_CERTIFICATE_MAX);
        return;
    }
    s->stage = STORE_CHECKING;
    node_start_certificate_check(x, pp_buf_bytes(&s->der), now);
}

static void store_ready(struct node_exchange *x, struct pp_now now)
{
    struct store_state *s = x->state;
    if (s->is_certificate) {
        store_check_certificate(x, s, now);
        return;
    }
    s->naming.head.expires = node_life_end(&x->node->config, x->r, now.wall);
    s->naming.head.copies = x->r->has_copies ? x->r->copies : 0;
    node_upload_digest(s->up, s->naming.head.digest);
    store_name(x, now);
}

static void store_end(struct node_exchange *x, struct pp_now now)
{
    struct store_state *s = x->state;
    s->ended = true;
    if (s->stage == STORE_PROVING) {
        return; /* an empty body, before its signature is checked */
    }
    if (!s->has_part || s->part != PP_PART_OBJECT) {
        node_refuse(x, PP_PROBLEM_PARTS,
                    "The part \"object\" is missing: multipart/form-data with \"certificates\" and "
                    "then \"object\" is wanted.");
        return;
    }
    node_upload_end(s->up, now, store_ready);
}

static void store_certificate_verified(struct node_exchange *x, struct store_state *s,
                                       struct pp_now now)
{
    const struct pp_certificate *c = x->check.parsed;
    if (!c || !pp_certificate_has_address(c, s->address)) {
        node_refuse(x, PP_PROBLEM_OWNER,
                    "The certificate does not hold the address under which it is stored.");
        return;
    }
    s->naming.head.expires = c->not_after;
    s->naming.not_before = c->not_before;
    memcpy(s->naming.head.digest, c->keyid, 32); /* SHA-256 of the DER, which is the object */
    store_name(x, now);
}

static void store_verified(struct node_exchange *x, struct pp_now now, int code)
{
    struct store_state *s = x->state;
    if (!node_check_passed(x, code, now)) {
        return;
    }
    if (s->stage == STORE_CHECKING) {
        store_certificate_verified(x, s, now);
        return;
    }
    store_accept(x, s, now);
    if (s->ended && !x->answered) {
        store_end(x, now);
    } else if (s->paused) {
        s->paused = false;
        x->node->host->resume(x->r);
    }
}

static void store_collected(struct node_exchange *x, struct pp_now now, bool room)
{
    struct store_state *s = x->state;
    if (s->stage != STORE_NAMING) {
        node_upload_collected(s->up, now, room);
    } else if (room) {
        store_name(x, now);
    } else {
        node_refuse_code(x, PP_FULL);
        node_upload_abandon(s->up, now);
    }
}

static void store_answer(struct node_exchange *x, struct store_state *s, struct pp_now now)
{
    struct node_source *who = x->proved ? x->proved : x->source;
    switch (s->naming.outcome) {
    case NODE_CREATED:
        node_day_charge(who, s->naming.head.size, now.mono);
        node_crash(x->node, "node-store-committed");
        node_answer_empty(x, 201);
        break;
    case NODE_UNITED:
        node_answer_empty(x, 200);
        break;
    case NODE_OTHER:
        node_refuse(x, PP_PROBLEM_TAKEN,
                    "Other octets are stored under this identifier; objects never change: choose "
                    "another.");
        break;
    case NODE_NEWER:
        node_refuse(x, PP_PROBLEM_NEWER, "A certificate with a later notBefore is stored.");
        break;
    case NODE_DELETED:
        node_refuse(x, PP_PROBLEM_DELETED, "The last of its owners deleted this object.");
        break;
    case NODE_SET_FULL:
        node_refuse(x, PP_PROBLEM_TOO_BIG, "The object's set would have over %u certificates.",
                    x->node->config.members_max);
        break;
    }
}

static void naming_done(struct node_op *op, struct pp_now now, int status)
{
    struct node_exchange *x = op->owner;
    struct store_state *s = x->state;
    x->out--;
    if (status == PP_OK) {
        node_upload_named(s->up); /* named or discarded in that batch */
        store_answer(x, s, now);
    } else if (x->dropped) {
        node_upload_abandon(s->up, now);
    } else if (status == PP_FULL && !s->retried && !s->naming.spoiled) {
        s->retried = true;
        node_collect_for(
            x, s->naming.head.size + s->members.octets + 256 * s->members.n + NODE_SLACK, now);
    } else {
        node_refuse_code(x, status);
        node_upload_abandon(s->up, now);
    }
    node_settle(x);
}

static void store_finish(struct node_exchange *x)
{
    struct store_state *s = x->state;
    if (!s) {
        return;
    }
    if (s->reserved > 0) {
        node_upload_release(x->node->limits, x->proved ? x->proved : x->source, s->reserved);
    }
    node_upload_destroy(s->up);
    node_members_finish(&s->members);
    pp_buf_free(&s->pem);
    pp_buf_free(&s->der);
    free(s);
}

const struct node_act node_act_store = {
    .begin = store_begin,
    .part = store_part,
    .body = store_body,
    .end = store_end,
    .verified = store_verified,
    .collected = store_collected,
    .drop = store_drop,
    .finish = store_finish,
};
