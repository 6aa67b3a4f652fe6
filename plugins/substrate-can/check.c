/*
 * For people and tests: the tables as text, the invariants of one node and of a whole overlay (the
 * zones tile the space, the neighbour tables are exact). Sends nothing.
 */
#include "can.h"

#include <common/report.h>
#include <stdio.h>
#include <stdlib.h>

static void say_zones(const struct pp_sink *sink, const char *what, const struct can_zones *zones)
{
    for (size_t i = 0; i < zones->n; i++) {
        pp_say(sink, "%s %s %08x/%u", what, zones->at[i].ward ? "ward" : "home",
               zones->at[i].prefix, zones->at[i].depth);
    }
}

void can_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17], line[40];
    pp_say(sink, "can %s %s, %u zones, %u neighbours%s", pp_short_id(&n->m.a.self.id, id),
           pp_phase_text(&n->m), n->zones.n, n->near.n, n->holed ? ", a hole" : "");
    say_zones(sink, "own", &n->zones);
    pp_say_set(sink, "neighbour", &n->near);
    for (size_t i = 0; i < n->near.n; i++) {
        snprintf(line, sizeof line, "neighbour %zu", i);
        say_zones(sink, line, &n->facts[i].zones);
    }
}

static size_t check_alone(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0, homes = 0;
    bool member = n->m.phase == PP_PHASE_MEMBER;
    pp_short_id(&n->m.a.self.id, id);
    for (size_t i = 0; i < n->zones.n; i++) {
        homes += !n->zones.at[i].ward;
        for (size_t j = 0; j < i; j++) {
            if (can_nested(n->zones.at[i], n->zones.at[j])) {
                pp_say(sink, "%s: own zones %zu and %zu overlap", id, j, i);
                bad++;
            }
        }
    }
    if (member && homes != 1) {
        pp_say(sink, "%s: a member with %zu homes", id, homes);
        bad++;
    }
    for (size_t i = 0; i < n->near.n; i++) {
        const struct can_zones *its = &n->facts[i].zones;
        bool touches = !member;
        for (size_t j = 0; j < its->n; j++) {
            touches = touches || can_zones_meet(&n->net->space, &n->zones, its->at[j]);
        }
        const struct pp_id *at = &n->near.at[i].peer.id;
        bool order = i == 0 || pp_id_compare(&n->near.at[i - 1].peer.id, at) < 0;
        if (!touches || !order || pp_id_equal(at, &n->m.a.self.id)) {
            pp_say(sink, "%s: neighbour %zu has no business in the table", id, i);
            bad++;
        }
    }
    return bad;
}

/* All zones of all nodes, sorted; `peer` of a claim is its node's own peer. */
static bool take_census(struct pp_substrate_node *const *nodes, size_t n, struct can_view *all)
{
    size_t zones = 0;
    for (size_t i = 0; i < n; i++) {
        zones += nodes[i]->zones.n;
    }
    *all = (struct can_view){malloc((zones + 1) * sizeof *all->at), 0};
    for (size_t i = 0; all->at && i < n; i++) {
        for (size_t j = 0; j < nodes[i]->zones.n; j++) {
            all->at[all->n++] =
                (struct can_claim){nodes[i]->zones.at[j], CAN_OWN, &nodes[i]->m.a.self};
        }
    }
    if (all->at) {
        can_view_sort(all);
    }
    return all->at != NULL;
}

static size_t check_tiling(const struct can_view *all, const struct pp_sink *sink)
{
    size_t bad = 0;
    uint64_t volume = 0;
    char id[17], other[17];
    for (size_t i = 0; i < all->n; i++) {
        const struct can_claim *claim = &all->at[i];
        volume += UINT64_C(1) << (CAN_DEPTH_MAX - claim->zone.depth);
        if (i > 0 && can_inside(claim->zone, claim[-1].zone)) {
            pp_say(sink, "zone %08x/%u of %s lies in %08x/%u of %s", claim->zone.prefix,
                   claim->zone.depth, pp_short_id(&claim->peer->id, id), claim[-1].zone.prefix,
                   claim[-1].zone.depth, pp_short_id(&claim[-1].peer->id, other));
            bad++;
        }
    }
    if (volume != UINT64_C(1) << CAN_DEPTH_MAX) {
        pp_say(sink, "the zones fill %.6f of the space",
               (double)volume / (double)(UINT64_C(1) << CAN_DEPTH_MAX));
        bad++;
    }
    return bad;
}

struct census {
    struct can_faces faces; /* first */
    const struct pp_substrate_node *n;
    const struct pp_sink *sink;
    size_t bad;
};

/* A zone next to one of ours: its node must stand in our table with it. */
static void must_know(void *ctx, const struct can_claim *claim)
{
    struct census *c = ctx;
    char id[17], other[17];
    if (pp_id_equal(&claim->peer->id, &c->n->m.a.self.id) ||
        !can_abut(c->faces.space, c->faces.zone, claim->zone)) {
        return;
    }
    const struct can_facts *facts = can_find(c->n, &claim->peer->id);
    int at = facts ? can_zones_find(&facts->zones, claim->zone) : -1;
    if (at < 0 || facts->zones.at[at].ward != claim->zone.ward) {
        pp_say(c->sink, "%s: %s %s with zone %08x/%u", pp_short_id(&c->n->m.a.self.id, id),
               facts ? "does not know" : "misses", pp_short_id(&claim->peer->id, other),
               claim->zone.prefix, claim->zone.depth);
        c->bad++;
    }
}

/* And nobody with zones that he has not. */
static size_t check_neighbour(const struct can_view *all, const struct pp_substrate_node *n,
                              size_t neighbour, const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0;
    for (size_t j = 0; j < n->facts[neighbour].zones.n; j++) {
        struct can_zone zone = n->facts[neighbour].zones.at[j];
        size_t at = can_view_lower(all, 0, all->n, zone);
        if (at == all->n || !can_zone_equal(all->at[at].zone, zone) ||
            !pp_id_equal(&all->at[at].peer->id, &n->near.at[neighbour].peer.id)) {
            pp_say(sink, "%s: neighbour %zu has no zone %08x/%u", pp_short_id(&n->m.a.self.id, id),
                   neighbour, zone.prefix, zone.depth);
            bad++;
        }
    }
    return bad;
}

size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    struct can_view all;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_alone(nodes[i], sink);
    }
    if (n < 2 || !take_census(nodes, n, &all)) {
        return bad;
    }
    bad += check_tiling(&all, sink);
    for (size_t i = 0; i < n; i++) {
        struct census c = {.n = nodes[i], .sink = sink};
        for (size_t j = 0; j < nodes[i]->zones.n; j++) {
            c.faces = (struct can_faces){&nodes[i]->net->space, nodes[i]->zones.at[j]};
            can_walk(&(struct can_walk){&all, can_faces_enter, must_know, NULL, &c});
        }
        bad += c.bad;
        for (size_t j = 0; j < nodes[i]->near.n; j++) {
            bad += check_neighbour(&all, nodes[i], j, sink);
        }
    }
    free(all.at);
    return bad;
}
