/*
 * What a node knows of the space, as a sorted array of claims, and descents of the partition tree
 * to a part of a region that nobody holds. Changes nothing.
 */
#include "can.h"

#include <stdlib.h>

static int by_zone(const void *a, const void *b)
{
    const struct can_claim *x = a, *y = b;
    int order = can_zone_order(x->zone, y->zone);
    return order ? order : (x->source > y->source) - (x->source < y->source);
}

void can_view_sort(struct can_view *view)
{
    qsort(view->at, view->n, sizeof *view->at, by_zone);
}

static void add_all(struct can_view *view, const struct can_zones *zones,
                    const struct pp_peer *peer, enum can_source source)
{
    for (size_t i = 0; i < zones->n; i++) {
        view->at[view->n++] = (struct can_claim){zones->at[i], source, peer};
    }
}

/* Hearsay counts only of those of whom we know nothing better. */
static void add_hearsay(const struct pp_substrate_node *n, pp_ns now, const struct can_facts *facts,
                        struct can_view *view)
{
    for (size_t i = 0; i < facts->n_list; i++) {
        const struct pp_peer *peer = &facts->list[i].peer;
        if (!pp_id_equal(&peer->id, &n->m.a.self.id) && !can_find(n, &peer->id) &&
            !pp_quarantine_has(&n->m.quarantine, &peer->id, now)) {
            view->at[view->n++] = (struct can_claim){facts->list[i].zone, CAN_HEARSAY, peer};
        }
    }
}

bool can_view_take(const struct pp_substrate_node *n, pp_ns now, enum can_source least,
                   struct can_view *view)
{
    size_t most = n->zones.n + 1u;
    for (size_t i = 0; i < n->near.n; i++) {
        most += n->facts[i].zones.n + n->facts[i].n_list;
    }
    *view = (struct can_view){malloc(most * sizeof *view->at), 0};
    if (!view->at) {
        return false;
    }
    add_all(view, &n->zones, &n->m.a.self, CAN_OWN);
    for (size_t i = 0; i < n->near.n; i++) {
        add_all(view, &n->facts[i].zones, &n->near.at[i].peer, CAN_TABLE);
        if (least == CAN_HEARSAY) {
            add_hearsay(n, now, &n->facts[i], view);
        }
    }
    can_view_sort(view);
    return true;
}

/* First claim of [from, to) whose zone begins at `prefix` or behind it. */
static size_t lower(const struct can_view *view, size_t from, size_t to, uint32_t prefix)
{
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (view->at[middle].zone.prefix < prefix) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

struct descent {
    const struct can_view *view;
    const struct can_region *region;
    uint32_t turn;
    struct can_zone *gap;
};

static bool reaches(const struct can_region *region, struct can_zone zone)
{
    if (region->key) {
        return can_near(region->space, region->key, zone).zone <= region->distance;
    }
    return !can_inside(zone, region->zone) &&
           (can_inside(region->zone, zone) || can_abut(region->space, region->zone, zone));
}

/* [from, to): the claims within the zone. */
static bool descend(const struct descent *d, struct can_zone zone, size_t from, size_t to)
{
    if (!reaches(d->region, zone)) {
        return false;
    }
    if (from == to) {
        *d->gap = zone;
        return true;
    }
    if (can_zone_equal(d->view->at[from].zone, zone)) {
        return false;
    }
    size_t middle = lower(d->view, from, to, can_half(zone, 1).prefix);
    unsigned first = d->turn >> zone.depth % 32 & 1u;
    for (unsigned bit = first, i = 0; i < 2; i++, bit = !bit) {
        if (descend(d, can_half(zone, bit), bit ? middle : from, bit ? to : middle)) {
            return true;
        }
    }
    return false;
}

bool can_gap(const struct can_view *view, const struct can_region *region, uint32_t turn,
             struct can_zone *gap)
{
    struct descent d = {view, region, turn, gap};
    return descend(&d, (struct can_zone){0}, 0, view->n);
}

const struct can_claim *can_richest(const struct can_claim *own, const struct can_claim *others,
                                    size_t n, struct pp_random *random)
{
    const struct can_claim *best = own;
    size_t ties = 0;
    for (size_t i = 0; i < n; i++) {
        const struct can_zone zone = others[i].zone;
        int more = (zone.hold != CAN_HOME) - (best->zone.hold != CAN_HOME);
        more = more ? more : best->zone.depth - zone.depth;
        ties = more > 0 ? 0 : ties + (more == 0);
        bool any = more == 0 && best != own && pp_random_below(random, ties + 1) == 0;
        best = more > 0 || any ? &others[i] : best;
    }
    return best;
}
