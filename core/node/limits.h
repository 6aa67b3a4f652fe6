/*
 * What one source, certificate or node may ask in a time: token buckets, day sums and reserved
 * uploads, in a bounded table (docs/security.md, "Limits"). Pure tables over a key and the time;
 * they know neither requests nor answers.
 */
#ifndef PP_NODE_LIMITS_H
#define PP_NODE_LIMITS_H

#include <peerpost/id.h>
#include <peerpost/now.h>

enum node_rate { NODE_APPENDS, NODE_STORES, NODE_FETCHES, NODE_CHECKS, NODE_RATES };

/* A source: who is charged. NULL stands for one that is exempt from every bound. */
struct node_source;
struct node_limits;
struct pp_node_config;

struct node_limits *node_limits_create(const struct pp_node_config *config);
void node_limits_destroy(struct node_limits *l);

/* Held until node_source_release: an IPv4 /32 or IPv6 /64 (a /16 or /32 once the table is full of
 * active sources), or a certificate's or node's key, which may do `proved_factor` times as much. */
struct node_source *node_source_of_address(struct node_limits *l, pp_ns mono,
                                           const uint8_t address[16]);
struct node_source *node_source_of_key(struct node_limits *l, pp_ns mono, const uint8_t key[32]);
void node_source_release(struct node_source *s);

/* Takes one token: 0, or how long to wait for one. */
pp_ns node_rate_take(struct node_limits *l, struct node_source *s, enum node_rate rate, pp_ns mono);

/* Reserves octets of an upload: 0; PP_BUSY: all uploads together are at their bound; PP_LIMIT: this
 * source is; both give it back with node_upload_release. */
int node_upload_reserve(struct node_limits *l, struct node_source *s, uint64_t octets);
void node_upload_release(struct node_limits *l, struct node_source *s, uint64_t octets);

/* May the source store so much more today? Then charge it once it is stored. */
bool node_day_has_room(struct node_limits *l, struct node_source *s, uint64_t octets, pp_ns mono);
void node_day_charge(struct node_source *s, uint64_t octets, pp_ns mono);

size_t node_limits_sources(const struct node_limits *l);

#endif
