/*
 * Pastry (Rowstron and Druschel 2001) with the rules of MSPastry (Castro, Costa and Rowstron 2004):
 * the state of one node and what the files of this folder call of each other.
 *
 * All tables are one list in clockwise order from us. Its first and last l/2 entries are the leaf
 * set; of those between, the routing table, each cell (one length of shared prefix and the next
 * digit: a contiguous run of the list) holds at most one, so an empty row costs nothing. Every peer
 * in it has itself answered or asked us. When leaves die the next in the list stand in their places
 * until nearer ones are found.
 */
#ifndef PASTRY_H
#define PASTRY_H

#include "messages.h"

#include <common/roster.h>

#define PASTRY_SPARE 0x1u /* tag: asked for its round trip, though its cell is filled */

struct pp_net {
    const struct pp_substrate_host *host;
    unsigned b, half; /* bits a digit; l/2 */
    pp_ns heartbeat, refresh;
};

/* Steps of entering. */
enum pastry_step { PASTRY_ASK_LEFT, PASTRY_ASK_RIGHT, PASTRY_ASK_AGAIN, PASTRY_PROBE };

struct pp_substrate_node {
    struct pp_roster r; /* first */
    const struct pp_net *net;
    pp_ns upkeep_at, row_at, cell_at;
    pp_ns cell_wait;          /* between two rounds over the empty cells; grows */
    struct pp_id granted[2];  /* who may enter clockwise and counter-clockwise of us, .. */
    pp_ns granted_until[2];   /* .. until it is active or this */
    struct pp_id left, right; /* entering: who has granted */
    uint16_t cell;            /* the next to be looked at */
    uint8_t row, step, asked; /* the next row of gossip; entering: enum pastry_step, tries */
    bool looking;
};

/* A cell of the routing table. */
struct pastry_cell {
    unsigned row, digit;
};

static inline struct pp_substrate_node *pastry_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline const struct pp_substrate_node *pastry_of(const struct pp_member *m)
{
    return (const struct pp_substrate_node *)m;
}

/* table.c */
extern const struct pp_roster_kind pastry_kind;
bool pastry_is_leaf(const struct pp_substrate_node *n, size_t index);
/* Is an id within the leaf set's arc, so that its node would be known? side: PASTRY_LEFT is
 * counter-clockwise of us. */
bool pastry_in_arc(const struct pp_substrate_node *n, const struct pp_id *id,
                   enum pastry_side side);
struct pastry_cell pastry_cell_of(const struct pp_substrate_node *n, const struct pp_id *id);
/* The first and last id that a prefix of ours of `row` digits and then `digit` allow. */
void pastry_cell_ids(const struct pp_substrate_node *n, struct pastry_cell cell, struct pp_id *low,
                     struct pp_id *high);
/* Entries [from, to) of the cell, leaves too. */
void pastry_cell_span(const struct pp_substrate_node *n, struct pastry_cell cell, size_t *from,
                      size_t *to);
/* The entry of the cell to go by: unsuspected, of the smallest round trip; NULL: none. */
const struct pp_entry *pastry_cell_best(const struct pp_substrate_node *n, struct pastry_cell cell);
/* Every cell cut to one. */
void pastry_trim(struct pp_substrate_node *n);
bool pastry_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
/* Nearest on both sides first. */
size_t pastry_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);

/* join.c */
void pastry_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
void pastry_settled(struct pp_member *m, pp_ns now);
pp_request_fn pastry_on_join;

/* route.c */
/* The entry in the cell of the key's next digit; NULL: none. */
const struct pp_entry *pastry_next_hop(const struct pp_roster *r, const struct pp_id *key);
extern const struct pp_lookup_ops pastry_lookup_ops;
enum pp_covers pastry_covers(const struct pp_substrate_node *n, const struct pp_id *key,
                             unsigned k);

/* upkeep.c */
void pastry_activated(struct pp_member *m, pp_ns now);
void pastry_tick(struct pp_member *m, pp_ns now);
pp_ns pastry_next(const struct pp_member *m);
bool pastry_goodbye(struct pp_member *m, pp_ns now);

/* cells.c */
unsigned pastry_rows(const struct pp_substrate_node *n);
void pastry_cells_tick(struct pp_substrate_node *n, pp_ns now);
/* A cell lost its entry. */
void pastry_cell_lost(struct pp_substrate_node *n, pp_ns now, struct pastry_cell cell);
void pastry_ask_row(struct pp_substrate_node *n, pp_ns now, unsigned row);
pp_request_fn pastry_on_row;

/* check.c */
void pastry_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t pastry_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void pastry_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
