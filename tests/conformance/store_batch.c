/* Rules of batches and views: own writes, undoing, snapshots, what is lent. */
#include "store_kit.h"

static void a_batch_sees_its_own_writes(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1);
    struct pp_head head;
    uint64_t serial = 0;
    RULE(s, store, "a store opens");
    struct pp_batch *b = s->p->begin(store);
    struct pp_view *v = s->p->view(b), *outside = s->p->begin_view(store);
    RULE(s, kit_pieces(s, b, &serial, 1, 0, 400000, PP_PIECE_MAX) == PP_OK, "pieces are taken");
    head = kit_head(1, serial, 400000);
    RULE(s, s->p->put(b, &name, &head) == PP_OK, "an object is put");
    RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_OK, "a batch sees its own put");
    RULE(s, kit_reads(s, v, &name, head.serial, 1, 0, 400000), "and reads its body");
    RULE(s, s->p->head(outside, PP_OBJECT, &name, &head) == PP_NOT_FOUND,
         "no view sees what is not committed");
    struct pp_view *fresh = s->p->begin_view(store);
    RULE(s, s->p->head(fresh, PP_OBJECT, &name, &head) == PP_NOT_FOUND, "no new view either");
    s->p->end_view(fresh);
    RULE(s,
         s->p->remove(b, PP_OBJECT, &name, true) == PP_OK &&
             s->p->head(v, PP_OBJECT, &name, &head) == PP_GONE,
         "a batch sees its own removal");
    RULE(s,
         s->p->remove(b, PP_OBJECT, &name, false) == PP_OK &&
             s->p->head(v, PP_OBJECT, &name, &head) == PP_NOT_FOUND,
         "and its own clearing of a tombstone");
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits beside an open view");
    s->p->end_view(outside);
    s->p->close(store);
}

static void abort_undoes_whole(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name one = kit_name(1), two = kit_name(2), inbox = kit_name(3);
    struct pp_entry entry = kit_entry(1, 500);
    struct pp_head head;
    uint8_t keyid[32];
    uint64_t seq = 0, next = 0;
    kit_keyid(keyid, 1);
    RULE(s, store && kit_put(s, store, 1, 1000) == PP_OK, "an object is stored");
    RULE(s, kit_append(s, store, 3, 9, 10, &seq) == PP_OK, "a notification is taken");
    struct pp_usage before = kit_usage(s, store), after;
    struct pp_batch *b = s->p->begin(store);
    head = kit_head(2, 0, 0);
    RULE(s,
         s->p->put(b, &two, &head) == PP_OK &&
             s->p->member_add(b, &one, keyid, pp_str("DER")) == PP_OK &&
             s->p->append(b, &inbox, pp_str("user@example"), &entry, 1, &next) == PP_OK &&
             s->p->drop(b, &inbox, seq, seq) == PP_OK &&
             s->p->touch(b, PP_OBJECT, &one, 1, 1, 1) == PP_OK &&
             s->p->remove(b, PP_OBJECT, &one, true) == PP_OK,
         "a batch of many acts");
    s->p->abort(b);
    after = kit_usage(s, store);
    RULE(s, memcmp(&before, &after, sizeof before) == 0, "abort restores the usage");
    RULE(s, kit_head_of(s, store, PP_OBJECT, 2, &head) == PP_NOT_FOUND, "abort undoes put");
    RULE(s,
         kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_OK && head.members == 0 &&
             head.stamp == 2001,
         "abort undoes remove, member_add and touch");
    RULE(s,
         kit_head_of(s, store, PP_INBOX, 3, &head) == PP_OK &&
             head.entries[0] + head.entries[1] == 1 && head.size == 10,
         "abort undoes append and drop");
    s->p->close(store);
}

static void a_refused_act_leaves_the_batch(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name one = kit_name(1), two = kit_name(2), three = kit_name(3);
    struct pp_head head = kit_head(1, 0, 0);
    RULE(s, store, "a store opens");
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->put(b, &one, &head) == PP_OK, "an object is put");
    RULE(s, s->p->put(b, &one, &head) == PP_EXISTS, "and refused");
    RULE(s, s->p->remove(b, PP_OBJECT, &three, true) == PP_NOT_FOUND, "another act is refused");
    RULE(s, s->p->put(b, &two, &head) == PP_OK, "the batch goes on");
    RULE(s, s->p->commit(b) == PP_OK, "and commits");
    RULE(s, kit_usage(s, store).objects == 2, "with what was accepted");
    s->p->close(store);
}

