/*
 * Look-ups behind a proxy: no datagram leaves this computer; up to three nodes of the configured
 * ones are asked over HTTP (GET /.well-known/peerpost/lookup), each on a circuit of its own, and
 * their answers united, in the order of the best place that any of them gives a node
 * (docs/security.md section 4).
 */
#include <net_live_internal.h>

#include <base/encode.h>
#include <base/hash.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define PATHS 3
#define UNION_MAX (PATHS * PP_K_MAX)
#define ANSWER_MAX 65536

struct pp_live_inquiry;

struct path {
    struct pp_live_inquiry *inquiry;
    struct pp_call *call;
    struct pp_buf answer;
    int status, error;
};

struct pp_live_inquiry {
    struct pp_live_inquiry *next;
    struct pp_net_impl *net;
    struct pp_act *act;
    uint64_t token;
    struct path paths[PATHS];
    size_t n_paths;
    unsigned running;
};

static void free_inquiry(struct pp_live_inquiry *q)
{
    struct pp_live_inquiry **at = &q->net->inquiries;
    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
    for (size_t i = 0; i < q->n_paths; i++) {
        if (q->paths[i].call) {
            pp_call_cancel(q->paths[i].call);
        }
        pp_buf_free(&q->paths[i].answer);
    }
    free(q);
}

/* --- answers ------------------------------------------------------------------------------- */

static bool read_peer(struct pp_peer *peer, json_t *from)
{
    const char *id = json_string_value(json_object_get(from, "id"));
    const char *address = json_string_value(json_object_get(from, "address"));
    json_int_t http = json_integer_value(json_object_get(from, "http"));
    *peer = (struct pp_peer){0};
    if (!id || !address || http < 1 || http > UINT16_MAX ||
        pp_unhex(peer->id.b, PP_ID_LEN, pp_str(id)) != PP_OK ||
        pp_address_parse(peer->address, address) != PP_OK || pp_id_is_zero(&peer->id)) {
        return false;
    }
    peer->http = (uint16_t)http;
    return true;
}

struct place {
    struct pp_peer peer;
    size_t best; /* its place in the answer that puts it nearest */
};

static size_t unite(struct place *all, size_t n, const struct pp_buf *answer)
{
    json_t *list = json_loadb((const char *)answer->data, answer->len, 0, NULL);
    for (size_t i = 0; i < json_array_size(list) && i < PP_K_MAX; i++) {
        struct pp_peer peer;
        size_t j = 0;
        if (!read_peer(&peer, json_array_get(list, i))) {
            continue;
        }
        while (j < n && !pp_id_equal(&all[j].peer.id, &peer.id)) {
            j++;
        }
        if (j == n && n < UNION_MAX) {
            all[n++] = (struct place){peer, i};
        } else if (j < n && i < all[j].best) {
            all[j].best = i;
        }
    }
    json_decref(list);
    return n;
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = (x->best > y->best) - (x->best < y->best);
    return order ? order : pp_id_compare(&x->peer.id, &y->peer.id);
}

static void finish(struct pp_live_inquiry *q)
{
    struct place all[UNION_MAX];
    struct pp_peer peers[UNION_MAX];
    struct pp_act *act = q->act;
    uint64_t token = q->token;
    size_t n = 0;
    bool local = true;
    for (size_t i = 0; i < q->n_paths; i++) {
        local = local && q->paths[i].error == PP_LOCAL;
        if (!q->paths[i].error && q->paths[i].status == 200) {
            n = unite(all, n, &q->paths[i].answer);
        }
    }
    if (n) {
        qsort(all, n, sizeof *all, by_place);
    }
    for (size_t i = 0; i < n; i++) {
        peers[i] = all[i].peer;
    }
    free_inquiry(q);
    act->found(act, token, n ? PP_OK : local ? PP_LOCAL : PP_UNREACHABLE, n ? peers : NULL, n);
}

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    struct path *path = ctx;
    (void)fields;
    (void)n;
    path->status = status;
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    struct path *path = ctx;
    pp_buf_add(&path->answer, bytes.data, bytes.len);
    return bytes.len;
}

static void on_ended(void *ctx, int error, const char *text)
{
    struct path *path = ctx;
    struct pp_live_inquiry *q = path->inquiry;
    (void)text;
    path->call = NULL;
    path->error = error;
    if (--q->running == 0) {
        finish(q);
    }
}

/* --- asking -------------------------------------------------------------------------------- */

static void start_path(struct pp_live_inquiry *q, size_t gateway, const char *target)
{
    static const struct pp_client_events events = {on_head, on_data, on_ended};
    struct path *path = &q->paths[q->n_paths];
    uint8_t random[8];
    char circuit[20];
    pp_random(random, sizeof random);
    pp_hex(circuit, random, sizeof random);
    struct pp_client_request request = {
        .peer = &q->net->gateways[gateway],
        .method = "GET",
        .target = target,
        .length = -1,
        .answer_max = ANSWER_MAX,
        .connect_time = 30 * PP_SECOND,
        .stall_time = 30 * PP_SECOND,
        .total_time = PP_MINUTE,
        .circuit = circuit,
    };
    *path = (struct path){.inquiry = q};
    path->call = pp_client_start(q->net->client, &request, &events, path);
    q->n_paths += path->call != NULL;
    q->running += path->call != NULL;
}

void pp_live_inquire(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key,
                     unsigned k, uint64_t token)
{
    struct pp_live_inquiry *q = net->n_gateways && net->client ? calloc(1, sizeof *q) : NULL;
    char target[120], hex[2 * PP_ID_LEN + 1];
    uint32_t first;
    if (!q) {
        pp_live_tell(net, PP_LIVE_FOUND, act, token, PP_LOCAL, NULL);
        return;
    }
    *q = (struct pp_live_inquiry){.next = net->inquiries, .net = net, .act = act, .token = token};
    net->inquiries = q;
    pp_hex(hex, key->b, PP_ID_LEN);
    snprintf(target, sizeof target, "/.well-known/peerpost/lookup?key=%s&k=%u", hex, k);
    pp_random(&first, sizeof first);
    for (size_t i = 0; i < PATHS && i < net->n_gateways; i++) {
        start_path(q, (first + i) % net->n_gateways, target);
    }
    if (!q->running) {
        free_inquiry(q);
        pp_live_tell(net, PP_LIVE_FOUND, act, token, PP_LOCAL, NULL);
    }
}

void pp_live_inquiry_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    for (struct pp_live_inquiry *q = net->inquiries, *next; q; q = next) {
        next = q->next;
        if ((!act || q->act == act) && (!token || q->token == *token)) {
            free_inquiry(q);
        }
    }
}
