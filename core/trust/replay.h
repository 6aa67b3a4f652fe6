/*
 * The replay cache: nonces of verified signatures until they expire. Bounded; what has not expired
 * is never evicted. Pure.
 */
#ifndef PP_TRUST_REPLAY_H
#define PP_TRUST_REPLAY_H

#include <peerpost/error.h>
#include <peerpost/now.h>
#include <stddef.h>
#include <stdint.h>

struct pp_replay;

struct pp_replay *pp_replay_create(size_t entries, size_t entries_per_key);
void pp_replay_destroy(struct pp_replay *r);
/* Enters (keyid, nonce) until `expires`. PP_EXISTS: seen before; PP_BUSY: cache full;
 * PP_LIMIT: this key has too many. Times: wall. */
int pp_replay_enter(struct pp_replay *r, const uint8_t keyid[32], const uint8_t nonce[16],
                    pp_ns expires, pp_ns now);

#endif