static void a_view_is_a_snapshot(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_head head;
    struct pp_usage u, now;
    RULE(s, store && kit_put(s, store, 1, 10) == PP_OK, "an object is stored");
    struct pp_view *v = s->p->begin_view(store);
    struct pp_name one = kit_name(1), two = kit_name(2);
    s->p->usage(v, &u);
    RULE(s, kit_put(s, store, 2, 10) == PP_OK, "a commit passes an open view");
    RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, false) == PP_OK, "so does another");
    RULE(s,
         s->p->head(v, PP_OBJECT, &two, &head) == PP_NOT_FOUND &&
             s->p->head(v, PP_OBJECT, &one, &head) == PP_OK,
         "a view stays what it was at its begin");
    s->p->usage(v, &now);
    RULE(s, now.objects == u.objects, "usage too");
    s->p->end_view(v);
    s->p->close(store);
}

static void what_is_lent_lasts(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name one = kit_name(1);
    struct pp_head head, want;
    struct pp_bytes der;
    struct pp_spans spans;
    uint8_t keyid[32], text[900];
    kit_keyid(keyid, 1);
    RULE(s, store && kit_put(s, store, 1, 900) == PP_OK, "an object is stored");
    struct pp_batch *b = s->p->begin(store);
    struct pp_view *v = s->p->view(b);
    RULE(s, s->p->member_add(b, &one, keyid, pp_str("certificate")) == PP_OK, "a member is added");
    RULE(s, s->p->head(v, PP_OBJECT, &one, &head) == PP_OK, "head of a batch");
    RULE(s, s->p->member(v, &one, keyid, &der) == PP_OK, "member of a batch");
    RULE(s, s->p->read(v, &one, head.serial, 0, &spans) == PP_OK && spans.fd < 0 && spans.n == 1,
         "read of a batch");
    RULE(s, s->p->member_drop(b, &one, keyid) == PP_OK, "the member is dropped");
    for (unsigned i = 10; i < 200; i++) {
        struct pp_name name = kit_name(i);
        struct pp_head h = kit_head(i, 0, 0);
        kit_keyid(keyid, i); /* what was freed of the first would be theirs */
        RULE(s, s->p->put(b, &name, &h) == PP_OK, "an object is put");
        RULE(s, s->p->member_add(b, &one, keyid, pp_str("replacement")) == PP_OK,
             "others take its place");
    }
    RULE(s, s->p->remove(b, PP_OBJECT, &one, false) == PP_OK, "the first is removed");
    want = kit_head(1, 0, 0);
    kit_fill(text, sizeof text, 1, 0);
    RULE(s,
         pp_bytes_equal(head.identifier, want.identifier) && pp_bytes_is(der, "certificate") &&
             pp_bytes_equal(spans.span[0], pp_bytes(text, sizeof text)),
         "what a batch lends lasts until the batch ends, whatever is written meanwhile");
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
    s->p->close(store);
}

static void many_views_at_once(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_view *v[64] = {0};
    struct pp_head head;
    RULE(s, store, "a store opens");
    for (unsigned i = 0; i < 64; i++) {
        RULE(s, kit_put(s, store, i, 10) == PP_OK, "an object is stored");
        RULE(s, (v[i] = s->p->begin_view(store)) != NULL, "64 views at once are possible");
    }
    for (unsigned i = 0; i < 64; i++) {
        struct pp_name has = kit_name(i), has_not = kit_name(i + 1);
        RULE(s,
             s->p->head(v[i], PP_OBJECT, &has, &head) == PP_OK &&
                 s->p->head(v[i], PP_OBJECT, &has_not, &head) == PP_NOT_FOUND,
             "each is the state of its own begin");
        s->p->end_view(v[i]);
    }
    s->p->close(store);
}

const struct store_case store_cases_batch[] = {
    {"batch: sees its own writes, alone", a_batch_sees_its_own_writes},
    {"batch: abort undoes it whole", abort_undoes_whole},
    {"batch: a refused act leaves it whole", a_refused_act_leaves_the_batch},
    {"view: a snapshot", a_view_is_a_snapshot},
    {"view: what is lent lasts", what_is_lent_lasts},
    {"view: many at once", many_views_at_once},
    {NULL, NULL},
};
