/*
 * The look-up engine: begins, takes what comes in, tells. Whom it asks next is in lookup_route.c;
 * see lookup.h for the rules. Knows no substrate's tables; those answer through struct
 * pp_lookup_ops.
 */
#include <common/find.h>
#include <common/lookup.h>
#include <common/order.h>

#include <stdlib.h>

void pp_lookup_finish(struct pp_agent *agent, struct pp_lookup *l, int code, const char *reason)
{
    l->finished = true;
    l->code = code;
    l->reason = reason;
    agent->settle = true;
    pp_rpc_cancel(agent, l);
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
    bool doubted = agent->ops->doubted && agent->ops->doubted(agent, now, &peer->id);
    if (!from || (!believed && !pp_peer_plausible(peer, from->peer.address))) {
        return NULL;
    }
    uint16_t before = l->serial, via = from->serial;
    uint8_t depth = from->depth, path = from->path;
    struct pp_lookup_peer *who = pp_lookup_offer(agent, l, peer, extra); /* moves the list */
    if (!who) {
        return NULL;
    }
    if (l->serial != before) {
        who->doubted = doubted && !(agent->ops->root && believed);
        who->state = who->doubted ? PP_ASK_FAILED : who->state;
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
        pp_lookup_ask(agent, now, l, from, PP_LOOKUP_ROUTE, &rest);
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
    if (answer->tag >> 16 == PP_LOOKUP_PING) {
        take_ping(agent, now, l, serial, &answer->body);
    } else {
        take_find(agent, now, l, serial, &answer->body, answer->tag >> 16 == PP_LOOKUP_MORE);
    }
}

void pp_lookup_on_answer(struct pp_agent *agent, pp_ns now, struct pp_answer *answer)
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
    pp_lookup_advance(agent, now, l);
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
    pp_lookup_advance(agent, now, l);
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
            pp_lookup_finish(agent, l, code, reason);
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
        pp_lookup_finish(agent, l, PP_OK, NULL);
    } else {
        pp_lookup_finish(agent, l, PP_TIMEOUT, "the look-up did not end within 20 s");
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
