/* Rules of objects: heads, certificate sets, removal, tombstones, access stamps, the walk. */
#include "store_kit.h"

static bool same_head(const struct pp_head *a, const struct pp_head *b)
{
    return a->size == b->size && memcmp(a->digest, b->digest, 32) == 0 &&
           a->created == b->created && a->expires == b->expires && a->stamp == b->stamp &&
           a->copies == b->copies && pp_bytes_equal(a->identifier, b->identifier);
}

static void gives_back_its_head(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1), other = kit_name(2);
    struct pp_head got, want;
    RULE(s, store && kit_put(s, store, 1, 777) == PP_OK, "an object is stored");
    struct pp_view *v = s->p->begin_view(store);
    RULE(s, v && s->p->head(v, PP_OBJECT, &name, &got) == PP_OK, "a committed object has a head");
    want = kit_head(1, got.serial, 777);
    RULE(s, same_head(&got, &want), "a head comes back as it was put, identifier too");
    RULE(s, got.members == 0, "a new object has no members");
    RULE(s, s->p->head(v, PP_OBJECT, &other, &got) == PP_NOT_FOUND, "head of nothing: NOT_FOUND");
    RULE(s, s->p->head(v, PP_INBOX, &name, &got) == PP_NOT_FOUND,
         "an object's name is not an inbox's");
    s->p->end_view(v);
    s->p->close(store);
}

static void refuses_a_second_body(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_head head;
    RULE(s, store && kit_put(s, store, 1, 100) == PP_OK, "an object is stored");
    RULE(s, kit_put(s, store, 1, 200) == PP_EXISTS, "put under a taken name: EXISTS");
    RULE(s, kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_OK && head.size == 100,
         "objects never change");
    struct pp_name name = kit_name(3);
    struct pp_batch *b = s->p->begin(store);
    uint64_t serial = 0;
    RULE(s, kit_pieces(s, b, &serial, 3, 0, 50, 50) == PP_OK, "a piece is taken");
    head = kit_head(3, serial, 51);
    RULE(s, s->p->put(b, &name, &head) == PP_INVALID,
         "put refuses a size that is not that of the pieces: INVALID");
    s->p->abort(b);
    s->p->close(store);
}

struct tally {
    unsigned there, taken;
    uint8_t keyid[32]; /* of the last one there */
    size_t len;
};

static int tally_member(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    struct tally *t = ctx;
    t->there += der.len > 0;
    t->taken += der.len == 0;
    if (der.len > 0) {
        memcpy(t->keyid, keyid, 32);
        t->len = der.len;
    }
    return 0;
}

static int stop_at_once(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    (void)keyid, (void)der;
    ++*(unsigned *)ctx;
    return 42;
}

static void members_come_and_go_singly(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1), other = kit_name(2);
    uint8_t a[32], c[32], der[20000];
    struct pp_bytes got;
    struct pp_head head;
    kit_keyid(a, 1);
    kit_keyid(c, 2);
    kit_fill(der, sizeof der, 77, 0);
    RULE(s, store && kit_put(s, store, 1, 10) == PP_OK, "an object is stored");
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->member_add(b, &name, a, pp_bytes(der, 700)) == PP_OK, "a member is added");
    RULE(s, s->p->member_add(b, &name, c, pp_bytes(der, sizeof der)) == PP_OK,
         "a certificate of 20,000 octets is added");
    RULE(s, s->p->member_add(b, &name, a, pp_bytes(der, 5)) == PP_EXISTS,
         "a member that is there: EXISTS");
    RULE(s, s->p->member_add(b, &other, a, pp_bytes(der, 5)) == PP_NOT_FOUND,
         "a member of no object: NOT_FOUND");
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
    struct pp_view *v = s->p->begin_view(store);
    RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_OK && head.members == 2,
         "the head counts the members");
    RULE(s, s->p->member(v, &name, a, &got) == PP_OK && pp_bytes_equal(got, pp_bytes(der, 700)),
         "a member's certificate comes back; EXISTS had no effect");
    RULE(s,
         s->p->member(v, &name, c, &got) == PP_OK && pp_bytes_equal(got, pp_bytes(der, sizeof der)),
         "a long certificate comes back whole");
    s->p->end_view(v);

    b = s->p->begin(store);
    RULE(s, s->p->member_drop(b, &name, a) == PP_OK, "a member is taken out");
    RULE(s, s->p->member_drop(b, &name, a) == PP_TAKEN, "taken out again: TAKEN");
    RULE(s, s->p->member_add(b, &name, a, pp_bytes(der, 5)) == PP_EXISTS,
         "a keyid taken out never comes back: EXISTS");
    uint8_t unknown[32] = {0};
    RULE(s, s->p->member_drop(b, &name, unknown) == PP_NOT_FOUND, "unknown keyid: NOT_FOUND");
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
    v = s->p->begin_view(store);
    struct tally t = {0};
    unsigned calls = 0;
    RULE(s, s->p->member(v, &name, a, &got) == PP_TAKEN, "member of one taken out: TAKEN");
    RULE(s, s->p->member(v, &name, unknown, &got) == PP_NOT_FOUND, "no such member: NOT_FOUND");
    RULE(s, s->p->members(v, &name, tally_member, &t) == PP_OK && t.there == 1 && t.taken == 1,
         "members lists those there, and those taken out with an empty certificate");
    RULE(s, memcmp(t.keyid, c, 32) == 0 && t.len == sizeof der, "members gives keyid and DER");
    RULE(s, s->p->members(v, &name, stop_at_once, &calls) == 42 && calls == 1,
         "members stops when fn says so, and returns what it said");
    RULE(s, s->p->members(v, &other, tally_member, &t) == PP_NOT_FOUND,
         "members of nothing: NOT_FOUND");
    RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_OK && head.members == 1,
         "the head counts the members left");
    s->p->end_view(v);
    s->p->close(store);
}

