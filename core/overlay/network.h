/*
 * What makes two nodes members of one network: the substrate and its wire number, the network's
 * name, k, and the substrate's options of scope network. As a canonical text ("name=value" lines),
 * its 8-octet hash, and the sentence that tells an operator what differs. Pure.
 */
#ifndef PP_OVERLAY_NETWORK_H
#define PP_OVERLAY_NETWORK_H

#include <peerpost/substrate.h>

#define PP_NETWORK_HASH 8
#define PP_NETWORK_TEXT_MAX 768 /* octets of the text that travel; the hash covers all */

struct pp_network {
    struct pp_buf text;
    uint8_t hash[PP_NETWORK_HASH];
};

/* ! PP_NOMEM */
int pp_network_init(struct pp_network *network, const struct pp_substrate *plugin,
                    const union pp_value *options, const char *name, unsigned k);
void pp_network_finish(struct pp_network *network);
/* What travels: the text, cut at PP_NETWORK_TEXT_MAX. */
struct pp_bytes pp_network_text(const struct pp_network *network);

/* "<peer> runs network.k = 3, we 5: ..." for the first lines that differ; theirs is hostile. */
void pp_network_difference(const struct pp_network *network, const char *peer,
                           struct pp_bytes theirs, char *out, size_t cap);

#endif
