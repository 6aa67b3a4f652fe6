/*
 * pp_net on the real world: look-ups through the overlay as a client, requests over HTTP, notes in
 * the journal, blobs in memory and files. Everything waits on one event loop. It knows no mail.
 */
#ifndef PP_UA_NET_LIVE_H
#define PP_UA_NET_LIVE_H

#include <http/client.h>
#include <io/loop.h>
#include <net.h>
#include <overlay/overlay.h>
#include <trust/authority.h>

struct pp_net_live_options {
    /* plugin, plugin_options, network_name, k, contacts, peers_file; the rest is set here. A plugin
     * of NULL: no network, every look-up and request ends with PP_LOCAL. */
    struct pp_overlay_options overlay;
    struct pp_authority *authority; /* borrowed; proves nodes; may be NULL without a plugin */
    const char *bind;               /* source address of UDP and HTTP, or NULL */
    unsigned connections;           /* open sockets at once; 0: 128 */
    bool tls;
    /* socks5h://HOST:PORT; then no datagram leaves, overlay.plugin is not looked at, and look-ups
     * go over HTTP to these nodes ("ADDRESS:PORT" of their HTTPS). NULL: direct. */
    const char *proxy;
    const char *const *gateways;
    size_t n_gateways;
    const char *ticket_file; /* TLS sessions kept between runs, or NULL */
    /* Folders exist already (0700); NULL: what would need it fails with PP_IO. */
    const char *journal; /* a file */
    const char *spool, *quarantine, *blobs, *signed_mail;
    const char *maildir, *junk, *chat; /* chat: NULL: short messages are not kept */
    const char *virus, *spam;          /* scanners, as box/scan.h has them; NULL: none */
};

/* The strings are copied, the plugin and its options are not.
 * ! PP_BUSY (another process has the journal), PP_CONFIG, PP_IO, PP_FORMAT, PP_NOMEM */
int pp_net_live_open(struct pp_net_impl **net, struct pp_loop *loop,
                     const struct pp_net_live_options *options, struct pp_error *error);
/* Running acts hear nothing more; saves the known peers. Not from inside a callback. */
void pp_net_live_close(struct pp_net_impl *net);
/* What mail logic holds. */
struct pp_mailnet pp_net_live_mailnet(struct pp_net_impl *net);
/* A file's octets as a blob of that net; the descriptor becomes the blob's, closed when it fails.
 * NULL: no file, no memory. */
struct pp_blob *pp_net_live_blob(int fd);
/* For status and doctor; NULL without a plugin. Borrowed. */
struct pp_overlay *pp_net_live_overlay(struct pp_net_impl *net);

#endif
