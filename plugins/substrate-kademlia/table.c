/*
 * The table of a node and the only code that changes it: who enters, who gives way (Maymounkov and
 * Mazieres 2002, section 2.2; siblings: Baumgart and Mies 2007, section 4.3).
 */
#include "kademlia.h"

struct pp_order kademlia_order(const struct pp_substrate_node *n)
{
    return (struct pp_order){pp_distance_xor, n->m.a.self.id};
}

static unsigned shared(const struct pp_substrate_node *n, size_t index)
{
    return pp_id_shared_bits(&n->m.a.self.id, &n->table.at[index].peer.id);
}

/* First index whose shared prefix is at most `bits`: the list's prefixes fall with distance. */
static size_t first_at_most(const struct pp_substrate_node *n, unsigned bits)
{
    size_t low = 0, high = n->table.n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (shared(n, middle) <= bits) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void kademlia_bucket(const struct pp_substrate_node *n, unsigned bits, size_t *from, size_t *to)
{
    size_t siblings = n->net->siblings < n->table.n ? n->net->siblings : n->table.n;
    *from = first_at_most(n, bits);
    *to = bits > 0 ? first_at_most(n, bits - 1) : n->table.n;
    *from = *from < siblings ? siblings : *from;
    *to = *to < *from ? *from : *to;
}

struct pp_entry *kademlia_entry(const struct pp_member *m, const struct pp_id *id)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    struct pp_order order = kademlia_order(n);
    int at = pp_peerset_find(&n->table, &order, id);
    return at < 0 ? NULL : &n->table.at[at];
}

size_t kademlia_known(const struct pp_member *m)
{
    return ((const struct pp_substrate_node *)m)->table.n;
}

size_t kademlia_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    return pp_peerset_peers(&((const struct pp_substrate_node *)m)->table, out, cap);
}

void kademlia_free(struct pp_member *m)
{
    pp_peerset_free(&kademlia_node(m)->table);
}

/* Does it belong among the siblings, or into a bucket with room? */
static bool has_place(const struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_order order = kademlia_order(n);
    size_t from, to;
    if (pp_peerset_place(&n->table, &order, id) < n->net->siblings) {
        return true;
    }
    kademlia_bucket(n, pp_id_shared_bits(&n->m.a.self.id, id), &from, &to);
    return to - from < n->net->bucket;
}

bool kademlia_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    (void)tag;
    return !kademlia_entry(m, id) && has_place(n, id);
}

/* Who gives way in an overfull bucket: the suspected, else the one not heard for the longest. */
static size_t weakest(const struct pp_substrate_node *n, pp_ns now, size_t from, size_t to)
{
    size_t victim = from;
    for (size_t i = from; i < to; i++) {
        const struct pp_entry *entry = &n->table.at[i], *worst = &n->table.at[victim];
        bool suspect = entry->flags & PP_ENTRY_SUSPECT, before = worst->flags & PP_ENTRY_SUSPECT;
        if (suspect != before ? suspect : pp_entry_age(entry, now) > pp_entry_age(worst, now)) {
            victim = i;
        }
    }
    return victim;
}

void kademlia_trim(struct pp_substrate_node *n, pp_ns now, unsigned bits)
{
    size_t from, to;
    kademlia_bucket(n, bits, &from, &to);
    for (; to - from > n->net->bucket; to--) {
        pp_peerset_remove(&n->table, weakest(n, now, from, to));
    }
}

/* A full bucket: whoever is suspected gives way at once; the silent one is asked whether it lives,
 * and keeps its place when it does. */
static void contest(struct pp_substrate_node *n, pp_ns now, const struct pp_entry *entry)
{
    struct pp_order order = kademlia_order(n);
    size_t from, to;
    kademlia_bucket(n, pp_id_shared_bits(&n->m.a.self.id, &entry->peer.id), &from, &to);
    if (from == to) {
        return;
    }
    size_t weak = weakest(n, now, from, to);
    const struct pp_entry *silent = &n->table.at[weak];
    if (silent->flags & PP_ENTRY_SUSPECT) {
        pp_peerset_remove(&n->table, weak);
        pp_peerset_insert(&n->table, &order, UINT16_MAX, entry);
    } else if (pp_entry_age(silent, now) > 10 * n->net->ping &&
               !pp_rpc_pending(&n->m.a, &silent->peer, PP_WIRE_PING)) {
        pp_member_ping(&n->m, now, &silent->peer, 0);
    }
}

/* A client's or joiner's memory: the one not heard for the longest gives way. */
static void remember(struct pp_substrate_node *n, pp_ns now, const struct pp_entry *entry)
{
    struct pp_order order = kademlia_order(n);
    if (n->table.n >= KADEMLIA_KNOWN) {
        pp_peerset_remove(&n->table, (size_t)pp_peerset_oldest(&n->table, now));
    }
    pp_peerset_insert(&n->table, &order, KADEMLIA_KNOWN, entry);
}

void kademlia_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_substrate_node *n = kademlia_node(m);
    struct pp_order order = kademlia_order(n);
    struct pp_entry entry = pp_entry_now(peer, now);
    (void)tag;
    if (pp_id_is_zero(&peer->id) || m->phase >= PP_PHASE_LEAVING ||
        (!m->client && pp_id_equal(&peer->id, &m->a.self.id))) {
        return;
    }
    if (!kademlia_entry(m, &peer->id)) {
        if (m->client || m->phase < PP_PHASE_ENTER) {
            remember(n, now, &entry);
        } else if (!has_place(n, &peer->id)) {
            contest(n, now, &entry);
        } else {
            bool sibling = pp_peerset_place(&n->table, &order, &peer->id) < n->net->siblings;
            pp_peerset_insert(&n->table, &order, UINT16_MAX, &entry);
            if (n->table.n > n->net->siblings) {
                kademlia_trim(n, now, shared(n, n->net->siblings));
            }
            if (n->table.n == n->net->siblings && m->phase == PP_PHASE_MEMBER) {
                kademlia_fill(n, now); /* until now they were the whole network */
            }
            if (sibling && m->phase == PP_PHASE_MEMBER) {
                kademlia_ask_soon(n, now);
            }
        }
    }
    if (m->client || m->phase == PP_PHASE_MEMBER) {
        pp_member_set_state(m, PP_ACTIVE);
    }
}

void kademlia_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = kademlia_node(m);
    struct pp_order order = kademlia_order(n);
    int at = pp_peerset_find(&n->table, &order, id);
    if (at < 0) {
        return;
    }
    unsigned bits = shared(n, (size_t)at);
    pp_peerset_remove(&n->table, (size_t)at);
    if (m->phase != PP_PHASE_MEMBER || m->client) {
        return;
    }
    if ((size_t)at < n->net->siblings) {
        kademlia_ask_soon(n, now);
    } else {
        size_t from, to;
        kademlia_bucket(n, bits, &from, &to);
        if (to - from < (n->net->bucket + 1) / 2 && !n->first_pass) {
            n->bucket = (uint8_t)bits; /* half empty: refreshed next, and soon */
            n->refresh_at =
                pp_sooner(n->refresh_at, now + pp_random_below(&m->a.random, PP_SECOND));
        }
    }
    if (n->table.n == 0) {
        pp_member_set_state(m, PP_ALONE);
    }
}
