/*
 * Which TLS clients are nodes of the network: a node certificate that chains. The answer is kept
 * for five minutes, for checking a chain costs more than most requests. User agents show none.
 */
#include <node/live_internal.h>

#include <trust/certificate.h>

#define KEPT (5 * PP_MINUTE)

static bool check_chain(struct pp_authority *authority, struct pp_bytes der, pp_ns wall,
                        struct pp_id *id)
{
    struct pp_certificate *c;
    if (pp_certificate_parse(&c, der) != PP_OK) {
        return false;
    }
    bool good = pp_authority_check(authority, c, PP_CERT_NODE, wall) == PP_OK;
    *id = pp_certificate_node_id(c);
    pp_certificate_free(c);
    return good;
}

bool live_peer_is_node(struct live_peers *p, struct pp_authority *authority, struct pp_bytes der,
                       struct pp_now now, struct pp_id *id)
{
    uint8_t digest[32];
    if (der.len == 0 || !authority || pp_authority_is_open(authority)) {
        return false;
    }
    pp_sha256(digest, der);
    for (unsigned i = 0; i < LIVE_PEERS; i++) {
        if (p->peer[i].until > now.mono && memcmp(p->peer[i].digest, digest, 32) == 0) {
            *id = p->peer[i].id;
            return true;
        }
    }
    if (!check_chain(authority, der, now.wall, id)) {
        return false;
    }
    struct live_peer *e = &p->peer[p->next++ % LIVE_PEERS];
    *e = (struct live_peer){.id = *id, .until = now.mono + KEPT};
    memcpy(e->digest, digest, 32);
    return true;
}
