/*
 * Between an HTTP exchange and a request of the node: the path is decoded once, multipart undone,
 * Content-Digest checked as the body streams by. Decides nothing but syntax.
 */
#include <node/live_internal.h>

#include <base/crash.h>
#include <base/encode.h>
#include <base/log.h>
#include <stdlib.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/peerpost/"

static struct pp_live *live_of(const struct live_request *q)
{
    return q->live;
}

static struct pp_now now_of(const struct pp_live *live)
{
    return pp_loop_now(live->options.loop);
}

static void request_free(struct live_request *q)
{
    live_page_finish(&q->page);
    pp_buf_free(&q->identifier);
    pp_buf_free(&q->certificate);
    pp_buf_free(&q->salt);
    if (q->is_signed) {
        pp_signed_finish(&q->signature);
    }
    pp_multipart_destroy(q->multipart);
    pp_hash_destroy(q->hash);
    free(q);
}

/* ---- what the node asks of its host ---- */

static void host_answer(struct pp_node_request *r, int status, const struct pp_answer_field *fields,
                        size_t n, int64_t length)
{
    struct live_request *q = r->host;
    struct pp_field out[8];
    q->answered = true;
    for (size_t i = 0; i < n && i < 8; i++) {
        out[i] = (struct pp_field){pp_str(fields[i].name), pp_str(fields[i].value)};
    }
    if (q->x) {
        pp_exchange_answer(q->x, status, out, n < 8 ? n : 8, length);
    }
}

static size_t host_emit(struct pp_node_request *r, const struct pp_spans *spans)
{
    struct live_request *q = r->host;
    if (!q->x) {
        return 0;
    }
    return spans->fd >= 0 ? pp_exchange_emit_file(q->x, spans->fd, spans->fd_offset, spans->fd_len)
                          : pp_exchange_emit(q->x, spans->span, spans->n);
}

static void host_finish(struct pp_node_request *r)
{
    struct live_request *q = r->host;
    if (q->x) {
        pp_exchange_finish(q->x);
    }
}

static void host_cut(struct pp_node_request *r)
{
    struct live_request *q = r->host;
    if (q->x) {
        pp_exchange_abort(q->x);
    }
}

static void host_resume(struct pp_node_request *r)
{
    struct live_request *q = r->host;
    if (q->x) {
        pp_exchange_resume(q->x);
    }
}

static void host_release(struct pp_node_request *r)
{
    struct live_request *q = r->host;
    q->released = true;
    if (!q->x) {
        request_free(q);
    }
}

static void check_work(void *ctx)
{
    pp_check_run(((struct live_request *)ctx)->check);
}

static void check_done(void *ctx, bool dropped)
{
    struct live_request *q = ctx;
    struct pp_live *live = live_of(q);
    if (dropped) {
        q->check->code = PP_BUSY;
    }
    pp_node_verified(live->node, &q->r, now_of(live), q->check->code == PP_OK);
}

static int host_verify(struct pp_node_request *r, struct pp_check *check)
{
    struct live_request *q = r->host;
    q->check = check;
    return pp_workers_submit(live_of(q)->options.workers, check_work, check_done, q);
}

static void host_submit(void *ctx, struct pp_op *op)
{
    live_writer_submit(((struct pp_live *)ctx)->writer, op);
}

static enum pp_covers host_covers(void *ctx, const struct pp_id *key, unsigned k)
{
    struct pp_live *live = ctx;
    return live->options.covers(live->options.ctx, key, k);
}

static int host_lookup(void *ctx, const struct pp_id *key, unsigned k, uint64_t token)
{
    struct pp_live *live = ctx;
    return live->options.lookup(live->options.ctx, key, k, token);
}

static void host_cancel(void *ctx, uint64_t token)
{
    struct pp_live *live = ctx;
    live->options.cancel(live->options.ctx, token);
}

static void host_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    pp_log((enum pp_log_level)level, "node", "%s", text);
}

static void host_crash(void *ctx, const char *point)
{
    (void)ctx;
    pp_crash(point);
}

