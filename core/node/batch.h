/*
 * How a writer turns queued ops into commits: one batch, and when that fails, one op at a time.
 * The same for the live writer thread, tests and the simulator. Knows no thread and no queue.
 */
#ifndef PP_NODE_BATCH_H
#define PP_NODE_BATCH_H

#include <node/node.h>

#define PP_BATCH_OPS 64u
#define PP_BATCH_OCTETS (1u << 20)

/* Cuts off the front of a list what one batch should hold; *rest: the others. */
struct pp_op *pp_batch_take(struct pp_op *list, struct pp_op **rest);
/* Applies the ops of the list and commits; each op's status is set. When the commit fails but the
 * store lives, the ops are done again one by one. ! PP_BROKEN: nothing more is promised */
int pp_batch_run(const struct pp_store_plugin *api, struct pp_store *store, struct pp_op *list);

#endif
