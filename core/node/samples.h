/*
 * What a node knows from its probe objects (Kangasharju et al. 2003, section 4): which it stored
 * where, how many of the copies it asked for came back, day by day. Bounded, in memory; a restart
 * begins anew. Pure: no clock, no network.
 */
#ifndef PP_NODE_SAMPLES_H
#define PP_NODE_SAMPLES_H

#include <peerpost/now.h>
#include <peerpost/substrate.h>

#define NODE_SAMPLES_MAX 64
#define NODE_SAMPLES_DAYS 14

struct node_sample {
    char identifier[48];
    uint8_t digest[32];
    struct pp_peer holders[PP_K_MAX];
    size_t n;
    pp_ns stored, asked; /* mono; asked: last */
};

struct node_samples {
    struct node_sample sample[NODE_SAMPLES_MAX];
    size_t n, next; /* a full table is a ring: the oldest makes room */
    struct {
        uint64_t day, asked, good;
    } days[NODE_SAMPLES_DAYS];
};

struct node_estimate {
    uint64_t asked, good; /* of the last NODE_SAMPLES_DAYS days */
    size_t samples;
    double p;        /* the chance that a node is there with its copy; of few samples, 1/2 */
    unsigned copies; /* equation (6); 0: more than 32, or too little is known */
};
#define NODE_ESTIMATE_ENOUGH 50 /* copies asked for */

void node_samples_add(struct node_samples *s, const struct node_sample *sample);
/* The one that was asked for longest ago, before `before`; NULL: none. Those past their life at
 * `now` are forgotten. */
struct node_sample *node_samples_due(struct node_samples *s, pp_ns before, pp_ns now, pp_ns life);
void node_samples_count(struct node_samples *s, uint64_t day, bool good);
void node_samples_estimate(const struct node_samples *s, uint64_t day, double target,
                           unsigned operations, struct node_estimate *out);

#endif
