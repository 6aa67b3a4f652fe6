/*
 * The op that ends a store: gives a body its name, or finds what stands there already. Runs on the
 * writer's thread and decides there; touches its own memory and the batch only.
 */
#ifndef PP_NODE_NAMING_H
#define PP_NODE_NAMING_H

#include <node/internal.h>

/* What a store keeps beside an object's own octets, generously. */
#define NODE_SLACK (8u << 10)

enum node_outcome {
    NODE_CREATED,
    NODE_UNITED,  /* the same octets: sets united, life and copies the larger */
    NODE_OTHER,   /* other octets under this name */
    NODE_NEWER,   /* a newer certificate */
    NODE_DELETED, /* a tombstone */
    NODE_SET_FULL
};

struct node_naming {
    struct node_op op;
    const struct pp_name *name;
    struct pp_head head;    /* but the serial */
    uint64_t serial;        /* of a body in pieces, or .. */
    struct pp_bytes single; /* .. the whole body */
    const struct node_members *members;
    uint32_t members_max, network_k;
    bool is_certificate;
    pp_ns not_before; /* of the certificate */
    enum node_outcome outcome;
    bool spoiled; /* the body is lost: no second try */
};

int node_naming_apply(struct pp_op *op, struct pp_batch *batch);

#endif
