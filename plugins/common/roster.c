/* One list of peers round our own id; see roster.h. */
#include <common/roster.h>

#define REFER_MIN 8  /* a reply has the max(k, 8) nearest, and .. */
#define REFER_MORE 2 /* .. half as many again */
#define ASK_FIRST (2 * PP_SECOND)

struct pp_order pp_roster_order(const struct pp_roster *r)
{
    return (struct pp_order){r->kind->own, r->m.a.self.id};
}

static const struct pp_roster *roster_of(const struct pp_member *m)
{
    return (const struct pp_roster *)m;
}

struct pp_entry *pp_roster_entry(const struct pp_member *m, const struct pp_id *id)
{
    const struct pp_roster *r = roster_of(m);
    struct pp_order order = pp_roster_order(r);
    int at = pp_peerset_find(&r->table, &order, id);
    return at < 0 ? NULL : &r->table.at[at];
}

size_t pp_roster_known(const struct pp_member *m)
{
    return roster_of(m)->table.n;
}

size_t pp_roster_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    return pp_peerset_peers(&roster_of(m)->table, out, cap);
}

void pp_roster_free(struct pp_member *m)
{
    pp_peerset_free(&pp_roster_of(m)->table);
}

/* ---- who stands in it ---- */

/* May it stand in our list at all? Not ourselves, nobody once we leave. */
static bool admits(const struct pp_roster *r, const struct pp_id *id)
{
    return !pp_id_is_zero(id) && r->m.phase < PP_PHASE_LEAVING &&
           (r->m.client || !pp_id_equal(id, &r->m.a.self.id));
}

void pp_roster_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_roster *r = pp_roster_of(m);
    struct pp_order order = pp_roster_order(r);
    (void)tag;
    if (!admits(r, &peer->id)) {
        return;
    }
    if (!pp_roster_entry(m, &peer->id)) {
        struct pp_entry entry = pp_entry_now(peer, now);
        pp_entry_heard(&entry, now, m->sample);
        if (m->client || m->phase < PP_PHASE_ENTER) {
            pp_peerset_remember(&r->table, &order, PP_ROSTER_KNOWN, peer, now);
        } else {
            r->kind->add(r, now, &entry);
        }
    }
    if (m->client || m->phase == PP_PHASE_MEMBER) {
        pp_member_set_state(m, PP_ACTIVE);
    }
}

void pp_roster_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_roster *r = pp_roster_of(m);
    struct pp_order order = pp_roster_order(r);
    struct pp_id gone = *id; /* it may be the entry's own */
    int at = pp_peerset_find(&r->table, &order, id);
    if (at < 0) {
        return;
    }
    bool near = r->kind->near(r, (size_t)at);
    pp_peerset_remove(&r->table, (size_t)at);
    if (m->phase != PP_PHASE_MEMBER || m->client) {
        return;
    }
    if (near) {
        pp_roster_ask_soon(r, now);
    }
    r->kind->lost(r, now, &gone);
    if (r->table.n == 0) {
        pp_member_set_state(m, PP_ALONE);
    }
}

/* ---- nearest to a key ---- */

size_t pp_roster_width(unsigned k)
{
    size_t max = k < REFER_MIN ? REFER_MIN : k;
    max += max / REFER_MORE;
    return max < PP_PAGE_MAX ? max : PP_PAGE_MAX;
}

size_t pp_roster_nearest(const struct pp_roster *r, const struct pp_id *key, size_t max,
                         struct pp_peer *out)
{
    struct pp_entry room[PP_PAGE_MAX];
    struct pp_peerset best = {room, 0, PP_PAGE_MAX};
    struct pp_order order = {r->kind->metric, *key};
    if (r->m.a.active) {
        struct pp_entry self = {.peer = r->m.a.self};
        pp_peerset_insert(&best, &order, max, &self);
    }
    for (size_t i = 0; i < r->table.n; i++) {
        struct pp_entry entry = r->table.at[i];
        if (r->kind->suspects || !(entry.flags & PP_ENTRY_SUSPECT)) {
            entry.flags = 0;
            pp_peerset_insert(&best, &order, max, &entry);
        }
    }
    size_t n = pp_peerset_peers(&best, out, max);
    const struct pp_entry *next = r->kind->next ? r->kind->next(r, key) : NULL;
    if (next && n > 0 && pp_peerset_find(&best, &order, &next->peer.id) < 0) {
        out[n < max ? n++ : n - 1] = next->peer;
    }
    return n;
}

