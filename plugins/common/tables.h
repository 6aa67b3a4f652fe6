/*
 * The tables of a member where they are a few sorted lists, in some of which the same peer may
 * stand: what struct pp_member_ops asks of them, answered from the list of lists that its `tables`
 * gives.
 */
#ifndef PP_COMMON_TABLES_H
#define PP_COMMON_TABLES_H

#include <common/peerset.h>

#define PP_TABLES_MAX 3

struct pp_member;

struct pp_table {
    struct pp_peerset *set;
    struct pp_order order;
    size_t max;
};

struct pp_entry *pp_tables_entry(const struct pp_member *m, const struct pp_id *id);
size_t pp_tables_known(const struct pp_member *m);
size_t pp_tables_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);
void pp_tables_free(struct pp_member *m);
#define PP_TABLES_OPS                                                                              \
    .entry = pp_tables_entry, .known = pp_tables_known, .peers = pp_tables_peers,                  \
    .free = pp_tables_free

/* All entries of a peer, at most one a table; returns how many. */
size_t pp_tables_entries(const struct pp_member *m, const struct pp_id *id,
                         struct pp_entry *out[PP_TABLES_MAX]);
/* Takes a peer out of all tables; bit i: the i-th held it. */
unsigned pp_tables_remove(struct pp_member *m, const struct pp_id *id);

#endif
