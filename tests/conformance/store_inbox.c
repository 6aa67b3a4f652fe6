/* Rules of inboxes: sequences, equal digests, queues, dropping. */
#include "store_kit.h"

struct list {
    uint64_t seq[64];
    unsigned queue[64];
    size_t n;
    bool right; /* octets and digest are those of kit_entry(seq's number) */
    unsigned number[64];
};

static int collect(void *ctx, const struct pp_entry *entry)
{
    struct list *l = ctx;
    struct pp_entry want = kit_entry(l->number[l->n], entry->bytes.len);
    l->right = l->right && pp_bytes_equal(entry->bytes, want.bytes) &&
               memcmp(entry->digest, want.digest, 32) == 0 && entry->expires == want.expires;
    l->seq[l->n] = entry->seq;
    l->queue[l->n++] = entry->queue;
    return 0;
}

static int stop_at_two(void *ctx, const struct pp_entry *entry)
{
    (void)entry;
    return ++*(int *)ctx == 2 ? 42 : 0;
}

static void sequences_rise_store_wide(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    uint64_t last = 0, seq = 0;
    RULE(s, store, "a store opens");
    for (unsigned i = 0; i < 20; i++) {
        RULE(s, kit_append(s, store, i % 3, i, 100 * i, &seq) == PP_OK, "a notification is taken");
        RULE(s, seq > last, "sequences rise store-wide (%llu after %llu)", (unsigned long long)seq,
             (unsigned long long)last);
        last = seq;
    }
    struct pp_view *v = s->p->begin_view(store);
    RULE(s, s->p->last_seq(v) == last, "last_seq is the highest sequence given");
    s->p->end_view(v);
    s->p->close(store);
}

static void equal_digests_are_one(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    uint64_t first = 0, again = 0, other = 0;
    struct pp_head head;
    RULE(s, store && kit_append(s, store, 1, 5, 50, &first) == PP_OK, "a notification is taken");
    RULE(s, kit_append(s, store, 1, 5, 50, &again) == PP_EXISTS && again == first,
         "the same digest again: EXISTS, with its sequence");
    RULE(s, kit_append(s, store, 2, 5, 50, &other) == PP_OK && other != first,
         "in another inbox it is another notification");
    kit_head_of(s, store, PP_INBOX, 1, &head);
    RULE(s, head.entries[0] + head.entries[1] == 1, "EXISTS had no effect");
    s->p->close(store);
}

static void entries_come_in_order(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1), none = kit_name(2);
    struct list l = {.right = true};
    const size_t lens[] = {0, 1, 1000, 2000, 4070, 4076, 4080, 9000, 32768, 70000};
    uint64_t seq[10];
    uint64_t octets[PP_QUEUES] = {0};
    struct pp_head head;
    RULE(s, store, "a store opens");
    for (unsigned i = 0; i < 10; i++) {
        RULE(s, kit_append(s, store, 1, i, lens[i], &seq[i]) == PP_OK,
             "a notification of %zu octets is taken", lens[i]);
        l.number[i] = i;
        octets[i % 2] += lens[i];
    }
    struct pp_view *v = s->p->begin_view(store);
    RULE(s,
         s->p->entries(v, &name, 0, collect, &l) == PP_OK && l.n == 10 && l.right &&
             memcmp(l.seq, seq, sizeof seq) == 0,
         "entries gives all, ascending, with octets, digest and expires");
    RULE(s, l.queue[0] == 0 && l.queue[1] == 1, "entries gives the queue");
    l = (struct list){.right = true, .number = {6, 7, 8, 9}};
    RULE(s, s->p->entries(v, &name, seq[5], collect, &l) == PP_OK && l.n == 4 && l.right,
         "entries after a sequence leaves it and those before out");
    RULE(s, s->p->entries(v, &none, 0, collect, &l) == PP_OK && l.n == 4, "no inbox: no calls, 0");
    int calls = 0;
    RULE(s, s->p->entries(v, &name, 0, stop_at_two, &calls) == 42 && calls == 2,
         "entries stops when fn says so, and returns what it said");
    RULE(s,
         s->p->head(v, PP_INBOX, &name, &head) == PP_OK && head.entries[0] == 5 &&
             head.entries[1] == 5 && head.octets[0] == octets[0] && head.octets[1] == octets[1] &&
             head.size == octets[0] + octets[1],
         "an inbox's head counts entries and octets of each queue");
    RULE(s, head.expires == 7000, "an inbox's expires is its earliest entry's");
    RULE(s, head.stamp == 3000 && head.created == 3000, "its first stamp is `created`");
    RULE(s, pp_bytes_is(head.identifier, "user@example"), "its identifier is the address");
    s->p->end_view(v);
    s->p->close(store);
}

