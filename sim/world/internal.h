/* What the files of the world share among themselves. */
#ifndef PP_SIM_WORLD_INTERNAL_H
#define PP_SIM_WORLD_INTERNAL_H

#include <sim/world/queue.h>
#include <sim/world/world.h>
#include <stdio.h>
#include <stdlib.h>

#define REMEMBERED 64

/* A simulation without memory has nothing left to say. */
static inline void *need(void *p)
{
    if (!p) {
        fputs("world: out of memory\n", stderr);
        abort();
    }
    return p;
}

struct member {
    struct pp_world *world;
    struct pp_substrate_node *instance; /* NULL: dead */
    struct pp_peer self;
    enum pp_role role;
    enum pp_state state;
    pp_ns changed; /* when it last became active, or ceased to be */
    uint32_t index;
    int side;
    pp_ns merge_at;
    struct pp_peer *remembered; /* REMEMBERED of them, once one is known */
    uint32_t n_remembered;
};

struct datagram {
    uint32_t from, len;
    struct pp_peer sender; /* as it was when it sent */
    struct pp_peer to;
    uint8_t *octets;
    uint32_t next_free;
};

struct asked {
    uint64_t token;
    uint32_t node;
    pp_world_found_fn *fn;
    void *ctx;
    struct asked *next;
};

struct pp_world {
    struct pp_world_options options;
    union pp_value *defaults;
    struct pp_net *net;
    struct pp_prng prng;
    pp_ns now;
    struct member **members;
    size_t n_members, cap_members;
    uint32_t *at; /* endpoint number -> member index + 1 */
    size_t n_at, cap_at;
    struct pp_queue deadlines, flights;
    struct datagram *datagrams;
    size_t n_datagrams, cap_datagrams;
    uint32_t free_datagram; /* index + 1 */
    struct asked *asked[1024];
    uint64_t token;
    struct pp_world_counts counts;
};

/* network.c */
void world_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload);
void world_deliver(struct pp_world *w, uint32_t flight);
void world_free_datagrams(struct pp_world *w);
size_t world_endpoint(struct pp_world *w, size_t member, struct pp_peer *self);
/* ask.c */
void world_found(void *ctx, uint64_t token, const struct pp_result *result);
void world_forget(struct pp_world *w, size_t node); /* its look-ups die with it */
/* world.c */
void world_after(struct member *m); /* asks for the new deadline */
void world_remember(struct member *m, const struct pp_peer *peer);
void world_state(struct member *m, enum pp_state state);

#endif
