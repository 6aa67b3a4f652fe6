/*
 * The node: takes requests from its host, hands each to its primitive's act, keeps the order of
 * begin, end, answer and release, and writes access times behind other writes. The primitives are
 * in store.c, fetch.c, delete.c, append.c, read_inbox.c and status.c, one file each.
 */
#include <node/internal.h>

#include <base/crash.h>
#include <stdio.h>
#include <stdlib.h>

#define STAMPS_WAIT PP_MINUTE /* at most, when no other write comes by */

struct node_stamp_op {
    struct node_op op;
    bool out;
    unsigned n;
    struct node_stamp stamp[NODE_STAMPS_A_WRITE];
};

static const struct node_act *const acts[] = {
    [PP_STORE] = &node_act_store,           [PP_FETCH] = &node_act_fetch,
    [PP_DELETE] = &node_act_delete,         [PP_APPEND_INBOX] = &node_act_append,
    [PP_READ_INBOX] = &node_act_read_inbox, [PP_STATUS] = &node_act_status,
};

void pp_node_config_default(struct pp_node_config *config)
{
    *config = (struct pp_node_config){
        .k = 5,
        .max_life = 60 * PP_DAY,
        .life = 30 * PP_DAY,
        .grace = 14 * PP_DAY,
        .period = PP_HOUR,
        .object_max = UINT64_C(72) << 20,
        .notification_max = 32 << 10,
        .inbox_entries = 8192,
        .inbox_octets = 32 << 20,
        .members_max = NODE_MEMBERS_MAX,
        .set_octets = 2 << 20,
        .appends = 60,
        .stores = 60,
        .fetches = 600,
        .proved_factor = 20,
        .day_octets = UINT64_C(1) << 30,
        .day_objects = 10000,
        .checks_all = 5000,
        .checks_source = 500,
        .uploads_all = UINT64_C(2) << 30,
        .uploads_source = UINT64_C(256) << 20,
        .tombstones = 1000000,
        .sources = 65536,
        .replay_entries = 65536,
        .replay_per_key = 1024,
        .buffers = 64 << 20,
        .wait = 25 * PP_SECOND,
        .waiting = 1024,
        .waiting_inbox = 8,
    };
}

void node_log(struct pp_node *node, int level, const char *format, ...)
{
    if (!node->host->log) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    node->host->log(node->ctx, level, text);
}

static void stamps_written(struct node_op *op, struct pp_now now, int status)
{
    struct node_stamp_op *s = (struct node_stamp_op *)op;
    (void)now;
    (void)status; /* a lost stamp makes an object look a little less used */
    s->out = false;
}

static int stamps_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct node_stamp_op *s = (struct node_stamp_op *)op;
    for (unsigned i = 0; i < s->n; i++) {
        int code = s->op.api->touch(batch, (enum pp_kind)s->stamp[i].kind, &s->stamp[i].name,
                                    s->stamp[i].stamp, 0, 0);
        if (code == PP_BROKEN) {
            return code;
        }
    }
    return PP_OK;
}

static void write_stamps(struct pp_node *node)
{
    struct node_stamp_op *s = node->stamp_op;
    if (s->out || node->stamps.n == 0) {
        return;
    }
    s->n = node_stamps_take(&node->stamps, s->stamp);
    if (node->stamps.n == 0) {
        node->stamps_due = PP_NEVER;
    }
    s->out = true;
    s->op = (struct node_op){.op = {.apply = stamps_apply, .weight = 64 * (size_t)s->n},
                             .done = stamps_written,
                             .owner = node};
    node_submit_own(node, &s->op);
}

void node_note_access(struct pp_node *node, enum pp_kind kind, const struct pp_name *name,
                      pp_ns old, struct pp_now now)
{
    node_stamps_note(&node->stamps, kind, name, old, now.wall);
    if (node->stamps.n > 0 && node->stamps_due == PP_NEVER) {
        node->stamps_due = now.mono + STAMPS_WAIT;
    }
}

