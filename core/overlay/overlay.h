/*
 * The host that drives a substrate plugin on a live network: UDP through the envelope, deadlines,
 * look-ups with callbacks, the peer cache, dial-back, the founding rule and merging. One object a
 * process. The program sees look-ups and a state; the plugin sees proven peers.
 */
#ifndef PP_OVERLAY_OVERLAY_H
#define PP_OVERLAY_OVERLAY_H

#include <io/loop.h>
#include <openssl/types.h>
#include <peerpost/substrate.h>

struct pp_overlay;

struct pp_overlay_options {
    const struct pp_substrate *plugin;
    const union pp_value *plugin_options;
    const char *network_name; /* goes into the network hash with plugin, wire, k, NETWORK options */
    unsigned k;
    enum pp_role role; /* what we aim to be: a MEMBER starts as CLIENT until dialled back */
    uint8_t listen[16];
    uint16_t udp;                /* 0: any */
    uint8_t advertise[16];       /* zero: as listen */
    uint16_t advertise_http;     /* 0 for a client */
    EVP_PKEY *key;               /* P-256, a member's; NULL for a client (ephemeral) */
    struct pp_bytes certificate; /* DER, a member's */
    const char *const *contacts; /* "address:port", or "name:port", looked up off the loop */
    size_t n_contacts;
    const char *peers_file;    /* the saved peers; NULL: none */
    const char *const *exempt; /* CIDRs free of per-source bounds */
    size_t n_exempt;
    pp_ns found_after;  /* 0: 30 s; the founding rule after a power cut (docs/architecture.md) */
    pp_ns merge_period; /* 0: 5 min; how often one saved peer is met, +-25 % */
    /* Is this DER a good node certificate now? Its key's hash is *id. 0, PP_UNTRUSTED, .. */
    int (*check)(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id);
    void *check_ctx;
};

typedef void pp_overlay_found_fn(void *ctx, uint64_t token, const struct pp_result *result);

/* Binds and starts. ! PP_IO (address in use: names it), PP_CONFIG, PP_NOMEM */
int pp_overlay_open(struct pp_overlay **overlay, struct pp_loop *loop,
                    const struct pp_overlay_options *options, struct pp_error *error);
/* Leaves politely until `until` (mono), then calls done. */
void pp_overlay_leave(struct pp_overlay *overlay, pp_ns until, void (*done)(void *ctx), void *ctx);
void pp_overlay_close(struct pp_overlay *overlay);

/* Asynchronous; `found` comes later, never from inside. A client's look-up waits for its first
 * contact to answer. Routing failure test and union over disjoint paths are done here.
 * ! PP_BUSY, PP_NOMEM */
int pp_overlay_lookup(struct pp_overlay *overlay, const struct pp_id *key, unsigned k,
                      unsigned paths, uint64_t token, pp_overlay_found_fn *found, void *ctx);
void pp_overlay_cancel(struct pp_overlay *overlay, uint64_t token, void *ctx);
enum pp_covers pp_overlay_covers(const struct pp_overlay *overlay, const struct pp_id *key,
                                 unsigned k);

enum pp_state pp_overlay_state(const struct pp_overlay *overlay, const char **text);
enum pp_role pp_overlay_role(const struct pp_overlay *overlay); /* now */
void pp_overlay_on_state(struct pp_overlay *overlay,
                         void (*fn)(void *ctx, enum pp_state state, const char *text), void *ctx);
struct pp_peer pp_overlay_self(const struct pp_overlay *overlay);
void pp_overlay_snapshot(const struct pp_overlay *overlay, const struct pp_sink *sink);
/* One sentence when a peer runs another network (plugin, k, option): what differs; NULL if none. */
const char *pp_overlay_mismatch(const struct pp_overlay *overlay);

struct pp_overlay_counts {
    uint64_t datagrams_in, datagrams_out, octets_in, octets_out;
    uint64_t handshakes, refused_network, dropped_bad, dropped_rate, lookups, lookups_failed;
    uint64_t peers_cached;
};
void pp_overlay_counts(const struct pp_overlay *overlay, struct pp_overlay_counts *out);

#endif
