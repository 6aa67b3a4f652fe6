/*
 * A network played by a test, for the look-up engine: 200 peers with hand-made ideal Kademlia
 * tables (a few peers of each bucket), some of them dead, inactive or misled, and an oracle.
 */
#ifndef PLAYED_H
#define PLAYED_H

#include <check.h>
#include <common/find.h>
#include <common/order.h>

#include "fake.h"

#define PEERS 200
#define BUCKET 3

static struct fake fake;
static struct pp_peer net[PEERS];
static bool dead[PEERS], inactive[PEERS];
static bool root_rule;
static size_t asked_dead;

static inline void make_net(void)
{
    static const uint8_t key[16] = {1};
    for (size_t i = 0; i < PEERS; i++) {
        net[i] = peer_number(1);
        for (uint8_t j = 0; j < PP_ID_LEN; j++) {
            uint8_t input[2] = {(uint8_t)i, j};
            net[i].id.b[j] = (uint8_t)pp_siphash(key, input, 2);
        }
        pp_put16(net[i].address + 14, (uint16_t)(i + 1));
        dead[i] = inactive[i] = false;
    }
    root_rule = false;
    asked_dead = 0;
}

static inline size_t number_of(const struct pp_peer *peer)
{
    return pp_get16(peer->address + 14) - 1u;
}

static inline int nearer(const struct pp_id *key, size_t a, size_t b)
{
    struct pp_id da = pp_id_xor(&net[a].id, key), db = pp_id_xor(&net[b].id, key);
    return pp_id_compare(&da, &db);
}

/* The k closest among those that `may` accept, best first. */
static inline size_t closest(const struct pp_id *key, size_t k, const bool *may, size_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < PEERS; i++) {
        if (!may[i]) {
            continue;
        }
        size_t at = n < k ? n++ : n;
        for (; at > 0 && nearer(key, i, out[at - 1]) < 0; at--) {
            if (at < k) {
                out[at] = out[at - 1];
            }
        }
        if (at < k) {
            out[at] = i;
        }
    }
    return n;
}

/* What a node with ideal tables knows: BUCKET living peers for each length of shared prefix, and
 * all the dead, of whom it has not noticed. */
static inline void table_of(size_t node, bool *known)
{
    size_t in_bucket[PP_ID_BITS + 1] = {0};
    memset(known, 0, PEERS * sizeof *known);
    for (size_t i = 0; i < PEERS; i++) {
        unsigned shared = pp_id_shared_bits(&net[i].id, &net[node].id);
        bool gone = dead[i] || inactive[i];
        if (i == node || gone || in_bucket[shared]++ < BUCKET) {
            known[i] = true;
        }
    }
}

static inline void rank(const struct pp_agent *agent, const struct pp_id *key,
                        const struct pp_peer *peer, const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    (void)agent;
    (void)extra;
    struct pp_id d = pp_id_xor(&peer->id, key);
    memcpy(out, d.b, PP_ID_LEN);
}

static inline void seed(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    for (size_t i = 0; i < 8; i++) {
        pp_lookup_seed(agent, now, l, &net[i * 25], NULL, false);
    }
}

static inline bool fresh(const struct pp_agent *agent, pp_ns now, const struct pp_id *id)
{
    (void)agent;
    (void)now;
    (void)id;
    return false;
}

static inline pp_ns rto(const struct pp_agent *agent, const struct pp_id *id)
{
    (void)agent;
    (void)id;
    return PP_SECOND;
}

static inline void ignore(struct pp_agent *agent, pp_ns now, const struct pp_peer *peer)
{
    (void)agent;
    (void)now;
    (void)peer;
}

static inline void count_dead(struct pp_agent *agent, pp_ns now, const struct pp_peer *peer)
{
    (void)agent;
    (void)now;
    (void)peer;
    asked_dead++;
}

static const struct pp_lookup_ops all_ops = {
    .rank = rank, .seed = seed, .fresh = fresh, .rto = rto, .late = ignore, .dead = count_dead};
static const struct pp_lookup_ops root_ops = {.root = true,
                                              .rank = rank,
                                              .seed = seed,
                                              .fresh = fresh,
                                              .rto = rto,
                                              .late = ignore,
                                              .dead = count_dead};

