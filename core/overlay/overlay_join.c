/*
 * From nothing to a member, and staying one network: contacts and saved peers are asked who they
 * are; an active one is met as a client; others call back; the member instance takes over. After a
 * power cut of everything the founding rule decides who begins (docs/architecture.md). Saved peers
 * are met now and then, so that the halves of a healed partition find each other.
 */
#include <overlay/overlay_internal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <base/log.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEK_PERIOD PP_SECOND
#define PP_TARGETS_MAX (PP_CONTACTS_MAX + PP_CACHE_MAX)
#define SEEK_AT_ONCE 16
#define EAGER                                                                                      \
    (2 * PP_MINUTE) /* after becoming whole: old acquaintances are asked soon, not later */
#define EAGER_PERIOD (2 * PP_SECOND)
#define RECENT (5 * PP_SECOND) /* an inactive peer that answered so lately lives */
#define MEET_AGAIN PP_MINUTE
#define SAVE_PERIOD (10 * PP_SECOND)
#define SAVE_SOON (2 * PP_SECOND)

bool pp_overlay_is_self(const struct pp_overlay *o, const struct pp_peer *peer)
{
    return pp_peer_same_endpoint(peer, &o->self) ||
           (!pp_id_is_zero(&peer->id) && pp_id_equal(&peer->id, &o->own_id));
}

/* ---- whom to ask ---- */

static bool is_cached(const struct pp_overlay *o, const struct pp_peer *peer)
{
    for (size_t i = 0; i < o->cache.n; i++) {
        if (pp_peer_same_endpoint(&o->cache.entries[i].peer, peer)) {
            return true;
        }
    }
    return false;
}

/* Whom we may ask: saved peers, and contacts that are none of them. `fresh`: when they said so
 * themselves, not those who were active at that time or since and whom the substrate was shown. */
static size_t targets(const struct pp_overlay *o, pp_ns fresh,
                      const struct pp_peer *out[PP_TARGETS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_contacts; i++) {
        if (!is_cached(o, &o->contacts[i])) {
            out[n++] = &o->contacts[i];
        }
    }
    for (size_t i = 0; i < o->cache.n; i++) {
        const struct pp_cached *c = &o->cache.entries[i];
        bool known = c->met && (c->flags & PP_PEER_ACTIVE) && c->proved >= fresh;
        if (!pp_overlay_is_self(o, &c->peer) && !known) {
            out[n++] = &c->peer;
        }
    }
    return n;
}

static size_t n_targets(const struct pp_overlay *o)
{
    const struct pp_peer *all[PP_TARGETS_MAX];
    return targets(o, PP_NEVER, all);
}

static void ask_some(struct pp_overlay *o, struct pp_now now, pp_ns fresh, size_t most)
{
    const struct pp_peer *all[PP_TARGETS_MAX];
    size_t n = targets(o, fresh, all);
    for (size_t i = 0; i < n && i < most; i++) {
        pp_envelope_ask(o->envelope, now, all[o->seek_at++ % n]);
    }
}

/* ---- becoming ---- */

static void become_member(struct pp_overlay *o, struct pp_now now, const struct pp_peer *contacts,
                          size_t n)
{
    if (pp_overlay_become(o, PP_MEMBER) != PP_OK) {
        pp_overlay_set_state(o, PP_ALONE, "out of memory for the member instance; restart");
        return;
    }
    o->cache.member = o->cache.changed = true;
    o->cache.self = o->self;
    pp_envelope_say(o->envelope, PP_PEER_MEMBER, o->self.http);
    o->plugin->meet(o->node, now.mono, contacts, n);
}

static size_t active_peers(struct pp_overlay *o, struct pp_peer out[PP_MEET_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < o->cache.n && n < PP_MEET_MAX; i++) {
        const struct pp_cached *c = &o->cache.entries[i];
        if (c->proved && (c->flags & PP_PEER_ACTIVE) && !pp_overlay_is_self(o, &c->peer)) {
            out[n++] = c->peer;
        }
    }
    return n;
}

void pp_join_member(struct pp_overlay *o, struct pp_now now)
{
    struct pp_peer contacts[PP_MEET_MAX];
    size_t n = active_peers(o, contacts);
    if (n > 0) { /* none left: seeking goes on */
        become_member(o, now, contacts, n);
    }
}

