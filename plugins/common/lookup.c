/*
 * The look-up engine: asks, waits, goes round, confirms, tells. See lookup.h for the rules. Knows
 * no substrate's tables; those answer through struct pp_lookup_ops.
 */
#include <common/find.h>
#include <common/lookup.h>

#include <stdlib.h>

/* So many more are asked at a time where many do not answer, or their deaths would add up. */
#define HURRY 13

/* What a request was for: the high half of its tag; the low half is the peer's serial. */
enum purpose { FOR_ROUTE = 1, FOR_PING = 2, FOR_MORE = 3 };

static void on_answer(struct pp_agent *agent, pp_ns now, struct pp_answer *answer);
static void confirm(struct pp_agent *agent, pp_ns now, struct pp_lookup *l);

static void finish(struct pp_agent *agent, struct pp_lookup *l, int code, const char *reason)
{
    l->finished = true;
    l->code = code;
    l->reason = reason;
    agent->settle = true;
    pp_rpc_cancel(agent, l);
}

static void send(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, struct pp_lookup_peer *who,
                 enum purpose purpose, const struct pp_writer *w)
{
    pp_ns rto = agent->ops->rto(agent, &who->peer.id);
    struct pp_request request = {.to = &who->peer,
                                 .rto = !who->revived ? rto : rto / (agent->ops->root ? 2 : 4),
                                 .tries = who->revived ? PP_RPC_TRIES + 1 : PP_RPC_TRIES,
                                 .done = on_answer,
                                 .owner = l,
                                 .tag = (uint32_t)purpose << 16 | who->serial};
    if (pp_rpc_send(agent, now, &request, w) == PP_OK) {
        l->messages++;
    } else if (who->state == PP_ASK_SENT) {
        who->state = PP_ASK_FAILED;
    }
}

static void ask_find(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                     struct pp_lookup_peer *who, enum purpose purpose, const struct pp_find *find)
{
    struct pp_writer w;
    pp_agent_begin(agent, &w, PP_WIRE_FIND);
    pp_write_find(&w, find);
    send(agent, now, l, who, purpose, &w);
}

static void ask_route(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                      struct pp_lookup_peer *who)
{
    struct pp_find find = {l->key, l->k, 0};
    who->state = PP_ASK_SENT;
    ask_find(agent, now, l, who, FOR_ROUTE, &find);
}

static void ask_ping(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                     struct pp_lookup_peer *who)
{
    struct pp_writer w;
    who->state = PP_ASK_SENT;
    pp_agent_begin(agent, &w, PP_WIRE_PING);
    pp_write_ping(&w, &l->key);
    send(agent, now, l, who, FOR_PING, &w);
}

static size_t waiting_on(const struct pp_lookup *l, unsigned path, bool late_too)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct pp_lookup_peer *who = &l->at[i];
        n += who->path == path &&
             (who->state == PP_ASK_SENT || (late_too && who->state == PP_ASK_LATE));
    }
    return n;
}

/* A client asks one that answered it lately as if the answer were there already. */
static bool sure(const struct pp_agent *agent, pp_ns now, const struct pp_lookup *l,
                 const struct pp_lookup_peer *who)
{
    return l->hasty && l->timeouts == 0 && agent->ops->fresh(agent, now, &who->peer.id);
}

/* Root rule: ask the nearest until one says "complete", or nobody is left. */
static void route_root(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, unsigned path)
{
    size_t alpha = l->paths > 1 ? 1 : l->eager && !l->answered ? PP_LOOKUP_EAGER : PP_LOOKUP_ALPHA;
    struct pp_lookup_peer *who;
    while (waiting_on(l, path, false) < alpha && (who = pp_lookup_best_new(agent, l, path))) {
        alpha = sure(agent, now, l, who) ? 1 : alpha;
        ask_route(agent, now, l, who);
    }
    if (waiting_on(l, path, true) == 0) {
        l->ended |= (uint8_t)(1u << path);
    }
}

/* The k closest have answered, but somebody may hide behind a hole: the next nearest are asked.
 * false: there is no need, or nobody left. */
