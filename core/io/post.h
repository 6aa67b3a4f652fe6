/*
 * Inside core/io: a post whose memory is its owner's, so that handing work back to the loop's
 * thread cannot fail. Others use pp_loop_post.
 */
#ifndef PP_IO_POST_H
#define PP_IO_POST_H

#include <io/loop.h>

struct pp_post {
    void (*fn)(struct pp_post *post);
    struct pp_post *next;
    bool queued; /* guarded by the loop's lock */
};

/* Queues it unless it is queued already. Thread-safe. It may be queued again from inside fn. */
void pp_loop_post_own(struct pp_loop *loop, struct pp_post *post);
/* Takes it out if it waits. On the loop's thread only. */
void pp_loop_unpost(struct pp_loop *loop, struct pp_post *post);

#endif
