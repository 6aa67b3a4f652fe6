/* The reference model and its random batches; see store_model.h. */
#include "store_model.h"

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)(kit_random(state) % n);
}

static uint32_t some_length(uint64_t *state)
{
    static const uint32_t lens[] = {1,    20,   500,   1000,  2000,   4079,   4080,
                                    4081, 9000, 30000, 65536, 131072, 262143, 262144};
    unsigned i = below(state, 10) ? below(state, 9) : below(state, 14);
    return lens[i] - (lens[i] > 100 && below(state, 2) ? below(state, 90) : 0);
}

static struct model_act random_act(uint64_t *state)
{
    /* Frequencies out of 32. */
    static const enum model_verb verbs[32] = {
        ACT_PIECE,      ACT_PIECE,       ACT_PIECE,       ACT_PIECE,      ACT_PIECE,
        ACT_PIECE,      ACT_PUT,         ACT_PUT,         ACT_PUT,        ACT_PUT,
        ACT_PUT,        ACT_DISCARD,     ACT_REMOVE,      ACT_REMOVE,     ACT_REMOVE,
        ACT_REMOVE,     ACT_REMOVE,      ACT_MEMBER_ADD,  ACT_MEMBER_ADD, ACT_MEMBER_ADD,
        ACT_MEMBER_ADD, ACT_MEMBER_DROP, ACT_MEMBER_DROP, ACT_APPEND,     ACT_APPEND,
        ACT_APPEND,     ACT_APPEND,      ACT_APPEND,      ACT_DROP,       ACT_DROP,
        ACT_TOUCH,      ACT_TOUCH};
    struct model_act a = {.verb = verbs[below(state, 32)]};
    a.kind = below(state, 3) ? PP_OBJECT : PP_INBOX;
    a.name = below(state, MODEL_NAMES);
    a.other = below(state, a.verb == ACT_APPEND ? 60
                           : a.verb == ACT_PIECE || a.verb == ACT_PUT || a.verb == ACT_DISCARD
                               ? MODEL_BODIES
                               : MODEL_MEMBERS);
    a.text = kit_random(state) >> 8;
    a.len = some_length(state);
    if (a.verb == ACT_PIECE && below(state, 5) == 0) {
        a.len = PP_PIECE_MAX - below(state, 3) * 77; /* so that some bodies are of many pieces */
    }
    a.count = 1 + below(state, 6);
    a.tombstone = below(state, 2);
    a.stamp = below(state, 4) ? 1 + below(state, 50) : 0;
    a.expires = below(state, 3) ? 100 + below(state, 900) : 0;
    a.copies = below(state, 3) ? 1 + below(state, 32) : 0;
    return a;
}

unsigned model_batch(uint64_t seed, uint64_t n, struct model_act acts[MODEL_ACTS], bool *abort)
{
    uint64_t state = seed * 1000003 + n;
    unsigned count = 1 + below(&state, MODEL_ACTS);
    for (unsigned i = 0; i < count; i++) {
        acts[i] = random_act(&state);
    }
    *abort = below(&state, 7) == 0;
    return count;
}

static int act_piece(struct model *m, const struct model_act *a)
{
    struct model_body *body = &m->body[a->other];
    if (!body->active) {
        *body = (struct model_body){.active = true, .text = a->text};
    }
    body->size += a->len;
    return PP_OK;
}

static int act_put(struct model *m, const struct model_act *a)
{
    struct model_object *o = &m->object[a->name];
    struct model_body *body = &m->body[a->other];
    if (o->state != MODEL_NONE) {
        return o->state == MODEL_LIVE ? PP_EXISTS : PP_GONE;
    }
    *o = (struct model_object){.state = MODEL_LIVE,
                               .text = body->text,
                               .size = body->active ? body->size : 0,
                               .created = a->text % 1000,
                               .expires = a->expires,
                               .stamp = a->stamp,
                               .copies = a->copies};
    kit_fill(o->digest, 32, a->text, 0);
    body->active = false;
    return PP_OK;
}