static bool look_beyond(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, unsigned path)
{
    if (!agent->ops->closed || agent->ops->closed(agent, l)) {
        return false;
    }
    size_t waiting = waiting_on(l, path, false);
    struct pp_lookup_peer *who;
    while (waiting < PP_LOOKUP_ALPHA && l->beyond < PP_LOOKUP_BEYOND_MAX &&
           (who = pp_lookup_best_new(agent, l, path))) {
        ask_route(agent, now, l, who);
        l->beyond++;
        waiting++;
    }
    return waiting > 0;
}

/* Until one says "complete": is, or now was, somebody asked that is ahead of all who answered? */
static bool route_ahead(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, unsigned path)
{
    struct pp_lookup_peer *best = NULL, *none = NULL;
    if (!agent->ops->ahead || l->complete) {
        return false;
    }
    unsigned reached = pp_lookup_farthest(agent, l, path, PP_ASK_ANSWERED, &none);
    if (pp_lookup_farthest(agent, l, path, PP_ASK_SENT, &none) > reached) {
        return true;
    }
    if (pp_lookup_farthest(agent, l, path, PP_ASK_NEW, &best) <= reached) {
        return false;
    }
    ask_route(agent, now, l, best);
    return true;
}

/* The other rule: the k closest of the path must all have answered. */
static void route_all(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, unsigned path)
{
    size_t window = l->k, waiting = waiting_on(l, path, false);
    size_t alpha = PP_LOOKUP_ALPHA + (l->timeouts < HURRY ? l->timeouts : HURRY);
    bool open = false;
    if (route_ahead(agent, now, l, path)) {
        return;
    }
    for (size_t i = 0; i < l->n && window > 0; i++) {
        struct pp_lookup_peer *who = &l->at[i];
        if (who->path != path || who->state == PP_ASK_FAILED || who->inactive) {
            continue;
        }
        if (who->state == PP_ASK_NEW && waiting < alpha) {
            waiting += !sure(agent, now, l, who);
            ask_route(agent, now, l, who);
        }
        open = open || who->state != PP_ASK_ANSWERED;
        window -= who->state != PP_ASK_LATE; /* whoever is late lets one more in */
    }
    if (open) {
        return;
    }
    if (pp_lookup_second_round(l, path)) {
        route_all(agent, now, l, path); /* at most once for each of the list */
    } else if (!look_beyond(agent, now, l, path)) {
        l->ended |= (uint8_t)(1u << path);
    }
}

static void route(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    for (unsigned path = 0; path < l->paths; path++) {
        if (l->ended & (1u << path)) {
            continue;
        }
        if (agent->ops->root) {
            route_root(agent, now, l, path);
        } else {
            route_all(agent, now, l, path);
        }
    }
    l->routed = l->ended == (1u << l->paths) - 1;
}

static struct pp_lookup_peer *last_of_answer(struct pp_lookup *l)
{
    struct pp_lookup_peer *last = NULL;
    for (size_t i = 0; i < l->n; i++) {
        if (pp_lookup_counts(&l->at[i]) && l->at[i].state == PP_ASK_ANSWERED) {
            last = &l->at[i];
        }
    }
    return last;
}

/* Nothing is outstanding and the answer is short: its last member is asked for what follows.
 * false: there is nothing more to be had. */
static bool extend(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    struct pp_lookup_peer *last = last_of_answer(l);
    struct pp_find find = {.k = l->k};
    if (!last || last->extended || !agent->ops->extend ||
        !agent->ops->extend(l, &last->peer.id, &find.key)) {
        return false;
    }
    last->extended = true;
    if (pp_id_equal(&last->peer.id, &agent->self.id)) {
        agent->ops->extend_own(agent, now, l);
        confirm(agent, now, l); /* comes here again at most: we are extended now */
        return true;
    }
    last->state = PP_ASK_SENT;
    ask_find(agent, now, l, last, FOR_MORE, &find);
    return true;
}

/* All of the answer turned out to be dead, but others have not been asked where the key lies: the
 * routing goes on with them. */
static bool reroute(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    l->ended = 0;
    l->complete = 0;
    route(agent, now, l);
    return !l->routed;
}

