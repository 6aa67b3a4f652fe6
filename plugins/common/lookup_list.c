/*
 * The list of a look-up: peers sorted by rank, each once, bounded. Knows no messages and no time.
 */
#include <common/lookup.h>
#include <common/order.h>

#include <stdlib.h>

static void rank_of(const struct pp_agent *agent, const struct pp_lookup *lookup,
                    struct pp_lookup_peer *who)
{
    memset(who->rank, 0, sizeof who->rank);
    if (!pp_id_is_zero(&who->peer.id)) {
        agent->ops->rank(agent, &lookup->key, &who->peer, who->extra, who->rank);
    }
}

static bool same(const struct pp_lookup_peer *who, const struct pp_peer *peer)
{
    if (pp_id_is_zero(&peer->id) || pp_id_is_zero(&who->peer.id)) {
        return pp_peer_same_endpoint(&who->peer, peer);
    }
    return pp_id_equal(&who->peer.id, &peer->id);
}

static struct pp_lookup_peer *known(struct pp_lookup *lookup, const struct pp_peer *peer)
{
    for (size_t i = 0; i < lookup->n; i++) {
        if (same(&lookup->at[i], peer)) {
            return &lookup->at[i];
        }
    }
    return NULL;
}

struct pp_lookup_peer *pp_lookup_by_serial(struct pp_lookup *lookup, uint16_t serial)
{
    for (size_t i = 0; i < lookup->n; i++) {
        if (lookup->at[i].serial == serial) {
            return &lookup->at[i];
        }
    }
    return NULL;
}

static struct pp_lookup_peer *insert(struct pp_lookup *lookup, const struct pp_lookup_peer *who)
{
    size_t i = 0;
    while (i < lookup->n && memcmp(lookup->at[i].rank, who->rank, PP_RANK_LEN) <= 0) {
        i++;
    }
    memmove(lookup->at + i + 1, lookup->at + i, (lookup->n - i) * sizeof *lookup->at);
    lookup->at[i] = *who;
    lookup->n++;
    return &lookup->at[i];
}

static void take_out(struct pp_lookup *lookup, struct pp_lookup_peer *who)
{
    size_t i = (size_t)(who - lookup->at);
    lookup->n--;
    memmove(lookup->at + i, lookup->at + i + 1, (lookup->n - i) * sizeof *lookup->at);
}

/* Makes room: a full list gives up the worst peer that nobody has asked. */
static bool room(const struct pp_agent *agent, struct pp_lookup *lookup)
{
    if (lookup->n == PP_LOOKUP_PEERS_MAX) {
        for (size_t i = 0; i < lookup->n; i++) {
            size_t at = agent->ops->reversed ? i : lookup->n - 1 - i;
            struct pp_lookup_peer *who = &lookup->at[at];
            if (who->state == PP_ASK_NEW && !(agent->ops->root && who->result)) {
                take_out(lookup, who);
                return true;
            }
        }
        return false;
    }
    if (lookup->n < lookup->cap) {
        return true;
    }
    size_t cap = lookup->cap ? 2u * lookup->cap : 16;
    struct pp_lookup_peer *at = realloc(lookup->at, cap * sizeof *at);
    if (!at) {
        return false;
    }
    lookup->at = at;
    lookup->cap = (uint16_t)cap;
    return true;
}

struct pp_lookup_peer *pp_lookup_offer(struct pp_agent *agent, struct pp_lookup *lookup,
                                       const struct pp_peer *peer, const uint8_t *extra)
{
    struct pp_lookup_peer *who = known(lookup, peer);
    if (who) {
        return who;
    }
    bool self = !pp_id_is_zero(&peer->id) && pp_id_equal(&peer->id, &agent->self.id);
    if (!agent->active && pp_peer_same_endpoint(peer, &agent->self)) {
        return NULL; /* an earlier life of ours, still in others' tables; a client has no id */
    }
    if (!room(agent, lookup) || lookup->serial == UINT16_MAX) {
        return NULL;
    }
    struct pp_lookup_peer fresh = {
        .peer = *peer, .serial = ++lookup->serial, .depth = 1, .result = !agent->ops->root};
    if (extra) {
        memcpy(fresh.extra, extra, agent->ops->extra_len);
    }
    if (self && agent->active) {
        fresh.peer = agent->self;
        fresh.state = PP_ASK_ANSWERED;
    }
    rank_of(agent, lookup, &fresh);
    return insert(lookup, &fresh);
}

void pp_lookup_renew(struct pp_agent *agent, struct pp_lookup *lookup, struct pp_lookup_peer *who,
                     const uint8_t *extra, bool own)
{
    struct pp_lookup_peer renewed = *who;
    if (agent->ops->extra_len == 0 || (!own && who->state != PP_ASK_NEW)) {
        return;
    }
    memcpy(renewed.extra, extra, agent->ops->extra_len);
    rank_of(agent, lookup, &renewed);
    if (own || memcmp(renewed.rank, who->rank, PP_RANK_LEN) < 0) {
        take_out(lookup, who);
        insert(lookup, &renewed);
    }
}