void node_crash(struct pp_node *node, const char *point)
{
    if (node->host->crash) {
        node->host->crash(node->ctx, point);
    }
}

void node_submit_own(struct pp_node *node, struct node_op *op)
{
    op->api = node->api;
    op->op.node = op;
    node->host->submit(node->ctx, &op->op);
}

void node_submit(struct node_exchange *x, struct node_op *op, struct pp_now now)
{
    (void)now;
    x->out++;
    op->owner = x;
    node_submit_own(x->node, op);
    if (pp_mutant("node-answer-early") && x->r->primitive == PP_APPEND_INBOX) {
        node_answer_empty(x, 202); /* before the commit: what a kill then takes was acknowledged */
    }
    write_stamps(x->node); /* they ride in the same batch */
}

static int node_parts(struct pp_node *node, struct pp_now now)
{
    const struct pp_node_config *c = &node->config;
    node->limits = node_limits_create(c);
    node->replay = pp_replay_create(c->replay_entries, c->replay_per_key);
    node->stamp_op = calloc(1, sizeof *node->stamp_op);
    node->waiting = node_waiting_create();
    if (!node->limits || !node->replay || !node->stamp_op || !node->waiting) {
        return PP_NOMEM;
    }
    if (node_stamps_init(&node->stamps) != PP_OK ||
        node_pool_create(&node->pool, c->buffers) != PP_OK) {
        return PP_NOMEM;
    }
    return node_collector_create(node, now);
}

struct pp_node *pp_node_create(const struct pp_node_config *config,
                               const struct pp_store_plugin *plugin, struct pp_store *store,
                               const struct pp_node_host *host, void *ctx, struct pp_now now)
{
    struct pp_node *node = calloc(1, sizeof *node);
    if (!node) {
        return NULL;
    }
    node->config = *config;
    node->api = plugin;
    node->store = store;
    node->host = host;
    node->ctx = ctx;
    node->started = now;
    node->stamps_due = PP_NEVER;
    plugin->epoch(store, node->epoch);
    if (node_parts(node, now) != PP_OK) {
        pp_node_destroy(node);
        return NULL;
    }
    return node;
}

void pp_node_destroy(struct pp_node *node)
{
    if (!node) {
        return;
    }
    node_collector_destroy(node->collector);
    node_pool_destroy(node->pool);
    node_waiting_destroy(node->waiting);
    node_stamps_finish(&node->stamps);
    free(node->stamp_op);
    pp_replay_destroy(node->replay);
    node_limits_destroy(node->limits);
    free(node);
}

void pp_node_tick(struct pp_node *node, struct pp_now now)
{
    if (now.mono >= node->stamps_due) {
        node->stamps_due = now.mono + STAMPS_WAIT;
        write_stamps(node);
    }
    node_waiting_tick(node, now);
    node_collector_tick(node, now);
}

pp_ns pp_node_next(const struct pp_node *node)
{
    pp_ns next = node_collector_next(node->collector), waiting = node_waiting_next(node);
    next = next < node->stamps_due ? next : node->stamps_due;
    return next < waiting ? next : waiting;
}

void pp_node_collect(struct pp_node *node, struct pp_now now)
{
    node_collector_start(node, now);
}

void pp_node_found(struct pp_node *node, struct pp_now now, uint64_t token,
                   const struct pp_result *result)
{
    node_collector_found(node, now, token, result);
}

void pp_node_counts(const struct pp_node *node, struct pp_node_counts *out)
{
    *out = node->counts;
    out->waiting = node_waiting_count(node);
}

/* What every primitive wants of an identifier. */
static bool identifier_fits(struct node_exchange *x)
{
    if (x->r->identifier.len > PP_IDENTIFIER_MAX) {
        node_refuse(x, PP_PROBLEM_IDENTIFIER, "An identifier has at most %d octets.",
                    PP_IDENTIFIER_MAX);
        return false;
    }
    if (x->r->identifier.len == 0) {
        node_refuse(x, PP_PROBLEM_MALFORMED,
                    "The path names no object: PUT, GET, HEAD or DELETE "
                    "/<identifier>.");
        return false;
    }
    return true;
}