static int act_remove(struct model *m, const struct model_act *a)
{
    struct model_object *o = &m->object[a->name];
    struct model_inbox *inbox = &m->inbox[a->name];
    if (a->kind == PP_INBOX) {
        int err = inbox->n ? PP_OK : PP_NOT_FOUND;
        inbox->n = 0;
        return err;
    }
    if (o->state == MODEL_NONE) {
        return PP_NOT_FOUND;
    }
    o->state = o->state == MODEL_LIVE && a->tombstone ? MODEL_TOMBSTONE : MODEL_NONE;
    return PP_OK;
}

static int act_member(struct model *m, const struct model_act *a)
{
    struct model_object *o = &m->object[a->name];
    uint16_t *der = &o->der[a->other];
    if (o->state != MODEL_LIVE) {
        return PP_NOT_FOUND;
    }
    if (a->verb == ACT_MEMBER_ADD) {
        if (*der) {
            return PP_EXISTS;
        }
        *der = (uint16_t)(2 + a->len % 9000);
        return PP_OK;
    }
    if (*der < 2) {
        return *der ? PP_TAKEN : PP_NOT_FOUND;
    }
    *der = 1;
    return PP_OK;
}

static int act_append(struct model *m, const struct model_act *a)
{
    struct model_inbox *inbox = &m->inbox[a->name];
    for (unsigned i = 0; i < inbox->n; i++) {
        if (inbox->entry[i].number == a->other) {
            return PP_EXISTS;
        }
    }
    if (inbox->n == 0) {
        *inbox = (struct model_inbox){.created = a->text % 1000, .stamp = a->text % 1000};
    }
    if (inbox->n == MODEL_ENTRIES) {
        return PP_LIMIT; /* the model's own; not run */
    }
    inbox->entry[inbox->n++] = (struct model_entry){a->other, a->len % 40000, a->expires};
    return PP_OK;
}

static int act_drop(struct model *m, const struct model_act *a)
{
    struct model_inbox *inbox = &m->inbox[a->name];
    unsigned from = a->other < inbox->n ? a->other : inbox->n;
    unsigned n = a->count < inbox->n - from ? a->count : inbox->n - from;
    memmove(inbox->entry + from, inbox->entry + from + n,
            (inbox->n - from - n) * sizeof *inbox->entry);
    inbox->n -= n;
    return PP_OK;
}

static int act_touch(struct model *m, const struct model_act *a)
{
    struct model_object *o = &m->object[a->name];
    struct model_inbox *inbox = &m->inbox[a->name];
    bool there = a->kind == PP_OBJECT ? o->state == MODEL_LIVE : inbox->n > 0;
    if (!there) {
        return PP_NOT_FOUND;
    }
    pp_ns *stamp = a->kind == PP_OBJECT ? &o->stamp : &inbox->stamp;
    uint32_t *copies = a->kind == PP_OBJECT ? &o->copies : &inbox->copies;
    *stamp = a->stamp ? a->stamp : *stamp;
    *copies = a->copies ? a->copies : *copies;
    if (a->kind == PP_OBJECT && a->expires) {
        o->expires = a->expires;
    }
    return PP_OK;
}

int model_act(struct model *m, const struct model_act *a)
{
    switch (a->verb) {
    case ACT_PIECE:
        return act_piece(m, a);
    case ACT_PUT:
        return act_put(m, a);
    case ACT_DISCARD:
        m->body[a->other].active = false;
        return PP_OK;
    case ACT_REMOVE:
        return act_remove(m, a);
    case ACT_MEMBER_ADD:
    case ACT_MEMBER_DROP:
        return act_member(m, a);
    case ACT_APPEND:
        return act_append(m, a);
    case ACT_DROP:
        return act_drop(m, a);
    case ACT_TOUCH:
        return act_touch(m, a);
    case ACT_VERBS:
        break;
    }
    return PP_INVALID;
}

void model_restart(struct model *m)
{
    memset(m->body, 0, sizeof m->body);
}

const char *model_act_text(const struct model_act *a)
{
    static const char *const verbs[] = {"piece",       "put",    "discard", "remove", "member_add",
                                        "member_drop", "append", "drop",    "touch"};
    static char text[160];
    snprintf(text, sizeof text, "%s(name %u, kind %d, other %u, len %u, count %u%s)",
             verbs[a->verb], a->name, (int)a->kind, a->other, a->len, a->count,
             a->tombstone ? ", tombstone" : "");
    return text;
}
