/*
 * Fingers: succ(n + 2^i) for those i whose target lies beyond the successor list, each node once
 * (Stoica et al. 2003, section IV.D). One is looked after at a time: asked whether it still
 * follows its target, and only otherwise looked up.
 */
#include "chord.h"

#include <common/find.h>

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

/* Put in, it stays if it is the first beyond its power of two, and may push out the one after. */
void chord_finger_offer(struct pp_substrate_node *n, const struct pp_entry *entry)
{
    struct pp_order order = chord_clockwise(n);
    if (n->m.a.active && n->s.n > 0 && !chord_whole(n)) {
        pp_peerset_insert(&n->f, &order, PP_ID_BITS, entry);
        chord_finger_prune(n);
    }
}

static void next_finger(struct pp_substrate_node *n, pp_ns now)
{
    pp_rounds_done(&n->fingers, &n->m.a.random, now, n->net->refresh,
                   PP_ID_BITS - chord_finger_low(n));
}

static struct pp_id target_now(const struct pp_substrate_node *n)
{
    return chord_finger_target(n, PP_ID_BITS - 1u - n->fingers.index);
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
    struct pp_id target = target_now(n);
    struct pp_lookup_request request = {.key = &target, .k = 1, .paths = 1, .done = on_found};
    if (pp_lookup_start(&n->m.a, now, &request) != PP_OK) {
        next_finger(n, now);
    }
}

static void on_pong(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_page page;
    struct pp_id target = target_now(n);
    if (pp_member_answered(&n->m, now, answer) &&
        pp_read_ping_reply(&answer->body, &page, 0) == PP_OK &&
        !pp_page_before(&page, &target, &answer->rx->from.id)) {
        next_finger(n, now);
    } else if (answer->code != PP_AGAIN) {
        look_up(n, now); /* dead, or its predecessor has come between */
    }
}

void chord_finger_tick(struct pp_substrate_node *n, pp_ns now)
{
    unsigned low = chord_finger_low(n);
    if (now < pp_rounds_next(&n->fingers)) {
        return;
    }
    if (low >= PP_ID_BITS) {
        n->fingers.at = now + pp_random_jitter(&n->m.a.random, n->net->refresh);
        return;
    }
    if (n->fingers.index >= PP_ID_BITS - low) {
        n->fingers.index = 0;
    }
    n->fingers.busy = true;
    struct pp_order order = chord_clockwise(n);
    struct pp_id target = target_now(n);
    size_t at = pp_peerset_place(&n->f, &order, &target);
    if (at >= n->f.n) {
        look_up(n, now);
        return;
    }
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, PP_WIRE_PING);
    pp_write_ping(&w, &target);
    if (!pp_member_ask(&n->m, now, &n->f.at[at].peer, &w, on_pong, 0)) {
        next_finger(n, now);
    }
}
