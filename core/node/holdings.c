/*
 * Certificate sets, lives and objects as a reader sees them. The store keeps data; what "past its
 * life" or "the certificate of this address" means is decided here.
 */
#include <node/internal.h>

#include <base/hash.h>
#include <stdlib.h>
#include <trust/certificate.h>

/* One DER SEQUENCE and nothing after it. More is not asked: a false set hurts only its storer. */
static bool der_is_one_sequence(struct pp_bytes der)
{
    if (der.len < 2 || der.data[0] != 0x30) {
        return false;
    }
    size_t n = der.data[1], at = 2;
    if (n > 0x82 || n == 0x80) {
        return false;
    }
    if (n > 0x80) {
        size_t octets = n - 0x80;
        if (der.len < at + octets) {
            return false;
        }
        for (n = 0; octets > 0; octets--) {
            n = n << 8 | der.data[at++];
        }
    }
    return n == der.len - at;
}

static int members_add(struct node_members *m, struct pp_bytes der)
{
    uint8_t keyid[32];
    if (der.len > PP_CERTIFICATE_MAX || !der_is_one_sequence(der)) {
        return PP_MALFORMED;
    }
    pp_sha256(keyid, der);
    for (size_t i = 0; i < m->n; i++) {
        if (memcmp(m->member[i].keyid, keyid, 32) == 0) {
            return PP_OK;
        }
    }
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 4;
        struct node_member *more = realloc(m->member, cap * sizeof *more);
        if (!more) {
            return PP_NOMEM;
        }
        m->member = more;
        m->cap = cap;
    }
    if (pp_buf_add(&m->der, der.data, der.len) != PP_OK) {
        return PP_NOMEM;
    }
    struct node_member *e = &m->member[m->n++];
    memcpy(e->keyid, keyid, 32);
    e->der = pp_bytes(NULL, der.len); /* placed when the buffer no longer moves */
    m->octets += der.len;
    return PP_OK;
}

struct members_limit {
    struct node_members *m;
    size_t most;
    uint64_t octets;
};

static int members_take(void *ctx, struct pp_bytes der)
{
    struct members_limit *l = ctx;
    if (l->m->n >= l->most || l->m->octets + der.len > l->octets) {
        return PP_TOO_BIG;
    }
    return members_add(l->m, der);
}

static void members_place(struct node_members *m)
{
    size_t at = 0;
    for (size_t i = 0; i < m->n; i++) {
        m->member[i].der.data = m->der.data + at;
        at += m->member[i].der.len;
    }
}

int node_members_parse(struct node_members *m, struct pp_bytes pem, size_t most, uint64_t octets)
{
    struct members_limit limit = {m, most, octets};
    int code = pp_pem_each(pem, members_take, &limit);
    members_place(m);
    return code < 0 ? code : PP_OK;
}

int node_members_add(struct node_members *m, struct pp_bytes der)
{
    int code = members_add(m, der);
    members_place(m);
    return code;
}

void node_members_finish(struct node_members *m)
{
    free(m->member);
    pp_buf_free(&m->der);
    *m = (struct node_members){0};
}

int node_open_object(struct pp_node *node, pp_ns wall, const struct pp_name *name,
                     struct pp_view **view, struct pp_head *head)
{
    *view = node->api->begin_view(node->store);
    if (!*view) {
        return PP_BROKEN;
    }
    int code = node->api->head(*view, PP_OBJECT, name, head);
    if ((code == PP_OK || code == PP_GONE) && head->expires <= wall) {
        code = PP_NOT_FOUND;
    }
    if (code != PP_OK) {
        node->api->end_view(*view);
        *view = NULL;
    }
    return code;
}

pp_ns node_life_end(const struct pp_node_config *config, const struct pp_node_request *r,
                    pp_ns wall)
{
    pp_ns life = config->life;
    if (r->has_life) {
        bool more = r->life > config->max_life / PP_SECOND;
        life = more ? config->max_life : r->life * PP_SECOND;
    }
    return wall + life;
}

bool node_certificate_address(struct pp_bytes identifier, struct pp_bytes *address)
{
    static const char suffix[] = "-certificate";
    size_t n = sizeof suffix - 1;
    if (identifier.len < n || memcmp(identifier.data + identifier.len - n, suffix, n) != 0) {
        return false;
    }
    *address = pp_bytes(identifier.data, identifier.len - n);
    return true;
}
