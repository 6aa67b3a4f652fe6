/* Sorted sets of proven peers and their round trips; see peerset.h. */
#include <common/peerset.h>
#include <common/random.h>

#include <stdlib.h>

#define TICK_SHIFT 24
#define RTT_UNIT (PP_MS / 8)
#define VAR_UNIT (4 * PP_MS)
#define RTO_FIRST PP_SECOND
#define RTO_FLOOR (200 * PP_MS)
#define RTO_CAP (8 * PP_SECOND)

void pp_peerset_free(struct pp_peerset *set)
{
    free(set->at);
    *set = (struct pp_peerset){0};
}

size_t pp_peerset_place(const struct pp_peerset *set, const struct pp_order *order,
                        const struct pp_id *id)
{
    struct pp_id wanted = order->distance(&order->origin, id);
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct pp_id d = order->distance(&order->origin, &set->at[middle].peer.id);
        int compared = pp_id_compare(&d, &wanted);
        compared = compared ? compared : pp_id_compare(&set->at[middle].peer.id, id);
        if (compared < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int pp_peerset_find(const struct pp_peerset *set, const struct pp_order *order,
                    const struct pp_id *id)
{
    size_t i = pp_peerset_place(set, order, id);
    return i < set->n && pp_id_equal(&set->at[i].peer.id, id) ? (int)i : -1;
}

static bool grow(struct pp_peerset *set, size_t max)
{
    size_t cap = set->cap ? 2u * set->cap : 4;
    cap = cap < max ? cap : max;
    struct pp_entry *at = realloc(set->at, cap * sizeof *at);
    if (!at) {
        return false;
    }
    set->at = at;
    set->cap = (uint16_t)cap;
    return true;
}

int pp_peerset_insert(struct pp_peerset *set, const struct pp_order *order, size_t max,
                      const struct pp_entry *entry)
{
    size_t i = pp_peerset_place(set, order, &entry->peer.id);
    if (i >= max || (i < set->n && pp_id_equal(&set->at[i].peer.id, &entry->peer.id))) {
        return -1;
    }
    if (set->n >= max) {
        set->n = (uint16_t)(max - 1);
    } else if (set->n == set->cap && !grow(set, max)) {
        return -1;
    }
    memmove(set->at + i + 1, set->at + i, (set->n - i) * sizeof *set->at);
    set->at[i] = *entry;
    set->n++;
    return (int)i;
}

void pp_peerset_remove(struct pp_peerset *set, size_t index)
{
    set->n--;
    memmove(set->at + index, set->at + index + 1, (set->n - index) * sizeof *set->at);
    if (set->n == 0) {
        pp_peerset_free(set);
    }
}

size_t pp_peerset_peers(const struct pp_peerset *set, struct pp_peer *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n && n < cap; i++) {
        if (!(set->at[i].flags & PP_ENTRY_SUSPECT)) {
            out[n++] = set->at[i].peer;
        }
    }
    return n;
}

int pp_peerset_oldest(const struct pp_peerset *set, pp_ns now)
{
    int oldest = -1;
    for (size_t i = 0; i < set->n; i++) {
        if (oldest < 0 ||
            pp_entry_age(&set->at[i], now) > pp_entry_age(&set->at[(size_t)oldest], now)) {
            oldest = (int)i;
        }
    }
    return oldest;
}

void pp_peerset_remember(struct pp_peerset *set, const struct pp_order *order, size_t max,
                         const struct pp_peer *peer, pp_ns now)
{
    struct pp_entry entry = pp_entry_now(peer, now);
    if (pp_peerset_find(set, order, &peer->id) >= 0) {
        return;
    }
    if (set->n >= max) {
        pp_peerset_remove(set, (size_t)pp_peerset_oldest(set, now));
    }
    pp_peerset_insert(set, order, max, &entry);
}

size_t pp_peerset_nearer(const struct pp_peerset *set, const struct pp_order *order,
                         const struct pp_id *id, size_t *sure)
{
    struct pp_id limit = order->distance(&order->origin, id);
    size_t all = 0;
    *sure = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct pp_id d = order->distance(&order->origin, &set->at[i].peer.id);
        bool counts = pp_id_compare(&d, &limit) < 0;
        all += counts;
        *sure += counts && !(set->at[i].flags & PP_ENTRY_SUSPECT);
    }
    return all;
}

bool pp_peerset_first_is(const struct pp_peerset *set, const struct pp_id *id)
{
    return set->n > 0 && pp_id_equal(&set->at[0].peer.id, id);
}

uint64_t pp_peerset_digest(const struct pp_peerset *set, size_t max, const struct pp_id *head,
                           const struct pp_id *stop)
{
    static const uint8_t key[16];
    struct pp_id ids[PP_K_MAX];
    size_t n = 0;
    if (head) {
        ids[n++] = *head;
    }
    for (size_t i = 0; i < set->n && n < max; i++) {
        const struct pp_entry *entry = &set->at[i];
        if (stop && pp_id_equal(&entry->peer.id, stop)) {
            break;
        }
        if (!(entry->flags & PP_ENTRY_SUSPECT)) {
            ids[n++] = entry->peer.id;
        }
    }
    return pp_siphash(key, ids, n * sizeof *ids);
}

struct pp_entry pp_entry_now(const struct pp_peer *peer, pp_ns now)
{
    return (struct pp_entry){.peer = *peer, .seen = (uint32_t)(now >> TICK_SHIFT)};
}

pp_ns pp_entry_age(const struct pp_entry *entry, pp_ns now)
{
    return (pp_ns)((uint32_t)(now >> TICK_SHIFT) - entry->seen) << TICK_SHIFT;
}

static uint16_t clamp16(pp_ns v, pp_ns top)
{
    return (uint16_t)(v < 1 ? 1 : v > top ? top : v);
}

void pp_entry_heard(struct pp_entry *entry, pp_ns now, pp_ns rtt)
{
    entry->seen = (uint32_t)(now >> TICK_SHIFT);
    entry->flags &= (uint8_t)~PP_ENTRY_SUSPECT;
    if (rtt == 0) {
        return;
    }
    if (entry->rtt == 0) { /* RFC 6298, (2.2) */
        entry->rtt = clamp16(rtt / RTT_UNIT, UINT16_MAX);
        entry->rttvar = (uint8_t)clamp16((rtt / 2 + VAR_UNIT - 1) / VAR_UNIT, UINT8_MAX);
        return;
    }
    pp_ns old = entry->rtt * RTT_UNIT, error = old > rtt ? old - rtt : rtt - old; /* (2.3) */
    pp_ns var = (3 * entry->rttvar * VAR_UNIT + error) / 4;
    entry->rttvar = (uint8_t)clamp16((var + VAR_UNIT / 2) / VAR_UNIT, UINT8_MAX);
    entry->rtt = clamp16(((7 * old + rtt) / 8 + RTT_UNIT / 2) / RTT_UNIT, UINT16_MAX);
}

pp_ns pp_entry_rto(const struct pp_entry *entry)
{
    if (!entry || entry->rtt == 0) {
        return RTO_FIRST;
    }
    pp_ns rto = entry->rtt * RTT_UNIT + 4 * entry->rttvar * VAR_UNIT;
    return rto < RTO_FLOOR ? RTO_FLOOR : rto > RTO_CAP ? RTO_CAP : rto;
}
