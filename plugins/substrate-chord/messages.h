/*
 * Chord's own datagrams; PING and FIND are common's. All numbers big-endian.
 *   STABILISE  digest of my S 8, digest of what your P should be 8
 *     reply    flags 1 (1: S is as you have it, 2: a predecessor follows), [peer], page of S
 *   STATE      which 1 (0: S, 1: P), from 1        reply  which 1, page
 *   JOIN       -                                   reply  verdict 1, page (my P, or whom to ask)
 *   NUDGE      digest of what your S should be 8   (no reply)
 *   INTRODUCE  peer                                (no reply)
 *   LEAVE      page of my S, page of my P          reply  -
 */
#ifndef CHORD_MESSAGES_H
#define CHORD_MESSAGES_H

#include <common/wire.h>

enum chord_kind {
    CHORD_STABILISE = PP_WIRE_OWN,
    CHORD_STATE,
    CHORD_JOIN,
    CHORD_NUDGE,
    CHORD_INTRODUCE,
    CHORD_LEAVE
};

#define CHORD_WIRE 1 /* raise when the format changes */

/* WHOLE: granted, and the page with the granter is all of the ring. */
enum chord_verdict { CHORD_GRANT = 0, CHORD_REFERRED = 1, CHORD_WAIT = 2, CHORD_WHOLE = 3 };

struct chord_stabilised {
    bool same, has_predecessor;
    struct pp_peer predecessor;
    struct pp_page page;
};

void chord_write_stabilised(struct pp_writer *w, bool same, const struct pp_peer *predecessor,
                            const struct pp_peer *peers, size_t n);
/* ! PP_MALFORMED */
int chord_read_stabilised(struct pp_reader *r, struct chord_stabilised *m);
/* One datagram in words; always terminated. */
void chord_describe(struct pp_bytes payload, char *text, size_t cap);

#endif
