/*
 * An ordered map of octet strings whose versions are never changed: a treap whose writes copy the
 * path to the row as far as it is shared (Driscoll et al. 1989). A snapshot is a root with one
 * reference more. Knows nothing of what the octets mean.
 */
#ifndef PP_STORE_MAP_H
#define PP_STORE_MAP_H

#include <peerpost/bytes.h>

struct node;

/* A version of the map. */
struct map {
    struct node *root;
    uint64_t used; /* octets of keys, values and their keep */
};

/* Shares a version; release each copy once. */
struct map map_share(const struct map *m);
void map_release(struct map *m);
/* The row with this key, or the first after it; NULL past the end. */
const struct node *map_at(const struct map *m, struct pp_bytes key);
struct pp_bytes map_key(const struct node *n);
struct pp_bytes map_value(const struct node *n);
unsigned map_mark(const struct node *n); /* 0, or as put; the caller's meaning */
/* ! PP_NOMEM: the map is as before */
int map_put(struct map *m, struct pp_bytes key, struct pp_bytes value);
int map_put_marked(struct map *m, struct pp_bytes key, struct pp_bytes value, unsigned mark);
/* ! PP_NOT_FOUND, PP_NOMEM: the map is as before */
int map_del(struct map *m, struct pp_bytes key);

#endif