const struct pp_node_host live_host = {.answer = host_answer,
                                       .emit = host_emit,
                                       .finish = host_finish,
                                       .cut = host_cut,
                                       .resume = host_resume,
                                       .release = host_release,
                                       .verify = host_verify,
                                       .submit = host_submit,
                                       .covers = host_covers,
                                       .lookup = host_lookup,
                                       .cancel = host_cancel,
                                       .log = host_log,
                                       .crash = host_crash};

/* ---- what the server hands over ---- */

static bool starts_with(struct pp_bytes text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text.len >= n && memcmp(text.data, prefix, n) == 0;
}

static bool take_method(struct live_request *q, const struct pp_request_head *head)
{
    static const struct {
        const char *name;
        enum pp_primitive primitive;
    } methods[] = {
        {"GET", PP_FETCH}, {"PUT", PP_STORE}, {"DELETE", PP_DELETE}, {"HEAD", PP_STATUS}};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (pp_bytes_is(head->method, methods[i].name)) {
            q->r.primitive = methods[i].primitive;
            return true;
        }
    }
    return false;
}

static int part_begins(void *ctx, struct pp_bytes name)
{
    struct live_request *q = ctx;
    bool object = pp_bytes_is(name, "object");
    if (!object && !pp_bytes_is(name, "certificates")) {
        return PP_MALFORMED;
    }
    pp_node_part(live_of(q)->node, &q->r, object ? PP_PART_OBJECT : PP_PART_CERTIFICATES);
    return PP_OK;
}

static size_t part_data(void *ctx, struct pp_bytes bytes)
{
    struct live_request *q = ctx;
    return pp_node_body(live_of(q)->node, &q->r, now_of(live_of(q)), bytes);
}

static void part_ends(void *ctx)
{
    (void)ctx; /* the next part, or the end, says it */
}

static const struct pp_multipart_events part_events = {part_begins, part_data, part_ends};

/* A store's body is multipart, or the bare object (a certificate proves itself). */
static int take_form(struct live_request *q, const struct pp_request_head *head)
{
    const struct pp_field *type = pp_field_find(head->fields, head->n_fields, "Content-Type");
    if (q->r.primitive != PP_STORE || !type || !starts_with(type->value, "multipart/")) {
        return PP_OK;
    }
    return pp_multipart_create(&q->multipart, type->value, &part_events, q);
}

static void request_refuse(struct live_request *q, enum pp_problem problem, const char *why)
{
    live_page_refuse(&q->page, problem, why);
}

/* The parts of a request that need no node. False: refused. */
static bool request_parse(struct live_request *q, const struct pp_request_head *head)
{
    const char *why;
    struct pp_bytes path = pp_bytes(head->path.data + 1, head->path.len - 1);
    if (!take_method(q, head)) {
        request_refuse(q, PP_PROBLEM_METHOD, "The primitives are PUT, GET, HEAD and DELETE.");
        return false;
    }
    if (head->has_query) {
        request_refuse(q, PP_PROBLEM_MALFORMED, "A primitive has no query; write ? as %3F.");
        return false;
    }
    if (pp_unpercent(&q->identifier, path) != PP_OK) {
        request_refuse(q, PP_PROBLEM_MALFORMED,
                       "The path is not percent-encoded: % and two hexadecimal digits.");
        return false;
    }
    int code = live_parse_fields(q, head, &why);
    if (code == PP_OK && take_form(q, head) != PP_OK) {
        code = PP_MALFORMED;
        why = "Content-Type is multipart without being form-data with a boundary.";
    }
    if (code != PP_OK) {
        request_refuse(q, code == PP_NOMEM ? PP_PROBLEM_BUSY : PP_PROBLEM_MALFORMED, why);
    }
    return code == PP_OK;
}

static void request_begin(struct live_request *q, const struct pp_request_head *head)
{
    struct pp_live *live = live_of(q);
    struct pp_node_request *r = &q->r;
    if (!request_parse(q, head)) {
        return;
    }
    r->identifier = pp_buf_bytes(&q->identifier);
    r->name = pp_name_of(r->identifier);
    r->length = head->length;
    r->host = q;
    memcpy(r->source, pp_exchange_source(q->x), sizeof r->source);
    r->source_exempt = live->options.exempt(live->options.ctx, r->source);
    r->peer_is_node = live_peer_is_node(&live->peers, live->options.node->authority,
                                        pp_exchange_peer_certificate(q->x), now_of(live), &r->peer);
    q->begun = true;
    pp_node_begin(live->node, now_of(live), r);
    if (r->primitive == PP_STORE && !q->multipart) {
        pp_node_part(live->node, r, PP_PART_OBJECT);
    }
}

