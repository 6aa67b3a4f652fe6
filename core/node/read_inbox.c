/*
 * Read-inbox: GET /<address> with Pragma: read-inbox, by the owner alone. It hands out all
 * notifications and removes nothing: the reader confirms a batch ("Peerpost-Confirm: epoch:seq")
 * once it has it safe, and only that removes it. So nobody's death loses a notification, and the
 * node remembers no batch (docs/security.md, "Durability"). With Prefer: wait=N (RFC 7240) an
 * empty inbox is answered when something comes, or when the wait is over: what was not confirmed
 * is still there, so nothing can come unseen between two reads.
 *
 * The body: per notification 8 octets sequence, 4 octets length, the octets; ascending; at most
 * 8 MiB, then Peerpost-More: 1.
 */
#include <node/internal.h>

#include <base/crash.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/certificate.h>

#define ANSWER_MAX (8u << 20)
#define ENTRY_HEAD 12u
#define ENTRIES_A_GO (PP_SPANS_MAX / 2)

struct read_state {
    struct node_op op; /* removes what is confirmed */
    uint64_t after;    /* sequence of the last entry that is out whole */
    size_t into;       /* octets of the next one that are out */
    uint64_t upto;     /* the last sequence of this answer */
    uint64_t length, sent;
    bool more;
    struct node_waiter waiter;
    bool waited;
};

static void read_begin(struct node_exchange *x, struct pp_now now)
{
    if (!node_address_fits(x, x->r->identifier)) {
        return;
    }
    if (!x->r->signature) {
        if (node_take_rate(x, NODE_FETCHES, now)) {
            node_refuse(x, PP_PROBLEM_UNSIGNED,
                        "Reading an inbox is signed (RFC 9421) by the owner of the address; "
                        "`peerpost sign --pragma read-inbox GET URL` prints the fields.");
        }
        return;
    }
    node_has_certificate(x);
}

static void read_end(struct node_exchange *x, struct pp_now now)
{
    struct read_state *s = calloc(1, sizeof *s);
    x->state = s;
    if (!s) {
        node_refuse_code(x, PP_NOMEM);
        return;
    }
    node_start_check(x, x->r->certificate, true, now);
}

/* How long the answer will be and where it ends. */
static int read_measure(void *ctx, const struct pp_entry *e)
{
    struct read_state *s = ctx;
    uint64_t octets = ENTRY_HEAD + e->bytes.len;
    if (s->length > 0 && s->length + octets > ANSWER_MAX) {
        s->more = true;
        return 1;
    }
    s->length += octets;
    s->upto = e->seq;
    return 0;
}

struct read_go {
    struct read_state *s;
    struct pp_spans spans;
    uint8_t head[ENTRIES_A_GO][ENTRY_HEAD];
    uint64_t seq[ENTRIES_A_GO];
    size_t len[ENTRIES_A_GO]; /* of head and octets, less what is out already */
    size_t n, octets;
};

static int read_gather(void *ctx, const struct pp_entry *e)
{
    struct read_go *go = ctx;
    struct read_state *s = go->s;
    if (go->n == ENTRIES_A_GO || e->seq > s->upto) {
        return 1;
    }
    uint8_t *head = go->head[go->n];
    pp_put64(head, e->seq);
    pp_put32(head + 8, (uint32_t)e->bytes.len);
    size_t skip = go->n == 0 ? s->into : 0;
    size_t head_skip = skip < ENTRY_HEAD ? skip : ENTRY_HEAD, rest = skip - head_skip;
    if (rest > e->bytes.len) {
        return 1;
    }
    if (head_skip < ENTRY_HEAD) {
        go->spans.span[go->spans.n++] = pp_bytes(head + head_skip, ENTRY_HEAD - head_skip);
    }
    if (rest < e->bytes.len) {
        go->spans.span[go->spans.n++] = pp_bytes(e->bytes.data + rest, e->bytes.len - rest);
    }
    go->seq[go->n] = e->seq;
    go->len[go->n] = ENTRY_HEAD + e->bytes.len - skip;
    go->octets += go->len[go->n++];
    return 0;
}

static void read_advance(struct read_state *s, const struct read_go *go, size_t taken)
{
    s->sent += taken;
    for (size_t i = 0; i < go->n && taken > 0; i++) {
        if (taken < go->len[i]) {
            s->into = (i == 0 ? s->into : 0) + taken;
            return;
        }
        taken -= go->len[i];
        s->after = go->seq[i];
        s->into = 0;
    }
}

static void read_emit(struct node_exchange *x, struct pp_view *view)
{
    struct read_state *s = x->state;
    while (s->sent < s->length) {
        struct read_go go;
        go.s = s;
        go.n = go.octets = go.spans.n = 0;
        go.spans.fd = -1;
        int code = x->node->api->entries(view, &x->r->name, s->after, read_gather, &go);
        if (code < 0 || go.n == 0 || s->sent + go.octets > s->length) {
            node_cut(x); /* some were removed meanwhile: the reader asks again */
            return;
        }
        size_t taken = x->node->host->emit(x->r, &go.spans);
        read_advance(s, &go, taken);
        if (taken < go.octets) {
            return;
        }
    }
    node_finish(x);
}

static void batch_text(char out[64], const uint8_t epoch[16], uint64_t seq)
{
    char hex[33];
    pp_hex(hex, epoch, 16);
    snprintf(out, 64, "%s:%" PRIu64, hex, seq);
}

