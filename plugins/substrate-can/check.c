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
        pp_say(sink, "%s zone %08x/%u", what, zones->at[i].prefix, zones->at[i].depth);
    }
}

void can_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17], address[46], line[120];
    pp_say(sink, "can %s %s, %u zones, %u neighbours, %u holes", pp_short_id(&n->m.a.self.id, id),
           pp_phase_text(&n->m), n->zones.n, n->n, n->n_gaps);
    say_zones(sink, "own", &n->zones);
    for (size_t i = 0; i < n->n; i++) {
        const struct can_neighbour *who = &n->at[i];
        pp_address_text(address, who->entry.peer.address);
        pp_say(sink, "neighbour %zu %s %s %u rtt %u us%s", i, pp_short_id(&who->entry.peer.id, id),
               address, who->entry.peer.udp, who->entry.rtt * 125u,
               who->entry.flags & PP_ENTRY_SUSPECT ? " suspect" : "");
        snprintf(line, sizeof line, "neighbour %zu", i);
        say_zones(sink, line, &who->zones);
    }
}

static size_t check_local(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0;
    bool member = n->m.phase == PP_PHASE_MEMBER && !n->m.client;
    pp_short_id(&n->m.a.self.id, id);
    for (size_t i = 0; i < n->zones.n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (can_nested(n->zones.at[i], n->zones.at[j])) {
                pp_say(sink, "%s: own zones %zu and %zu overlap", id, j, i);
                bad++;
            }
        }
    }
    if (member && n->zones.n == 0) {
        pp_say(sink, "%s: a member without a zone", id);
        bad++;
    }
    for (size_t i = 0; i < n->n; i++) {
        const struct can_neighbour *who = &n->at[i];
        bool touches = !member;
        for (size_t j = 0; j < who->zones.n; j++) {
            touches = touches || can_zones_meet(&n->net->space, &n->zones, who->zones.at[j]);
        }
        bool order = i == 0 || pp_id_compare(&n->at[i - 1].entry.peer.id, &who->entry.peer.id) < 0;
        if (!touches || !order || pp_id_equal(&who->entry.peer.id, &n->m.a.self.id)) {
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
        if (i > 0 && can_inside(claim->zone, all->at[i - 1].zone)) {
            pp_say(sink, "zone %08x/%u of %s lies in %08x/%u of %s", claim->zone.prefix,
                   claim->zone.depth, pp_short_id(&claim->peer->id, id), all->at[i - 1].zone.prefix,
                   all->at[i - 1].zone.depth, pp_short_id(&all->at[i - 1].peer->id, other));
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
    const struct can_neighbour *who = can_find(c->n, &claim->peer->id);
    if (!who || can_zones_find(&who->zones, claim->zone) < 0) {
        pp_say(c->sink, "%s: %s %s with zone %08x/%u", pp_short_id(&c->n->m.a.self.id, id),
               who ? "does not know" : "misses", pp_short_id(&claim->peer->id, other),
               claim->zone.prefix, claim->zone.depth);
        c->bad++;
    }
}

static size_t check_global(const struct can_view *all, const struct pp_substrate_node *n,
                           const struct pp_sink *sink)
{
    struct census c = {.n = n, .sink = sink, .faces = {&n->net->space, {0, 0}}};
    char id[17];
    for (size_t i = 0; i < n->zones.n; i++) {
        c.faces.zone = n->zones.at[i];
        struct can_walk walk = {all, can_faces_enter, must_know, NULL, &c};
        can_walk(&walk);
    }
    for (size_t i = 0; i < n->n; i++) { /* and nobody with zones that he has not */
        for (size_t j = 0; j < n->at[i].zones.n; j++) {
            struct can_claim key = {n->at[i].zones.at[j], CAN_OWN, NULL};
            const struct can_claim *found = NULL;
            for (size_t low = 0, high = all->n; low < high && !found;) {
                size_t middle = (low + high) / 2;
                int order = can_zone_order(all->at[middle].zone, key.zone);
                found = order == 0 ? &all->at[middle] : NULL;
                low = order < 0 ? middle + 1 : low;
                high = order > 0 ? middle : high;
            }
            if (!found || !pp_id_equal(&found->peer->id, &n->at[i].entry.peer.id)) {
                pp_say(sink, "%s: neighbour %zu has no zone %08x/%u",
                       pp_short_id(&n->m.a.self.id, id), i, key.zone.prefix, key.zone.depth);
                c.bad++;
            }
        }
    }
    return c.bad;
}

size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    struct can_view all;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_local(nodes[i], sink);
    }
    for (size_t i = 0; i < n && n > 1; i++) {
        if (nodes[i]->zones.n > 1) { /* a quiet network has put them together */
            char id[17];
            pp_say(sink, "%s: holds %u zones", pp_short_id(&nodes[i]->m.a.self.id, id),
                   nodes[i]->zones.n);
            bad++;
        }
    }
    if (n > 1 && take_census(nodes, n, &all)) {
        bad += check_tiling(&all, sink);
        for (size_t i = 0; i < n; i++) {
            bad += check_global(&all, nodes[i], sink);
        }
        free(all.at);
    }
    return bad;
}