/* Every one of the first k must have answered; whoever is late lets one more in. */
static void confirm(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    size_t window = l->k, answered = 0;
    bool open = false;
    for (size_t i = 0; i < l->n && window > 0; i++) {
        struct pp_lookup_peer *who = &l->at[i];
        if (!pp_lookup_counts(who)) {
            continue;
        }
        if (who->state == PP_ASK_NEW && !who->fresh &&
            agent->ops->fresh(agent, now, &who->peer.id)) {
            who->fresh = true;
            who->state = PP_ASK_ANSWERED;
        } else if (who->state == PP_ASK_NEW) {
            ask_ping(agent, now, l, who);
        }
        open = open || who->state != PP_ASK_ANSWERED;
        answered += who->state == PP_ASK_ANSWERED;
        window -= who->state != PP_ASK_LATE;
    }
    if (open || (answered < l->k && extend(agent, now, l))) {
        return;
    }
    if (answered > 0) {
        finish(agent, l, PP_OK, NULL);
    } else if (!agent->ops->root || !reroute(agent, now, l)) {
        finish(agent, l, PP_UNREACHABLE,
               l->answered ? "peers answered, but none knew the nodes closest to the key"
                           : "none of the known peers answered");
    }
}

static void advance(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    if (l->finished) {
        return;
    }
    if (!l->routed) {
        route(agent, now, l);
    }
    if (l->routed) {
        confirm(agent, now, l);
    }
}

/* One is given up: its neighbour in the answer, if taken unasked, shall say what it thinks. */
static void ask_next(struct pp_lookup *l, const struct pp_lookup_peer *who)
{
    for (size_t i = (size_t)(who - l->at) + 1; i < l->n; i++) {
        if (pp_lookup_counts(&l->at[i])) {
            if (l->at[i].fresh && l->at[i].state == PP_ASK_ANSWERED) {
                l->at[i].state = PP_ASK_NEW;
            }
            return;
        }
    }
}

/* A peer named by `teller`. vouched: by a member of the answer, so that even one which did not
 * answer before is tried once more. */
static struct pp_lookup_peer *offer_told(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                                         const struct pp_peer *peer, const uint8_t *extra,
                                         uint16_t teller, bool vouched)
{
    struct pp_lookup_peer *from = pp_lookup_by_serial(l, teller);
    bool believed = vouched && !l->hasty;
    if (!from || (!believed && agent->ops->refused(agent, now, peer, &from->peer))) {
        return NULL;
    }
    uint16_t before = l->serial, via = from->serial;
    uint8_t depth = from->depth, path = from->path;
    struct pp_lookup_peer *who = pp_lookup_offer(agent, l, peer, extra); /* moves the list */
    if (!who) {
        return NULL;
    }
    if (l->serial != before) {
        bool doubted = agent->ops->doubted && agent->ops->doubted(agent, now, &peer->id);
        who->state = doubted && !agent->ops->root ? PP_ASK_FAILED : who->state;
        who->via = via;
        who->depth = depth < UINT8_MAX ? (uint8_t)(depth + 1) : depth;
        who->path = path;
    }
    who->vouched = who->vouched || vouched;
    if (!agent->ops->root) {
        pp_lookup_note_voucher(l, who, via);
    }
    if (who->state != PP_ASK_ANSWERED) {
        who->told = *peer;
    }
    if (who->vouched && who->state == PP_ASK_FAILED) {
        pp_lookup_revive(l, who);
    }
    return who;
}

static void take_find(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, uint16_t serial,
                      struct pp_reader *body, bool more)
{
    struct pp_find_reply reply;
    struct pp_lookup_peer *from = pp_lookup_by_serial(l, serial);
    if (!from || pp_read_find_reply(body, &reply, agent->ops->extra_len) != PP_OK) {
        return;
    }
    reply.complete = reply.complete && (!agent->ops->may_know || more ||
                                        agent->ops->may_know(agent, &l->key, &from->peer.id));
    for (size_t i = 0; i < reply.page.n; i++) {
        struct pp_lookup_peer *who =
            offer_told(agent, now, l, &reply.page.peers[i], reply.page.extra[i], serial, false);
        if (who && reply.complete) {
            who->result = true;
        }
        if (who) {
            pp_lookup_renew(agent, l, who, reply.page.extra[i], who->serial == serial);
        }
    }
    from = pp_lookup_by_serial(l, serial); /* the list has moved */
    if (!from || (agent->ops->root && !reply.complete) || more) {
        return;
    }
    if (reply.page.more && reply.page.n && reply.page.from + reply.page.n < l->k) {
        struct pp_find rest = {l->key, l->k, (uint8_t)(reply.page.from + reply.page.n)};
        from->state = PP_ASK_SENT;
        ask_find(agent, now, l, from, FOR_ROUTE, &rest);
        return;
    }
    if (reply.complete && !l->complete) {
        l->complete = serial;
        l->hops = from->depth;
    }
    if (agent->ops->root) {
        l->ended |= (uint8_t)(1u << from->path);
    }
}