static inline void write_answer(struct pp_writer *w, size_t node, const struct pp_find *find)
{
    bool known[PEERS], every[PEERS];
    size_t best[PP_K_MAX + 20];
    struct pp_peer peers[PP_K_MAX + 20];
    table_of(node, known);
    memset(every, 1, sizeof every);
    size_t nearest = SIZE_MAX, k = find->k + 20u; /* room for the dead among them */
    closest(&find->key, 1, every, &nearest);
    bool complete = root_rule && nearest == node;
    size_t n = closest(&find->key, k, complete ? every : known, best);
    n = n < k ? n : k;
    for (size_t i = 0; i < n; i++) {
        peers[i] = net[best[i]];
    }
    pp_write8(w, complete);
    pp_write_page(w, peers, n, find->from, NULL, 0);
}

static size_t misled, grave; /* so many answers name this dead peer as all there is */
static inline bool mislead(struct pp_writer *w)
{
    if (misled == 0) {
        return false;
    }
    misled--;
    pp_write8(w, true);
    pp_write_page(w, &net[grave], 1, 0, NULL, 0);
    return true;
}

static size_t deaf_node, deaf_tries; /* so many datagrams to this one are lost */
static inline bool deaf(size_t node)
{
    return node == deaf_node && deaf_tries > 0 && deaf_tries-- > 0;
}

static size_t witness = SIZE_MAX, witnessed; /* the first names the second when pinged */

/* One datagram sent is answered as its node would. */
static inline void answer(struct pp_agent *agent, pp_ns now, const struct sent *sent)
{
    size_t node = number_of(&sent->to);
    struct pp_reader in = pp_reader(pp_bytes(sent->octets, sent->len));
    struct pp_header header;
    struct pp_find find;
    struct pp_writer w;
    pp_read_header(&in, &header);
    if (node >= PEERS || dead[node] || deaf(node)) {
        return;
    }
    pp_writer_begin(&w, header.kind | PP_WIRE_REPLY, (uint8_t)(inactive[node] ? 0 : PP_WIRE_ACTIVE),
                    header.id);
    if (header.kind == PP_WIRE_FIND) {
        CU_ASSERT_EQUAL(pp_read_find(&in, &find), PP_OK);
        if (!mislead(&w)) {
            write_answer(&w, node, &find);
        }
    } else {
        pp_write_page(&w, &net[witnessed], node == witness, 0, NULL, 0);
    }
    struct pp_reader body = pp_reader(pp_bytes(w.data, w.len));
    struct pp_rx rx = {net[node], PP_ID_PROVED};
    pp_ns rtt;
    pp_read_header(&body, &header);
    struct pp_rpc *rpc = pp_rpc_take(agent, now, &header, &rx, &rtt);
    if (rpc) {
        pp_rpc_finish(agent, now, rpc, &header, &rx, &body);
    }
}

/* Plays the network until the look-up has ended; returns when. */
static inline pp_ns play(struct pp_agent *agent, pp_ns now)
{
    size_t done = 0;
    while (fake.found == 0) {
        while (done < fake.n) {
            struct sent sent = fake.sent[done++];
            answer(agent, now, &sent);
        }
        pp_lookup_settle(agent, now);
        if (fake.found == 0 && done == fake.n) {
            now = pp_sooner(pp_rpc_deadline(agent), pp_lookup_deadline(agent));
            CHECK_FATAL(now != PP_NEVER);
            pp_rpc_tick(agent, now);
            pp_lookup_tick(agent, now);
        }
    }
    return now;
}

static inline void look_up(struct pp_agent *agent, const struct pp_id *key, unsigned k,
                           unsigned paths)
{
    struct pp_lookup_request request = {
        .key = key, .k = k, .paths = paths, .flags = PP_LOOKUP_TRACE, .token = 42};
    fake.n = fake.found = 0;
    CU_ASSERT_EQUAL(pp_lookup_start(agent, 0, &request), PP_OK);
    CU_ASSERT_EQUAL(fake.found, 0); /* never from inside */
    play(agent, 0);
    CU_ASSERT_EQUAL(fake.token, 42);
    CU_ASSERT_EQUAL(agent->rpcs.n, 0);
    CU_ASSERT_PTR_NULL(agent->lookups);
}

static inline void exact(const struct pp_id *key, size_t k)
{
    bool lives[PEERS];
    size_t right[PP_K_MAX];
    for (size_t i = 0; i < PEERS; i++) {
        lives[i] = !dead[i] && !inactive[i];
    }
    closest(key, k, lives, right);
    CU_ASSERT_EQUAL(fake.result.code, PP_OK);
    CHECK_FATAL(fake.result.n_peers == k);
    for (size_t i = 0; i < k; i++) {
        CU_ASSERT_EQUAL(number_of(&fake.peers[i]), right[i]);
    }
}

#endif