/* Something came, or it waited long enough. */
static void read_woken(struct node_exchange *x, struct pp_now now);

/* Is there nothing to hand out, and x to wait for it? */
static bool read_waits(struct node_exchange *x, struct pp_now now)
{
    struct read_state *s = x->state;
    if (s->length || s->waited || !x->r->wait || x->dropped) {
        return false;
    }
    s->waited = true;
    s->waiter.wake = read_woken;
    return node_wait(x, &s->waiter, (pp_ns)x->r->wait * PP_SECOND, now);
}

static void read_answer(struct node_exchange *x, struct pp_now now)
{
    struct read_state *s = x->state;
    const struct pp_store_plugin *api = x->node->api;
    struct pp_view *view = api->begin_view(x->node->store);
    if (!view) {
        node_refuse_code(x, PP_BROKEN);
        return;
    }
    s->upto = x->r->has_confirm ? x->r->confirm.seq : 0;
    int code = api->entries(view, &x->r->name, 0, read_measure, s);
    if (code < 0) {
        api->end_view(view);
        node_refuse_code(x, code);
        return;
    }
    if (read_waits(x, now)) {
        api->end_view(view);
        return;
    }
    struct pp_head head;
    if (api->head(view, PP_INBOX, &x->r->name, &head) == PP_OK) {
        node_note_access(x->node, PP_INBOX, &x->r->name, head.stamp, now);
    }
    char batch[64];
    batch_text(batch, x->node->epoch, s->upto);
    struct pp_answer_field fields[] = {{"Content-Type", "application/vnd.peerpost.inbox"},
                                       {"Peerpost-Batch", batch},
                                       {"Peerpost-More", "1"}};
    node_answer(x, 200, fields, s->more ? 3 : 2, (int64_t)s->length);
    read_emit(x, view);
    api->end_view(view);
}

static void read_woken(struct node_exchange *x, struct pp_now now)
{
    read_answer(x, now);
    node_settle(x);
}

static int confirm_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct read_state *s = op->node;
    const struct node_exchange *x = s->op.owner;
    return s->op.api->drop(batch, &x->r->name, 0, x->r->confirm.seq);
}

static void confirm_done(struct node_op *op, struct pp_now now, int status)
{
    struct node_exchange *x = op->owner;
    x->out--;
    if (status != PP_OK) {
        node_refuse_code(x, status);
    } else if (!x->dropped) {
        node_crash(x->node, "node-confirm-committed");
        read_answer(x, now);
    }
    node_settle(x);
}

static uint64_t read_last_seq(struct pp_node *node)
{
    struct pp_view *view = node->api->begin_view(node->store);
    uint64_t seq = view ? node->api->last_seq(view) : 0;
    if (view) {
        node->api->end_view(view);
    }
    return seq;
}

static void read_confirm(struct node_exchange *x, struct pp_now now)
{
    struct read_state *s = x->state;
    const struct pp_batch_mark *c = &x->r->confirm;
    if (memcmp(c->epoch, x->node->epoch, sizeof c->epoch) != 0 || c->seq > read_last_seq(x->node)) {
        node_refuse(x, PP_PROBLEM_BATCH,
                    "This node's store never handed out that batch; read the inbox again without "
                    "Peerpost-Confirm.");
        return;
    }
    s->op = (struct node_op){.op = {.apply = confirm_apply, .weight = 256}, .done = confirm_done};
    node_submit(x, &s->op, now);
}

/* A mutant: what is read is gone, confirmed or not; a reader's death then loses it. */
static void read_removing(struct node_exchange *x, struct pp_now now)
{
    x->r->has_confirm = true;
    memcpy(x->r->confirm.epoch, x->node->epoch, sizeof x->node->epoch);
    x->r->confirm.seq = read_last_seq(x->node);
    read_confirm(x, now);
}

static void read_verified(struct node_exchange *x, struct pp_now now, int code)
{
    if (!node_check_passed(x, code, now)) {
        return;
    }
    if (!x->check.parsed || !pp_certificate_has_address(x->check.parsed, x->r->identifier)) {
        node_refuse(x, PP_PROBLEM_OWNER, "The certificate does not hold this address.");
        return;
    }
    if (!node_enter_once(x, now)) {
        return;
    }
    if (x->r->has_confirm) {
        read_confirm(x, now);
    } else if (pp_mutant("node-read-removes")) {
        read_removing(x, now);
    } else {
        read_answer(x, now);
    }
}

static void read_pull(struct node_exchange *x, struct pp_now now)
{
    (void)now;
    struct pp_view *view = x->node->api->begin_view(x->node->store);
    if (!view) {
        node_cut(x);
        return;
    }
    read_emit(x, view);
    x->node->api->end_view(view);
}

static void read_drop(struct node_exchange *x, struct pp_now now)
{
    struct read_state *s = x->state;
    (void)now;
    if (s) {
        node_wait_forget(&s->waiter);
    }
}

static void read_finish(struct node_exchange *x)
{
    free(x->state);
}

const struct node_act node_act_read_inbox = {.begin = read_begin,
                                             .end = read_end,
                                             .verified = read_verified,
                                             .pull = read_pull,
                                             .drop = read_drop,
                                             .finish = read_finish};
