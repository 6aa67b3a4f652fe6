/*
 * Real overlays in one process, on loopback addresses of their own, over one loop; the substrate is
 * whichever is linked in. Datagrams between two of them can be made to vanish.
 */
#ifndef SWARM_H
#define SWARM_H

#include <openssl/types.h>
#include <overlay/overlay.h>
#include <peerpost/bytes.h>

#define SWARM_MAX 16

struct swarm_node {
    struct swarm *swarm;
    struct pp_overlay *overlay; /* NULL: not running */
    EVP_PKEY *key;
    struct pp_buf certificate;
    struct pp_id id;
    char address[20], contact[32], peers_file[96];
    uint16_t port; /* 0 before the first start */
    enum pp_role role;
    int side;      /* of a partition: only equal sides hear one another */
    bool far_side; /* nobody but ourselves answers dial-backs: a NAT */
    struct pp_result found;
    struct pp_peer peers[PP_K_MAX];
    int n_found, left;
};

struct swarm {
    struct pp_loop *loop;
    struct pp_timer *limit;
    bool late; /* a wait ran into its bound */
    const struct pp_substrate *plugin;
    const union pp_value *plugin_options;
    struct pp_config *config; /* owns them */
    unsigned k;
    int subnet; /* nodes live at 127.3.<subnet>.<i+1> */
    pp_ns found_after, merge_period;
    struct swarm_node nodes[SWARM_MAX];
    size_t n;
    char folder[64];
};

void swarm_init(struct swarm *s, int subnet);
void swarm_finish(struct swarm *s);
/* Prepares node i (key, address); contact of another node or NULL. Does not start it. */
struct swarm_node *swarm_add(struct swarm *s, enum pp_role role);
/* contacts: nodes by number, -1 ends. Returns pp_overlay_open's answer. */
int swarm_start(struct swarm_node *node, const struct swarm_node *const *contacts, size_t n,
                struct pp_error *error);
void swarm_kill(struct swarm_node *node); /* says nothing to anybody */
/* Turns the loop until `done` or the bound; CU-fails when late. */
bool swarm_until(struct swarm *s, pp_ns bound, bool (*done)(struct swarm *s));
bool swarm_all_active(struct swarm *s);
/* All running members look up the same keys and agree with the oracle (the substrate's rank). */
bool swarm_is_one(struct swarm *s);
void swarm_lookup(struct swarm_node *node, const struct pp_id *key);
void swarm_await_all(struct swarm *s); /* look-ups of all running nodes */

#endif