bool pp_roster_nearer(const struct pp_roster *r, const struct pp_id *key, const struct pp_id *a,
                      const struct pp_id *b)
{
    struct pp_id da = r->kind->metric(key, a), db = r->kind->metric(key, b);
    int order = pp_id_compare(&da, &db);
    return order < 0 || (order == 0 && pp_id_compare(a, b) < 0);
}

size_t pp_roster_count_nearer(const struct pp_roster *r, const struct pp_id *key, size_t *sure)
{
    size_t all = 0;
    *sure = 0;
    for (size_t i = 0; i < r->table.n; i++) {
        const struct pp_entry *entry = &r->table.at[i];
        bool counts = pp_roster_nearer(r, key, &entry->peer.id, &r->m.a.self.id);
        all += counts;
        *sure += counts && !(entry->flags & PP_ENTRY_SUSPECT);
    }
    return all;
}

void pp_roster_on_find(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                       const struct pp_header *header, struct pp_reader *body)
{
    struct pp_roster *r = pp_roster_of(m);
    struct pp_find find;
    struct pp_peer peers[PP_PAGE_MAX];
    (void)now;
    if (pp_read_find(body, &find) != PP_OK) {
        return;
    }
    size_t count = pp_roster_nearest(r, &find.key, pp_roster_width(find.k), peers);
    bool complete = count > 0 && pp_id_equal(&peers[0].id, &r->m.a.self.id);
    pp_member_list(m, rx, header, complete, peers, count, find.from);
}

static void rank(const struct pp_roster *r, const struct pp_id *key, const struct pp_id *id,
                 uint8_t out[PP_RANK_LEN])
{
    struct pp_id d = r->kind->metric(key, id);
    memcpy(out, d.b, PP_ID_LEN);
    memcpy(out + PP_ID_LEN, id->b, PP_ID_LEN);
}

void pp_roster_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                    uint8_t out[PP_RANK_LEN])
{
    const struct pp_roster *r = (const struct pp_roster *)n;
    rank(r, key, &r->m.a.self.id, out);
}

void pp_roster_rank_peer(const struct pp_agent *a, const struct pp_id *key,
                         const struct pp_peer *peer, const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    (void)extra;
    rank((const struct pp_roster *)a, key, &peer->id, out);
}

void pp_roster_seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_roster *r = (const struct pp_roster *)a;
    struct pp_peer peers[PP_PAGE_MAX];
    size_t count = pp_roster_nearest(r, &l->key, pp_roster_width(l->k), peers);
    pp_lookup_seed_all(a, now, l, peers, count, false);
    l->whole = a->active && r->kind->whole(r);
}

/* ---- upkeep ---- */

bool pp_roster_ping_silent(struct pp_roster *r, pp_ns now, const struct pp_entry *entry, pp_ns age)
{
    bool due =
        pp_entry_age(entry, now) > age && !pp_rpc_pending(&r->m.a, &entry->peer, PP_WIRE_PING);
    if (due) {
        pp_member_ping(&r->m, now, &entry->peer, 0);
    }
    return due;
}

void pp_roster_ask(struct pp_roster *r, pp_ns now, const struct pp_entry *whom,
                   const struct pp_id *key)
{
    pp_member_ask_near(&r->m, now, &whom->peer, key);
}

void pp_roster_ask_soon(struct pp_roster *r, pp_ns now)
{
    r->ask_wait = ASK_FIRST;
    r->ask_at = pp_sooner(r->ask_at, now + pp_random_jitter(&r->m.a.random, ASK_FIRST));
}

bool pp_roster_ask_due(struct pp_roster *r, pp_ns now, pp_ns longest)
{
    if (now < r->ask_at) {
        return false;
    }
    r->ask_wait = pp_sooner(2 * r->ask_wait, longest);
    r->ask_at = now + pp_random_jitter(&r->m.a.random, r->ask_wait);
    return true;
}
