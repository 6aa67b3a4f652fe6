/* The op that names a body; see naming.h. */
#include <node/naming.h>

#include <trust/certificate.h>
#include <unistd.h>

static int naming_members(struct node_naming *n, struct pp_batch *batch)
{
    for (size_t i = 0; i < n->members->n; i++) {
        const struct node_member *m = &n->members->member[i];
        int code = n->op.api->member_add(batch, n->name, m->keyid, m->der);
        if (code != PP_OK && code != PP_EXISTS) {
            return code;
        }
    }
    return PP_OK;
}

/* Room for the set and what names it, so that nothing is undone halfway. */
static bool naming_has_room(const struct node_naming *n, struct pp_batch *batch)
{
    struct pp_usage usage;
    n->op.api->usage(n->op.api->view(batch), &usage);
    uint64_t wanted = n->members->octets + n->single.len + n->members->n * 128;
    return wanted <= usage.capacity && usage.octets <= usage.capacity - wanted;
}

static int naming_create(struct node_naming *n, struct pp_batch *batch)
{
    const struct pp_store_plugin *api = n->op.api;
    struct pp_head head = n->head;
    head.serial = n->serial;
    if (!naming_has_room(n, batch)) {
        return PP_FULL;
    }
    if (n->serial == 0 && n->single.len > 0) {
        int code = api->piece(batch, &head.serial, n->single);
        if (code != PP_OK) {
            return code;
        }
    }
    int code = api->put(batch, n->name, &head);
    if (code != PP_OK) {
        if (n->serial == 0 && head.serial != 0) {
            api->discard(batch, head.serial);
        }
        return code;
    }
    code = naming_members(n, batch);
    if (code != PP_OK) {
        api->remove(batch, PP_OBJECT, n->name, false);
        n->spoiled = n->serial != 0;
        return code;
    }
    n->outcome = NODE_CREATED;
    return PP_OK;
}

static int naming_refuse(struct node_naming *n, struct pp_batch *batch, enum node_outcome outcome)
{
    n->outcome = outcome;
    return n->serial ? n->op.api->discard(batch, n->serial) : PP_OK;
}

static bool naming_set_fits(const struct node_naming *n, struct pp_batch *batch,
                            const struct pp_head *old)
{
    size_t fresh = 0;
    if (old->members + n->members->n <= n->members_max) {
        return true;
    }
    for (size_t i = 0; i < n->members->n; i++) {
        struct pp_bytes der;
        fresh += n->op.api->member(n->op.api->view(batch), n->name, n->members->member[i].keyid,
                                   &der) == PP_NOT_FOUND;
    }
    return old->members + fresh <= n->members_max;
}

/* The same octets again: `maintain` renews a life this way. */
static int naming_unite(struct node_naming *n, struct pp_batch *batch, const struct pp_head *old)
{
    if (!naming_set_fits(n, batch, old)) {
        return naming_refuse(n, batch, NODE_SET_FULL);
    }
    uint32_t copies = n->head.copies ? n->head.copies : n->network_k;
    uint32_t old_copies = old->copies ? old->copies : n->network_k;
    pp_ns old_expires = old->expires;
    int code = naming_members(n, batch);
    if (code != PP_OK) {
        return code;
    }
    code = n->op.api->touch(batch, PP_OBJECT, n->name, n->head.stamp,
                            n->head.expires > old_expires ? n->head.expires : 0,
                            copies > old_copies ? copies : 0);
    return code == PP_OK ? naming_refuse(n, batch, NODE_UNITED) : code;
}

/* notBefore of the certificate stored; 0 when it cannot be read. */
static pp_ns stored_not_before(const struct node_naming *n, struct pp_batch *batch,
                               const struct pp_head *old)
{
    struct pp_spans spans;
    struct pp_certificate *c;
    uint8_t der[PP_CERTIFICATE_MAX];
    size_t len = 0;
    if (n->op.api->read(n->op.api->view(batch), n->name, old->serial, 0, &spans) != PP_OK) {
        return 0;
    }
    if (spans.fd >= 0) {
        ssize_t got = pread(spans.fd, der, sizeof der < spans.fd_len ? sizeof der : spans.fd_len,
                            (off_t)spans.fd_offset);
        len = got > 0 ? (size_t)got : 0;
    }
    for (size_t i = 0; spans.fd < 0 && i < spans.n && len + spans.span[i].len <= sizeof der; i++) {
        memcpy(der + len, spans.span[i].data, spans.span[i].len);
        len += spans.span[i].len;
    }
    if (pp_certificate_parse(&c, pp_bytes(der, len)) != PP_OK) {
        return 0;
    }
    pp_ns not_before = c->not_before;
    pp_certificate_free(c);
    return not_before;
}

static int naming_replace(struct node_naming *n, struct pp_batch *batch)
{
    if (!naming_has_room(n, batch)) {
        return PP_FULL;
    }
    int code = n->op.api->remove(batch, PP_OBJECT, n->name, false);
    return code == PP_OK ? naming_create(n, batch) : code;
}

int node_naming_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct node_naming *n = op->node;
    struct pp_head old;
    n->spoiled = false;
    int code = n->op.api->head(n->op.api->view(batch), PP_OBJECT, n->name, &old);
    if (code == PP_NOT_FOUND) {
        return naming_create(n, batch);
    }
    if (code != PP_OK && code != PP_GONE) {
        return code;
    }
    bool same = memcmp(old.digest, n->head.digest, 32) == 0;
    if (old.expires <= n->head.stamp) {
        return naming_replace(n, batch); /* past its life, not yet collected */
    }
    if (code == PP_GONE) {
        return n->is_certificate && !same ? naming_replace(n, batch)
                                          : naming_refuse(n, batch, NODE_DELETED);
    }
    if (same) {
        return naming_unite(n, batch, &old);
    }
    if (!n->is_certificate) {
        return naming_refuse(n, batch, NODE_OTHER);
    }
    return n->not_before > stored_not_before(n, batch, &old) ? naming_replace(n, batch)
                                                             : naming_refuse(n, batch, NODE_NEWER);
}
