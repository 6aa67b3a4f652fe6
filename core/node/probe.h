/*
 * A node probes its network (Kangasharju et al. 2003, section 4): now and then it stores a few
 * small objects on the k nodes closest to identifiers of chance, and asks the holders of earlier
 * ones for their copies. What comes back gives p, and equation (6) the number of copies to advise;
 * both are shown to the administrator. One request at a time, on a thread of its own; off with
 * probe.period 0.
 */
#ifndef PP_NODE_PROBE_H
#define PP_NODE_PROBE_H

#include <node/samples.h>

struct daemon;
struct daemon_probe;

/* After the overlay. *probe stays NULL when probing is off. ! PP_NOMEM, PP_CONFIG */
int daemon_probe_open(struct daemon_probe **probe, struct daemon *d, struct pp_error *error);
void daemon_probe_close(struct daemon_probe *probe); /* accepts NULL; waits for a request's end */

struct daemon_probe_counts {
    uint64_t rounds, stored, asked, good; /* since the start */
    struct node_estimate estimate;
    double target;
    unsigned operations;
};
/* probe NULL: all zero. */
void daemon_probe_counts(const struct daemon_probe *probe, struct daemon_probe_counts *out);

#endif
