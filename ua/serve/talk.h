/*
 * A connection of a line protocol: bounded input, output that waits for the peer, an end when all
 * is said, and an end when nothing comes for too long. It knows no protocol.
 */
#ifndef PP_SERVE_TALK_H
#define PP_SERVE_TALK_H

#include <io/stream.h>

struct talk;

struct talk_ops {
    /* What came and was not taken yet; returns how many octets it took. Called again while it takes
     * some. What fills the whole buffer and is not taken ends the talk. */
    size_t (*take)(void *ctx, struct pp_bytes in);
    /* There is room to say more; may be NULL. */
    void (*more)(void *ctx);
    /* Nothing came for too long: something may be said, then the talk ends. May be NULL. */
    void (*late)(void *ctx);
    /* It is over; nothing of the talk may be used after it. */
    void (*gone)(void *ctx);
};

/* NULL: no memory; fd is closed then too. */
struct talk *talk_open(struct pp_loop *loop, int fd, const struct talk_ops *ops, void *ctx);
/* What is to be said: append to it. Outside of the calls above, talk_stir afterwards. */
struct pp_buf *talk_out(struct talk *talk);
/* Looks again, in the next turn: something was said, or what came would be taken now. */
void talk_stir(struct talk *talk);
/* How long it may be silent; `from_now`: no word from the peer gives it more time. */
void talk_patience(struct talk *talk, pp_ns time, bool from_now);
/* An answer is being worked on: silence is no fault, and a peer that has ended waits for it. */
void talk_hold(struct talk *talk, bool held);
/* Nothing more is taken; it ends when all is said. */
void talk_end(struct talk *talk);
/* At once, without `gone`. Not from inside the calls above. Accepts NULL. */
void talk_close(struct talk *talk);

#endif