static void tombstones_stand_until_cleared(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1);
    uint8_t keyid[32];
    struct pp_bytes der;
    struct pp_spans spans;
    struct pp_head head, want;
    kit_keyid(keyid, 1);
    RULE(s, store && kit_put(s, store, 1, 300) == PP_OK, "an object is stored");
    RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, true) == PP_OK, "it is removed");
    struct pp_view *v = s->p->begin_view(store);
    want = kit_head(1, 0, 0);
    RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_GONE, "head of a tombstone: GONE");
    RULE(s, head.expires == want.expires && memcmp(head.digest, want.digest, 32) == 0,
         "a tombstone keeps digest and expires");
    RULE(s, s->p->member(v, &name, keyid, &der) == PP_GONE, "member of a tombstone: GONE");
    RULE(s, s->p->members(v, &name, tally_member, &(struct tally){0}) == PP_GONE,
         "members of a tombstone: GONE");
    RULE(s, s->p->read(v, &name, head.serial, 0, &spans) == PP_NOT_FOUND,
         "a tombstone has no body");
    s->p->end_view(v);
    struct pp_usage u = kit_usage(s, store);
    RULE(s, u.objects == 0 && u.tombstones == 1, "usage counts tombstones apart");
    RULE(s, kit_put(s, store, 1, 300) == PP_GONE, "put over a tombstone: GONE");
    struct pp_batch *b = s->p->begin(store);
    RULE(s,
         s->p->member_add(b, &name, keyid, pp_str("x")) == PP_NOT_FOUND &&
             s->p->member_drop(b, &name, keyid) == PP_NOT_FOUND &&
             s->p->touch(b, PP_OBJECT, &name, 1, 1, 1) == PP_NOT_FOUND,
         "a tombstone has no members and cannot be touched: NOT_FOUND");
    s->p->abort(b);
    RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, true) == PP_OK, "remove clears a tombstone");
    RULE(s, kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_NOT_FOUND, "then nothing is there");
    RULE(s, kit_put(s, store, 1, 300) == PP_OK, "and the name is free again");
    u = kit_usage(s, store);
    RULE(s, u.objects == 1 && u.tombstones == 0, "usage follows");
    s->p->close(store);
}

static void removal_takes_everything(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1);
    uint8_t keyid[32];
    struct pp_head head;
    kit_keyid(keyid, 1);
    RULE(s, store && kit_remove_one(s, store, PP_OBJECT, 1, false) == PP_NOT_FOUND,
         "remove of nothing: NOT_FOUND");
    for (int round = 0; round < 2; round++) {
        struct pp_batch *b;
        RULE(s, kit_put(s, store, 1, 5000) == PP_OK, "an object is stored");
        b = s->p->begin(store);
        RULE(s, s->p->member_add(b, &name, keyid, pp_str("DER")) == PP_OK,
             "a member of an object removed before does not stand in the way of a new one");
        RULE(s, s->p->member_drop(b, &name, keyid) == PP_OK, "it is taken out");
        RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
        RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, false) == PP_OK, "the object is removed");
        RULE(s, kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_NOT_FOUND,
             "remove without tombstone leaves nothing");
    }
    struct pp_usage u = kit_usage(s, store);
    RULE(s, u.objects == 0 && u.tombstones == 0, "usage counts nothing then");
    s->p->close(store);
}

