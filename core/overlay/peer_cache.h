/*
 * The 64 proven peers that outlive a restart: whom a node asks when every configured contact is
 * dead, and through whom two halves of a network find each other again. In memory and as a small
 * text file. Knows nothing of how a peer was proved.
 */
#ifndef PP_OVERLAY_PEER_CACHE_H
#define PP_OVERLAY_PEER_CACHE_H

#include <peerpost/error.h>
#include <peerpost/id.h>
#include <peerpost/now.h>

#define PP_CACHE_MAX 64

struct pp_cached {
    struct pp_peer peer;
    pp_ns proved; /* in this run, mono; 0: not yet */
    pp_ns met;    /* when the substrate was last told to meet it; 0: never */
    unsigned flags;
};

struct pp_peer_cache {
    struct pp_cached entries[PP_CACHE_MAX];
    size_t n;
    bool changed;        /* since the last pp_peer_cache_text */
    bool member;         /* this node was, or is, a member */
    struct pp_peer self; /* as saved by the last run; zero: none */
};

/* A missing file is an empty cache. What is not understood is left out and counted in *bad. ! PP_IO
 * (unreadable: says what to do) */
int pp_peer_cache_load(struct pp_peer_cache *cache, const char *path, size_t *bad,
                       struct pp_error *error);
/* The file's contents. ! PP_NOMEM */
int pp_peer_cache_text(struct pp_peer_cache *cache, struct pp_buf *out);
/* Writes aside, syncs, renames: the old file or the new one, never half. May run on a worker.
 * ! PP_IO */
int pp_peer_cache_write(const char *path, struct pp_bytes text);

/* Enters a proven peer (id not zero) or brings it up to date: one entry an id and one an endpoint.
 * In a full cache it takes the place of entry `pick` % 64 when that is lucky (1 in 8), so that old
 * acquaintances are not all pushed out. NULL: not kept. */
struct pp_cached *pp_peer_cache_add(struct pp_peer_cache *cache, const struct pp_peer *peer,
                                    uint32_t pick);
struct pp_cached *pp_peer_cache_find(struct pp_peer_cache *cache, const struct pp_id *id);

#endif
