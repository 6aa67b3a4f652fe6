/*
 * Whom a look-up asks next, and when it has asked enough: the two stop rules and the final check of
 * an answer; see lookup.h. Reads no answers.
 */
#include <common/find.h>
#include <common/lookup.h>

/* So many more are asked at a time where many do not answer, or their deaths would add up. */
#define HURRY 13

static void confirm(struct pp_agent *agent, pp_ns now, struct pp_lookup *l);

static void send(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, struct pp_lookup_peer *who,
                 enum pp_lookup_purpose purpose, const struct pp_writer *w)
{
    pp_ns rto = agent->ops->rto(agent, &who->peer.id);
    struct pp_request request = {.to = &who->peer,
                                 .rto = !who->revived ? rto : rto / (agent->ops->root ? 2 : 4),
                                 .tries = who->revived ? PP_RPC_TRIES + 1 : PP_RPC_TRIES,
                                 .done = pp_lookup_on_answer,
                                 .owner = l,
                                 .tag = (uint32_t)purpose << 16 | who->serial};
    if (pp_rpc_send(agent, now, &request, w) == PP_OK) {
        l->messages++;
    } else if (who->state == PP_ASK_SENT) {
        who->state = PP_ASK_FAILED;
    }
}

void pp_lookup_ask(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                   struct pp_lookup_peer *who, enum pp_lookup_purpose purpose,
                   const struct pp_find *find)
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
    pp_lookup_ask(agent, now, l, who, PP_LOOKUP_ROUTE, &find);
}

static void ask_ping(struct pp_agent *agent, pp_ns now, struct pp_lookup *l,
                     struct pp_lookup_peer *who)
{
    struct pp_writer w;
    who->state = PP_ASK_SENT;
    who->pinged = true;
    pp_agent_begin(agent, &w, PP_WIRE_PING);
    pp_write_ping(&w, &l->key);
    send(agent, now, l, who, PP_LOOKUP_PING, &w);
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

/* A client whose k nearest have all answered it lately asks the nearest of them alone. When that
 * one names the same k, two agree, and nobody else need be asked. true: that is so, or to be seen.
 * Not where nearness is told (closed): what was told lately may have changed. */
static bool agreed(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    struct pp_lookup_peer *k[PP_K_MAX];
    size_t n = 0;
    bool named = true;
    for (size_t i = 0; i < l->n && n < l->k; i++) {
        struct pp_lookup_peer *who = &l->at[i];
        if (l->paths > 1 || agent->ops->closed || !sure(agent, now, l, who)) {
            return false;
        }
        named = named && (n == 0 || (l->complete && who->voucher == l->complete));
        k[n++] = who;
    }
    if (n > 0 && l->messages == 0) {
        ask_route(agent, now, l, k[0]);
    }
    if (n == 0 || k[0]->state == PP_ASK_SENT) {
        return n > 0;
    }
    if (!named || k[0]->serial != l->complete) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        k[i]->fresh = k[i]->state != PP_ASK_ANSWERED;
        k[i]->state = PP_ASK_ANSWERED;
    }
    return true;
}

/* The other rule: the k closest of the path must all have answered. Once the nearest has spoken, or
 * when we know everybody, all of them are asked at once: but not where nearness is told with each
 * (closed), for then the first k known are seldom the k closest; there some more at a time. */
static void route_all(struct pp_agent *agent, pp_ns now, struct pp_lookup *l, unsigned path)
{
    size_t window = l->k, waiting = waiting_on(l, path, false);
    size_t alpha = PP_LOOKUP_ALPHA + (l->timeouts < HURRY ? l->timeouts : HURRY);
    bool open = false, at_once = l->paths == 1 && !agent->ops->closed && (l->complete || l->whole);
    if (agreed(agent, now, l)) {
        l->ended = l->complete != 0;
        return;
    }
    if (!at_once && route_ahead(agent, now, l, path)) {
        return;
    }
    alpha = at_once ? PP_K_MAX : l->paths == 1 && l->complete ? alpha + 2 + l->k / 4u : alpha;
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
    pp_lookup_ask(agent, now, l, last, PP_LOOKUP_MORE, &find);
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

/* Every one of the first k must have answered; whoever is late lets one more in. Somebody named but
 * doubted does not count, unless the neighbour behind it, asked for that, names it too. */
static void confirm(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
{
    size_t window = l->k, answered = 0;
    bool open = false, witness = false;
    for (size_t i = 0; i < l->n && window > 0; i++) {
        struct pp_lookup_peer *who = &l->at[i];
        if (!pp_lookup_counts(who)) {
            witness = witness || (who->doubted && who->result && !who->revived && !l->hasty);
            continue;
        }
        if (who->state == PP_ASK_NEW && !who->fresh && !witness &&
            agent->ops->fresh(agent, now, &who->peer.id)) {
            who->fresh = true;
            who->state = PP_ASK_ANSWERED;
        } else if (who->state == PP_ASK_NEW ||
                   (who->state == PP_ASK_ANSWERED && witness && !who->pinged &&
                    !pp_id_equal(&who->peer.id, &agent->self.id))) {
            ask_ping(agent, now, l, who);
        }
        witness = false;
        open = open || who->state != PP_ASK_ANSWERED;
        answered += who->state == PP_ASK_ANSWERED;
        window -= who->state != PP_ASK_LATE;
    }
    if (open || (answered < l->k && extend(agent, now, l))) {
        return;
    }
    if (answered > 0) {
        pp_lookup_finish(agent, l, PP_OK, NULL);
    } else if (!agent->ops->root || !reroute(agent, now, l)) {
        pp_lookup_finish(agent, l, PP_UNREACHABLE,
                         l->answered ? "peers answered, but none knew the nodes closest to the key"
                                     : "none of the known peers answered");
    }
}

void pp_lookup_advance(struct pp_agent *agent, pp_ns now, struct pp_lookup *l)
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
