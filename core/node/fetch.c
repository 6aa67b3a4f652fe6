/*
 * Fetch: GET /<identifier>. Spans go from the store's own pages to the host, a new view at each
 * pull, so that a slow reader pins nothing. What was replaced or removed meanwhile cuts the answer.
 */
#include <node/internal.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/signature.h>

struct fetch_state {
    uint64_t serial, offset, size;
};

void node_object_fields(struct node_object_fields *f, const struct node_exchange *x,
                        const struct pp_head *head, pp_ns wall)
{
    struct pp_buf digest = {0};
    pp_content_digest(&digest, head->digest);
    snprintf(f->digest, sizeof f->digest, "%s", digest.data ? (char *)digest.data : "");
    pp_buf_free(&digest);
    snprintf(f->life, sizeof f->life, "%" PRIu64, (head->expires - wall) / PP_SECOND);
    snprintf(f->copies, sizeof f->copies, "%u", head->copies ? head->copies : x->node->config.k);
    f->field[0] = (struct pp_answer_field){"Content-Type", "application/octet-stream"};
    f->field[1] = (struct pp_answer_field){"Content-Digest", f->digest};
    f->field[2] = (struct pp_answer_field){"Peerpost-Life", f->life};
    f->field[3] = (struct pp_answer_field){"Peerpost-Copies", f->copies};
}

void node_refuse_object(struct node_exchange *x, int code)
{
    if (code == PP_NOT_FOUND || code == PP_TAKEN) {
        node_refuse(x, PP_PROBLEM_NOT_FOUND, "This node holds nothing under this identifier.");
    } else if (code == PP_GONE) {
        node_refuse(x, PP_PROBLEM_DELETED, "The last of its owners deleted this object.");
    } else {
        node_refuse_code(x, code);
    }
}

static void fetch_begin(struct node_exchange *x, struct pp_now now)
{
    node_take_rate(x, NODE_FETCHES, now);
}

/* Emits until the host takes less than it was given; true: all is out. */
static bool fetch_emit(struct node_exchange *x, struct pp_view *view)
{
    struct fetch_state *s = x->state;
    while (s->offset < s->size) {
        struct pp_spans spans;
        size_t given = 0;
        if (x->node->api->read(view, &x->r->name, s->serial, s->offset, &spans) != PP_OK) {
            node_cut(x);
            return false;
        }
        for (size_t i = 0; i < spans.n && spans.fd < 0; i++) {
            given += spans.span[i].len;
        }
        given = spans.fd >= 0 ? spans.fd_len : given;
        size_t taken = given ? x->node->host->emit(x->r, &spans) : 0;
        s->offset += taken;
        if (given == 0) {
            node_cut(x); /* shorter than its head says */
            return false;
        }
        if (taken < given) {
            return false;
        }
    }
    return true;
}

static void fetch_end(struct node_exchange *x, struct pp_now now)
{
    struct pp_view *view;
    struct pp_head head;
    int code = node_open_object(x->node, now.wall, &x->r->name, &view, &head);
    if (code != PP_OK) {
        node_refuse_object(x, code);
        return;
    }
    struct fetch_state *s = malloc(sizeof *s);
    x->state = s;
    if (!s) {
        x->node->api->end_view(view);
        node_refuse_code(x, PP_NOMEM);
        return;
    }
    *s = (struct fetch_state){.serial = head.serial, .size = head.size};
    struct node_object_fields f;
    node_object_fields(&f, x, &head, now.wall);
    node_note_access(x->node, PP_OBJECT, &x->r->name, head.stamp, now);
    node_answer(x, 200, f.field, 4, (int64_t)head.size);
    bool whole = fetch_emit(x, view);
    x->node->api->end_view(view);
    if (whole) {
        node_finish(x);
    }
}

static void fetch_pull(struct node_exchange *x, struct pp_now now)
{
    (void)now;
    struct pp_view *view = x->node->api->begin_view(x->node->store);
    if (!view) {
        node_cut(x);
        return;
    }
    bool whole = fetch_emit(x, view);
    x->node->api->end_view(view);
    if (whole) {
        node_finish(x);
    }
}

static void fetch_finish(struct node_exchange *x)
{
    free(x->state);
}

const struct node_act node_act_fetch = {
    .begin = fetch_begin, .end = fetch_end, .pull = fetch_pull, .finish = fetch_finish};
