/*
 * Delete: DELETE /<identifier>, signed by a certificate of the object's set. It takes that one
 * certificate out; the last one out discards the object and leaves a tombstone (Kangasharju et al.
 * 2003, section 2.2). No replay cache: an identifier is never used twice, so a delete done twice is
 * a delete done once.
 */
#include <node/internal.h>

#include <stdlib.h>

struct delete_state {
    struct node_op op;
    struct pp_buf der; /* the certificate found in the set */
    pp_ns wall;
    int outcome; /* 0, PP_NOT_FOUND */
};

static void delete_begin(struct node_exchange *x, struct pp_now now)
{
    if (!x->r->signature) {
        node_take_rate(x, NODE_FETCHES, now);
        node_refuse(x, PP_PROBLEM_UNSIGNED,
                    "A delete is signed (RFC 9421) with the key of a certificate in the object's "
                    "set; `peerpost sign DELETE URL` prints the fields.");
    }
}

/* The certificate of the set that the signature names; copied, for the check runs elsewhere. */
static int delete_find(struct node_exchange *x, struct delete_state *s, struct pp_now now)
{
    struct pp_view *view;
    struct pp_head head;
    struct pp_bytes der;
    int code = node_open_object(x->node, now.wall, &x->r->name, &view, &head);
    if (code != PP_OK) {
        return code;
    }
    code = x->node->api->member(view, &x->r->name, x->r->signature->keyid, &der);
    if (code == PP_OK) {
        code = pp_buf_add(&s->der, der.data, der.len);
    } else if (code == PP_NOT_FOUND) {
        code = PP_DENIED;
    }
    x->node->api->end_view(view);
    return code;
}

static void delete_end(struct node_exchange *x, struct pp_now now)
{
    struct delete_state *s = calloc(1, sizeof *s);
    x->state = s;
    int code = s ? delete_find(x, s, now) : PP_NOMEM;
    if (code == PP_OK) {
        node_start_check(x, pp_buf_bytes(&s->der), false, now);
    } else if (code == PP_DENIED || code == PP_TAKEN) {
        node_refuse(x, PP_PROBLEM_NOT_MEMBER,
                    "The certificate that signed is not, or no longer, in this object's set.");
    } else {
        node_refuse_object(x, code == PP_GONE ? PP_NOT_FOUND : code);
    }
}

static int delete_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct delete_state *s = op->node;
    const struct node_exchange *x = s->op.owner;
    const struct pp_store_plugin *api = s->op.api;
    const struct pp_name *name = &x->r->name;
    struct pp_head head;
    s->outcome = PP_NOT_FOUND;
    int code = api->head(api->view(batch), PP_OBJECT, name, &head);
    if (code == PP_OK) {
        code = api->member_drop(batch, name, x->r->signature->keyid);
    }
    if (code == PP_NOT_FOUND || code == PP_TAKEN || code == PP_GONE) {
        return PP_OK; /* another was faster */
    }
    if (code == PP_OK && head.members <= 1) {
        code = api->remove(batch, PP_OBJECT, name, true);
    }
    s->outcome = code;
    return code;
}

static void delete_done(struct node_op *op, struct pp_now now, int status)
{
    struct node_exchange *x = op->owner;
    struct delete_state *s = x->state;
    (void)now;
    x->out--;
    if (status != PP_OK) {
        node_refuse_code(x, status);
    } else if (s->outcome == PP_OK) {
        node_crash(x->node, "node-delete-committed");
        node_answer_empty(x, 204);
    } else {
        node_refuse_object(x, PP_NOT_FOUND);
    }
    node_settle(x);
}

static void delete_verified(struct node_exchange *x, struct pp_now now, int code)
{
    struct delete_state *s = x->state;
    if (node_check_passed(x, code, now)) {
        s->op = (struct node_op){.op = {.apply = delete_apply, .weight = 256}, .done = delete_done};
        node_submit(x, &s->op, now);
    }
}

static void delete_finish(struct node_exchange *x)
{
    struct delete_state *s = x->state;
    if (s) {
        pp_buf_free(&s->der);
        free(s);
    }
}

const struct node_act node_act_delete = {
    .begin = delete_begin, .end = delete_end, .verified = delete_verified, .finish = delete_finish};
