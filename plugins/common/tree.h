/*
 * A member whose table is a tree of prefixes round its own id: what Kademlia (digits of one bit,
 * cells called buckets) and Tapestry (digits of four) share. The roster's list stands in the order
 * of XOR distance from us, so that every cell, the ids that share `row` digits with ours and go on
 * with another, is one run of it. Its first `siblings` entries are all nodes nearest to us, kept
 * whole and fresh; beyond them a cell holds at most `cell` entries. Every peer in it has itself
 * answered or asked us; an old live one is never displaced by a new one.
 *
 * Look-ups go by the order d(key, x): the digits of x minus those of the key, each round its base,
 * as one number. Its prefixes are intervals, so a look-up that asks until the k nearest have all
 * answered is exact if no cell is empty for which a live node exists.
 */
#ifndef PP_COMMON_TREE_H
#define PP_COMMON_TREE_H

#include <common/census.h>
#include <common/roster.h>

#define PP_TREE_LOOK_MAX 32

struct pp_tree;

struct pp_cell {
    uint8_t row, digit; /* shared digits; the digit that follows them */
    uint8_t looks;      /* how often it was looked into and stayed empty */
};

struct pp_tree_ops {
    const char *name, *cell_name;
    /* Up to now the siblings were the whole network; now there are cells to fill. */
    void (*outgrown)(struct pp_tree *t, pp_ns now);
    /* An entry was given up for a better one; may be NULL. */
    void (*dropped)(struct pp_tree *t, const struct pp_peer *peer);
    /* Its tables have been set up by `arrange`. */
    void (*arranged)(struct pp_tree *t, pp_ns now);
};

struct pp_tree_net {
    const struct pp_substrate_host *host;
    const struct pp_tree_ops *ops;
    unsigned bits, cell, siblings; /* of a digit; entries of a cell; siblings */
    pp_ns ping;                    /* silence after which a sibling is pinged */
    pp_ns refresh;                 /* between two looks at a row or bucket; the substrate's */
};

struct pp_tree {
    struct pp_roster r; /* first */
    const struct pp_tree_net *net;
    pp_ns upkeep_at, look_at;
    struct pp_cell look[PP_TREE_LOOK_MAX]; /* to be looked into, one after the other */
    struct pp_cell looked;                 /* the one being looked into */
    uint8_t n_look;
    bool looking;
};

/* For digits of 1, 2, 4 or 8 bits. */
const struct pp_roster_kind *pp_tree_kind(unsigned bits);

static inline struct pp_tree *pp_tree_of(struct pp_member *m)
{
    return (struct pp_tree *)m;
}

/* The two options of every tree, to stand side by side, and what of `net` they and the others say;
 * the rest of it is the substrate's. */
#define PP_TREE_OPTIONS                                                                            \
    {"siblings",                                                                                   \
     PP_OPT_INT,                                                                                   \
     "32",                                                                                         \
     2,                                                                                            \
     64,                                                                                           \
     PP_SCOPE_NODE,                                                                                \
     "nearest nodes that are all known and kept fresh"},                                           \
    {                                                                                              \
        "ping", PP_OPT_TIME, "30s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,           \
            "silence after which a sibling is pinged"                                              \
    }
#define PP_TREE_OPTION_VALUES(two)                                                                 \
    .siblings = (unsigned)(two)[0].number, .ping = (pp_ns)(two)[1].number

/* A node of `size` octets, which begins with a tree. NULL: out of memory. */
struct pp_substrate_node *pp_tree_create(size_t size, const struct pp_tree_net *net,
                                         const struct pp_member_ops *ops, void *ctx,
                                         enum pp_role role, const struct pp_peer *self,
                                         const uint8_t seed[16]);

/* tree.c: cells and who stands in them */
unsigned pp_tree_shared(const struct pp_tree *t, const struct pp_id *id); /* digits */
struct pp_cell pp_tree_cell_of(const struct pp_tree *t, const struct pp_id *id);
/* All entries of a cell, siblings too: [*from, *to) of the list. */
void pp_tree_run(const struct pp_tree *t, struct pp_cell cell, size_t *from, size_t *to);
/* Those beyond the siblings. */
void pp_tree_cell(const struct pp_tree *t, struct pp_cell cell, size_t *from, size_t *to);
/* Cuts every cell to its size. */
void pp_tree_trim_all(struct pp_tree *t, pp_ns now);
size_t pp_tree_siblings(const struct pp_tree *t);
bool pp_tree_is_sibling(const struct pp_tree *t, const struct pp_id *id);
/* Entries that share at least so many digits with us: the first so many of the list. */
size_t pp_tree_within(const struct pp_tree *t, unsigned row);
/* The cell in which the siblings end; false: they are all there is. */
bool pp_tree_edge(const struct pp_tree *t, struct pp_cell *cell);
/* A random id of that cell. */
struct pp_id pp_tree_random_in(struct pp_tree *t, struct pp_cell cell);
/* The best live entry of a cell, siblings too; NULL: none. */
const struct pp_entry *pp_tree_best(const struct pp_tree *t, struct pp_cell cell);

bool pp_tree_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);

/* tree_upkeep.c */
void pp_tree_activated(struct pp_tree *t, pp_ns now);
/* Pings silent siblings and the stalest beyond them, asks a sibling whom it knows near us. */
void pp_tree_tick(struct pp_tree *t, pp_ns now);
pp_ns pp_tree_next(const struct pp_tree *t);
/* A cell is poor: a random id in it is looked up, soon. */
void pp_tree_look_into(struct pp_tree *t, pp_ns now, struct pp_cell cell);

/* tree_route.c: for the look-up engine and the descriptor */
extern const struct pp_lookup_ops pp_tree_lookup_ops;
enum pp_covers pp_tree_covers(const struct pp_substrate_node *n, const struct pp_id *key,
                              unsigned k);

/* tree_report.c: for the descriptor */
void pp_tree_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t pp_tree_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void pp_tree_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);
#define PP_TREE_FUNCTIONS                                                                          \
    PP_MEMBER_FUNCTIONS, .covers = pp_tree_covers, .rank = pp_roster_rank,                         \
                         .snapshot = pp_tree_snapshot, .check = pp_tree_check,                     \
                         .arrange = pp_tree_arrange

#endif
