/*
 * Proof of work for a notification (docs/protocol.md, "Peerpost-Work"): what lets a sender who does
 * not want to be known put mail into an inbox whose open part is full. One stamp serves all nodes.
 */
#ifndef PP_MAIL_WORK_H
#define PP_MAIL_WORK_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define PP_WORK_MOST 24 /* bits: some seconds; more is not worked for */

/* The field's value, "d=BITS;s=SALT", into out. `start`: where the search begins, random. 2^bits
 * hashes on average. ! PP_INVALID (more than PP_WORK_MOST), PP_NOMEM */
int pp_work_stamp(char out[64], struct pp_bytes address, struct pp_bytes notification,
                  unsigned bits, uint64_t start);
/* BITS of "d=BITS"; 0: it is not that. */
unsigned pp_work_wanted(struct pp_bytes field);

#endif
