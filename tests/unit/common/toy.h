/* The smallest substrate: two lists round its own id, to test the frame that all stand on. */
#ifndef TOY_H
#define TOY_H

#include <common/find.h>
#include <common/member.h>
#include <stdlib.h>

#include "fake.h"

#define TOY_BYE PP_WIRE_OWN

struct pp_substrate_node {
    struct pp_member m;         /* first */
    struct pp_peerset up, down; /* clockwise, counter-clockwise */
    unsigned suspected, settled, activated, merged, requests;
    bool waits, probes, knew;
};

struct toy {
    struct fake f; /* first */
    enum pp_state state;
    struct pp_substrate_node *n;
    struct pp_member_ops ops;
};

static inline struct pp_substrate_node *toy_of(const struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline size_t toy_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX])
{
    out[0] = (struct pp_table){&toy_of(m)->up, {pp_distance_clockwise, m->a.self.id}, 4};
    out[1] = (struct pp_table){&toy_of(m)->down, {pp_distance_counter, m->a.self.id}, 4};
    return 2;
}

static inline bool toy_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    (void)tag;
    return !pp_tables_entry(m, id);
}

static inline void toy_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer,
                             uint32_t tag)
{
    struct pp_table t[PP_TABLES_MAX];
    struct pp_entry entry = pp_entry_now(peer, now);
    size_t n = toy_tables(m, t);
    (void)tag;
    for (size_t i = 0; i < n && !pp_id_is_zero(&peer->id); i++) {
        pp_peerset_insert(t[i].set, &t[i].order, t[i].max, &entry);
    }
}

static inline void toy_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    (void)now;
    pp_tables_remove(m, id);
}

static inline void toy_suspected(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    (void)now;
    (void)id;
    toy_of(m)->suspected++;
}

static inline void toy_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        toy_learn(m, now, &result->peers[i], 0);
    }
    pp_member_activate(m, now);
}

static inline void toy_activated(struct pp_member *m, pp_ns now)
{
    (void)now;
    toy_of(m)->activated++;
}

static inline bool toy_in_place(const struct pp_member *m, const struct pp_id *first)
{
    return pp_id_equal(first, &toy_of(m)->up.at[0].peer.id);
}

static inline void toy_merged(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    (void)now;
    toy_of(m)->merged += (unsigned)result->n_peers;
}

static inline void toy_on_ping(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                               const struct pp_header *header, struct pp_reader *body)
{
    (void)now;
    (void)body;
    toy_of(m)->requests++;
    toy_of(m)->knew = m->knew;
    pp_member_pong(m, rx, header, NULL, NULL, 0);
}

static inline void toy_on_find(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                               const struct pp_header *header, struct pp_reader *body)
{
    struct pp_peer peers[8];
    (void)now;
    (void)body;
    toy_of(m)->requests++;
    toy_of(m)->knew = m->knew;
    pp_member_list(m, rx, header, 1, peers, pp_tables_peers(m, peers, 8), 1);
}

static pp_request_fn *const toy_requests[] = {
    [PP_WIRE_PING] = toy_on_ping, [PP_WIRE_FIND] = toy_on_find};

static inline void toy_tick(struct pp_member *m, pp_ns now)
{
    (void)m;
    (void)now;
}

static inline pp_ns toy_next(const struct pp_member *m)
{
    (void)m;
    return PP_NEVER;
}

static inline void toy_settled(struct pp_member *m, pp_ns now)
{
    (void)now;
    toy_of(m)->settled++;
}

static inline bool toy_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_writer w;
    for (size_t i = 0; i < toy_of(m)->up.n; i++) {
        pp_agent_begin(&m->a, &w, TOY_BYE);
        if (toy_of(m)->waits) {
            pp_member_part(m, now, &toy_of(m)->up.at[i].peer, &w);
        } else {
            pp_agent_send(&m->a, &toy_of(m)->up.at[i].peer, &w);
        }
    }
    return m->pinging > 0;
}

static inline void toy_rank(const struct pp_agent *a, const struct pp_id *key,
                            const struct pp_peer *peer, const uint8_t *extra,
                            uint8_t out[PP_RANK_LEN])
{
    struct pp_id d = pp_id_xor(&peer->id, key);
    (void)a;
    (void)extra;
    memset(out, 0, PP_RANK_LEN);
    memcpy(out, d.b, PP_ID_LEN);
}

