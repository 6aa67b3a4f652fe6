/*
 * Fingers: succ(n + 2^i) for those i whose target lies beyond the successor list, each node once
 * (Stoica et al. 2003, section IV.D). One is looked after at a time: asked whether it still
 * follows its target, and only otherwise looked up.
 */
#include "chord.h"

#include <common/find.h>

#define ROUND_QUIET PP_MINUTE

static struct pp_id distance(const struct pp_substrate_node *n, const struct pp_id *id)
{
    return pp_id_sub(id, &n->m.a.self.id);
}

struct pp_id chord_finger_target(const struct pp_substrate_node *n, unsigned bit)
{
    struct pp_id power = pp_id_power(bit);
    return pp_id_add(&n->m.a.self.id, &power);
}

/* Lowest bit whose target lies beyond S; PP_ID_BITS when S is the whole ring. */
unsigned chord_finger_low(const struct pp_substrate_node *n)
{
    if (n->s.n == 0 || chord_whole(n)) {
        return PP_ID_BITS;
    }
    struct pp_id d = distance(n, &n->s.at[n->s.n - 1].peer.id);
    return (unsigned)(pp_id_top_bit(&d) + 1);
}

/* An entry stays when a power of two lies between it and the entry before it. */
void chord_finger_prune(struct pp_substrate_node *n)
{
    if (!n->m.a.active || n->s.n == 0) {
        return;
    }
    struct pp_id last = distance(n, &n->s.at[n->s.n - 1].peer.id);
    int before = chord_whole(n) ? PP_ID_BITS : pp_id_top_bit(&last);
    for (size_t i = 0; i < n->f.n;) {
        struct pp_id d = distance(n, &n->f.at[i].peer.id);
        if (pp_id_top_bit(&d) > before) {
            before = pp_id_top_bit(&d);
            i++;
        } else {
            pp_peerset_remove(&n->f, i);
        }
    }
}

void chord_finger_offer(struct pp_substrate_node *n, const struct pp_entry *entry)
{
    struct pp_order order = chord_clockwise(n);
    if (!n->m.a.active || n->s.n == 0 || chord_whole(n)) {
        return;
    }
    struct pp_id d = distance(n, &entry->peer.id);
    struct pp_id last = distance(n, &n->s.at[n->s.n - 1].peer.id);
    int bit = pp_id_top_bit(&d);
    size_t place = pp_peerset_place(&n->f, &order, &entry->peer.id);
    int before = pp_id_top_bit(&last);
    if (place > 0) {
        struct pp_id previous = distance(n, &n->f.at[place - 1].peer.id);
        before = pp_id_top_bit(&previous);
    }
    if (bit > before) {
        pp_peerset_insert(&n->f, &order, PP_ID_BITS, entry);
        chord_finger_prune(n);
    }
}

/* The next one: at once while the first pass runs, else so that each has its turn in a period. */
static void next_finger(struct pp_substrate_node *n, pp_ns now)
{
    unsigned low = chord_finger_low(n), count = PP_ID_BITS - low;
    n->finding = false;
    if (n->finger_bit == 0 || --n->finger_bit < low) {
        n->finger_bit = PP_ID_BITS - 1;
        n->finger_pass = false;
    }
    pp_ns period = pp_random_jitter(&n->m.a.random, n->net->refresh);
    n->finger_at = n->finger_pass ? now : now + period / (count ? count : 1);
}

static void on_found(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                     const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)lookup;
    if (n->m.phase == PP_PHASE_MEMBER && result->code == PP_OK && result->n_peers > 0) {
        chord_learn(&n->m, now, &result->peers[0], 0);
    }
    next_finger(n, now);
}

static void look_up(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_id target = chord_finger_target(n, n->finger_bit);
    struct pp_lookup_request request = {.key = &target, .k = 1, .paths = 1, .done = on_found};
    if (pp_lookup_start(&n->m.a, now, &request) != PP_OK) {
        next_finger(n, now);
    }
}

static void on_pong(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_page page;
    if (pp_member_answered(&n->m, now, answer) &&
        pp_read_ping_reply(&answer->body, &page, 0) == PP_OK && page.n == 0) {
        next_finger(n, now);
    } else if (answer->code != PP_AGAIN) {
        look_up(n, now); /* dead, or its predecessor has come between */
    }
}

void chord_finger_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (now < n->finger_at || n->finding) {
        return;
    }
    unsigned low = chord_finger_low(n);
    if (low >= PP_ID_BITS) {
        n->finger_at = now + pp_random_jitter(&n->m.a.random, ROUND_QUIET);
        return;
    }
    if (n->finger_bit < low) {
        n->finger_bit = PP_ID_BITS - 1;
    }
    n->finding = true;
    struct pp_order order = chord_clockwise(n);
    struct pp_id target = chord_finger_target(n, n->finger_bit);
    size_t at = pp_peerset_place(&n->f, &order, &target);
    if (at >= n->f.n) {
        look_up(n, now);
        return;
    }
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, PP_WIRE_PING);
    pp_write_ping(&w, &target);
    struct pp_request request = {.to = &n->f.at[at].peer,
                                 .rto = pp_entry_rto(&n->f.at[at]),
                                 .done = on_pong,
                                 .owner = &n->m};
    if (pp_rpc_send(&n->m.a, now, &request, &w) != PP_OK) {
        next_finger(n, now);
    }
}
