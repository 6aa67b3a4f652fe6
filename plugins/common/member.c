/* The life of a node around its tables; see member.h. Pings and hearsay are in member_ping.c. */
#include <common/member.h>

#include <stdlib.h>

#define RETRY_FIRST (PP_SECOND / 2)
#define RETRIES_MAX 5

void pp_member_init(struct pp_member *m, const struct pp_member_ops *ops,
                    const struct pp_lookup_ops *lookup_ops, const struct pp_substrate_host *host,
                    void *ctx, enum pp_role role, const struct pp_peer *self,
                    const uint8_t seed[16])
{
    pp_agent_init(&m->a, host, ctx, self, seed, lookup_ops);
    m->ops = ops;
    m->seek_k = (uint8_t)ops->seek_k;
    m->client = role == PP_CLIENT;
    if (m->client) {
        m->a.self.id = (struct pp_id){{0}};
    }
    m->retry_at = m->until = PP_NEVER;
    m->state = m->told = PP_JOINING;
}

void *pp_member_new(size_t size, const struct pp_member_ops *ops,
                    const struct pp_lookup_ops *lookup_ops, const struct pp_substrate_host *host,
                    void *ctx, enum pp_role role, const struct pp_peer *self,
                    const uint8_t seed[16])
{
    struct pp_member *m = calloc(1, size);
    if (m) {
        pp_member_init(m, ops, lookup_ops, host, ctx, role, self, seed);
    }
    return m;
}

int pp_net_keep(struct pp_net **net, const void *options, size_t len, const char *name,
                struct pp_error *error)
{
    *net = malloc(len);
    if (!*net) {
        return pp_fail(error, PP_NOMEM, "%s: out of memory", name);
    }
    memcpy(*net, options, len);
    return PP_OK;
}

void pp_net_drop(struct pp_net *net)
{
    free(net);
}

static struct pp_member *member_of(struct pp_substrate_node *n)
{
    return (struct pp_member *)n;
}

void pp_member_destroy(struct pp_substrate_node *n)
{
    struct pp_member *m = member_of(n);
    if (!m) {
        return;
    }
    pp_agent_free(&m->a);
    pp_candidates_free(&m->candidates);
    pp_quarantine_free(&m->quarantine);
    m->ops->free(m);
    free(n);
}

static const char *state_text(enum pp_state state)
{
    switch (state) {
    case PP_JOINING:
        return "joining the overlay";
    case PP_ACTIVE:
        return "in the overlay";
    case PP_DEGRADED:
        return "a part of the tables is lost and is being found again";
    case PP_ALONE:
        return "no other node answers";
    case PP_REFUSED:
        return "another node answers under this node's id";
    case PP_LEFT:
        return "has left the overlay";
    }
    return "";
}

void pp_member_set_state(struct pp_member *m, enum pp_state state)
{
    m->state = (uint8_t)state;
    if (m->state != m->told) {
        m->a.settle = true;
    }
}

/* Last in every entry that may call the host: what has come about is told. */
static void settle(struct pp_member *m, pp_ns now)
{
    if (m->told != m->state) {
        m->told = m->state;
        m->a.host->state(m->a.ctx, (enum pp_state)m->state, state_text((enum pp_state)m->state));
    }
    pp_lookup_settle(&m->a, now);
    m->a.settle = m->told != m->state;
}

/* ---- joining ---- */

static void on_sought(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result);

static int look_for_place(struct pp_member *m, pp_ns now, const struct pp_peer *seeds, size_t n,
                          unsigned k, pp_lookup_fn *done)
{
    struct pp_id key = m->a.self.id;
    if (m->ops->place_key && m->phase == PP_PHASE_MEMBER) {
        m->ops->place_key(m, &key);
    } else if (m->ops->in_place && m->phase == PP_PHASE_MEMBER) {
        key = pp_id_after(&key);
    }
    struct pp_lookup_request request = {
        .key = &key, .k = k, .paths = 1, .done = done, .seeds = seeds, .n_seeds = n};
    return pp_lookup_start(&m->a, now, &request);
}

static void stay_out(struct pp_member *m, enum pp_state state)
{
    m->phase = PP_PHASE_OUT;
    m->retry_at = PP_NEVER;
    pp_member_set_state(m, state);
}