static void found_network(struct pp_overlay *o, struct pp_now now, const char *why)
{
    pp_log(PP_LOG_INFO, "overlay", "beginning a network: %s", why);
    o->dialling = false;
    o->next_dial = PP_NEVER;
    if (o->node && o->role == PP_MEMBER) {
        o->plugin->meet(o->node, now.mono, NULL, 0);
    } else {
        become_member(o, now, NULL, 0);
    }
}

/* A former member that reached no active peer for so long begins, unless an
 * inactive peer that it reached has a smaller id: then that one will. */
static void apply_founding_rule(struct pp_overlay *o, struct pp_now now)
{
    pp_ns since = o->active_seen > o->seeking_since ? o->active_seen : o->seeking_since;
    if (pp_mutant("overlay-no-founding")) {
        return;
    }
    if (o->options.role != PP_MEMBER || !o->former || pp_overlay_is_active(o) ||
        now.mono - since < o->options.found_after || !o->address_known) {
        return;
    }
    for (size_t i = 0; i < o->cache.n; i++) {
        const struct pp_cached *c = &o->cache.entries[i];
        if (c->proved && now.mono - c->proved < RECENT && !(c->flags & PP_PEER_ACTIVE) &&
            pp_id_compare(&c->peer.id, &o->own_id) < 0) {
            return;
        }
    }
    found_network(o, now, "no active node answers, and none that waits has a smaller id");
}

/* ---- seeking ---- */

static void seek(struct pp_overlay *o, struct pp_now now)
{
    o->next_seek = now.mono + SEEK_PERIOD;
    pp_contacts_resolve(o, now);
    ask_some(o, now, PP_NEVER, SEEK_AT_ONCE);
    if (now.mono - o->seeking_since > 3 * PP_SECOND && o->active_seen < o->seeking_since &&
        o->state != PP_ALONE) {
        pp_overlay_set_state(o, PP_ALONE,
                             "none of %zu contacts and saved peers answers as an active node; "
                             "check overlay.contacts and the network, still trying",
                             n_targets(o) + pp_contacts_unresolved(o));
    }
    apply_founding_rule(o, now);
}

static void start_seeking(struct pp_overlay *o, struct pp_now now)
{
    if (o->seeking_since == PP_NEVER) {
        o->seeking_since = now.mono;
        o->next_seek = now.mono;
    }
}

static void stop_seeking(struct pp_overlay *o, struct pp_now now)
{
    o->seeking_since = PP_NEVER;
    o->eager_until = now.mono + EAGER;
    o->next_seek = now.mono + EAGER_PERIOD;
}

static void queue_meeting(struct pp_overlay *o, const struct pp_peer *peer)
{
    for (size_t i = 0; i < o->n_to_meet; i++) {
        if (pp_id_equal(&o->to_meet[i].id, &peer->id)) {
            return;
        }
    }
    if (pp_overlay_is_active(o) && pp_mutant("overlay-no-merge")) {
        return;
    }
    if (o->n_to_meet < PP_MEET_MAX) {
        o->to_meet[o->n_to_meet++] = *peer;
    }
}

void pp_join_proved(struct pp_overlay *o, const struct pp_peer *peer, unsigned flags)
{
    pp_ns now = pp_loop_now(o->loop).mono;
    uint32_t pick;
    pp_random(&pick, sizeof pick);
    struct pp_cached *c = pp_peer_cache_add(&o->cache, peer, pick);
    bool active = (flags & PP_PEER_MEMBER) && (flags & PP_PEER_ACTIVE);
    if (c) {
        c->proved = now;
        c->flags = active ? flags : 0;
    }
    if (!active) {
        return;
    }
    o->active_seen = now;
    bool lately = c && c->met && now - c->met < MEET_AGAIN && pp_overlay_is_active(o);
    if (!lately && (pp_overlay_is_active(o) ? c != NULL : o->n_to_meet < PP_MEET_MAX)) {
        queue_meeting(o, peer);
    }
}

void pp_join_refused(struct pp_overlay *o, const struct pp_peer *peer)
{
    struct pp_now now = pp_loop_now(o->loop);
    for (size_t i = 0; i < o->n_contacts; i++) {
        o->refused[i] = o->refused[i] || pp_peer_same_endpoint(&o->contacts[i], peer);
    }
    o->refused_at = o->refused_at ? o->refused_at : now.mono;
    o->next_retry = now.mono;
}

