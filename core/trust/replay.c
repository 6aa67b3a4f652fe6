/*
 * The replay cache; see replay.h. Entries lie in one array, chained from two hash tables (nonces,
 * and keys with their counts), and in a heap by expiry, so that each call first drops what has
 * expired, a few at a time, and never more than it must.
 */
#include <trust/replay.h>

#include <base/hash.h>
#include <stdlib.h>

#define NONE 0u /* indices begin at 1, so that fresh memory is an empty table and stays untouched */

struct entry {
    uint8_t id[16]; /* of SHA-256(keyid, nonce) */
    pp_ns expires;
    uint32_t next; /* in its bucket, or among the free */
    uint32_t key;
};

struct key {
    uint8_t keyid[32];
    uint32_t next, used;
};

struct pp_replay {
    struct entry *entry;
    struct key *key;
    uint32_t *entry_bucket, *key_bucket, *heap;
    uint32_t mask, n, cap, per_key;
    uint32_t free_entry, free_key;   /* given back; NONE: take one never used: */
    uint32_t fresh_entry, fresh_key; /* the last ones ever used */
};

static uint32_t power_above(size_t n)
{
    uint32_t p = 16;
    while (p < n) {
        p *= 2;
    }
    return p;
}

struct pp_replay *pp_replay_create(size_t entries, size_t entries_per_key)
{
    if (entries == 0 || entries > 1u << 24) {
        return NULL;
    }
    struct pp_replay *r = calloc(1, sizeof *r);
    if (!r) {
        return NULL;
    }
    uint32_t buckets = power_above(entries);
    r->mask = buckets - 1;
    r->cap = (uint32_t)entries;
    r->per_key = entries_per_key < entries ? (uint32_t)entries_per_key : r->cap;
    r->entry = calloc(entries + 1, sizeof *r->entry);
    r->key = calloc(entries + 1, sizeof *r->key);
    r->heap = calloc(entries, sizeof *r->heap);
    r->entry_bucket = calloc(buckets, sizeof *r->entry_bucket);
    r->key_bucket = calloc(buckets, sizeof *r->key_bucket);
    if (!r->entry || !r->key || !r->heap || !r->entry_bucket || !r->key_bucket) {
        pp_replay_destroy(r);
        return NULL;
    }
    return r;
}

void pp_replay_destroy(struct pp_replay *r)
{
    if (r) {
        free(r->entry);
        free(r->key);
        free(r->heap);
        free(r->entry_bucket);
        free(r->key_bucket);
        free(r);
    }
}

static uint32_t *entry_home(struct pp_replay *r, const uint8_t id[16])
{
    return &r->entry_bucket[pp_get32(id) & r->mask];
}

static uint32_t *key_home(struct pp_replay *r, const uint8_t keyid[32])
{
    return &r->key_bucket[pp_get32(keyid) & r->mask];
}

static bool knows(struct pp_replay *r, const uint8_t id[16])
{
    uint32_t i = *entry_home(r, id);
    while (i != NONE && memcmp(r->entry[i].id, id, sizeof r->entry[i].id) != 0) {
        i = r->entry[i].next;
    }
    return i != NONE;
}

static uint32_t find_key(struct pp_replay *r, const uint8_t keyid[32])
{
    uint32_t i = *key_home(r, keyid);
    while (i != NONE && memcmp(r->key[i].keyid, keyid, sizeof r->key[i].keyid) != 0) {
        i = r->key[i].next;
    }
    return i;
}

static bool earlier(const struct pp_replay *r, uint32_t a, uint32_t b)
{
    return r->entry[r->heap[a]].expires < r->entry[r->heap[b]].expires;
}

static void swap(struct pp_replay *r, uint32_t a, uint32_t b)
{
    uint32_t t = r->heap[a];
    r->heap[a] = r->heap[b];
    r->heap[b] = t;
}

static void heap_push(struct pp_replay *r, uint32_t i)
{
    uint32_t at = r->n++;
    r->heap[at] = i;
    while (at && earlier(r, at, (at - 1) / 2)) {
        swap(r, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static uint32_t heap_pop(struct pp_replay *r)
{
    uint32_t top = r->heap[0], at = 0;
    r->heap[0] = r->heap[--r->n];
    for (;;) {
        uint32_t least = at, left = 2 * at + 1;
        if (left < r->n && earlier(r, left, least)) {
            least = left;
        }
        if (left + 1 < r->n && earlier(r, left + 1, least)) {
            least = left + 1;
        }
        if (least == at) {
            return top;
        }
        swap(r, at, least);
        at = least;
    }
}

static void release_key(struct pp_replay *r, uint32_t k)
{
    if (--r->key[k].used) {
        return;
    }
    uint32_t *at = key_home(r, r->key[k].keyid);
    while (*at != k) {
        at = &r->key[*at].next;
    }
    *at = r->key[k].next;
    r->key[k].next = r->free_key;
    r->free_key = k;
}

static void drop_expired(struct pp_replay *r, pp_ns now)
{
    while (r->n && r->entry[r->heap[0]].expires < now) {
        uint32_t i = heap_pop(r);
        uint32_t *at = entry_home(r, r->entry[i].id);
        while (*at != i) {
            at = &r->entry[*at].next;
        }
        *at = r->entry[i].next;
        release_key(r, r->entry[i].key);
        r->entry[i].next = r->free_entry;
        r->free_entry = i;
    }
}

static uint32_t take_key(struct pp_replay *r, const uint8_t keyid[32])
{
    uint32_t k = r->free_key; /* there are as many as entries, so one is free */
    if (k == NONE) {
        k = ++r->fresh_key;
    } else {
        r->free_key = r->key[k].next;
    }
    memcpy(r->key[k].keyid, keyid, sizeof r->key[k].keyid);
    r->key[k].used = 0;
    r->key[k].next = *key_home(r, keyid);
    *key_home(r, keyid) = k;
    return k;
}

int pp_replay_enter(struct pp_replay *r, const uint8_t keyid[32], const uint8_t nonce[16],
                    pp_ns expires, pp_ns now)
{
    uint8_t both[48], id[32];
    memcpy(both, keyid, 32);
    memcpy(both + 32, nonce, 16);
    pp_sha256(id, pp_bytes(both, sizeof both));
    drop_expired(r, now);
    if (knows(r, id)) {
        return PP_EXISTS;
    }
    uint32_t k = find_key(r, keyid);
    if (k != NONE && r->key[k].used >= r->per_key) {
        return PP_LIMIT;
    }
    if (r->n == r->cap) {
        return PP_BUSY;
    }
    if (k == NONE) {
        k = take_key(r, keyid);
    }
    uint32_t i = r->free_entry;
    if (i == NONE) {
        i = ++r->fresh_entry;
    } else {
        r->free_entry = r->entry[i].next;
    }
    memcpy(r->entry[i].id, id, sizeof r->entry[i].id);
    r->entry[i].expires = expires;
    r->entry[i].key = k;
    r->entry[i].next = *entry_home(r, id);
    *entry_home(r, id) = i;
    r->key[k].used++;
    heap_push(r, i);
    return PP_OK;
}