static void touch_changes_only_what_is_given(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1), none = kit_name(9);
    struct pp_head before, after;
    RULE(s, store && kit_put(s, store, 1, 10) == PP_OK, "an object is stored");
    kit_head_of(s, store, PP_OBJECT, 1, &before);
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->touch(b, PP_OBJECT, &none, 5, 5, 5) == PP_NOT_FOUND,
         "touch of nothing: NOT_FOUND");
    RULE(s, s->p->touch(b, PP_OBJECT, &name, 0, 0, 0) == PP_OK, "touch with zeros");
    RULE(s, s->p->commit(b) == PP_OK, "commits");
    kit_head_of(s, store, PP_OBJECT, 1, &after);
    RULE(s,
         before.stamp == after.stamp && before.expires == after.expires &&
             before.copies == after.copies,
         "touch: 0 leaves what is there");
    b = s->p->begin(store);
    RULE(s, s->p->touch(b, PP_OBJECT, &name, 99, 88, 17) == PP_OK, "touch with values");
    RULE(s, s->p->commit(b) == PP_OK, "commits");
    kit_head_of(s, store, PP_OBJECT, 1, &after);
    RULE(s,
         after.stamp == 99 && after.expires == 88 && after.copies == 17 &&
             after.created == before.created && after.serial == before.serial,
         "touch sets stamp, expires and copies and nothing else");
    s->p->close(store);
}

/* Walks `oldest` in a new view each turn; checks order; counts. */
static void walk(struct store_suite *s, struct pp_store *store, unsigned *live, unsigned *tombs)
{
    static struct pp_listed out[PP_OLDEST_MAX];
    struct pp_cursor cursor = {0};
    pp_ns last = 0;
    *live = *tombs = 0;
    for (;;) {
        struct pp_view *v = s->p->begin_view(store);
        int n = v ? s->p->oldest(v, &cursor, out) : PP_BROKEN;
        RULE(s, n >= 0 && n <= PP_OLDEST_MAX, "oldest gives at most PP_OLDEST_MAX");
        for (int i = 0; i < n; i++) {
            bool tomb = out[i].tombstone;
            if (tomb && *tombs == 0) {
                last = 0;
            }
            RULE(s, !*tombs || tomb, "oldest: tombstones come after all others");
            pp_ns key = tomb ? out[i].head.expires : out[i].head.stamp;
            RULE(s, key >= last, "oldest: rising stamps, then tombstones by rising expires");
            RULE(s, tomb || out[i].head.identifier.len > 0, "oldest lists identifiers");
            last = key;
            ++*(tomb ? tombs : live);
        }
        s->p->end_view(v);
        if (n == 0) {
            return;
        }
    }
}

static void the_walk_finds_all_in_order(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    unsigned live, tombs;
    uint64_t seq;
    RULE(s, store, "a store opens");
    struct pp_batch *b = s->p->begin(store);
    for (unsigned i = 0; i < 700; i++) {
        struct pp_name name = kit_name(i);
        struct pp_head head = kit_head(i, 0, 0);
        head.stamp = 1 + (i * 7919u) % 500; /* many equal ones */
        RULE(s, s->p->put(b, &name, &head) == PP_OK, "an empty body (serial 0) is put");
        RULE(s, i % 5 || s->p->remove(b, PP_OBJECT, &name, true) == PP_OK, "some are removed");
    }
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
    RULE(s, kit_append(s, store, 800, 1, 10, &seq) == PP_OK, "an inbox is made");
    walk(s, store, &live, &tombs);
    RULE(s, s->broken || (live == 561 && tombs == 140),
         "oldest lists every object, inbox and tombstone once (%u live, %u tombstones)", live,
         tombs);
    struct pp_name name = kit_name(1);
    b = s->p->begin(store);
    RULE(s, s->p->touch(b, PP_OBJECT, &name, 1000000, 0, 0) == PP_OK, "one is touched");
    RULE(s, s->p->commit(b) == PP_OK, "commits");
    walk(s, store, &live, &tombs);
    RULE(s, s->broken || (live == 561 && tombs == 140), "a touch moves a line and adds none");
    s->p->close(store);
}

const struct store_case store_cases_object[] = {
    {"object: a head comes back as put", gives_back_its_head},
    {"object: a name is taken once", refuses_a_second_body},
    {"object: certificates come and go singly", members_come_and_go_singly},
    {"object: tombstones", tombstones_stand_until_cleared},
    {"object: removal takes everything", removal_takes_everything},
    {"object: touch", touch_changes_only_what_is_given},
    {"object: the walk by stamp", the_walk_finds_all_in_order},
    {NULL, NULL},
};