static void take_ping(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, uint16_t serial,
                      struct pp_reader *body)
{
    struct pp_page page;
    if (pp_read_ping_reply(body, &page, agent->ops->extra_len) != PP_OK) {
        return;
    }
    for (size_t i = 0; i < page.n && i < PP_LOOKUP_NAMED_MAX; i++) {
        struct pp_lookup_peer *who =
            offer_told(agent, now, l, &page.peers[i], page.extra[i], serial, true);
        if (who) {
            who->result = true;
        }
    }
}

static void on_reply(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                     struct pp_lookup_peer *who, struct pp_answer *answer)
{
    const struct pp_rx *rx = answer->rx;
    l->answered = true;
    who->state = PP_ASK_ANSWERED;
    who->inactive = !(answer->header.flags & PP_WIRE_ACTIVE) || !(rx->facts & PP_ID_PROVED);
    who = pp_lookup_identify(agent, l, who, &rx->from);
    uint16_t serial = who->serial;
    if (answer->tag >> 16 == FOR_PING) {
        take_ping(agent, now, l, serial, &answer->body);
    } else {
        take_find(agent, now, l, serial, &answer->body, answer->tag >> 16 == FOR_MORE);
    }
}

static void on_answer(struct pp_agent *agent, pp_ns now, struct pp_answer *answer)
{
    struct pp_lookup *l = answer->owner;
    struct pp_lookup_peer *who = pp_lookup_by_serial(l, (uint16_t)answer->tag);
    if (!who || l->finished) {
        return;
    }
    switch (answer->code) {
    case PP_OK:
        on_reply(agent, now, l, who, answer);
        break;
    case PP_AGAIN:
        l->messages++;
        l->timeouts++;
        who->state = PP_ASK_LATE;
        agent->ops->late(agent, now, answer->peer);
        break;
    case PP_TIMEOUT:
        l->timeouts++;
        who->state = PP_ASK_FAILED;
        if (!who->vouched || !pp_lookup_revive(l, who)) {
            ask_next(l, who);
            agent->ops->dead(agent, now, answer->peer);
        }
        break;
    default:
        who->state = PP_ASK_FAILED;
        break;
    }
    advance(agent, now, l);
}

void pp_lookup_seed(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                    const struct pp_peer *peer, const uint8_t *extra, bool result)
{
    (void)now;
    struct pp_lookup_peer *who = pp_lookup_offer(agent, l, peer, extra);
    if (who && result) {
        who->result = true;
    }
}

/* Seeds in the order of asking go round the paths, so that first hops are disjoint. */
static void spread(const struct pp_agent *agent, struct pp_lookup *l)
{
    unsigned path = 0;
    for (size_t i = 0; i < l->n; i++) {
        size_t at = agent->ops->reversed ? l->n - 1 - i : i;
        if (l->at[at].state == PP_ASK_NEW) {
            l->at[at].path = (uint8_t)(path++ % l->paths);
        }
    }
}

static void append(struct pp_agent *agent, struct pp_lookup *l)
{
    struct pp_lookup **end = &agent->lookups;
    while (*end) {
        end = &(*end)->next;
    }
    *end = l;
    agent->n_lookups++;
}

static void free_lookup(struct pp_agent *agent, struct pp_lookup *l)
{
    struct pp_lookup **at = &agent->lookups;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    agent->n_lookups--;
    pp_rpc_cancel(agent, l);
    free(l->at);
    free(l);
}