bool pp_join_hopeless(const struct pp_overlay *o, struct pp_now now)
{
    size_t refused = 0;
    for (size_t i = 0; i < o->n_contacts; i++) {
        refused += o->refused[i];
    }
    bool all = refused >= n_targets(o) && !pp_contacts_pending(o);
    return o->refused_at && o->active_seen == 0 && (all || now.mono - o->refused_at >= PP_SECOND);
}

static void meet_queued(struct pp_overlay *o, struct pp_now now)
{
    if (o->n_to_meet == 0 || (!o->node && pp_overlay_become(o, PP_CLIENT) != PP_OK)) {
        return;
    }
    size_t n = o->n_to_meet;
    o->n_to_meet = 0;
    for (size_t i = 0; i < n; i++) {
        struct pp_cached *c = pp_peer_cache_find(&o->cache, &o->to_meet[i].id);
        if (c) {
            c->met = now.mono;
        }
    }
    o->plugin->meet(o->node, now.mono, o->to_meet, n);
}

/* ---- the instance's states ---- */

static void on_whole(struct pp_overlay *o, struct pp_now now)
{
    if (o->role == PP_MEMBER) {
        pp_envelope_say(o->envelope, PP_PEER_MEMBER | PP_PEER_ACTIVE, o->self.http);
    } else if (o->options.role == PP_MEMBER) {
        if (!o->dialling && o->address_known) {
            pp_dial_start(o, now);
        }
        return; /* still seeking: more contacts do no harm */
    }
    if (o->seeking_since != PP_NEVER) {
        stop_seeking(o, now);
    }
    if (o->moved && o->role == PP_MEMBER) {
        o->moved = false;
        o->plugin->move(o->node, now.mono, &o->self);
    }
    o->next_retry = now.mono;
}

static void take_state(struct pp_overlay *o, struct pp_now now)
{
    o->instance_changed = false;
    switch (o->instance) {
    case PP_ACTIVE:
    case PP_DEGRADED:
        on_whole(o, now);
        break;
    case PP_ALONE:
        start_seeking(o, now);
        break;
    case PP_REFUSED:
        pp_log(PP_LOG_ERROR, "overlay",
               "this node's id is in use by another running node: give each node its own key");
        break;
    case PP_JOINING:
    case PP_LEFT:
        break;
    }
    if (o->role == PP_MEMBER && !pp_overlay_is_active(o)) {
        pp_envelope_say(o->envelope, PP_PEER_MEMBER, o->self.http);
    }
}

void pp_join_turn(struct pp_overlay *o, struct pp_now now)
{
    if (o->leave_until == 0) {
        meet_queued(o, now);
    }
    if (o->instance_changed) {
        take_state(o, now);
    }
}

/* ---- merging and saving ---- */

static pp_ns jittered(pp_ns period)
{
    uint32_t r;
    pp_random(&r, sizeof r);
    return period * 3 / 4 + period / 2 * (r % 1024) / 1024;
}

static void merge(struct pp_overlay *o, struct pp_now now)
{
    uint32_t r;
    pp_random(&r, sizeof r);
    o->next_merge = now.mono + jittered(o->options.merge_period);
    if (o->cache.n > 0 && o->node && pp_overlay_is_active(o)) {
        const struct pp_peer *peer = &o->cache.entries[r % o->cache.n].peer;
        if (!pp_overlay_is_self(o, peer)) {
            queue_meeting(o, peer);
        }
    }
}

struct save {
    struct pp_overlay *overlay;
    char *path;
    struct pp_buf text;
    int code;
};

static void write_peers(void *ctx)
{
    struct save *s = ctx;
    s->code = pp_peer_cache_write(s->path, pp_buf_bytes(&s->text));
}

static void free_save(struct save *s)
{
    if (s) {
        free(s->path);
        pp_buf_free(&s->text);
        free(s);
    }
}

static void peers_written(void *ctx, bool dropped)
{
    struct save *s = ctx;
    s->overlay->saving = false;
    if (!dropped && s->code != PP_OK) {
        pp_log(PP_LOG_WARN, "overlay", "cannot save the known peers to %s: is the disk full?",
               s->path);
    }
    free_save(s);
}

static struct save *make_save(struct pp_overlay *o)
{
    struct save *s = calloc(1, sizeof *s);
    if (s) {
        s->overlay = o;
        s->path = strdup(o->peers_file);
        if (!s->path || pp_peer_cache_text(&o->cache, &s->text) != PP_OK) {
            free_save(s);
            s = NULL;
        }
    }
    return s;
}