struct pp_lookup_peer *pp_lookup_identify(struct pp_agent *agent, struct pp_lookup *lookup,
                                          struct pp_lookup_peer *who, const struct pp_peer *proved)
{
    if (pp_id_equal(&who->peer.id, &proved->id)) {
        who->peer = *proved;
        return who;
    }
    struct pp_lookup_peer moved = *who;
    take_out(lookup, who);
    who = known(lookup, proved);
    if (who) { /* we knew it by its id already: one entry remains, with what it has told */
        who->state = PP_ASK_ANSWERED;
        return who;
    }
    moved.peer = *proved;
    rank_of(agent, lookup, &moved);
    return insert(lookup, &moved);
}

struct pp_lookup_peer *pp_lookup_best_new(const struct pp_agent *agent, struct pp_lookup *lookup,
                                          unsigned path)
{
    struct pp_lookup_peer *best = NULL;
    for (size_t i = 0; i < lookup->n; i++) {
        size_t at = agent->ops->reversed ? lookup->n - 1 - i : i;
        struct pp_lookup_peer *who = &lookup->at[at];
        if (who->state != PP_ASK_NEW || who->path != path) {
            continue;
        }
        if (pp_id_is_zero(&who->peer.id)) {
            return who; /* a contact: who it is we learn by asking */
        }
        best = best ? best : who;
    }
    return best;
}

bool pp_lookup_counts(const struct pp_lookup_peer *who)
{
    return who->result && !who->inactive && who->state != PP_ASK_FAILED &&
           !pp_id_is_zero(&who->peer.id);
}

size_t pp_lookup_answer(const struct pp_lookup *lookup, struct pp_peer *peers)
{
    size_t n = 0;
    for (size_t i = 0; i < lookup->n && n < lookup->k; i++) {
        const struct pp_lookup_peer *who = &lookup->at[i];
        if (who->state == PP_ASK_ANSWERED && !who->inactive && who->result) {
            peers[n++] = who->peer;
        }
    }
    return n;
}

size_t pp_lookup_trace(struct pp_lookup *lookup, struct pp_peer *path, size_t cap)
{
    size_t n = 0;
    struct pp_lookup_peer *who = pp_lookup_by_serial(lookup, lookup->complete);
    while (who && n < cap) {
        path[n++] = who->peer;
        who = who->via ? pp_lookup_by_serial(lookup, who->via) : NULL;
    }
    for (size_t i = 0; i < n / 2; i++) {
        struct pp_peer swapped = path[i];
        path[i] = path[n - 1 - i];
        path[n - 1 - i] = swapped;
    }
    return n;
}

void pp_lookup_seed_all(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup,
                        const struct pp_peer *peers, size_t n, bool result)
{
    for (size_t i = 0; i < n; i++) {
        pp_lookup_seed(agent, now, lookup, &peers[i], NULL, result);
    }
}

bool pp_lookup_revive(const struct pp_lookup *l, struct pp_lookup_peer *who)
{
    if (l->hasty || who->revived) {
        return false;
    }
    who->revived = true;
    who->state = PP_ASK_NEW;
    if (who->told.udp) {
        who->peer = who->told;
    }
    return true;
}

bool pp_lookup_second_round(struct pp_lookup *l, unsigned path)
{
    size_t end = 0, answered = 0;
    bool any = false;
    for (; end < l->n && answered < l->k; end++) {
        const struct pp_lookup_peer *who = &l->at[end];
        answered += who->path == path && who->state == PP_ASK_ANSWERED && !who->inactive;
    }
    for (size_t i = 0; i < end; i++) {
        struct pp_lookup_peer *who = &l->at[i], *voucher = pp_lookup_by_serial(l, who->voucher);
        if (who->path == path && who->state == PP_ASK_FAILED && voucher && voucher < l->at + end) {
            any = pp_lookup_revive(l, who) || any;
        }
    }
    return any;
}

unsigned pp_lookup_farthest(const struct pp_agent *agent, struct pp_lookup *l, unsigned path,
                            enum pp_ask_state state, struct pp_lookup_peer **best)
{
    unsigned farthest = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct pp_lookup_peer *who = &l->at[i];
        unsigned ahead = who->path == path && who->state == state
                             ? agent->ops->ahead(&l->key, &who->peer.id)
                             : 0;
        if (ahead > farthest) {
            farthest = ahead;
            *best = who;
        }
    }
    return farthest;
}

void pp_lookup_note_voucher(struct pp_lookup *l, struct pp_lookup_peer *who, uint16_t teller)
{
    struct pp_lookup_peer *before = pp_lookup_by_serial(l, who->voucher);
    if (!before || pp_lookup_by_serial(l, teller) < before) {
        who->voucher = teller;
    }
}

uint64_t pp_lookup_ring_spacing(const struct pp_agent *agent, const struct pp_id *key,
                                const struct pp_peer *peers, size_t n)
{
    (void)agent;
    return pp_ring_spacing(key, peers, n);
}
