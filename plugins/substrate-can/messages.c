/* CAN's own messages on the wire: zones, a node's word, lists. Reads hostile octets. */
#include "can.h"

void can_write_zone(struct pp_writer *w, struct can_zone zone)
{
    uint8_t octets[CAN_ZONE_LEN];
    can_zone_put(octets, zone);
    pp_write(w, octets, sizeof octets);
}

void can_read_zone(struct pp_reader *r, struct can_zone *zone)
{
    const uint8_t *octets = pp_read(r, CAN_ZONE_LEN);
    *zone = (struct can_zone){0};
    if (octets && !can_zone_get(octets, zone)) {
        r->failed = true;
    }
}

static bool touches(const struct pp_substrate_node *n, const struct can_zones *zones,
                    struct can_zone zone)
{
    return !zones || can_zones_meet(&n->net->space, zones, zone);
}

void can_write_list(struct pp_writer *w, const struct pp_substrate_node *n,
                    const struct can_zones *first)
{
    struct pp_peer peers[UINT8_MAX];
    uint8_t extra[UINT8_MAX * CAN_ZONE_LEN];
    size_t count = 0;
    for (int pass = 0; pass < (first ? 2 : 1); pass++) {
        for (size_t i = 0; i < n->near.n; i++) {
            const struct can_zones *its = &n->facts[i].zones;
            for (size_t j = 0; j < its->n && count < UINT8_MAX; j++) {
                if (touches(n, first, its->at[j]) == (pass == 0)) {
                    peers[count] = n->near.at[i].peer;
                    can_zone_put(extra + count++ * CAN_ZONE_LEN, its->at[j]);
                }
            }
        }
    }
    pp_write_page(w, peers, count, 0, extra, CAN_ZONE_LEN);
}

void can_write_word(struct pp_writer *w, const struct pp_substrate_node *n, uint32_t have,
                    const struct can_zones *zones, bool list)
{
    pp_write32(w, have);
    pp_write32(w, n->version);
    pp_write8(w, (uint8_t)zones->n);
    for (size_t i = 0; i < zones->n; i++) {
        can_write_zone(w, zones->at[i]);
    }
    pp_write8(w, list);
    if (list) {
        can_write_list(w, n, zones->n > 0 ? zones : NULL);
    }
}

bool can_read_word(struct pp_reader *r, struct can_word *word)
{
    word->have = pp_read32(r);
    word->version = pp_read32(r);
    word->n = pp_read8(r);
    if (word->n > CAN_ZONES_MAX) {
        r->failed = true;
    }
    for (size_t i = 0; !r->failed && i < word->n; i++) {
        can_read_zone(r, &word->zones[i]);
        for (size_t j = 0; j < i; j++) {
            r->failed = r->failed || can_nested(word->zones[i], word->zones[j]);
        }
    }
    word->listed = pp_read8(r);
    word->list.n = 0;
    if (word->listed && !r->failed) {
        pp_read_page(r, &word->list, CAN_ZONE_LEN);
    }
    return pp_read_done(r);
}
