/* Rules of a full store: refusals without effect, removals always, room again afterwards. */
#include "store_kit.h"

static struct pp_store *tight(struct store_suite *s, char path[256])
{
    kit_path(s, path);
    if (!s->tight) {
        kit_skip(s, "the plugin has no option `capacity` in octets");
        return NULL;
    }
    return kit_open(s, path, s->tight);
}

/* Fills with objects of one size until PP_FULL; how many went in. */
static unsigned fill(struct store_suite *s, struct pp_store *store, unsigned from, uint64_t size,
                     int *err)
{
    unsigned n = 0;
    *err = PP_OK;
    while (*err == PP_OK && n < 100000) {
        *err = kit_put(s, store, from + n, size);
        n += *err == PP_OK;
    }
    return n;
}

static void fills_and_frees(struct store_suite *s, uint64_t size, unsigned expected)
{
    char path[256];
    struct pp_store *store = tight(s, path);
    struct pp_head head;
    uint64_t seq;
    int err;
    if (!store) {
        return;
    }
    unsigned n = fill(s, store, 0, size, &err);
    RULE(s, err == PP_FULL, "a store at its capacity answers FULL (got %s after %u)",
         pp_error_text(err), n);
    RULE(s, n >= expected / 3 && n <= expected + 1,
         "of 4 MiB capacity a store holds about %u bodies of %llu octets (held %u)", expected,
         (unsigned long long)size, n);
    RULE(s, kit_head_of(s, store, PP_OBJECT, n, &head) == PP_NOT_FOUND,
         "a refused put had no effect");
    struct pp_usage u = kit_usage(s, store);
    RULE(s, u.objects == n && u.octets <= u.capacity, "usage stays within the capacity");
    while (kit_append(s, store, 99999, n + (unsigned)u.inboxes, 20000, &seq) == PP_OK) {
        u.inboxes++; /* eat what room a body did not fit in */
    }
    for (unsigned i = 0; i < n; i++) {
        int removed = kit_remove_one(s, store, PP_OBJECT, i, i % 2);
        RULE(s, removed == PP_OK, "remove never fails on a full store (%s at %u)",
             pp_error_text(removed), i);
    }
    unsigned again = fill(s, store, 1000000, size, &err);
    RULE(s, err == PP_FULL && again >= n / 2, "what is removed makes room (%u of %u fit again)",
         again, n);
    for (unsigned i = 0; i < again; i++) {
        RULE(s, kit_head_of(s, store, PP_OBJECT, 1000000 + i, &head) == PP_OK,
             "a full store stays readable");
    }
    s->p->close(store);
    RULE(s, !s->keeps || s->p->check(path, s->tight, false, NULL, NULL) == 0,
         "check finds no fault in a store that was full");
}

static void small_bodies(struct store_suite *s)
{
    fills_and_frees(s, 4000, 1040);
}

static void large_bodies(struct store_suite *s)
{
    fills_and_frees(s, 400000, 10);
}

static void inboxes_fill(struct store_suite *s)
{
    char path[256];
    struct pp_store *store = tight(s, path);
    struct pp_name name = kit_name(1);
    uint64_t seq = 0;
    unsigned n = 0;
    int err = PP_OK;
    if (!store) {
        return;
    }
    while (err == PP_OK && n < 100000) {
        err = kit_append(s, store, 1, n, 1000, &seq);
        n += err == PP_OK;
    }
    RULE(s, err == PP_FULL && n > 1000, "an inbox fills the store, then FULL (%s after %u)",
         pp_error_text(err), n);
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->drop(b, &name, 0, seq / 2) == PP_OK && s->p->commit(b) == PP_OK,
         "drop never fails on a full store");
    RULE(s, kit_append(s, store, 1, n, 1000, &seq) == PP_OK, "what is dropped makes room");
    s->p->close(store);
}

static void small_acts_pass(struct store_suite *s)
{
    char path[256];
    struct pp_store *store = tight(s, path);
    uint8_t keyid[32], der[1000];
    struct pp_name name = kit_name(0);
    int err;
    if (!store) {
        return;
    }
    kit_fill(der, sizeof der, 1, 0);
    RULE(s, kit_put(s, store, 0, 10) == PP_OK, "an object is stored");
    kit_keyid(keyid, 0);
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->member_add(b, &name, keyid, pp_bytes(der, 900)) == PP_OK, "with a member");
    RULE(s, s->p->commit(b) == PP_OK, "commits");
    fill(s, store, 1, 4000, &err);
    err = PP_OK;
    for (unsigned i = 1; i < 5000 && err == PP_OK; i++) {
        uint8_t other[32];
        kit_keyid(other, i);
        b = s->p->begin(store);
        err = s->p->member_add(b, &name, other, pp_bytes(der, sizeof der));
        RULE(s, s->p->commit(b) == PP_OK, "a batch with a refused act commits");
    }
    RULE(s, err == PP_FULL, "member_add answers FULL");
    for (unsigned i = 0; i < 3000; i++) {
        struct pp_name one = kit_name(i % 600);
        b = s->p->begin(store);
        RULE(s, s->p->touch(b, PP_OBJECT, &one, 1 + i * 977 % 100000, 0, 0) != PP_FULL,
             "touch never answers FULL");
        RULE(s, s->p->commit(b) == PP_OK, "and commits on a full store (%u)", i);
    }
    b = s->p->begin(store);
    RULE(s, s->p->member_drop(b, &name, keyid) == PP_OK && s->p->commit(b) == PP_OK,
         "member_drop never fails on a full store");
    s->p->close(store);
}

static void pieces_count(struct store_suite *s)
{
    char path[256];
    struct pp_store *store = tight(s, path);
    static uint8_t octets[PP_PIECE_MAX];
    uint64_t serial = 0;
    unsigned n = 0;
    int err = PP_OK;
    if (!store) {
        return;
    }
    while (err == PP_OK && n < 1000) {
        struct pp_batch *b = s->p->begin(store);
        err = s->p->piece(b, &serial, pp_bytes(octets, sizeof octets));
        RULE(s, s->p->commit(b) == PP_OK, "a batch with a refused piece commits");
        n += err == PP_OK;
    }
    RULE(s, err == PP_FULL && n >= 8 && n <= 16, "pieces not yet put fill the store (%u)", n);
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->discard(b, serial) == PP_OK && s->p->commit(b) == PP_OK,
         "discard never fails on a full store");
    RULE(s, kit_put(s, store, 1, 1000000) == PP_OK, "and makes room");
    s->p->close(store);
}

const struct store_case store_cases_full[] = {
    {"full: small bodies", small_bodies},
    {"full: large bodies", large_bodies},
    {"full: inboxes", inboxes_fill},
    {"full: members, touches", small_acts_pass},
    {"full: pieces not yet put", pieces_count},
    {NULL, NULL},
};