static int drop(struct store_suite *s, struct pp_store *store, unsigned n, uint64_t from,
                uint64_t upto)
{
    struct pp_name name = kit_name(n);
    struct pp_batch *b = s->p->begin(store);
    int err = s->p->drop(b, &name, from, upto);
    int committed = s->p->commit(b);
    return err ? err : committed;
}

static void drop_takes_a_range(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_head head;
    uint64_t seq[6], again;
    RULE(s, store, "a store opens");
    for (unsigned i = 0; i < 6; i++) {
        RULE(s, kit_append(s, store, 1, i, 10, &seq[i]) == PP_OK, "a notification is taken");
    }
    RULE(s, drop(s, store, 2, 0, UINT64_MAX) == PP_OK, "drop in no inbox: 0");
    RULE(s, drop(s, store, 1, seq[5] + 1, UINT64_MAX) == PP_OK, "drop of nothing: 0");
    RULE(s, drop(s, store, 1, seq[2], seq[3]) == PP_OK, "drop of a range");
    kit_head_of(s, store, PP_INBOX, 1, &head);
    RULE(s, head.entries[0] + head.entries[1] == 4 && head.size == 40,
         "drop removes from <= seq <= upto and no more");
    RULE(s, drop(s, store, 1, 0, seq[1]) == PP_OK, "drop of the first");
    kit_head_of(s, store, PP_INBOX, 1, &head);
    RULE(s, head.expires == 7004, "expires is that of the earliest entry left");
    RULE(s, kit_append(s, store, 1, 0, 10, &again) == PP_OK && again > seq[5],
         "a dropped notification may come again, under a new sequence");
    RULE(s, drop(s, store, 1, 0, UINT64_MAX) == PP_OK, "drop of all");
    RULE(s, kit_head_of(s, store, PP_INBOX, 1, &head) == PP_NOT_FOUND,
         "an inbox without entries is gone");
    RULE(s, kit_usage(s, store).inboxes == 0, "usage counts it no more");
    s->p->close(store);
}

static void sequences_are_never_reused(struct store_suite *s)
{
    char path[256];
    kit_path(s, path);
    struct pp_store *store = kit_open(s, path, s->values);
    uint64_t seq = 0, next = 0;
    RULE(s, store && kit_append(s, store, 1, 1, 10, &seq) == PP_OK, "a notification is taken");
    RULE(s, kit_remove_one(s, store, PP_INBOX, 1, false) == PP_OK, "remove takes a whole inbox");
    RULE(s, kit_append(s, store, 1, 1, 10, &next) == PP_OK && next > seq,
         "a sequence is not reused after removal");
    RULE(s, kit_remove_one(s, store, PP_INBOX, 1, false) == PP_OK, "removed again");
    seq = next;
    if (s->keeps) {
        s->p->close(store);
        store = kit_open(s, path, s->values);
        struct pp_view *v = store ? s->p->begin_view(store) : NULL;
        RULE(s, v && s->p->last_seq(v) == seq, "last_seq stays over a close, inbox or not");
        s->p->end_view(v);
        RULE(s, kit_append(s, store, 2, 2, 10, &next) == PP_OK && next > seq,
             "a sequence is not reused after removal and restart");
    }
    s->p->close(store);
}