void pp_node_begin(struct pp_node *node, struct pp_now now, struct pp_node_request *r)
{
    struct node_exchange *x = calloc(1, sizeof *x);
    if (!x) { /* answered without any memory: 503, and released with the host's last word */
        r->node = NULL;
        node->host->answer(r, 503, NULL, 0, 0);
        node->host->finish(r);
        return;
    }
    r->node = x;
    x->node = node;
    x->r = r;
    x->act = acts[r->primitive];
    static const uint8_t local[16];
    if (!r->source_exempt && memcmp(r->source, local, sizeof local) != 0) {
        x->source = node_source_of_address(node->limits, now.mono, r->source);
    }
    node_charge_peer(x, now);
    if (identifier_fits(x)) {
        x->act->begin(x, now);
    }
}

void pp_node_part(struct pp_node *node, struct pp_node_request *r, enum pp_part part)
{
    struct node_exchange *x = r->node;
    (void)node;
    if (x && !x->answered && x->act->part) {
        x->act->part(x, part);
    }
}

size_t pp_node_body(struct pp_node *node, struct pp_node_request *r, struct pp_now now,
                    struct pp_bytes bytes)
{
    struct node_exchange *x = r->node;
    (void)node;
    if (!x || x->answered || !x->act->body) {
        return bytes.len; /* nobody wants it */
    }
    return x->act->body(x, now, bytes);
}

void pp_node_end(struct pp_node *node, struct pp_node_request *r, struct pp_now now)
{
    struct node_exchange *x = r->node;
    if (!x) {
        node->host->release(r);
        return;
    }
    x->ended = true;
    if (!x->answered) {
        x->act->end(x, now);
    } else if (x->act->drop) {
        x->act->drop(x, now);
    }
    node_settle(x);
}

void pp_node_pull(struct pp_node *node, struct pp_node_request *r, struct pp_now now)
{
    struct node_exchange *x = r->node;
    (void)node;
    if (!x || x->finished || !x->answered) {
        return;
    }
    if (x->refused) {
        node_pull_refusal(x);
    } else if (x->act->pull) {
        x->act->pull(x, now);
    }
    node_settle(x);
}

void pp_node_drop(struct pp_node *node, struct pp_node_request *r, struct pp_now now)
{
    struct node_exchange *x = r->node;
    if (!x) {
        node->host->release(r);
        return;
    }
    x->dropped = x->finished = true;
    if (x->waiting) {
        node_collect_forget(x);
    }
    if (x->act->drop) {
        x->act->drop(x, now);
    }
    node_settle(x);
}

void pp_node_verified(struct pp_node *node, struct pp_node_request *r, struct pp_now now, bool ok)
{
    struct node_exchange *x = r->node;
    (void)node;
    x->out--;
    x->checking = false;
    int code = ok ? PP_OK : x->check.code ? x->check.code : PP_SIGNATURE;
    struct pp_certificate *parsed = x->check.parsed;
    if (!x->answered && !x->dropped) {
        x->act->verified(x, now, code); /* may start another check */
    }
    pp_certificate_free(parsed);
    node_settle(x);
}

void pp_node_done(struct pp_node *node, struct pp_op *op, struct pp_now now, int status)
{
    struct node_op *o = op->node;
    (void)node;
    o->done(o, now, status);
}

void node_settle(struct node_exchange *x)
{
    bool over = x->dropped || (x->ended && x->finished);
    if (!over || x->out > 0 || x->waiting) {
        return;
    }
    if (x->act->finish) {
        x->act->finish(x);
    }
    node_source_release(x->source);
    node_source_release(x->proved);
    pp_buf_free(&x->text);
    struct pp_node_request *r = x->r;
    const struct pp_node_host *host = x->node->host;
    free(x);
    r->node = NULL;
    host->release(r);
}
