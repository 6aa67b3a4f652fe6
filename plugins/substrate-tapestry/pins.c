/*
 * Pinned joiners: whoever a multicast told us of is pinged until it is active and so enters the
 * table, or its time is over. Others that join at the same time hear of it from us.
 */
#include "tapestry.h"

#include <stdlib.h>

#define PIN_TIME PP_MINUTE
#define PIN_PING (3 * PP_SECOND)

static bool used(const struct tapestry_pin *pin)
{
    return pin->until != 0;
}

/* An unused one, or the one that ends first. */
static struct tapestry_pin *room(struct pp_substrate_node *n, const struct pp_id *id)
{
    struct tapestry_pin *best = n->pins;
    for (size_t i = 0; i < TAPESTRY_PINS; i++) {
        if (used(&n->pins[i]) && pp_id_equal(&n->pins[i].peer.id, id)) {
            return &n->pins[i];
        }
        best = n->pins[i].until < best->until ? &n->pins[i] : best;
    }
    return best;
}

void tapestry_pin(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    if (pp_id_equal(&peer->id, &n->t.r.m.a.self.id) || pp_roster_entry(&n->t.r.m, &peer->id)) {
        return;
    }
    n->pins = n->pins ? n->pins : calloc(TAPESTRY_PINS, sizeof *n->pins);
    if (n->pins) {
        *room(n, &peer->id) = (struct tapestry_pin){*peer, now + PIN_TIME, now + PIN_PING};
        n->pins_at = pp_sooner(n->pins_at, now + PIN_PING);
        pp_member_ping(&n->t.r.m, now, peer, 0);
    }
}

void tapestry_unpin(struct pp_substrate_node *n, const struct pp_id *id)
{
    for (size_t i = 0; n->pins && i < TAPESTRY_PINS; i++) {
        if (used(&n->pins[i]) && pp_id_equal(&n->pins[i].peer.id, id)) {
            n->pins[i].until = 0;
        }
    }
}

size_t tapestry_pinned(const struct pp_substrate_node *n, const struct pp_id *but,
                       struct pp_peer out[TAPESTRY_PINS])
{
    size_t count = 0;
    for (size_t i = 0; n->pins && i < TAPESTRY_PINS; i++) {
        if (used(&n->pins[i]) && !pp_id_equal(&n->pins[i].peer.id, but)) {
            out[count++] = n->pins[i].peer;
        }
    }
    return count;
}

void tapestry_ping_pinned(struct pp_substrate_node *n, pp_ns now)
{
    n->pins_at = PP_NEVER;
    for (size_t i = 0; n->pins && i < TAPESTRY_PINS; i++) {
        struct tapestry_pin *pin = &n->pins[i];
        if (used(pin) && now >= pin->until) {
            pin->until = 0;
        } else if (used(pin) && now >= pin->ping_at) {
            pin->ping_at = now + PIN_PING;
            if (!pp_rpc_pending(&n->t.r.m.a, &pin->peer, PP_WIRE_PING)) {
                pp_member_ping(&n->t.r.m, now, &pin->peer, 0);
            }
        }
        n->pins_at = used(pin) ? pp_sooner(n->pins_at, pin->ping_at) : n->pins_at;
    }
    if (n->pins_at == PP_NEVER) {
        free(n->pins);
        n->pins = NULL;
    }
}
