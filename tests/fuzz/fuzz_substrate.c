/*
 * Any octets as a datagram of the substrate that is linked in: described, delivered to a lone
 * member, to one of a small ring and to a client, and, where a page of peers is well formed,
 * written and read again. Nothing may crash and no local invariant may break.
 */
#include <common/find.h>
#include <peerpost/substrate.h>
#include <sim/world/world.h>
#include <stdlib.h>

extern const struct pp_substrate peerpost_plugin;

static void drop(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    (void)ctx;
    if (payload.len > PP_PAYLOAD_MAX || to->udp == 0) {
        abort();
    }
}

static void found(void *ctx, uint64_t token, const struct pp_result *result)
{
    (void)ctx;
    (void)token;
    (void)result;
}

static void state(void *ctx, enum pp_state s, const char *text)
{
    (void)ctx;
    (void)s;
    (void)text;
}

static void say(void *ctx, int level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static const struct pp_substrate_host host = {drop, found, state, say};

static struct pp_peer peer_of(uint8_t n)
{
    struct pp_peer peer = {.udp = 4700, .http = 8470};
    memset(peer.id.b, n, sizeof peer.id.b);
    memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0", 15);
    peer.address[15] = n;
    return peer;
}

#define RING 5

static void deliver(struct pp_substrate_node *node, uint8_t from, uint32_t facts,
                    struct pp_bytes payload)
{
    struct pp_rx rx = {peer_of(from), facts};
    const struct pp_sink quiet = {NULL, NULL};
    peerpost_plugin.receive(node, PP_HOUR, &rx, payload);
    if (peerpost_plugin.check(&node, 1, &quiet) != 0) {
        abort();
    }
    pp_ns at = peerpost_plugin.next(node);
    for (int i = 0; i < 20 && at < PP_HOUR + PP_MINUTE; i++) {
        peerpost_plugin.tick(node, at > PP_HOUR ? at : PP_HOUR);
        at = peerpost_plugin.next(node);
    }
    if (peerpost_plugin.check(&node, 1, &quiet) != 0) {
        abort();
    }
}

static void at_nodes(struct pp_bytes payload)
{
    static const uint8_t seed[16] = {7};
    union pp_value *values = pp_world_values(&peerpost_plugin.plugin, NULL);
    struct pp_net *net;
    struct pp_substrate_node *ring[RING];
    struct pp_error error;
    if (!values || peerpost_plugin.open(&net, values, &host, &error) != PP_OK) {
        abort();
    }
    free(values);
    for (uint8_t i = 0; i < RING; i++) {
        struct pp_peer self = peer_of((uint8_t)(10 + 10 * i));
        ring[i] = peerpost_plugin.create(net, NULL, i == 0 ? PP_CLIENT : PP_MEMBER, &self, seed);
    }
    peerpost_plugin.meet(ring[1], PP_HOUR, NULL, 0);
    peerpost_plugin.arrange(ring + 2, RING - 2, PP_HOUR);
    for (size_t i = 0; i < RING; i++) {
        deliver(ring[i], 30, PP_ID_PROVED, payload);
        deliver(ring[i], 99, PP_ID_PROVED, payload);
        deliver(ring[i], 98, 0, payload);
    }
    for (size_t i = 0; i < RING; i++) {
        peerpost_plugin.destroy(ring[i]);
    }
    peerpost_plugin.close(net);
}

/* extra_len: octets that a substrate may add to each peer. */
static void round_trip(struct pp_bytes payload, size_t extra_len)
{
    struct pp_reader r = pp_reader(payload);
    struct pp_header header;
    struct pp_page page, again;
    struct pp_writer w;
    if (pp_read_header(&r, &header) != PP_OK) {
        return;
    }
    pp_read_page(&r, &page, extra_len);
    if (!pp_read_done(&r)) {
        return;
    }
    uint8_t extra[PP_PAGE_MAX * PP_EXTRA_MAX];
    for (size_t i = 0; i < page.n; i++) {
        memcpy(extra + i * extra_len, page.extra[i], extra_len);
    }
    pp_writer_begin(&w, header.kind, header.flags, header.id);
    size_t wrote = pp_write_page(&w, page.peers, page.n, 0, extra, extra_len);
    r = pp_reader(pp_bytes(w.data, w.len));
    pp_read_header(&r, &header);
    pp_read_page(&r, &again, extra_len);
    if (w.failed || !pp_read_done(&r) || again.n != wrote ||
        (wrote && (memcmp(again.peers, page.peers, wrote * sizeof *page.peers) != 0 ||
                   memcmp(again.extra, page.extra, wrote * sizeof *page.extra) != 0))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[120];
    struct pp_bytes payload = pp_bytes(data, size < PP_PAYLOAD_MAX ? size : PP_PAYLOAD_MAX);
    peerpost_plugin.describe(payload, text, sizeof text);
    if (memchr(text, 0, sizeof text) == NULL) {
        abort();
    }
    for (size_t extra_len = 0; extra_len <= PP_EXTRA_MAX; extra_len += 5) {
        round_trip(payload, extra_len);
    }
    at_nodes(payload);
    return 0;
}