static inline void toy_seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_peerset *up = &toy_of((const struct pp_member *)a)->up;
    for (size_t i = 0; i < up->n; i++) {
        pp_lookup_seed(a, now, l, &up->at[i].peer, NULL, false);
    }
}

static inline void toy_state(void *ctx, enum pp_state state, const char *text)
{
    struct toy *toy = ctx;
    toy->state = text[0] ? state : PP_JOINING;
}

static const struct pp_lookup_ops toy_lookup_ops = {
    .rank = toy_rank, .seed = toy_seed, PP_MEMBER_LOOKUP_OPS};
static const struct pp_substrate_host toy_host = {fake_send, fake_found, toy_state, NULL};

/* Node 100, or a client. */
static inline void toy_start(struct toy *toy, enum pp_role role)
{
    static const uint8_t seed[16] = {5};
    struct pp_peer self = peer_number(100);
    memset(toy, 0, sizeof *toy);
    toy->ops = (struct pp_member_ops){.tables = toy_tables,
                                      PP_TABLES_OPS,
                                      .wanted = toy_wanted,
                                      .learn = toy_learn,
                                      .forget = toy_forget,
                                      .suspected = toy_suspected,
                                      .seek_k = 3,
                                      .place = toy_place,
                                      .activated = toy_activated,
                                      .merged = toy_merged,
                                      PP_MEMBER_REQUESTS(toy_requests),
                                      .tick = toy_tick,
                                      .next = toy_next,
                                      .settled = toy_settled,
                                      .goodbye = toy_goodbye};
    toy->n = calloc(1, sizeof *toy->n);
    if (toy->n) {
        pp_member_init(&toy->n->m, &toy->ops, &toy_lookup_ops, &toy_host, toy, role, &self, seed);
    }
}

/* Founds a network in which it knows the peers of these numbers. */
static inline void toy_member(struct toy *toy, const uint8_t *numbers, size_t n)
{
    toy_start(toy, PP_MEMBER);
    pp_member_meet(toy->n, PP_SECOND, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        struct pp_peer peer = peer_number(numbers[i]);
        toy_learn(&toy->n->m, PP_SECOND, &peer, 0);
    }
}

static inline void toy_end(struct toy *toy)
{
    pp_member_destroy(toy->n);
}

static inline uint8_t toy_kind(const struct toy *toy, size_t sent)
{
    return toy->f.sent[sent].octets[0];
}

/* How many of a kind were sent. */
static inline size_t toy_count(const struct toy *toy, uint8_t kind)
{
    size_t count = 0;
    for (size_t i = 0; i < toy->f.n; i++) {
        count += toy_kind(toy, i) == kind;
    }
    return count;
}

/* Delivers what `from` sends. */
static inline void toy_hear(struct toy *toy, pp_ns now, const struct pp_peer *from,
                            const struct pp_writer *w)
{
    struct pp_rx rx = {*from, PP_ID_PROVED};
    pp_member_receive(toy->n, now, &rx, pp_bytes(w->data, w->len));
}

/* The peer of that number answers the datagram of that index; `peers` in its page. */
static inline void toy_answer(struct toy *toy, pp_ns now, size_t sent, uint8_t number,
                              uint8_t flags, const struct pp_peer *peers, size_t n)
{
    struct pp_peer from = peer_number(number);
    struct pp_reader r = pp_reader(pp_bytes(toy->f.sent[sent].octets, toy->f.sent[sent].len));
    struct pp_header header;
    struct pp_writer w;
    if (pp_read_header(&r, &header) != PP_OK) {
        return;
    }
    pp_writer_begin(&w, header.kind | PP_WIRE_REPLY, flags, header.id);
    if (header.kind == PP_WIRE_FIND) {
        pp_write8(&w, 1);
    }
    if (header.kind != TOY_BYE) {
        pp_write_page(&w, peers, n, 0, NULL, 0);
    }
    toy_hear(toy, now, &from, &w);
}

/* Runs its deadlines until `end`. */
static inline void toy_run(struct toy *toy, pp_ns end)
{
    for (pp_ns at; (at = pp_member_next(toy->n)) <= end;) {
        pp_member_tick(toy->n, at);
    }
}

#endif