void pp_member_seek(struct pp_member *m, pp_ns now, const struct pp_peer *seeds, size_t n)
{
    struct pp_peer own[PP_MEET_MAX];
    if (n == 0) {
        n = m->ops->peers(m, own, PP_MEET_MAX);
        seeds = own;
    }
    m->phase = PP_PHASE_SEEK;
    m->retry_at = PP_NEVER;
    if (n == 0 || look_for_place(m, now, seeds, n, m->seek_k, on_sought) != PP_OK) {
        stay_out(m, PP_ALONE);
    }
}

void pp_member_retry(struct pp_member *m, pp_ns now)
{
    pp_ns wait = RETRY_FIRST << (m->retries < 4 ? m->retries : 4);
    m->retries = (uint8_t)(m->retries < UINT8_MAX ? m->retries + 1 : UINT8_MAX);
    m->phase = PP_PHASE_SEEK;
    m->retry_at = now + pp_random_jitter(&m->a.random, wait);
}

void pp_member_rejoin(struct pp_member *m, pp_ns now)
{
    m->a.active = false;
    m->retries = 0;
    pp_member_set_state(m, PP_JOINING);
    pp_member_retry(m, now);
}

static void on_sought(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_member *m = (struct pp_member *)a;
    (void)lookup;
    if (m->phase != PP_PHASE_SEEK) {
        return;
    }
    if (result->n_peers == 0) {
        if (m->ops->known(m) > 0 && m->retries < RETRIES_MAX) {
            pp_member_retry(m, now);
        } else {
            stay_out(m, PP_ALONE);
        }
        return;
    }
    if (pp_id_equal(&result->peers[0].id, &m->a.self.id)) {
        stay_out(m, PP_REFUSED);
        return;
    }
    m->phase = PP_PHASE_ENTER;
    m->ops->place(m, now, result);
}

void pp_member_activate(struct pp_member *m, pp_ns now)
{
    struct pp_peer peers[PP_CANDIDATES_MAX];
    m->phase = PP_PHASE_MEMBER;
    m->a.active = true;
    m->retry_at = PP_NEVER;
    pp_member_set_state(m, PP_ACTIVE);
    m->ops->activated(m, now);
    size_t n = m->ops->peers(m, peers, PP_CANDIDATES_MAX);
    for (size_t i = 0; i < n; i++) {
        pp_candidates_add(&m->candidates, &peers[i], 0);
    }
    pp_member_pump(m, now);
}

/* ---- meeting ---- */

void pp_member_learn_all(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        if (!pp_id_equal(&result->peers[i].id, &m->a.self.id)) {
            m->ops->learn(m, now, &result->peers[i], 0);
        }
    }
}

static void on_merged(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_member *m = (struct pp_member *)a;
    (void)lookup;
    m->merging = false;
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (m->ops->merged) {
        m->ops->merged(m, now, result);
        return;
    }
    pp_member_learn_all(m, now, result);
}

/* One node was looked up: our place as strangers see it, or not yet. */
static void on_probed(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_member *m = (struct pp_member *)a;
    (void)lookup;
    m->merging = false;
    if (m->phase != PP_PHASE_MEMBER || result->n_peers == 0) {
        return;
    }
    const struct pp_peer first = result->peers[0];
    if (!m->ops->in_place(m, &first.id)) {
        m->merging = look_for_place(m, now, &first, 1, m->seek_k, on_merged) == PP_OK;
    }
}

void pp_member_merge(struct pp_member *m, pp_ns now, const struct pp_peer *via, size_t n)
{
    struct pp_peer own[PP_MEET_MAX];
    bool probe = m->ops->in_place != NULL;
    if (m->merging || m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (n == 0) {
        n = m->ops->peers(m, own, PP_MEET_MAX);
        via = own;
    }
    m->merging = n > 0 && look_for_place(m, now, via, n, probe ? 1 : m->seek_k,
                                         probe ? on_probed : on_merged) == PP_OK;
}

static size_t strangers(const struct pp_member *m, const struct pp_peer *contacts, size_t n,
                        struct pp_peer *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < PP_MEET_MAX; i++) {
        bool self = pp_peer_same_endpoint(&contacts[i], &m->a.self) ||
                    (!m->client && pp_id_equal(&contacts[i].id, &m->a.self.id));
        if (!self && !(m->a.active && m->ops->entry(m, &contacts[i].id))) {
            out[count++] = contacts[i];
        }
    }
    return count;
}

