/* Acts of the model run on a store, and a store compared with the model; see store_model.h. */
#include "store_model.h"

static void certificate(uint8_t *der, unsigned name, unsigned member, size_t len)
{
    kit_fill(der, len, 1000 + name * 100 + member, 0);
}

static struct pp_head head_of(const struct model *m, const struct model_act *a, uint64_t serial)
{
    static char identifier[32];
    const struct model_body *body = &m->body[a->other];
    struct pp_head head = {.serial = body->active ? serial : 0,
                           .size = body->active ? body->size : 0,
                           .created = a->text % 1000,
                           .expires = a->expires,
                           .stamp = a->stamp,
                           .copies = a->copies};
    snprintf(identifier, sizeof identifier, "name-%u", a->name);
    kit_fill(head.digest, 32, a->text, 0);
    head.identifier = pp_str(identifier);
    return head;
}

static int run_piece(struct store_suite *s, struct pp_batch *b, struct model_real *real,
                     const struct model *m, const struct model_act *a)
{
    static uint8_t octets[PP_PIECE_MAX];
    const struct model_body *body = &m->body[a->other];
    uint64_t serial = body->active ? real->serial[a->other] : 0;
    kit_fill(octets, a->len, body->active ? body->text : a->text, body->active ? body->size : 0);
    int err = s->p->piece(b, &serial, pp_bytes(octets, a->len));
    real->serial[a->other] = serial;
    return err;
}

static int run_append(struct store_suite *s, struct pp_batch *b, struct model_real *real,
                      const struct model_act *a, const struct pp_name *name)
{
    struct pp_entry entry = kit_entry(a->other, a->len % 40000);
    char identifier[32];
    uint64_t seq = 0;
    snprintf(identifier, sizeof identifier, "name-%u", a->name);
    entry.expires = a->expires;
    int err = s->p->append(b, name, pp_str(identifier), &entry, a->text % 1000, &seq);
    if (!err && seq <= real->last_seq) {
        return PP_INVALID; /* not rising: never an expected answer */
    }
    real->last_seq = err ? real->last_seq : seq;
    return err;
}

struct seqs {
    uint64_t seq[MODEL_ENTRIES];
    unsigned n;
};

static int take_seq(void *ctx, const struct pp_entry *entry)
{
    struct seqs *list = ctx;
    if (list->n < MODEL_ENTRIES) {
        list->seq[list->n++] = entry->seq;
    }
    return 0;
}

static int run_drop(struct store_suite *s, struct pp_batch *b, const struct model_act *a,
                    const struct pp_name *name)
{
    struct seqs list = {.n = 0};
    int err = s->p->entries(s->p->view(b), name, 0, take_seq, &list);
    if (err || a->other >= list.n) {
        return err ? err : s->p->drop(b, name, UINT64_MAX, UINT64_MAX);
    }
    unsigned last = a->other + a->count - 1 < list.n ? a->other + a->count - 1 : list.n - 1;
    return s->p->drop(b, name, list.seq[a->other], list.seq[last]);
}

int model_run(struct store_suite *s, struct pp_batch *b, struct model_real *real,
              const struct model *m, const struct model_act *a)
{
    static uint8_t der[10000];
    struct pp_name name = kit_name(a->name);
    struct pp_head head;
    uint8_t keyid[32];
    uint64_t serial =
        m->body[a->other % MODEL_BODIES].active ? real->serial[a->other % MODEL_BODIES] : 0;
    kit_keyid(keyid, a->other);
    switch (a->verb) {
    case ACT_PIECE:
        return run_piece(s, b, real, m, a);
    case ACT_PUT:
        head = head_of(m, a, serial);
        return s->p->put(b, &name, &head);
    case ACT_DISCARD:
        return serial ? s->p->discard(b, serial) : PP_OK;
    case ACT_REMOVE:
        return s->p->remove(b, a->kind, &name, a->tombstone);
    case ACT_MEMBER_ADD:
        certificate(der, a->name, a->other, 2 + a->len % 9000);
        return s->p->member_add(b, &name, keyid, pp_bytes(der, 2 + a->len % 9000));
    case ACT_MEMBER_DROP:
        return s->p->member_drop(b, &name, keyid);
    case ACT_APPEND:
        return run_append(s, b, real, a, &name);
    case ACT_DROP:
        return run_drop(s, b, a, &name);
    case ACT_TOUCH:
        return s->p->touch(b, a->kind, &name, a->stamp, a->expires, a->copies);
    case ACT_VERBS:
        break;
    }
    return PP_INVALID;
}

#define DIFFERS(...)                                                                               \
    do {                                                                                           \
        snprintf(text, 256, __VA_ARGS__);                                                          \
        return false;                                                                              \
    } while (0)

struct members {
    const struct model_object *o;
    unsigned name, n;
    bool right;
};

static int check_member(void *ctx, const uint8_t keyid[32], struct pp_bytes got)
{
    static uint8_t der[10000];
    struct members *m = ctx;
    uint8_t known[32];
    bool found = false;
    for (unsigned i = 0; i < MODEL_MEMBERS; i++) {
        kit_keyid(known, i);
        if (memcmp(known, keyid, 32) == 0) {
            size_t len = m->o->der[i] < 2 ? 0 : m->o->der[i];
            certificate(der, m->name, i, len);
            found = m->o->der[i] > 0 && pp_bytes_equal(got, pp_bytes(der, len));
        }
    }
    m->right = m->right && found;
    m->n++;
    return 0;
}