int pp_lookup_start(struct pp_agent *agent, pp_ns now, const struct pp_lookup_request *request)
{
    if (agent->n_lookups >= PP_LOOKUPS_MAX) {
        return PP_BUSY;
    }
    struct pp_lookup *l = calloc(1, sizeof *l);
    if (!l) {
        return PP_NOMEM;
    }
    unsigned paths = request->paths < 1 ? 1 : request->paths;
    l->paths = (uint8_t)(paths < PP_LOOKUP_PATHS_MAX ? paths : PP_LOOKUP_PATHS_MAX - 1);
    l->key = *request->key;
    l->k = (uint8_t)(request->k < 1 ? 1 : request->k > PP_K_MAX ? PP_K_MAX : request->k);
    l->flags = (uint8_t)request->flags;
    l->token = request->token;
    l->done = request->done;
    l->deadline = now + PP_LOOKUP_TIME;
    l->hasty = pp_id_is_zero(&agent->self.id);
    l->eager = request->n_seeds > 0;
    append(agent, l);
    for (size_t i = 0; i < request->n_seeds; i++) {
        pp_lookup_offer(agent, l, &request->seeds[i], NULL);
    }
    if (request->n_seeds == 0) {
        agent->ops->seed(agent, now, l);
    }
    if (l->n == 0) {
        free_lookup(agent, l);
        return PP_OFFLINE;
    }
    spread(agent, l);
    advance(agent, now, l);
    return PP_OK;
}

void pp_lookup_cancel(struct pp_agent *agent, uint64_t token)
{
    for (struct pp_lookup *l = agent->lookups; l; l = l->next) {
        if (!l->done && l->token == token) {
            free_lookup(agent, l);
            return;
        }
    }
}

void pp_lookup_fail_all(struct pp_agent *agent, int code, const char *reason)
{
    for (struct pp_lookup *l = agent->lookups; l; l = l->next) {
        if (!l->finished) {
            finish(agent, l, code, reason);
        }
    }
}

void pp_lookup_free_all(struct pp_agent *agent)
{
    while (agent->lookups) {
        free_lookup(agent, agent->lookups);
    }
}

pp_ns pp_lookup_deadline(const struct pp_agent *agent)
{
    return agent->settle ? 0 : agent->lookups ? agent->lookups->deadline : PP_NEVER;
}

/* Time is up: what has answered may still be the whole answer, when all that is nearer is late. */
static void expire(struct pp_agent *agent, struct pp_lookup *l)
{
    struct pp_peer peers[PP_K_MAX];
    if ((l->routed || !agent->ops->root) && pp_lookup_answer(l, peers) == l->k) {
        finish(agent, l, PP_OK, NULL);
    } else {
        finish(agent, l, PP_TIMEOUT, "the look-up did not end within 20 s");
    }
}

void pp_lookup_tick(struct pp_agent *agent, pp_ns now)
{
    for (struct pp_lookup *l = agent->lookups; l && l->deadline <= now; l = l->next) {
        if (!l->finished) {
            expire(agent, l);
        }
    }
}

static void tell(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    struct pp_peer peers[PP_K_MAX], path[PP_PAGE_MAX];
    struct pp_result result = {.code = l->code,
                               .reason = l->reason,
                               .peers = peers,
                               .path = path,
                               .hops = l->hops,
                               .messages = l->messages,
                               .timeouts = l->timeouts};
    result.n_peers = pp_lookup_answer(l, peers);
    if (l->flags & PP_LOOKUP_TRACE) {
        result.n_path = pp_lookup_trace(l, path, PP_PAGE_MAX);
    }
    if (agent->ops->spacing) {
        result.spacing = agent->ops->spacing(agent, &l->key, peers, result.n_peers);
    } else if (agent->ops->spacing_told) {
        result.spacing = agent->ops->spacing_told(l);
    }
    if (l->done) {
        l->done(agent, now, l, &result);
    } else {
        agent->host->found(agent->ctx, l->token, &result);
    }
}

void pp_lookup_settle(struct pp_agent *agent, pp_ns now)
{
    agent->settle = false;
    for (struct pp_lookup *l = agent->lookups; l;) {
        if (!l->finished) {
            l = l->next;
            continue;
        }
        tell(agent, now, l);
        free_lookup(agent, l);
        l = agent->lookups; /* a `done` may have begun or ended others */
    }
}
