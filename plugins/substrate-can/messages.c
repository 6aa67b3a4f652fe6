/* CAN's own messages on the wire: zones, a node's word, lists. Reads hostile octets. */
#include "can.h"

void can_write_zone(struct pp_writer *w, struct can_zone zone)
{
    uint8_t octets[CAN_ZONE_LEN];
    can_zone_put(octets, zone);
    pp_write(w, octets, sizeof octets);
}

bool can_read_zone(struct pp_reader *r, struct can_zone *zone)
{
    const uint8_t *octets = pp_read(r, CAN_ZONE_LEN);
    return octets && can_zone_get(octets, zone);
}

/* Our neighbours, one line for each of their zones. */
struct list {
    struct pp_peer peers[UINT8_MAX];
    uint8_t extra[UINT8_MAX * CAN_ZONE_LEN];
    size_t n;
};

/* Those whose zones touch `first` (NULL: all), or the others. */
static void add(struct list *list, const struct pp_substrate_node *n, const struct can_zones *first,
                bool touching)
{
    for (size_t i = 0; i < n->near.n; i++) {
        const struct can_zones *its = &n->facts[i].zones;
        for (size_t j = 0; j < its->n && list->n < UINT8_MAX; j++) {
            if ((!first || can_zones_meet(&n->net->space, first, its->at[j])) == touching) {
                list->peers[list->n] = n->near.at[i].peer;
                can_zone_put(list->extra + list->n++ * CAN_ZONE_LEN, its->at[j]);
            }
        }
    }
}

uint32_t can_digest(const struct pp_substrate_node *n)
{
    static const uint8_t key[16] = {0};
    struct list list = {.n = 0};
    add(&list, n, NULL, true);
    uint64_t digests[] = {pp_siphash(key, list.peers, list.n * sizeof *list.peers),
                          pp_siphash(key, list.extra, list.n * CAN_ZONE_LEN)};
    return (uint32_t)pp_siphash(key, digests, sizeof digests) | 1; /* 0: none */
}

void can_write_word(struct pp_writer *w, const struct pp_substrate_node *n, uint32_t have,
                    bool listed, const struct can_zones *first)
{
    struct list list = {.n = 0};
    pp_write32(w, have);
    pp_write32(w, n->version);
    pp_write32(w, can_digest(n));
    pp_write8(w, (uint8_t)n->zones.n);
    for (size_t i = 0; i < n->zones.n; i++) {
        can_write_zone(w, n->zones.at[i]);
    }
    pp_write8(w, listed);
    if (listed) {
        add(&list, n, first ? first : &n->zones, true);
        add(&list, n, first ? first : &n->zones, false);
        pp_write_page(w, list.peers, list.n, 0, list.extra, CAN_ZONE_LEN);
    }
}

bool can_read_word(struct pp_reader *r, struct can_word *word)
{
    word->have = pp_read32(r);
    word->version = pp_read32(r);
    word->digest = pp_read32(r);
    word->n = pp_read8(r);
    bool good = word->n <= CAN_ZONES_MAX;
    for (size_t i = 0; good && i < word->n; i++) {
        good = can_read_zone(r, &word->zones[i]) && (word->zones[i].hold == CAN_HOME) == (i == 0);
        for (size_t j = 0; j < i; j++) {
            good = good && !can_nested(word->zones[i], word->zones[j]);
        }
    }
    word->listed = pp_read8(r);
    word->list.n = 0;
    if (word->listed && good) {
        pp_read_page(r, &word->list, CAN_ZONE_LEN);
    }
    return good && pp_read_done(r);
}