static void meet(struct pp_member *m, pp_ns now, const struct pp_peer *contacts, size_t n)
{
    struct pp_peer new[PP_MEET_MAX];
    size_t count = strangers(m, contacts, n, new);
    if (n == 0 && !m->client) {
        if (m->phase < PP_PHASE_MEMBER) {
            pp_member_activate(m, now);
        }
    } else if (m->phase == PP_PHASE_MEMBER) {
        if (count > 0) {
            pp_member_merge(m, now, new, count);
        }
    } else if (!m->client && m->phase == PP_PHASE_OUT) {
        m->retries = 0;
        pp_member_set_state(m, PP_JOINING);
        pp_member_seek(m, now, new, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            pp_member_ping(m, now, &new[i], 0);
        }
        pp_member_pump(m, now);
    }
}

void pp_member_meet(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *contacts,
                    size_t k)
{
    struct pp_member *m = member_of(n);
    if (m->phase < PP_PHASE_LEAVING) {
        meet(m, now, contacts, k);
    }
    settle(m, now);
}

void pp_member_move(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *self)
{
    struct pp_member *m = member_of(n);
    struct pp_peer peers[PP_CANDIDATES_MAX];
    struct pp_id id = m->a.self.id;
    m->a.self = *self;
    m->a.self.id = id;
    size_t count = m->client ? 0 : m->ops->peers(m, peers, PP_CANDIDATES_MAX);
    for (size_t i = 0; i < count; i++) {
        pp_candidates_add(&m->candidates, &peers[i], 0);
    }
    pp_member_pump(m, now);
    settle(m, now);
}

/* ---- leaving ---- */

void pp_member_tell_all(struct pp_member *m, uint8_t kind)
{
    struct pp_peer peers[PP_CANDIDATES_MAX];
    size_t n = m->ops->peers(m, peers, PP_CANDIDATES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct pp_writer w;
        pp_agent_begin(&m->a, &w, kind);
        pp_agent_send(&m->a, &peers[i], &w);
    }
}

void pp_member_left(struct pp_member *m)
{
    m->phase = PP_PHASE_LEFT;
    m->until = PP_NEVER;
    pp_rpc_cancel(&m->a, m);
    m->ops->free(m);
    pp_member_set_state(m, PP_LEFT);
}

static void on_parted(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    if (answer->code != PP_AGAIN && m->phase == PP_PHASE_LEAVING && --m->pinging == 0) {
        m->until = now; /* the tables may be in use here: at the next tick */
    }
}

void pp_member_part(struct pp_member *m, pp_ns now, const struct pp_peer *from,
                    const struct pp_writer *w)
{
    if (pp_member_ask(m, now, from, w, on_parted, 0)) {
        m->pinging++;
    }
}

void pp_member_leave(struct pp_substrate_node *n, pp_ns now, pp_ns until)
{
    struct pp_member *m = member_of(n);
    bool was_member = m->phase == PP_PHASE_MEMBER;
    if (m->phase >= PP_PHASE_LEAVING) {
        return;
    }
    pp_lookup_fail_all(&m->a, PP_OFFLINE, "this node is leaving the overlay");
    pp_rpc_cancel(&m->a, m);
    pp_candidates_free(&m->candidates);
    m->pinging = 0;
    m->retry_at = PP_NEVER;
    m->phase = PP_PHASE_LEAVING;
    m->until = until;
    bool waits = was_member && m->ops->goodbye(m, now);
    m->a.active = false;
    if (!waits) {
        pp_member_left(m);
    }
    settle(m, now);
}

/* ---- what comes in ---- */

/* One that joins under an id of our tables from elsewhere: it has a new address, or it is a second
 * one. The endpoint we know decides: if it still answers, the joiner will find that out. */
static bool elsewhere(struct pp_member *m, pp_ns now, const struct pp_entry *entry,
                      const struct pp_peer *peer)
{
    if (pp_peer_same_endpoint(&entry->peer, peer)) {
        return false;
    }
    if (!pp_rpc_pending(&m->a, &entry->peer, PP_WIRE_PING)) {
        pp_member_ping(m, now, &entry->peer, 0);
    }
    return true;
}

