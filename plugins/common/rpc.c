/* Requests in flight; see rpc.h. */
#include <common/agent.h>

#include <stdlib.h>

#define RTO_CAP (8 * PP_SECOND)

static struct pp_rpc **bucket_of(const struct pp_rpcs *rpcs, uint64_t id)
{
    return rpcs->heap + rpcs->cap + (id & (rpcs->cap - 1));
}

static void place(struct pp_rpcs *rpcs, uint32_t i, struct pp_rpc *rpc)
{
    rpcs->heap[i] = rpc;
    rpc->place = i;
}

static void sift_up(struct pp_rpcs *rpcs, uint32_t i)
{
    struct pp_rpc *rpc = rpcs->heap[i];
    while (i > 0 && rpcs->heap[(i - 1) / 2]->deadline > rpc->deadline) {
        place(rpcs, i, rpcs->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(rpcs, i, rpc);
}

static void sift_down(struct pp_rpcs *rpcs, uint32_t i)
{
    struct pp_rpc *rpc = rpcs->heap[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < rpcs->n && rpcs->heap[child + 1]->deadline < rpcs->heap[child]->deadline) {
            child++;
        }
        if (child >= rpcs->n || rpcs->heap[child]->deadline >= rpc->deadline) {
            break;
        }
        place(rpcs, i, rpcs->heap[child]);
        i = child;
    }
    place(rpcs, i, rpc);
}

static void link_bucket(struct pp_rpcs *rpcs, struct pp_rpc *rpc)
{
    struct pp_rpc **bucket = bucket_of(rpcs, rpc->id);
    rpc->chain = *bucket;
    *bucket = rpc;
}

/* cap is a power of two: cap heap places, then cap buckets. */
static bool grow(struct pp_rpcs *rpcs)
{
    uint32_t cap = rpcs->cap ? 2 * rpcs->cap : 4;
    struct pp_rpc **heap = calloc(2 * (size_t)cap, sizeof(struct pp_rpc *));
    if (!heap) {
        return false;
    }
    if (rpcs->n) {
        memcpy(heap, rpcs->heap, rpcs->n * sizeof(struct pp_rpc *));
    }
    free(rpcs->heap);
    rpcs->heap = heap;
    rpcs->cap = cap;
    for (uint32_t i = 0; i < rpcs->n; i++) {
        link_bucket(rpcs, heap[i]);
    }
    return true;
}

/* Takes one out of heap and table; the caller frees it. */
static void unlink_rpc(struct pp_rpcs *rpcs, struct pp_rpc *rpc)
{
    struct pp_rpc **at = bucket_of(rpcs, rpc->id);
    while (*at != rpc) {
        at = &(*at)->chain;
    }
    *at = rpc->chain;
    uint32_t i = rpc->place;
    struct pp_rpc *last = rpcs->heap[--rpcs->n];
    if (last != rpc) {
        place(rpcs, i, last);
        sift_up(rpcs, i);
        sift_down(rpcs, last->place);
    }
    if (rpcs->n == 0) {
        free(rpcs->heap);
        *rpcs = (struct pp_rpcs){0};
    }
}

int pp_rpc_send(struct pp_agent *agent, pp_ns now, const struct pp_request *request,
                const struct pp_writer *w)
{
    struct pp_rpcs *rpcs = &agent->rpcs;
    if (w->failed) {
        return PP_TOO_BIG;
    }
    struct pp_rpc *rpc = malloc(sizeof *rpc + w->len);
    if (!rpc || (rpcs->n == rpcs->cap && !grow(rpcs))) {
        free(rpc);
        return PP_NOMEM;
    }
    unsigned tries = request->tries ? request->tries : PP_RPC_TRIES;
    *rpc = (struct pp_rpc){.id = pp_get64(w->data + 2),
                           .to = *request->to,
                           .sent = now,
                           .deadline = now + request->rto,
                           .rto = request->rto,
                           .done = request->done,
                           .owner = request->owner,
                           .tag = request->tag,
                           .len = (uint16_t)w->len,
                           .left = (uint8_t)(tries - 1)};
    memcpy(rpc->payload, w->data, w->len);
    rpcs->heap[rpcs->n] = rpc;
    sift_up(rpcs, rpcs->n++);
    link_bucket(rpcs, rpc);
    agent->host->send(agent->ctx, &rpc->to, pp_bytes(rpc->payload, rpc->len));
    return PP_OK;
}

struct pp_rpc *pp_rpc_take(struct pp_agent *agent, pp_ns now, const struct pp_header *header,
                           const struct pp_rx *rx, pp_ns *rtt)
{
    struct pp_rpcs *rpcs = &agent->rpcs;
    struct pp_rpc *rpc = rpcs->n ? *bucket_of(rpcs, header->id) : NULL;
    while (rpc && rpc->id != header->id) {
        rpc = rpc->chain;
    }
    *rtt = 0;
    if (!rpc || !pp_peer_same_endpoint(&rpc->to, &rx->from) ||
        (rpc->payload[0] | PP_WIRE_REPLY) != header->kind) {
        return NULL;
    }
    agent->heard_at = now;
    if (rpc->tries == 0) {
        pp_ns sample = now > rpc->sent ? now - rpc->sent : 1;
        pp_agent_sample(agent, sample);
        *rtt = rx->facts & PP_SLOW ? 0 : sample;
    }
    unlink_rpc(rpcs, rpc);
    return rpc;
}

static struct pp_answer answer_of(const struct pp_rpc *rpc, int code)
{
    return (struct pp_answer){
        .code = code, .rpc = rpc, .peer = &rpc->to, .owner = rpc->owner, .tag = rpc->tag};
}

void pp_rpc_finish(struct pp_agent *agent, pp_ns now, struct pp_rpc *rpc,
                   const struct pp_header *header, const struct pp_rx *rx,
                   const struct pp_reader *body)
{
    bool wrong = !pp_id_is_zero(&rpc->to.id) && !pp_id_equal(&rpc->to.id, &rx->from.id);
    struct pp_answer answer = answer_of(rpc, wrong ? PP_IDENTITY : PP_OK);
    answer.rx = rx;
    answer.header = *header;
    answer.body = *body;
    rpc->done(agent, now, &answer);
    free(rpc);
}

static void again(struct pp_agent *agent, pp_ns now, struct pp_rpc *rpc)
{
    rpc->left--;
    rpc->tries++;
    rpc->rto = 2 * rpc->rto < RTO_CAP ? 2 * rpc->rto : RTO_CAP;
    rpc->deadline = now + rpc->rto;
    sift_down(&agent->rpcs, rpc->place);
    agent->host->send(agent->ctx, &rpc->to, pp_bytes(rpc->payload, rpc->len));
    struct pp_answer answer = answer_of(rpc, PP_AGAIN);
    rpc->done(agent, now, &answer);
}

void pp_rpc_tick(struct pp_agent *agent, pp_ns now)
{
    while (agent->rpcs.n && agent->rpcs.heap[0]->deadline <= now) {
        struct pp_rpc *rpc = agent->rpcs.heap[0];
        if (rpc->left > 0) {
            again(agent, now, rpc);
            continue;
        }
        unlink_rpc(&agent->rpcs, rpc);
        struct pp_answer answer = answer_of(rpc, PP_TIMEOUT);
        agent->asked_at = rpc->sent;
        rpc->done(agent, now, &answer);
        free(rpc);
    }
}

pp_ns pp_rpc_deadline(const struct pp_agent *agent)
{
    return agent->rpcs.n ? agent->rpcs.heap[0]->deadline : PP_NEVER;
}

bool pp_rpc_pending(const struct pp_agent *agent, const struct pp_peer *to, uint8_t kind)
{
    for (uint32_t i = 0; i < agent->rpcs.n; i++) {
        const struct pp_rpc *rpc = agent->rpcs.heap[i];
        if (rpc->payload[0] == kind && pp_peer_same_endpoint(&rpc->to, to)) {
            return true;
        }
    }
    return false;
}

void pp_rpc_cancel(struct pp_agent *agent, const void *owner)
{
    for (uint32_t i = 0; i < agent->rpcs.n;) {
        struct pp_rpc *rpc = agent->rpcs.heap[i];
        if (rpc->owner == owner) {
            unlink_rpc(&agent->rpcs, rpc);
            free(rpc);
            i = 0; /* the heap has moved */
        } else {
            i++;
        }
    }
}

void pp_rpc_free(struct pp_agent *agent)
{
    for (uint32_t i = 0; i < agent->rpcs.n; i++) {
        free(agent->rpcs.heap[i]);
    }
    free(agent->rpcs.heap);
    agent->rpcs = (struct pp_rpcs){0};
}
