/*
 * Access times between a read and the write that makes them last: a bounded table, so that reading
 * costs no commit. Losing one only makes an object look a little less used. Pure.
 */
#ifndef PP_NODE_STAMPS_H
#define PP_NODE_STAMPS_H

#include <peerpost/store.h>

#define NODE_STAMPS 4096u
#define NODE_STAMP_GRAIN (10 * PP_MINUTE) /* fresher stamps are not renewed */
#define NODE_STAMPS_A_WRITE 64u

struct node_stamp {
    uint32_t kind; /* enum pp_kind; 0: free */
    struct pp_name name;
    pp_ns stamp;
};

struct node_stamps {
    struct node_stamp *slot; /* NODE_STAMPS of them */
    unsigned n, cursor;
};

int node_stamps_init(struct node_stamps *s); /* ! PP_NOMEM */
void node_stamps_finish(struct node_stamps *s);
/* Notes an access at `wall` to what stood at `old`. */
void node_stamps_note(struct node_stamps *s, enum pp_kind kind, const struct pp_name *name,
                      pp_ns old, pp_ns wall);
/* The noted stamp, or 0. */
pp_ns node_stamps_get(const struct node_stamps *s, enum pp_kind kind, const struct pp_name *name);
/* Takes up to NODE_STAMPS_A_WRITE of them out. */
unsigned node_stamps_take(struct node_stamps *s, struct node_stamp *out);

#endif
