/* CAN's own messages on the wire: zones, states and lists of neighbours. Reads hostile octets. */
#include "can.h"

#include <stdlib.h>

void can_write_zone(struct pp_writer *w, struct can_zone zone)
{
    uint8_t octets[CAN_ZONE_LEN];
    can_zone_put(octets, zone);
    pp_write(w, octets, sizeof octets);
}

void can_read_zone(struct pp_reader *r, struct can_zone *zone)
{
    const uint8_t *octets = pp_read(r, CAN_ZONE_LEN);
    *zone = (struct can_zone){0, 0};
    if (octets && !can_zone_get(octets, zone)) {
        r->failed = true;
    }
}

void can_write_state(struct pp_writer *w, const struct pp_substrate_node *n)
{
    pp_write32(w, n->version);
    pp_write32(w, n->list_version);
    pp_write8(w, (uint8_t)n->zones.n);
    for (size_t i = 0; i < n->zones.n; i++) {
        can_write_zone(w, n->zones.at[i]);
    }
}

static void read_state(struct pp_reader *r, struct can_state *state)
{
    state->version = pp_read32(r);
    state->list_version = pp_read32(r);
    state->n = pp_read8(r);
    if (state->n > CAN_ZONES_MAX) {
        r->failed = true;
    }
    for (size_t i = 0; !r->failed && i < state->n; i++) {
        can_read_zone(r, &state->zones[i]);
    }
}

int can_read_state(struct pp_reader *r, struct can_state *state)
{
    read_state(r, state);
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
}

bool can_read_handover(struct pp_reader *r, struct can_handover *handover)
{
    read_state(r, &handover->state);
    pp_read_page(r, &handover->page, CAN_ZONE_LEN);
    return pp_read_done(r) && handover->state.n == 1;
}

static void write_page(struct pp_writer *w, const struct can_heard *heard, size_t n, size_t from)
{
    struct pp_peer peers[UINT8_MAX];
    uint8_t extra[UINT8_MAX * CAN_ZONE_LEN];
    for (size_t i = 0; i < n; i++) {
        peers[i] = heard[i].peer;
        can_zone_put(extra + i * CAN_ZONE_LEN, heard[i].zone);
    }
    pp_write_page(w, peers, n, from, extra, CAN_ZONE_LEN);
}

void can_write_list(struct pp_writer *w, const struct pp_substrate_node *n, size_t from,
                    const struct can_zone *zone)
{
    struct can_heard heard[UINT8_MAX];
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n->n; i++) {
            for (size_t j = 0; j < n->at[i].zones.n && count < UINT8_MAX; j++) {
                struct can_zone its = n->at[i].zones.at[j];
                bool touches =
                    !zone || can_nested(its, *zone) || can_abut(&n->net->space, its, *zone);
                if (touches == (pass == 0)) {
                    heard[count++] = (struct can_heard){n->at[i].entry.peer, its};
                }
            }
        }
    }
    write_page(w, heard, count, from < count ? from : count);
}
