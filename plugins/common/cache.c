/* Candidates and quarantine; see cache.h. */
#include <common/cache.h>

#include <stdlib.h>

#define TICK_SHIFT 24

bool pp_candidates_add(struct pp_candidates *candidates, const struct pp_peer *peer, uint32_t tag)
{
    for (size_t i = 0; i < candidates->n; i++) {
        struct pp_candidate *known = &candidates->at[i];
        if (pp_id_equal(&known->peer.id, &peer->id) && pp_peer_same_endpoint(&known->peer, peer)) {
            known->tag |= tag;
            return true;
        }
    }
    if (candidates->n == PP_CANDIDATES_MAX) {
        return false;
    }
    if (candidates->n == candidates->cap) {
        size_t cap = candidates->cap ? 2u * candidates->cap : 8;
        struct pp_candidate *at = realloc(candidates->at, cap * sizeof *at);
        if (!at) {
            return false;
        }
        candidates->at = at;
        candidates->cap = (uint16_t)cap;
    }
    candidates->at[candidates->n++] = (struct pp_candidate){*peer, tag};
    return true;
}

bool pp_candidates_take(struct pp_candidates *candidates, struct pp_candidate *out)
{
    if (candidates->n == 0) {
        return false;
    }
    *out = candidates->at[0];
    candidates->n--;
    memmove(candidates->at, candidates->at + 1, candidates->n * sizeof *candidates->at);
    if (candidates->n == 0) {
        pp_candidates_free(candidates);
    }
    return true;
}

void pp_candidates_free(struct pp_candidates *candidates)
{
    free(candidates->at);
    *candidates = (struct pp_candidates){0};
}

static uint32_t ticks(pp_ns now)
{
    return (uint32_t)(now >> TICK_SHIFT);
}

static int quarantine_find(const struct pp_quarantine *quarantine, const struct pp_id *id)
{
    for (size_t i = 0; i < quarantine->n; i++) {
        if (pp_id_equal(&quarantine->at[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

static void quarantine_remove(struct pp_quarantine *quarantine, size_t i)
{
    quarantine->n--;
    memmove(quarantine->at + i, quarantine->at + i + 1,
            (quarantine->n - i) * sizeof *quarantine->at);
    if (quarantine->n == 0) {
        pp_quarantine_free(quarantine);
    }
}

static bool expired(const struct pp_quarantined *one, pp_ns now, pp_ns since)
{
    return (int32_t)(one->until + ticks(since) - ticks(now)) <= 0;
}

/* Those long past their time are forgotten; a full list forgets its oldest. */
static bool quarantine_room(struct pp_quarantine *quarantine, pp_ns now)
{
    while (quarantine->n > 0 && (quarantine->n == PP_QUARANTINE_MAX ||
                                 expired(&quarantine->at[0], now, PP_QUARANTINE_TIME))) {
        quarantine_remove(quarantine, 0);
    }
    if (quarantine->n < quarantine->cap) {
        return true;
    }
    size_t cap = quarantine->cap ? 2u * quarantine->cap : 4;
    struct pp_quarantined *at = realloc(quarantine->at, cap * sizeof *at);
    if (!at) {
        return false;
    }
    quarantine->at = at;
    quarantine->cap = (uint16_t)cap;
    return true;
}

void pp_quarantine_add(struct pp_quarantine *quarantine, const struct pp_id *id, pp_ns now)
{
    int known = quarantine_find(quarantine, id);
    uint32_t strikes = 0;
    if (known >= 0) {
        strikes = quarantine->at[known].strikes + 1;
        quarantine_remove(quarantine, (size_t)known);
    }
    pp_ns time = PP_QUARANTINE_FIRST << (strikes < 8 ? strikes : 8);
    time = time < PP_QUARANTINE_TIME ? time : PP_QUARANTINE_TIME;
    if (quarantine_room(quarantine, now)) {
        quarantine->at[quarantine->n++] = (struct pp_quarantined){*id, ticks(now + time), strikes};
    }
}

bool pp_quarantine_has(const struct pp_quarantine *quarantine, const struct pp_id *id, pp_ns now)
{
    int i = quarantine_find(quarantine, id);
    return i >= 0 && !expired(&quarantine->at[i], now, 0);
}

void pp_quarantine_lift(struct pp_quarantine *quarantine, const struct pp_id *id)
{
    int i = quarantine_find(quarantine, id);
    if (i >= 0) {
        quarantine_remove(quarantine, (size_t)i);
    }
}

void pp_quarantine_free(struct pp_quarantine *quarantine)
{
    free(quarantine->at);
    *quarantine = (struct pp_quarantine){0};
}
