/*
 * What a node knows of the space, as a sorted array of claims, and descents of the partition tree
 * that find who touches a zone, where nobody is, and whether a ball is tiled. Changes nothing.
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

bool can_view_take(const struct pp_substrate_node *n, pp_ns now, struct can_view *view)
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
        add_hearsay(n, now, &n->facts[i], view);
    }
    can_view_sort(view);
    return true;
}

size_t can_view_lower(const struct can_view *view, size_t from, size_t to, struct can_zone zone)
{
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (can_zone_order(view->at[middle].zone, zone) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* [from, to): the claims within the zone. */
static void descend(const struct can_walk *walk, struct can_zone zone, size_t from, size_t to)
{
    if (!walk->enter(walk->ctx, zone)) {
        return;
    }
    if (from == to) {
        if (walk->gap) {
            walk->gap(walk->ctx, zone);
        }
        return;
    }
    if (can_zone_equal(walk->view->at[from].zone, zone)) {
        for (; from < to && can_zone_equal(walk->view->at[from].zone, zone); from++) {
            if (walk->claim) {
                walk->claim(walk->ctx, &walk->view->at[from]);
            }
        }
        return;
    }
    struct can_zone high = can_half(zone, 1);
    size_t middle = can_view_lower(walk->view, from, to, (struct can_zone){high.prefix, 0, false});
    descend(walk, can_half(zone, 0), from, middle);
    descend(walk, high, middle, to);
}

void can_walk(const struct can_walk *walk)
{
    descend(walk, (struct can_zone){0}, 0, walk->view->n);
}

struct ball {
    const struct can_space *space;
    const struct pp_id *key;
    uint64_t distance;
    bool open;
};

static bool in_ball(void *ctx, struct can_zone zone)
{
    const struct ball *ball = ctx;
    return !ball->open && can_near(ball->space, ball->key, zone).zone <= ball->distance;
}

static void ball_open(void *ctx, struct can_zone zone)
{
    struct ball *ball = ctx;
    (void)zone;
    ball->open = true;
}

bool can_ball_tiled(const struct can_space *space, const struct can_view *view,
                    const struct pp_id *key, uint64_t distance)
{
    struct ball ball = {space, key, distance, false};
    struct can_walk walk = {view, in_ball, NULL, ball_open, &ball};
    can_walk(&walk);
    return !ball.open;
}

bool can_faces_enter(void *ctx, struct can_zone zone)
{
    const struct can_faces *faces = ctx;
    if (can_inside(zone, faces->zone)) {
        return false;
    }
    return can_inside(faces->zone, zone) || can_abut(faces->space, faces->zone, zone);
}
