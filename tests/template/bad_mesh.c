/*
 * The template, broken on purpose in one way: BAD_<NAME> says in which. The conformance suite must
 * name each (tests/conformance/substrate_teeth.py). Never installed.
 */
#include <peerpost/substrate.h>

#undef PP_EXPORT
#define PP_EXPORT static __attribute__((unused))
#define peerpost_plugin mesh_plugin
#include "substrate_mesh.c"
#undef peerpost_plugin

#include <time.h>

/* The host as the template sees it; what is sent and found passes here. */
static const struct pp_substrate_host *outer;

static void bad_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
#ifdef BAD_BIG
    static uint8_t octets[PP_PAYLOAD_MAX + 1];
    memcpy(octets, payload.data, payload.len);
    payload = pp_bytes(octets, payload.len > 200 ? sizeof octets : payload.len);
#endif
    outer->send(ctx, to, payload);
}

static void bad_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct pp_peer peers[PP_K_MAX];
    struct pp_result other = *result;
    memcpy(peers, result->peers, result->n_peers * sizeof *peers);
    other.peers = peers;
#ifdef BAD_ORDER
    if (other.n_peers > 1) {
        struct pp_peer first = peers[0];
        peers[0] = peers[1];
        peers[1] = first;
    }
#endif
    outer->found(ctx, token, &other);
}

static struct pp_substrate_host twisted;

static int bad_open(struct pp_net **net, const union pp_value *values,
                    const struct pp_substrate_host *host, struct pp_error *error)
{
    outer = host;
    twisted = *host;
    twisted.send = bad_send;
    twisted.found = bad_found;
    return mesh_open(net, values, &twisted, error);
}

static struct pp_substrate_node *bad_create(struct pp_net *net, void *ctx, enum pp_role role,
                                            const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *node = mesh_create(net, ctx, role, self, seed);
#ifdef BAD_SEED
    static uint64_t made;
    node->random[0] ^= ++made;
#endif
#ifdef BAD_CLOCK
    node->random[1] ^= (uint64_t)time(NULL);
#endif
    return node;
}

static void bad_receive(struct pp_substrate_node *node, pp_ns now, const struct pp_rx *rx,
                        struct pp_bytes in)
{
    struct pp_rx copy = *rx;
#ifdef BAD_TRUST
    copy.facts |= PP_ID_PROVED;
#endif
#ifdef BAD_CRASH
    if (in.len > 0 && in.data[0] == 9) {
        abort();
    }
#endif
    mesh_receive(node, now, &copy, in);
}

static int bad_lookup(struct pp_substrate_node *node, pp_ns now, const struct pp_id *key,
                      unsigned k, unsigned paths, unsigned flags, uint64_t token)
{
    int code = mesh_lookup(node, now, key, k, paths, flags, token);
#ifdef BAD_HASTE
    if (code == PP_OK) {
        answer_lookup(node, &node->lookups[--node->n_lookups]);
    }
#endif
    return code;
}

static void bad_cancel(struct pp_substrate_node *node, uint64_t token)
{
#ifdef BAD_CANCEL
    (void)node, (void)token;
#else
    mesh_cancel(node, token);
#endif
}

static pp_ns bad_next(const struct pp_substrate_node *node)
{
#ifdef BAD_BUSY
    return is_active(node) ? node->now + 1 : mesh_next(node);
#else
    return mesh_next(node);
#endif
}

static void bad_leave(struct pp_substrate_node *node, pp_ns now, pp_ns until)
{
#ifdef BAD_LEAVE
    node->n_lookups = 0;
#endif
#ifdef BAD_STAY
    (void)node, (void)now, (void)until;
#else
    mesh_leave(node, now, until);
#endif
}

static enum pp_covers bad_covers(const struct pp_substrate_node *node, const struct pp_id *key,
                                 unsigned k)
{
#ifdef BAD_COVERS
    return key->b[0] % 16 == 0 ? PP_COVERS_NO : mesh_covers(node, key, k);
#else
    return mesh_covers(node, key, k);
#endif
}

static void bad_rank(const struct pp_substrate_node *node, const struct pp_id *key,
                     uint8_t out[PP_RANK_LEN])
{
    uint8_t whole[PP_RANK_LEN];
    mesh_rank(node, key, whole);
#ifdef BAD_RANK
    memcpy(out, whole, PP_ID_LEN);
#else
    memcpy(out, whole, PP_RANK_LEN);
#endif
}

static size_t bad_check(struct pp_substrate_node *const *nodes, size_t n,
                        const struct pp_sink *sink)
{
#ifdef BAD_CHECK
    return 0 * (n + (nodes != NULL) + (sink != NULL));
#else
    return mesh_check(nodes, n, sink);
#endif
}

static void bad_describe(struct pp_bytes in, char *text, size_t cap)
{
    mesh_describe(in, text, cap);
#ifdef BAD_DESCRIBE
    memset(text, '?', cap);
#endif
}

__attribute__((visibility("default"))) extern const struct pp_substrate peerpost_plugin;
const struct pp_substrate peerpost_plugin = {
    .plugin = {.abi = PP_SUBSTRATE_ABI,
               .kind = PP_KIND_SUBSTRATE,
               .name = "bad",
               .version = "1",
               .options = options,
               .n_options = N_OPTIONS},
    .wire = 1,
    .open = bad_open,
    .close = mesh_close,
    .create = bad_create,
    .destroy = mesh_destroy,
    .meet = mesh_meet,
    .move = mesh_move,
    .leave = bad_leave,
    .receive = bad_receive,
    .tick = mesh_tick,
    .next = bad_next,
    .lookup = bad_lookup,
    .cancel = bad_cancel,
    .covers = bad_covers,
    .rank = bad_rank,
    .snapshot = mesh_snapshot,
    .check = bad_check,
    .arrange = mesh_arrange,
    .describe = bad_describe,
};
