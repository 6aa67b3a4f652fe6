/*
 * One node (mesh overlay and a small HTTP server over TLS, which keeps what is PUT) and one live
 * pp_net, on one loop; and an act that writes down all it is told.
 */
#ifndef LIVE_WORLD_H
#define LIVE_WORLD_H

#include <http/multipart.h>
#include <http/server.h>
#include <net_live.h>

struct live_world {
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct pp_timer *limit;
    bool late;
    char folder[64];
    EVP_PKEY *key;
    struct pp_certificate *certificate;
    SSL_CTX *tls;
    struct pp_authority *authority;
    struct pp_overlay *overlay;
    struct pp_server *server;
    struct pp_peer node; /* its id, address, ports */
    int subnet;
    struct pp_net_impl *net;
    struct pp_mailnet mail;
    /* what the server saw last, and keeps */
    char method[16], path[128], mark[64];
    struct pp_buf certificates, object;
    struct pp_multipart *multipart;
    struct pp_buf *part;
    size_t sent;
    int requests;
};

/* with_node: else no server and no overlay, and the net runs without a network. */
void live_world_start(struct live_world *w, int subnet, bool with_node);
void live_world_stop(struct live_world *w);
void live_world_open_net(struct live_world *w, bool with_network);

struct live_act {
    struct pp_act act; /* first */
    struct live_world *world;
    int woken, found, heads, ended, noted, kept, data_calls;
    int code, status, error, note_error, keep_error;
    uint64_t token;
    struct pp_peer peers[PP_K_MAX];
    size_t n_peers;
    struct pp_buf body;
    size_t appetite; /* octets taken a call; 0: all */
    bool refused;    /* took fewer than given */
    char text[200];
};

void live_act_init(struct live_act *a, struct live_world *w);
/* Turns the loop until *counter reaches n; false when that took too long. */
bool live_await(struct live_world *w, const int *counter, int n);

#endif
