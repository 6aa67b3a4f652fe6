/*
 * Requests of the live pp_net: the identifier becomes a path, a certificate set and a blob become a
 * multipart body that is read from where the blob lies, whenever the node takes some. Connections,
 * turns and times are the HTTP client's.
 */
#include <net_live_internal.h>

#include <base/encode.h>
#include <base/hash.h>
#include <http/multipart.h>
#include <stdio.h>
#include <stdlib.h>

struct pp_live_request {
    struct pp_live_request *next, **at;
    struct pp_net_impl *net;
    struct pp_act *act;
    uint64_t token;
    struct pp_call *call;
    struct pp_buf before, after; /* the body is before, blob, after */
    struct pp_blob *blob;
};

static void free_request(struct pp_live_request *r)
{
    if (r->at) {
        *r->at = r->next;
        if (r->next) {
            r->next->at = r->at;
        }
    }
    if (r->blob) {
        pp_live_blob_free(r->net, r->blob);
    }
    pp_buf_free(&r->before);
    pp_buf_free(&r->after);
    free(r);
}

/* ---- the client's calls ---- */

static int64_t copy_part(const struct pp_buf *from, uint64_t offset, void *out, size_t cap)
{
    size_t left = from->len - (size_t)offset, n = left < cap ? left : cap;
    memcpy(out, from->data + offset, n);
    return (int64_t)n;
}

static int64_t on_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct pp_live_request *r = ctx;
    if (offset < r->before.len) {
        return copy_part(&r->before, offset, out, cap);
    }
    offset -= r->before.len;
    uint64_t size = r->blob ? pp_live_blob_size(r->net, r->blob) : 0;
    if (offset < size) {
        return pp_live_blob_read(r->net, r->blob, offset, out, cap);
    }
    offset -= size;
    return offset < r->after.len ? copy_part(&r->after, offset, out, cap) : 0;
}

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    struct pp_live_request *r = ctx;
    struct pp_net_field given[PP_FIELDS_MAX];
    size_t given_n = n < PP_FIELDS_MAX ? n : PP_FIELDS_MAX;
    for (size_t i = 0; i < given_n; i++) {
        given[i] = (struct pp_net_field){fields[i].name, fields[i].value};
    }
    if (r->act->head) {
        r->act->head(r->act, r->token, status, given, given_n);
    }
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    struct pp_live_request *r = ctx;
    return r->act->data ? r->act->data(r->act, r->token, bytes) : bytes.len;
}

static void on_ended(void *ctx, int error, const char *text)
{
    struct pp_live_request *r = ctx;
    struct pp_act *act = r->act;
    uint64_t token = r->token;
    free_request(r);
    act->ended(act, token, error, text);
}

static const struct pp_client_events events = {.head = on_head, .data = on_data, .ended = on_ended};

/* ---- making one ---- */

static int make_body(struct pp_live_request *r, const struct pp_net_request *q,
                     struct pp_buf *content_type)
{
    if (!q->blob) {
        return pp_buf_add(&r->before, q->body.data, q->body.len);
    }
    uint8_t random[16];
    char made[40];
    pp_random(random, sizeof random);
    pp_hex(made, random, sizeof random);
    const char *boundary = q->boundary ? q->boundary : made;
    pp_multipart_open_part(&r->before, boundary, "certificates", "application/x-pem-file", true);
    pp_buf_add(&r->before, q->certificates.data, q->certificates.len);
    pp_multipart_open_part(&r->before, boundary, "object", "application/octet-stream", false);
    pp_multipart_close(&r->after, boundary);
    pp_buf_printf(content_type, "Content-Type: multipart/form-data; boundary=%s", boundary);
    r->blob = pp_live_blob_ref(q->blob);
    return r->before.failed || r->after.failed || content_type->failed ? PP_NOMEM : PP_OK;
}

static int64_t body_length(const struct pp_live_request *r, const struct pp_net_request *q)
{
    bool none = !q->blob && q->body.len == 0 && strcmp(q->method, "PUT") != 0;
    uint64_t blob = r->blob ? pp_live_blob_size(r->net, r->blob) : 0;
    return none ? -1 : (int64_t)(r->before.len + blob + r->after.len);
}

static bool start_call(struct pp_live_request *r, const struct pp_net_request *q)
{
    struct pp_buf target = {0}, type = {0};
    const char *fields[PP_FIELDS_MAX];
    size_t n = 0;
    bool ok = q->n_fields < PP_FIELDS_MAX && make_body(r, q, &type) == PP_OK;
    pp_buf_add_str(&target, "/");
    if (q->is_path) {
        pp_buf_add(&target, q->identifier.data, q->identifier.len);
    } else {
        pp_percent(&target, q->identifier);
    }
    for (; ok && n < q->n_fields; n++) {
        fields[n] = q->fields[n];
    }
    if (type.len > 0) {
        fields[n++] = (const char *)type.data;
    }
    struct pp_client_request c = {
        .peer = q->peer,
        .method = q->method,
        .target = (const char *)target.data,
        .fields = fields,
        .n_fields = n,
        .length = body_length(r, q),
        .read = on_read,
        .answer_max = q->answer_max,
        .connect_time = q->times.connect,
        .stall_time = q->times.stall,
        .total_time = q->times.total,
        .circuit = q->circuit,
    };
    r->call = ok && !target.failed ? pp_client_start(r->net->client, &c, &events, r) : NULL;
    pp_buf_free(&target);
    pp_buf_free(&type);
    return r->call != NULL;
}

void pp_live_request(struct pp_net_impl *net, struct pp_act *act, const struct pp_net_request *q,
                     uint64_t token)
{
    struct pp_live_request *r = calloc(1, sizeof *r);
    if (!net->client || !r) {
        free(r);
        pp_live_tell(net, PP_LIVE_ENDED, act, token, PP_LOCAL,
                     net->client ? "out of memory" : "this program runs without a network");
        return;
    }
    *r = (struct pp_live_request){.net = net, .act = act, .token = token};
    bool ok = q->peer->http != 0 && start_call(r, q);
    if (!ok) {
        pp_live_tell(net, PP_LIVE_ENDED, act, token, q->peer->http ? PP_LOCAL : PP_UNREACHABLE,
                     q->peer->http ? "out of memory for a request"
                                   : "that node told no port for HTTP");
        free_request(r);
        return;
    }
    r->next = net->requests;
    r->at = &net->requests;
    if (r->next) {
        r->next->at = &r->next;
    }
    net->requests = r;
}

void pp_live_resume(struct pp_net_impl *net, struct pp_act *act, uint64_t token)
{
    for (struct pp_live_request *r = net->requests; r; r = r->next) {
        if (r->act == act && r->token == token) {
            pp_call_resume(r->call);
            return;
        }
    }
}

void pp_live_request_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    for (struct pp_live_request *r = net->requests, *next; r; r = next) {
        next = r->next;
        if ((!act || r->act == act) && (!token || r->token == *token)) {
            pp_call_cancel(r->call);
            free_request(r);
        }
    }
}