static void save(struct pp_overlay *o, struct pp_now now)
{
    o->next_save = now.mono + SAVE_PERIOD;
    if (!o->peers_file || o->saving || !o->cache.changed) {
        return;
    }
    struct save *s = make_save(o);
    if (s && pp_workers_submit(o->workers, write_peers, peers_written, s) == PP_OK) {
        o->saving = true;
    } else {
        free_save(s);
        o->cache.changed = true;
    }
}

void pp_join_save_now(struct pp_overlay *o)
{
    struct save *s = o->peers_file && o->cache.changed ? make_save(o) : NULL;
    if (s) {
        write_peers(s);
        free_save(s);
    }
}

/* ---- the clockwork ---- */

pp_ns pp_join_next(const struct pp_overlay *o)
{
    pp_ns next = o->next_merge;
    bool asking = o->seeking_since != PP_NEVER || o->eager_until != 0;
    next = asking && o->next_seek < next ? o->next_seek : next;
    next = o->next_dial < next ? o->next_dial : next;
    next = o->cache.changed && o->peers_file && o->next_save < next ? o->next_save : next;
    return o->probe && o->probe_until < next ? o->probe_until : next;
}

static void step_seeking(struct pp_overlay *o, struct pp_now now)
{
    if (o->seeking_since != PP_NEVER) {
        seek(o, now);
    } else if (now.mono < o->eager_until) {
        o->next_seek = now.mono + EAGER_PERIOD;
        ask_some(o, now, now.mono > MEET_AGAIN ? now.mono - MEET_AGAIN : 0, 4);
    } else {
        o->eager_until = 0;
    }
}

void pp_join_step(struct pp_overlay *o, struct pp_now now)
{
    if (o->leave_until != 0) {
        return;
    }
    if (now.mono >= o->next_seek && (o->seeking_since != PP_NEVER || o->eager_until != 0)) {
        step_seeking(o, now);
    }
    if (now.mono >= o->next_dial) {
        pp_dial_step(o, now);
    }
    if (now.mono >= o->next_merge) {
        merge(o, now);
    }
    if (now.mono >= o->next_save) {
        save(o, now);
    }
    if (o->probe && now.mono >= o->probe_until) {
        pp_udp_close(o->probe);
        o->probe = NULL;
    }
}

static int load_peers(struct pp_overlay *o, struct pp_error *error)
{
    size_t bad = 0;
    int code = o->peers_file ? pp_peer_cache_load(&o->cache, o->peers_file, &bad, error) : PP_OK;
    if (bad > 0) {
        pp_log(PP_LOG_WARN, "overlay", "%zu lines of %s are no peers and were left out", bad,
               o->peers_file);
    }
    o->former = o->cache.member;
    bool elsewhere = o->cache.self.udp != 0 && !pp_peer_same_endpoint(&o->cache.self, &o->self);
    o->moved = o->former && elsewhere;
    o->cache.self = o->self;
    o->cache.self.id = o->own_id;
    return code;
}

int pp_join_start(struct pp_overlay *o, struct pp_error *error)
{
    struct pp_now now = pp_loop_now(o->loop);
    int code = pp_contacts_read(o, error);
    code = code == PP_OK ? load_peers(o, error) : code;
    if (code != PP_OK) {
        return code;
    }
    o->next_dial = PP_NEVER;
    o->next_save = now.mono + SAVE_SOON;
    o->next_merge = now.mono + jittered(o->options.merge_period);
    o->seeking_since = o->next_seek = now.mono;
    pp_contacts_resolve(o, now);
    if (n_targets(o) + pp_contacts_unresolved(o) > 0) {
        pp_overlay_set_state(o, PP_JOINING, "asking %zu contacts and saved peers",
                             n_targets(o) + pp_contacts_unresolved(o));
        return PP_OK;
    }
    if (o->options.role == PP_CLIENT) {
        return pp_fail(error, PP_CONFIG,
                       "no node is known to begin with: set overlay.contacts to "
                       "the address and UDP port of one");
    }
    if (!o->address_known) {
        return pp_fail(error, PP_CONFIG,
                       "the first node of a network cannot learn its address from others: set "
                       "node.listen or overlay.advertise to it");
    }
    found_network(o, now, "no contact is configured and none was saved");
    return PP_OK;
}
