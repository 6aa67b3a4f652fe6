/*
 * One overlay that begins a network, alone, over a substrate whose acts the test writes: what a
 * substrate needs to be opened stands here.
 */
#ifndef LONE_H
#define LONE_H

#include <check.h>
#include <openssl/evp.h>
#include <overlay/envelope_crypto.h>
#include <overlay/overlay_internal.h>
#include <stdlib.h>

struct pp_net {
    const struct pp_substrate_host *host;
};
struct pp_substrate_node {
    struct pp_net *net;
    void *ctx;
    struct pp_peer self;
};

static struct pp_loop *loop;
static struct pp_overlay *overlay;
static EVP_PKEY *own_key;

static int lone_open(struct pp_net **net, const union pp_value *options,
                     const struct pp_substrate_host *host, struct pp_error *error)
{
    (void)options;
    (void)error;
    *net = calloc(1, sizeof **net);
    (*net)->host = host;
    return PP_OK;
}

static void lone_close(struct pp_net *net)
{
    free(net);
}

static struct pp_substrate_node *lone_create(struct pp_net *net, void *ctx, enum pp_role role,
                                             const struct pp_peer *self, const uint8_t seed[16])
{
    (void)role;
    (void)seed;
    struct pp_substrate_node *node = calloc(1, sizeof *node);
    *node = (struct pp_substrate_node){net, ctx, *self};
    return node;
}

static void lone_destroy(struct pp_substrate_node *node)
{
    free(node);
}

#define LONE_SUBSTRATE(name_)                                                                      \
    .plugin = {.abi = PP_SUBSTRATE_ABI, .kind = PP_KIND_SUBSTRATE, .name = name_},                 \
    .open = lone_open, .close = lone_close, .create = lone_create, .destroy = lone_destroy

static int lone_check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    (void)ctx;
    (void)der;
    (void)wall;
    (void)id;
    return PP_UNTRUSTED;
}

/* The rest of the options, a member's key and certificate too, is filled in here. */
static void lone_start(struct pp_overlay_options o, const char *address)
{
    struct pp_error error = {0};
    loop = pp_loop_create();
    CHECK_FATAL(loop && pp_ephemeral_key(&own_key) == PP_OK);
    o.network_name = o.plugin->plugin.name;
    o.k = 3;
    o.key = o.role == PP_MEMBER ? own_key : NULL;
    o.certificate = pp_str(o.role == PP_MEMBER ? "never shown" : "");
    o.check = lone_check;
    pp_address_parse(o.listen, address);
    CHECK_FATAL(pp_overlay_open(&overlay, loop, &o, &error) == PP_OK);
    pp_loop_turn(loop, false);
}

static void stop(void)
{
    pp_overlay_close(overlay);
    pp_loop_destroy(loop);
    EVP_PKEY_free(own_key);
}

#endif