static void heard(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, pp_ns rtt)
{
    struct pp_entry *all[PP_TABLES_MAX];
    size_t n = pp_member_entries(m, &rx->from.id, all);
    bool active = header->flags & PP_WIRE_ACTIVE;
    m->knew = n > 0;
    pp_quarantine_lift(&m->quarantine, &rx->from.id);
    m->sample = rtt;
    for (size_t i = 0; active && i < n; i++) {
        if (!pp_peer_same_endpoint(&all[i]->peer, &rx->from)) {
            all[i]->rtt = 0;
        }
        all[i]->peer = rx->from;
        pp_entry_heard(all[i], now, rtt);
    }
    if (active) {
        m->ops->learn(m, now, &rx->from, 0);
    } else if (n > 0 && m->phase != PP_PHASE_OUT && !elsewhere(m, now, all[0], &rx->from)) {
        m->ops->forget(m, now, &rx->from.id);
    }
}

static void take_reply(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                       const struct pp_header *header, struct pp_reader *body, bool proved)
{
    pp_ns rtt;
    struct pp_rpc *rpc = pp_rpc_take(&m->a, now, header, rx, &rtt);
    if (!rpc) {
        if (proved) { /* given up too early */
            pp_quarantine_lift(&m->quarantine, &rx->from.id);
        }
        return;
    }
    if (proved) {
        heard(m, now, rx, header, rtt);
    }
    pp_rpc_finish(&m->a, now, rpc, header, rx, body);
    m->sample = 0;
}

static void take_request(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                         const struct pp_header *header, struct pp_reader *body, bool proved)
{
    const struct pp_member_ops *ops = m->ops;
    bool heard_out = proved || header->kind < PP_WIRE_OWN;
    if (header->kind < ops->n_on && ops->on[header->kind] && heard_out) {
        ops->on[header->kind](m, now, rx, header, body);
    }
}

void pp_member_on_leave(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                        const struct pp_header *header, struct pp_reader *body)
{
    (void)header;
    if (pp_read_done(body)) {
        m->ops->forget(m, now, &rx->from.id);
    }
}

void pp_member_receive(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                       struct pp_bytes payload)
{
    struct pp_member *m = member_of(n);
    struct pp_reader body = pp_reader(payload);
    struct pp_header header;
    if (m->phase == PP_PHASE_LEFT || pp_read_header(&body, &header) != PP_OK) {
        return;
    }
    bool proved = rx->facts & PP_ID_PROVED && !pp_id_is_zero(&rx->from.id) &&
                  !pp_id_equal(&rx->from.id, &m->a.self.id);
    if (header.kind & PP_WIRE_REPLY) {
        take_reply(m, now, rx, &header, &body, proved);
    } else if (!m->client) {
        if (proved) {
            heard(m, now, rx, &header, 0);
        }
        take_request(m, now, rx, &header, &body, proved);
    }
    settle(m, now);
}

void pp_member_tick(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_member *m = member_of(n);
    pp_rpc_tick(&m->a, now);
    pp_lookup_tick(&m->a, now);
    if (now >= m->retry_at) {
        pp_member_seek(m, now, NULL, 0);
    }
    if (m->phase < PP_PHASE_LEFT) {
        m->ops->tick(m, now);
    }
    if (m->phase == PP_PHASE_LEAVING && now >= m->until) {
        pp_member_left(m);
    }
    settle(m, now);
}

pp_ns pp_member_next(const struct pp_substrate_node *n)
{
    const struct pp_member *m = (const struct pp_member *)n;
    pp_ns at = pp_sooner(pp_rpc_deadline(&m->a), pp_lookup_deadline(&m->a));
    at = pp_sooner(at, pp_sooner(m->retry_at, m->until));
    return m->phase < PP_PHASE_LEFT ? pp_sooner(at, m->ops->next(m)) : at;
}

int pp_member_lookup(struct pp_substrate_node *n, pp_ns now, const struct pp_id *key, unsigned k,
                     unsigned paths, unsigned flags, uint64_t token)
{
    struct pp_member *m = member_of(n);
    if (m->phase >= PP_PHASE_LEAVING || (!m->client && m->phase < PP_PHASE_MEMBER)) {
        return PP_OFFLINE;
    }
    struct pp_lookup_request request = {
        .key = key, .k = k, .paths = paths, .flags = flags, .token = token};
    return pp_lookup_start(&m->a, now, &request);
}

void pp_member_cancel(struct pp_substrate_node *n, uint64_t token)
{
    pp_lookup_cancel(&member_of(n)->a, token);
}
