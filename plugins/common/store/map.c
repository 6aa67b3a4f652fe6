/* The persistent treap of map.h. A function that takes a node "over" owns that reference. */
#include "map.h"

#include <peerpost/error.h>

#include <stdatomic.h>
#include <stdlib.h>

#define KEEP 96 /* octets a row costs beside key and value */

struct row {
    atomic_uint refs;
    uint32_t key_len;
    size_t value_len;
    uint64_t priority;
    unsigned mark;
    uint8_t octets[]; /* key, then value */
};

struct node {
    atomic_uint refs;
    struct row *row;
    struct node *left, *right;
};

static struct node *node_share(struct node *n)
{
    if (n) {
        atomic_fetch_add(&n->refs, 1);
    }
    return n;
}

static struct row *row_share(struct row *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

static void row_release(struct row *r)
{
    if (atomic_fetch_sub(&r->refs, 1) == 1) {
        free(r);
    }
}

/* Depth is logarithmic, so recursion is bounded. */
static void node_release(struct node *n)
{
    if (n && atomic_fetch_sub(&n->refs, 1) == 1) {
        node_release(n->left);
        node_release(n->right);
        row_release(n->row);
        free(n);
    }
}

/* FNV-1a: the same map for the same rows, whatever the order they came in. */
static uint64_t priority_of(struct pp_bytes key)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ key.data[i]) * 1099511628211u;
    }
    return h ^ (h >> 29);
}

static struct row *row_create(struct pp_bytes key, struct pp_bytes value)
{
    struct row *r = malloc(sizeof *r + key.len + value.len);
    if (r) {
        atomic_init(&r->refs, 1);
        r->key_len = (uint32_t)key.len;
        r->value_len = value.len;
        r->priority = priority_of(key);
        r->mark = 0;
        memcpy(r->octets, key.data, key.len);
        if (value.len > 0) {
            memcpy(r->octets + key.len, value.data, value.len);
        }
    }
    return r;
}

/* Takes over all three; NULL on lack of memory, with all released. */
static struct node *node_create(struct row *row, struct node *left, struct node *right)
{
    struct node *n = malloc(sizeof *n);
    if (!n) {
        row_release(row);
        node_release(left);
        node_release(right);
        return NULL;
    }
    atomic_init(&n->refs, 1);
    n->row = row;
    n->left = left;
    n->right = right;
    return n;
}

struct pp_bytes map_key(const struct node *n)
{
    return pp_bytes(n->row->octets, n->row->key_len);
}

struct pp_bytes map_value(const struct node *n)
{
    return pp_bytes(n->row->octets + n->row->key_len, n->row->value_len);
}

static uint64_t cost(const struct row *r)
{
    return KEEP + r->key_len + r->value_len;
}

struct map map_share(const struct map *m)
{
    return (struct map){node_share(m->root), m->used};
}

void map_release(struct map *m)
{
    node_release(m->root);
    m->root = NULL;
}

const struct node *map_at(const struct map *m, struct pp_bytes key)
{
    const struct node *best = NULL;
    for (const struct node *n = m->root; n;) {
        int c = pp_bytes_compare(key, map_key(n));
        if (c == 0) {
            return n;
        }
        if (c < 0) {
            best = n;
        }
        n = c < 0 ? n->left : n->right;
    }
    return best;
}

/* A node that nobody else can reach may be changed where it stands: one reference, and as much for
 * all above it. Else a copy takes its place. Takes n over; on lack of memory n stays, *failed. */
static struct node *own(struct node *n, bool *failed)
{
    if (atomic_load(&n->refs) == 1) {
        return n;
    }
    struct node *copy = node_create(row_share(n->row), node_share(n->left), node_share(n->right));
    *failed = !copy;
    if (copy) {
        node_release(n);
    }
    return copy ? copy : n;
}

/* Lifts a child, which is n's alone, over n where its priority is higher. */
static struct node *lift(struct node *n, bool left)
{
    struct node *child = left ? n->left : n->right;
    if (child->row->priority <= n->row->priority) {
        return n;
    }
    if (left) {
        n->left = child->right;
        child->right = n;
    } else {
        n->right = child->left;
        child->left = n;
    }
    return child;
}

/* Puts the row in. Takes n over; on lack of memory what comes back holds what it held. */
static struct node *insert(struct node *n, struct row *row, bool *failed)
{
    if (!n) {
        n = node_create(row_share(row), NULL, NULL);
        *failed = !n;
        return n;
    }
    n = own(n, failed);
    if (*failed) {
        return n;
    }
    int c = pp_bytes_compare(pp_bytes(row->octets, row->key_len), map_key(n));
    if (c == 0) {
        row_release(n->row);
        n->row = row_share(row);
        return n;
    }
    struct node **child = c < 0 ? &n->left : &n->right;
    *child = insert(*child, row, failed);
    return *failed ? n : lift(n, c < 0);
}

/* One treap of two, all keys of a before those of b. Takes over nothing. */
static struct node *merge(struct node *a, struct node *b, bool *failed)
{
    if (!a || !b) {
        return node_share(a ? a : b);
    }
    bool a_up = a->row->priority >= b->row->priority;
    struct node *below = a_up ? merge(a->right, b, failed) : merge(a, b->left, failed);
    if (*failed) {
        return NULL;
    }
    struct node *top = a_up ? node_create(row_share(a->row), node_share(a->left), below)
                            : node_create(row_share(b->row), below, node_share(b->right));
    *failed = !top;
    return top;
}

/* A new version of n without the key, which is there. */
static struct node *without(const struct node *n, struct pp_bytes key, bool *failed)
{
    int c = pp_bytes_compare(key, map_key(n));
    if (c == 0) {
        return merge(n->left, n->right, failed);
    }
    struct node *child = without(c < 0 ? n->left : n->right, key, failed);
    if (*failed) {
        return NULL;
    }
    struct node *top = c < 0 ? node_create(row_share(n->row), child, node_share(n->right))
                             : node_create(row_share(n->row), node_share(n->left), child);
    *failed = !top;
    return top;
}

static const struct node *exact(const struct map *m, struct pp_bytes key)
{
    const struct node *n = map_at(m, key);
    return n && pp_bytes_equal(map_key(n), key) ? n : NULL;
}

unsigned map_mark(const struct node *n)
{
    return n->row->mark;
}

int map_put_marked(struct map *m, struct pp_bytes key, struct pp_bytes value, unsigned mark)
{
    const struct node *old = exact(m, key);
    struct row *row = row_create(key, value);
    if (row) {
        row->mark = mark;
    }
    bool failed = !row;
    uint64_t less = old ? cost(old->row) : 0;
    if (row) {
        m->root = insert(m->root, row, &failed);
        m->used += failed ? 0 : cost(row) - less;
        row_release(row);
    }
    return failed ? PP_NOMEM : PP_OK;
}

int map_put(struct map *m, struct pp_bytes key, struct pp_bytes value)
{
    return map_put_marked(m, key, value, 0);
}

int map_del(struct map *m, struct pp_bytes key)
{
    const struct node *old = exact(m, key);
    bool failed = false;
    if (!old) {
        return PP_NOT_FOUND;
    }
    uint64_t less = cost(old->row);
    struct node *root = without(m->root, key, &failed);
    if (failed) {
        return PP_NOMEM;
    }
    node_release(m->root);
    m->root = root;
    m->used -= less;
    return PP_OK;
}
