/*
 * An ordered map of octet strings whose versions are never changed: a treap whose writes copy the
 * path to the row (Driscoll et al. 1989). A snapshot is a root with one reference more. Knows
 * nothing of what the octets mean.
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
bool map_gone(const struct node *n); /* is it a mark of map_mark_gone? */
/* ! PP_NOMEM: the map is as before */
int map_put(struct map *m, struct pp_bytes key, struct pp_bytes value);
/* Puts a row that says: not here, whatever a map below this one holds. ! PP_NOMEM */
int map_mark_gone(struct map *m, struct pp_bytes key);
/* ! PP_NOT_FOUND, PP_NOMEM: the map is as before */
int map_del(struct map *m, struct pp_bytes key);

#endif