static void on_begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    struct pp_live *live = ctx;
    struct live_request *q = calloc(1, sizeof *q);
    pp_exchange_set(x, q);
    if (!q) {
        pp_exchange_answer(x, 503, NULL, 0, 0);
        pp_exchange_finish(x);
        return;
    }
    q->live = live;
    q->x = x;
    live_page_begin(&q->page, x, head);
    if (starts_with(head->path, WELL_KNOWN)) {
        q->is_page = true;
        live->options.page(live->options.ctx, &q->page);
    } else {
        request_begin(q, head);
    }
    q->page.method = q->page.path = q->page.query = pp_bytes(NULL, 0);
}

/* The body is not what the header says: the node forgets it, the answer is given here. */
static void request_break(struct live_request *q, enum pp_problem problem, const char *why)
{
    q->broken = q->ended = true;
    pp_node_drop(live_of(q)->node, &q->r, now_of(live_of(q)));
    if (!q->answered) {
        request_refuse(q, problem, why);
    }
}

static size_t on_body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    struct live_request *q = pp_exchange_get(x);
    (void)ctx;
    if (!q || !q->begun || q->broken || q->ended) {
        return bytes.len;
    }
    size_t taken = 0;
    if (!q->multipart) {
        taken = part_data(q, bytes);
    } else if (pp_multipart_feed(q->multipart, bytes, &taken) != PP_OK) {
        request_break(q, PP_PROBLEM_PARTS,
                      "The body is no multipart/form-data of the parts certificates and object.");
        return bytes.len;
    }
    if (q->hash) {
        pp_hash_add(q->hash, pp_bytes(bytes.data, taken));
    }
    return taken;
}

static void on_end(void *ctx, struct pp_exchange *x)
{
    struct live_request *q = pp_exchange_get(x);
    (void)ctx;
    uint8_t digest[32];
    if (!q || !q->begun || q->ended) {
        return;
    }
    if (q->multipart && pp_multipart_end(q->multipart) != PP_OK) {
        request_break(q, PP_PROBLEM_PARTS, "The body ends before its closing boundary.");
        return;
    }
    if (q->hash) {
        pp_hash_digest(q->hash, digest);
        if (memcmp(digest, q->digest, sizeof digest) != 0) {
            request_break(q, PP_PROBLEM_DIGEST,
                          "The SHA-256 of the body is not the one in Content-Digest.");
            return;
        }
    }
    q->ended = true;
    pp_node_end(live_of(q)->node, &q->r, now_of(live_of(q)));
}

static void on_pull(void *ctx, struct pp_exchange *x)
{
    struct live_request *q = pp_exchange_get(x);
    (void)ctx;
    if (!q) {
        return;
    }
    if (q->page.answered) {
        live_page_pull(&q->page);
    } else if (q->begun && !q->released && !q->broken) {
        pp_node_pull(live_of(q)->node, &q->r, now_of(live_of(q)));
    }
}

static void on_gone(void *ctx, struct pp_exchange *x, bool whole)
{
    struct live_request *q = pp_exchange_get(x);
    struct pp_live *live = ctx;
    (void)whole;
    if (!q) {
        return;
    }
    if (q->is_page && !q->page.answered) {
        q->page.exchange = NULL;
        live->options.page_gone(live->options.ctx, &q->page);
    }
    if (q->begun && !q->released && !q->broken) {
        q->ended = true;
        pp_node_drop(live->node, &q->r, now_of(live));
    }
    q->x = q->page.exchange = NULL;
    if (!q->begun || q->released) {
        request_free(q);
    }
}

const struct pp_handler pp_live_handler = {
    .begin = on_begin, .body = on_body, .end = on_end, .pull = on_pull, .gone = on_gone};