static int append_as(struct store_suite *s, struct pp_store *store, unsigned inbox, unsigned n,
                     uint64_t wanted, uint64_t *seq)
{
    struct pp_name name = kit_name(inbox);
    struct pp_entry entry = kit_entry(n, 30);
    struct pp_batch *b = s->p->begin(store);
    entry.seq = wanted;
    int err = s->p->append(b, &name, pp_str("user@example"), &entry, 3000, seq);
    int committed = s->p->commit(b);
    return err ? err : committed;
}

/* What a migration asks for: sequences as they were, gaps and all, and never one of them again. */
static void a_sequence_may_be_given(struct store_suite *s)
{
    char path[256];
    kit_path(s, path);
    struct pp_store *store = kit_open(s, path, s->values);
    struct pp_name name = kit_name(1);
    struct list l = {.right = true, .number = {1, 0}};
    struct pp_head head;
    uint64_t seq = 0;
    RULE(s, store && append_as(s, store, 1, 0, 900, &seq) == PP_OK && seq == 900,
         "a sequence that is asked for is given");
    RULE(s, append_as(s, store, 2, 2, 950, &seq) == PP_OK && seq == 950, "with a gap");
    RULE(s, append_as(s, store, 1, 1, 300, &seq) == PP_OK && seq == 300, "in any order");
    RULE(s, append_as(s, store, 1, 5, 300, &seq) == PP_INVALID, "INVALID: an entry has it");
    RULE(s, append_as(s, store, 1, 1, 400, &seq) == PP_EXISTS && seq == 300,
         "an equal digest keeps its sequence");
    kit_head_of(s, store, PP_INBOX, 1, &head);
    RULE(s, head.entries[0] + head.entries[1] == 2 && head.size == 60, "both had no effect");
    RULE(s, append_as(s, store, 3, 3, UINT64_MAX / 2, &seq) == PP_OK, "a great one is given");
    RULE(s, kit_remove_one(s, store, PP_INBOX, 3, false) == PP_OK, "its inbox is removed");
    if (s->keeps) {
        s->p->close(store);
        store = kit_open(s, path, s->values);
    }
    struct pp_view *v = store ? s->p->begin_view(store) : NULL;
    RULE(s, v && s->p->last_seq(v) == UINT64_MAX / 2, "last_seq is the highest ever given");
    RULE(s,
         s->p->entries(v, &name, 0, collect, &l) == PP_OK && l.n == 2 && l.right &&
             l.seq[0] == 300 && l.seq[1] == 900,
         "entries come ascending by their sequences");
    s->p->end_view(v);
    RULE(s, kit_append(s, store, 1, 7, 10, &seq) == PP_OK && seq == UINT64_MAX / 2 + 1,
         "the next one not asked for is above all that were given");
    s->p->close(store);
}

static void an_address_may_be_both(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_head head;
    uint64_t seq;
    RULE(s, store && kit_put(s, store, 1, 10) == PP_OK, "an object is stored");
    RULE(s, kit_append(s, store, 1, 1, 10, &seq) == PP_OK, "an inbox of the same name");
    RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, true) == PP_OK, "the object is removed");
    RULE(s, kit_head_of(s, store, PP_INBOX, 1, &head) == PP_OK, "the inbox stays");
    RULE(s, kit_append(s, store, 1, 2, 10, &seq) == PP_OK, "a tombstone does not close an inbox");
    RULE(s, kit_remove_one(s, store, PP_INBOX, 1, false) == PP_OK, "the inbox is removed");
    RULE(s, kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_GONE, "the tombstone stays");
    s->p->close(store);
}

const struct store_case store_cases_inbox[] = {
    {"inbox: sequences rise store-wide", sequences_rise_store_wide},
    {"inbox: equal digests are one", equal_digests_are_one},
    {"inbox: entries come in order", entries_come_in_order},
    {"inbox: drop takes a range", drop_takes_a_range},
    {"inbox: sequences are never reused", sequences_are_never_reused},
    {"inbox: a sequence may be given", a_sequence_may_be_given},
    {"inbox: an address may be object and inbox", an_address_may_be_both},
    {NULL, NULL},
};
