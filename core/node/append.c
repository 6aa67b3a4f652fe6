/*
 * Append-inbox: PUT /<address> with Pragma: append-inbox. Open to strangers, for mail must reach
 * one, and so bounded: per source by rate, per inbox by two queues. What is proved - signed by a
 * certificate of the authority, or carrying work - has three quarters of the inbox to itself;
 * nothing accepted is ever evicted (docs/security.md, "Requests").
 */
#include <node/internal.h>

#include <base/hash.h>
#include <stdlib.h>

enum { QUEUE_PLAIN, QUEUE_PROVED };
enum append_outcome { APPEND_NEW, APPEND_KNOWN, APPEND_QUEUE_FULL };

struct append_state {
    struct node_op op;
    struct pp_buf bytes;
    struct pp_entry entry;
    uint32_t entries_max;
    uint64_t octets_max;
    pp_ns created;
    enum append_outcome outcome;
    unsigned fill; /* of the proved queue, in percent, when the plain one was full */
    bool ended, checked, retried;
    bool came; /* it is in the inbox, and was not before */
};

static void append_begin(struct node_exchange *x, struct pp_now now)
{
    struct append_state *s = calloc(1, sizeof *s);
    x->state = s;
    if (!s) {
        node_refuse_code(x, PP_NOMEM);
        return;
    }
    s->created = now.wall;
    if (!node_address_fits(x, x->r->identifier)) {
        return;
    }
    uint64_t most = x->node->config.notification_max;
    if (x->r->length > 0 && (uint64_t)x->r->length > most) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "A notification has at most %llu octets.",
                    (unsigned long long)most);
        return;
    }
    if (x->r->has_life && x->r->life == 0) {
        node_refuse(x, PP_PROBLEM_MALFORMED, "Peerpost-Life is at least 1 second.");
        return;
    }
    if (x->r->signature) {
        if (node_has_certificate(x)) {
            node_start_check(x, x->r->certificate, true, now);
        }
        return;
    }
    s->checked = true;
    if (!x->r->has_work || node_is_proved(x)) { /* with work: once that is seen to hold */
        node_take_rate(x, NODE_APPENDS, now);
    }
}

static size_t append_body(struct node_exchange *x, struct pp_now now, struct pp_bytes bytes)
{
    struct append_state *s = x->state;
    (void)now;
    if (s->bytes.len + bytes.len > x->node->config.notification_max) {
        node_refuse(x, PP_PROBLEM_TOO_BIG, "A notification has at most %llu octets.",
                    (unsigned long long)x->node->config.notification_max);
    } else if (pp_buf_add(&s->bytes, bytes.data, bytes.len) != PP_OK) {
        node_refuse_code(x, PP_NOMEM);
    }
    return bytes.len;
}

/* Work wanted by how full the proved queue is: 16, 16, 20, 24 bits at 0, 25, 50, 75 percent. */
static unsigned work_bits(unsigned fill)
{
    return fill >= 75 ? 24 : fill >= 50 ? 20 : 16;
}

static bool queue_is_full(const struct append_state *s, const struct pp_head *head, unsigned queue)
{
    uint64_t share = queue == QUEUE_PROVED ? 3 : 1;
    return head->entries[queue] >= s->entries_max * share / 4 ||
           head->octets[queue] + s->entry.bytes.len > s->octets_max * share / 4;
}

static unsigned queue_fill(const struct append_state *s, const struct pp_head *head)
{
    uint64_t entries = (uint64_t)head->entries[QUEUE_PROVED] * 400 / (3 * (uint64_t)s->entries_max);
    uint64_t octets = head->octets[QUEUE_PROVED] * 400 / (3 * s->octets_max);
    return (unsigned)(entries > octets ? entries : octets);
}

static int append_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct append_state *s = op->node;
    const struct node_exchange *x = s->op.owner;
    const struct pp_store_plugin *api = s->op.api;
    struct pp_head head = {0};
    uint64_t seq;
    int code = api->head(api->view(batch), PP_INBOX, &x->r->name, &head);
    if (code == PP_NOT_FOUND) {
        head = (struct pp_head){0};
    } else if (code != PP_OK) {
        return code;
    }
    bool full = queue_is_full(s, &head, s->entry.queue);
    s->fill = queue_fill(s, &head);
    code = api->append(batch, &x->r->name, x->r->identifier, &s->entry, s->created, &seq);
    if (code == PP_EXISTS) {
        s->outcome = APPEND_KNOWN;
        return PP_OK;
    }
    s->outcome = APPEND_NEW;
    if (code == PP_OK && full) { /* appended only to learn whether it was known */
        s->outcome = APPEND_QUEUE_FULL;
        code = api->drop(batch, &x->r->name, seq, seq);
    } else if (code == PP_OK && head.stamp + NODE_STAMP_GRAIN < s->created) {
        code = api->touch(batch, PP_INBOX, &x->r->name, s->created, 0, 0);
    }
    return code;
}

