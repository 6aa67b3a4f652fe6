/*
 * What happens next in virtual time: an indexed heap of (time, sequence, slot). Equals leave in
 * the order they were entered, so that a run repeats. A slot stands in it at most once and can be
 * moved: datagrams use a slot each, every node one slot for its deadline.
 */
#ifndef PP_SIM_WORLD_QUEUE_H
#define PP_SIM_WORLD_QUEUE_H

#include <peerpost/now.h>
#include <stdbool.h>
#include <stddef.h>

struct pp_queue_entry {
    pp_ns at;
    uint64_t sequence;
    uint32_t slot;
};

struct pp_queue {
    struct pp_queue_entry *heap;
    uint32_t *place; /* slot -> index in heap + 1; 0: not in it */
    size_t n, cap, slots;
    uint64_t sequence;
};

void pp_queue_finish(struct pp_queue *q);
/* Enters slot, or moves it; PP_NEVER takes it out. False: no memory. */
bool pp_queue_set(struct pp_queue *q, uint32_t slot, pp_ns at);
/* Time of the first, or PP_NEVER; its order among equals in *sequence when not NULL. */
pp_ns pp_queue_first(const struct pp_queue *q, uint64_t *sequence);
/* Takes the first out; the queue must not be empty. */
uint32_t pp_queue_pop(struct pp_queue *q);

#endif