static bool same_object(struct store_suite *s, struct pp_view *v, const struct model *m, unsigned n,
                        char text[256])
{
    static const int codes[] = {PP_NOT_FOUND, PP_OK, PP_GONE};
    const struct model_object *o = &m->object[n];
    struct pp_name name = kit_name(n);
    struct members set = {.o = o, .name = n, .right = true};
    struct pp_head h = {0};
    unsigned members = 0, all = 0;
    int err = s->p->head(v, PP_OBJECT, &name, &h);
    if (err != codes[o->state]) {
        DIFFERS("object %u: head gives %s, should %s", n, pp_error_text(err),
                pp_error_text(codes[o->state]));
    }
    if (o->state == MODEL_NONE) {
        return true;
    }
    if (h.expires != o->expires || memcmp(h.digest, o->digest, 32) != 0) {
        DIFFERS("object %u: expires or digest", n);
    }
    if (o->state == MODEL_TOMBSTONE) {
        return true;
    }
    for (unsigned i = 0; i < MODEL_MEMBERS; i++) {
        members += o->der[i] > 1;
        all += o->der[i] > 0;
    }
    if (h.size != o->size || h.created != o->created || h.stamp != o->stamp ||
        h.copies != o->copies || h.members != members) {
        DIFFERS("object %u: size, created, stamp, copies or members in its head", n);
    }
    if (s->p->members(v, &name, check_member, &set) != PP_OK || !set.right || set.n != all) {
        DIFFERS("object %u: its certificate set", n);
    }
    if (!kit_reads(s, v, &name, h.serial, o->text, 0, o->size)) {
        DIFFERS("object %u: its body of %llu octets", n, (unsigned long long)o->size);
    }
    return true;
}

struct entries {
    const struct model_inbox *inbox;
    unsigned n;
    uint64_t last;
    bool right;
};

static int check_entry(void *ctx, const struct pp_entry *got)
{
    struct entries *e = ctx;
    if (e->n >= e->inbox->n) {
        e->right = false;
        return 1;
    }
    const struct model_entry *m = &e->inbox->entry[e->n++];
    struct pp_entry want = kit_entry(m->number, m->len);
    e->right = e->right && got->seq > e->last && got->queue == want.queue &&
               got->expires == m->expires && memcmp(got->digest, want.digest, 32) == 0 &&
               pp_bytes_equal(got->bytes, want.bytes);
    e->last = got->seq;
    return 0;
}

static bool same_inbox(struct store_suite *s, struct pp_view *v, const struct model *m, unsigned n,
                       char text[256])
{
    const struct model_inbox *inbox = &m->inbox[n];
    struct entries list = {.inbox = inbox, .right = true};
    struct pp_name name = kit_name(n);
    struct pp_head h = {0};
    uint64_t octets[PP_QUEUES] = {0};
    pp_ns expires = PP_NEVER;
    int err = s->p->head(v, PP_INBOX, &name, &h);
    if (err != (inbox->n ? PP_OK : PP_NOT_FOUND)) {
        DIFFERS("inbox %u of %u entries: head gives %s", n, inbox->n, pp_error_text(err));
    }
    if (s->p->entries(v, &name, 0, check_entry, &list) != PP_OK || !list.right ||
        list.n != inbox->n) {
        DIFFERS("inbox %u: its entries", n);
    }
    for (unsigned i = 0; i < inbox->n; i++) {
        octets[inbox->entry[i].number % PP_QUEUES] += inbox->entry[i].len;
        expires = inbox->entry[i].expires < expires ? inbox->entry[i].expires : expires;
    }
    if (inbox->n &&
        (h.octets[0] != octets[0] || h.octets[1] != octets[1] ||
         h.entries[0] + h.entries[1] != inbox->n || h.expires != expires ||
         h.stamp != inbox->stamp || h.created != inbox->created || h.copies != inbox->copies)) {
        DIFFERS("inbox %u: its head", n);
    }
    return true;
}

static bool same_walk(struct store_suite *s, struct pp_view *v, const struct model *m,
                      char text[256])
{
    static struct pp_listed out[PP_OLDEST_MAX];
    struct pp_cursor cursor = {0};
    struct pp_usage u, want = {0};
    int n = s->p->oldest(v, &cursor, out);
    for (unsigned i = 0; i < MODEL_NAMES; i++) {
        want.objects += m->object[i].state == MODEL_LIVE;
        want.tombstones += m->object[i].state == MODEL_TOMBSTONE;
        want.inboxes += m->inbox[i].n > 0;
    }
    s->p->usage(v, &u);
    if (u.objects != want.objects || u.inboxes != want.inboxes || u.tombstones != want.tombstones) {
        DIFFERS("usage counts %llu objects, %llu inboxes, %llu tombstones; there are %llu, %llu, "
                "%llu",
                (unsigned long long)u.objects, (unsigned long long)u.inboxes,
                (unsigned long long)u.tombstones, (unsigned long long)want.objects,
                (unsigned long long)want.inboxes, (unsigned long long)want.tombstones);
    }
    if (n < 0 || (uint64_t)n != want.objects + want.inboxes + want.tombstones) {
        DIFFERS("oldest lists %d", n);
    }
    for (int i = 1; i < n; i++) {
        const struct pp_listed *a = &out[i - 1], *b = &out[i];
        if (a->tombstone > b->tombstone ||
            (a->tombstone == b->tombstone &&
             (a->tombstone ? a->head.expires > b->head.expires : a->head.stamp > b->head.stamp))) {
            DIFFERS("oldest: line %d is out of order", i);
        }
    }
    return true;
}

bool model_same(struct store_suite *s, struct pp_view *v, const struct model *m, char text[256])
{
    for (unsigned n = 0; n < MODEL_NAMES; n++) {
        if (!same_object(s, v, m, n, text) || !same_inbox(s, v, m, n, text)) {
            return false;
        }
    }
    return same_walk(s, v, m, text);
}