static void append_submit(struct node_exchange *x, struct pp_now now);

static void append_answer(struct node_exchange *x, struct append_state *s)
{
    if (s->outcome == APPEND_NEW) {
        node_crash(x->node, "node-append-committed");
        node_answer_empty(x, 202);
        s->came = true;
    } else if (s->outcome == APPEND_KNOWN) {
        node_answer_empty(x, 200);
    } else if (s->entry.queue == QUEUE_PLAIN && s->fill < 100) {
        node_refuse_work(x, work_bits(s->fill),
                         "The part of this inbox that is open to anyone is full: sign the request "
                         "with a certificate of the authority, or bring the work named in "
                         "Peerpost-Work.");
    } else {
        x->node->counts.refused_full++;
        node_refuse(x, PP_PROBLEM_INBOX_FULL,
                    "This inbox is full until its owner reads it; the other nodes of the k may "
                    "have room.");
    }
}

static void append_done(struct node_op *op, struct pp_now now, int status)
{
    struct node_exchange *x = op->owner;
    struct append_state *s = x->state;
    x->out--;
    if (status == PP_OK) {
        append_answer(x, s);
    } else if (status == PP_FULL && !s->retried && !x->dropped) {
        s->retried = true;
        node_collect_for(x, s->bytes.len + 4096, now);
    } else {
        node_refuse_code(x, status);
    }
    struct pp_node *node = x->node;
    struct pp_name name = x->r->name;
    bool came = s->came;
    node_settle(x);
    if (came) {
        node_wait_wake(node, &name, now);
    }
}

static void append_submit(struct node_exchange *x, struct pp_now now)
{
    struct append_state *s = x->state;
    s->op = (struct node_op){.op = {.apply = append_apply, .weight = s->bytes.len + 256},
                             .done = append_done};
    node_submit(x, &s->op, now);
}

/* The body is whole and the signature, if any, holds. */
static void append_go(struct node_exchange *x, struct pp_now now)
{
    struct append_state *s = x->state;
    const struct pp_node_config *c = &x->node->config;
    struct pp_entry *e = &s->entry;
    if (s->bytes.len == 0) {
        node_refuse(x, PP_PROBLEM_MALFORMED, "The notification is empty.");
        return;
    }
    pp_sha256(e->digest, pp_buf_bytes(&s->bytes));
    bool work = x->r->has_work && node_work_holds(x->r, e->digest, 16);
    if (x->r->has_work && !work && !node_is_proved(x)) {
        if (node_take_rate(x, NODE_APPENDS, now)) {
            node_refuse(x, PP_PROBLEM_WORK,
                        "SHA-256 of salt, address and the notification's SHA-256 does not start "
                        "with the bits promised, or they are under 16.");
        }
        return;
    }
    e->queue = node_is_proved(x) || work ? QUEUE_PROVED : QUEUE_PLAIN;
    e->bytes = pp_buf_bytes(&s->bytes);
    e->expires = node_life_end(c, x->r, now.wall);
    s->entries_max = c->inbox_entries;
    s->octets_max = c->inbox_octets;
    append_submit(x, now);
}

static void append_end(struct node_exchange *x, struct pp_now now)
{
    struct append_state *s = x->state;
    s->ended = true;
    if (s->checked) {
        append_go(x, now);
    }
}

static void append_verified(struct node_exchange *x, struct pp_now now, int code)
{
    struct append_state *s = x->state;
    if (!node_check_passed(x, code, now) || !node_take_rate(x, NODE_APPENDS, now)) {
        return;
    }
    s->checked = true;
    if (s->ended) {
        append_go(x, now);
    }
}

static void append_collected(struct node_exchange *x, struct pp_now now, bool room)
{
    if (room) {
        append_submit(x, now);
    } else {
        node_refuse_code(x, PP_FULL);
    }
}

static void append_finish(struct node_exchange *x)
{
    struct append_state *s = x->state;
    if (s) {
        pp_buf_free(&s->bytes);
        free(s);
    }
}

const struct node_act node_act_append = {.begin = append_begin,
                                         .body = append_body,
                                         .end = append_end,
                                         .verified = append_verified,
                                         .collected = append_collected,
                                         .finish = append_finish};
