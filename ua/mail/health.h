/*
 * How nodes did of late, as far as this process saw: who was slow or silent is not waited for by
 * every operation anew, and who is at fault is named in the log, once for each fault. Nothing of it
 * is kept on disk. It must not know what nodes are asked.
 */
#ifndef PP_MAIL_HEALTH_H
#define PP_MAIL_HEALTH_H

#include <peerpost/id.h>
#include <peerpost/now.h>

struct pp_mail;

enum pp_health_state {
    PP_HEALTH_WELL,
    PP_HEALTH_SLOW,  /* outran a hedge: others first */
    PP_HEALTH_SILENT /* ran into a time-out: not asked for a while */
};

#define PP_HEALTH_NODES 64
#define PP_HEALTH_FAULTS 64

/* Part of struct pp_mail; both tables are rings, the oldest entry makes room. */
struct pp_health {
    struct pp_health_node {
        struct pp_id node;
        enum pp_health_state state;
        pp_ns until;
    } nodes[PP_HEALTH_NODES];
    struct pp_health_fault {
        struct pp_id node;
        uint64_t what; /* hash of the sentence */
        pp_ns until;   /* not said again before */
    } faults[PP_HEALTH_FAULTS];
    size_t n_nodes, next_node, n_faults, next_fault;
};

enum pp_health_state pp_health_of(struct pp_mail *mail, const struct pp_id *node);
/* It answered, whatever it said. */
void pp_health_well(struct pp_mail *mail, const struct pp_id *node);
void pp_health_slow(struct pp_mail *mail, const struct pp_id *node);
void pp_health_silent(struct pp_mail *mail, const struct pp_id *node);
/* Names the node in the log with what it did; the same fault of it not again for ten minutes. */
void pp_mail_blame(struct pp_mail *mail, const struct pp_peer *peer, const char *what);

#endif
