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
    static const char *const held[] = {"home", "ward", "open"};
    for (size_t i = 0; i < zones->n; i++) {
        pp_say(sink, "%s %s %08x/%u", what, held[zones->at[i].hold], zones->at[i].prefix,
               zones->at[i].depth);
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
    pp_say_set(sink, "known", &n->known);
}

static size_t check_alone(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    bool member = n->m.phase == PP_PHASE_MEMBER;
    size_t bad =
        pp_check_order(&n->m.a.self.id, "neighbour", &n->near, &can_by_id, CAN_TOUCHING, sink);
    pp_short_id(&n->m.a.self.id, id);
    if (member && n->zones.n == 0) {
        pp_say(sink, "%s: a member without a home", id);
        bad++;
    }
    for (size_t i = 0; i < n->zones.n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (can_nested(n->zones.at[i], n->zones.at[j])) {
                pp_say(sink, "%s: own zones %zu and %zu overlap", id, j, i);
                bad++;
            }
        }
        if ((n->zones.at[i].hold == CAN_HOME) != (i == 0)) {
            pp_say(sink, "%s: own zone %zu is the home, or the first is not", id, i);
            bad++;
        }
    }
    for (size_t i = 0; member && i < n->near.n; i++) {
        if (!can_touches(n, &n->facts[i].zones) ||
            pp_id_equal(&n->near.at[i].peer.id, &n->m.a.self.id)) {
            pp_say(sink, "%s: neighbour %zu has no business in the table", id, i);
            bad++;
        }
    }
    return bad;
}

static size_t check_volume(const struct pp_census *all, const struct pp_sink *sink)
{
    uint64_t volume = 0, whole = UINT64_C(1) << CAN_DEPTH_MAX;
    for (size_t i = 0; i < all->n; i++) {
        for (size_t j = 0; j < all->at[i]->zones.n; j++) {
            volume += whole >> all->at[i]->zones.at[j].depth;
        }
    }
    if (volume != whole) {
        pp_say(sink, "the zones fill %.6f of the space", (double)volume / (double)whole);
    }
    return volume != whole;
}

/* The neighbours are as they stand in the table, and all round us somebody stands there: then,
 * since the zones fill the space once, nobody is missing. */
static size_t check_within(const struct pp_census *all, size_t at, const struct pp_sink *sink)
{
    const struct pp_substrate_node *n = all->at[at];
    struct can_region faces = {.space = &n->net->space};
    struct can_view view;
    struct can_zone gap;
    char id[17], other[17];
    size_t bad = at == 0 ? check_volume(all, sink) : 0;
    pp_short_id(&n->m.a.self.id, id);
    for (size_t i = 0; i < n->near.n; i++) {
        const struct pp_id *its = &n->near.at[i].peer.id;
        size_t place = pp_census_lower(all, its);
        if (place == all->n || !pp_id_equal(&pp_census_peer(all, place)->id, its) ||
            !can_zones_same(&all->at[place]->zones, &n->facts[i].zones)) {
            pp_say(sink, "%s: %s is gone or has other zones", id, pp_short_id(its, other));
            bad++;
        }
    }
    if (!can_view_take(n, 0, CAN_TABLE, &view)) {
        return bad + 1;
    }
    for (size_t i = 0; i < n->zones.n; i++) {
        faces.zone = n->zones.at[i];
        if (can_gap(&view, &faces, 0, &gap)) {
            pp_say(sink, "%s: knows nobody in %08x/%u beside it", id, gap.prefix, gap.depth);
            bad++;
        }
    }
    free(view.at);
    return bad;
}

size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    return pp_census_check_all(nodes, n, check_alone, check_within, sink);
}
