/*
 * Status: HEAD /<identifier>, with Peerpost-Keyid: 200 while that certificate is in the object's
 * set, 410 once it was taken out, 404 when the object was never seen or is collected. So a sender
 * learns "fetched" (docs/protocol.md). Unsigned.
 */
#include <node/internal.h>

static void status_begin(struct node_exchange *x, struct pp_now now)
{
    node_take_rate(x, NODE_FETCHES, now);
}

static void status_end(struct node_exchange *x, struct pp_now now)
{
    struct pp_view *view;
    struct pp_head head;
    int code = node_open_object(x->node, now.wall, &x->r->name, &view, &head);
    if (code == PP_OK && x->r->has_keyid) {
        struct pp_bytes der;
        code = x->node->api->member(view, &x->r->name, x->r->keyid, &der);
        code = code == PP_TAKEN ? PP_GONE : code;
        if (code != PP_OK) {
            x->node->api->end_view(view);
        }
    }
    if (code == PP_GONE) {
        node_refuse(x, PP_PROBLEM_DELETED, "Deleted for this certificate.");
    } else if (code != PP_OK) {
        node_refuse_object(x, code);
    } else {
        struct node_object_fields f;
        node_object_fields(&f, x, &head, now.wall);
        x->node->api->end_view(view);
        node_answer(x, 200, f.field, 4, (int64_t)head.size);
        node_finish(x);
    }
}

const struct node_act node_act_status = {.begin = status_begin, .end = status_end};
