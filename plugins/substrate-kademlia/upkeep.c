/*
 * Joining's last step and what goes on after it: pings to silent siblings, a question to one of
 * them for others near us, a look-up into each bucket now and then (Maymounkov and Mazieres 2002,
 * section 2.3).
 */
#include "kademlia.h"

#include <common/find.h>

#define UPKEEP (5 * PP_SECOND)
#define ASK_FIRST (2 * PP_SECOND)
#define STALE (5 * PP_MINUTE) /* silence after which a contact beyond the siblings is pinged */
#define REFRESH_K 4

void kademlia_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        kademlia_learn(m, now, &result->peers[i], 0);
    }
    pp_member_activate(m, now);
}

void kademlia_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = kademlia_node(m);
    for (unsigned bits = 0; bits < PP_ID_BITS; bits++) {
        kademlia_trim(n, now, bits); /* a joiner remembers more */
    }
    n->upkeep_at = now + pp_random_jitter(&m->a.random, UPKEEP);
    n->ask_wait = ASK_FIRST;
    n->ask_at = now + pp_random_jitter(&m->a.random, ASK_FIRST);
    kademlia_fill(n, now);
}

void kademlia_fill(struct pp_substrate_node *n, pp_ns now)
{
    n->bucket = 0;
    n->first_pass = true;
    n->refresh_at = now + pp_random_jitter(&n->m.a.random, PP_SECOND / 2);
}

void kademlia_ask_soon(struct pp_substrate_node *n, pp_ns now)
{
    n->ask_wait = ASK_FIRST;
    n->ask_at = pp_sooner(n->ask_at, now + pp_random_jitter(&n->m.a.random, ASK_FIRST));
}

/* Siblings that were silent for a period, eight a time, and the stalest contact beyond them. */
static void ping_silent(struct pp_substrate_node *n, pp_ns now)
{
    size_t siblings = n->table.n < n->net->siblings ? n->table.n : n->net->siblings;
    const struct pp_entry *stalest = NULL;
    unsigned pinged = 0;
    for (size_t i = 0; i < n->table.n; i++) {
        const struct pp_entry *entry = &n->table.at[i];
        pp_ns age = pp_entry_age(entry, now);
        if (i >= siblings) {
            bool stale = age > (stalest ? pp_entry_age(stalest, now) : STALE);
            stalest = stale ? entry : stalest;
        } else if (age > n->net->ping - n->net->ping / 8 && pinged < 8 &&
                   !pp_rpc_pending(&n->m.a, &entry->peer, PP_WIRE_PING)) {
            pp_member_ping(&n->m, now, &entry->peer, 0);
            pinged++;
        }
    }
    if (stalest && !pp_rpc_pending(&n->m.a, &stalest->peer, PP_WIRE_PING)) {
        pp_member_ping(&n->m, now, &stalest->peer, 0);
    }
}

/* Whom do you know near me? One sibling a time; the wait doubles while nothing changes. */
static void ask_sibling(struct pp_substrate_node *n, pp_ns now)
{
    size_t siblings = n->table.n < n->net->siblings ? n->table.n : n->net->siblings;
    n->ask_wait = pp_sooner(2 * n->ask_wait, 2 * n->net->ping);
    n->ask_at = now + pp_random_jitter(&n->m.a.random, n->ask_wait);
    if (siblings == 0) {
        return;
    }
    const struct pp_entry *whom = &n->table.at[pp_random_below(&n->m.a.random, siblings)];
    pp_member_ask_near(&n->m, now, &whom->peer, &n->m.a.self.id);
}

/* The deepest bucket that the siblings may not hold whole; -1: they are all there is. */
static int edge(const struct pp_substrate_node *n)
{
    if (n->table.n < n->net->siblings) {
        return -1;
    }
    return (int)pp_id_shared_bits(&n->m.a.self.id, &n->table.at[n->net->siblings - 1].peer.id);
}

static void next_bucket(struct pp_substrate_node *n, pp_ns now)
{
    int last = edge(n);
    n->looking = false;
    n->bucket++;
    if (n->bucket > last) {
        n->bucket = 0;
        n->first_pass = false;
    }
    pp_ns share = n->net->refresh / (pp_ns)(last < 0 ? 1 : last + 1);
    n->refresh_at = n->first_pass ? now : now + pp_random_jitter(&n->m.a.random, share);
}

static void on_refreshed(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                         const struct pp_result *result)
{
    struct pp_member *m = (struct pp_member *)a;
    (void)lookup;
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    for (size_t i = 0; i < result->n_peers; i++) {
        kademlia_learn(m, now, &result->peers[i], 0);
    }
    next_bucket(kademlia_node(m), now);
}

/* A random id that shares exactly `bits` bits with ours. */
static struct pp_id random_in_bucket(struct pp_substrate_node *n, unsigned bits)
{
    struct pp_id id = n->m.a.self.id;
    id.b[bits / 8] ^= (uint8_t)(0x80u >> bits % 8);
    for (unsigned i = bits + 1; i < PP_ID_BITS; i += 32) {
        uint64_t random = pp_random_next(&n->m.a.random);
        for (unsigned j = i; j < i + 32 && j < PP_ID_BITS; j++, random >>= 1) {
            id.b[j / 8] ^= (uint8_t)((random & 1) << (7 - j % 8));
        }
    }
    return id;
}

static void refresh(struct pp_substrate_node *n, pp_ns now)
{
    if (n->table.n == 0 || n->bucket > edge(n)) {
        next_bucket(n, now);
        return;
    }
    struct pp_id key = random_in_bucket(n, n->bucket);
    struct pp_lookup_request request = {
        .key = &key, .k = REFRESH_K, .paths = 1, .done = on_refreshed};
    n->refresh_at = PP_NEVER;
    n->looking = pp_lookup_start(&n->m.a, now, &request) == PP_OK;
    if (!n->looking) {
        next_bucket(n, now);
    }
}

void kademlia_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = kademlia_node(m);
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (now >= n->upkeep_at) {
        n->upkeep_at = now + pp_random_jitter(&m->a.random, UPKEEP);
        ping_silent(n, now);
    }
    if (now >= n->ask_at) {
        ask_sibling(n, now);
    }
    if (now >= n->refresh_at && !n->looking) {
        refresh(n, now);
    }
}

pp_ns kademlia_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    if (m->phase != PP_PHASE_MEMBER) {
        return PP_NEVER;
    }
    pp_ns at = pp_sooner(n->upkeep_at, n->ask_at);
    return n->looking ? at : pp_sooner(at, n->refresh_at);
}
