/*
 * Bounds on datagrams: token buckets, alone or in a table by source (IPv4 /32, IPv6 /64), and the
 * CIDRs that are free of them. The table is fixed in size and keyed by a secret: sources that meet
 * in one slot share a bucket, which is coarser and never unbounded. Pure.
 */
#ifndef PP_OVERLAY_RATE_H
#define PP_OVERLAY_RATE_H

#include <peerpost/error.h>
#include <peerpost/id.h>
#include <peerpost/now.h>

struct pp_bucket {
    pp_ns at;     /* when `tokens` was right */
    float tokens; /* 0 in a zeroed bucket that was never used counts as full */
    bool used;
};

/* Takes one token of a bucket that refills at `rate` a second up to `burst`. */
bool pp_bucket_take(struct pp_bucket *bucket, pp_ns now, float rate, float burst);

#define PP_RATE_SLOTS 8192

struct pp_rates {
    struct pp_bucket *slots; /* PP_RATE_SLOTS */
    uint8_t secret[16];
};

int pp_rates_init(struct pp_rates *rates, const uint8_t secret[16]); /* ! PP_NOMEM */
void pp_rates_finish(struct pp_rates *rates);
bool pp_rates_take(struct pp_rates *rates, const uint8_t address[16], pp_ns now, float rate,
                   float burst);

/* A keyed hash of an address and port, for tables that strangers fill. */
uint64_t pp_endpoint_hash(const uint8_t secret[16], const uint8_t address[16], uint16_t port);

struct pp_cidr {
    uint8_t address[16];
    unsigned bits; /* of 128 */
};

/* "127.0.0.0/8", "::1", ...; ! PP_MALFORMED */
int pp_cidr_parse(struct pp_cidr *cidr, const char *text);
bool pp_cidr_holds(const struct pp_cidr *cidr, const uint8_t address[16]);

#endif
