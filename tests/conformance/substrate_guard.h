/*
 * A face between the virtual-time world and the substrate under test: it passes every call and
 * callback on, and looks at the rules that hold at any moment (who may call when, what is lent,
 * what a result may hold, no busy loop). So each case of the suite watches them all.
 */
#ifndef SUBSTRATE_GUARD_H
#define SUBSTRATE_GUARD_H

#include <peerpost/substrate.h>

/* What a dead process was doing: in memory that its parent shares. */
struct guard_last {
    char entry[24];
};

/* Tokens from here on are a case's own: the world does not hear of their answers. */
#define GUARD_TOKENS ((uint64_t)1 << 62)

/* The face of `real`; one substrate a process. last: may be NULL. */
const struct pp_substrate *guard_face(const struct pp_substrate *real, struct guard_last *last);
/* From now on datagrams of this peer's id are no longer proved; NULL: all are again. */
void guard_doubt(const struct pp_id *id);
/* Look-ups accepted, not cancelled and not yet come back, of all nodes. */
size_t guard_open(void);
/* The node's own instance; for check and for what the face does not offer. */
struct pp_substrate_node *guard_real(const struct pp_substrate_node *face);
/* Times that an instance was asked to act. */
uint64_t guard_ticks(const struct pp_substrate_node *face);
/* Datagrams it sent. */
uint64_t guard_sent(const struct pp_substrate_node *face);

#endif
