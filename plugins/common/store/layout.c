/*
 * Keys and fixed layouts of the rows; see layout.h. All numbers are big-endian, so that the order
 * of the octets is the order of the numbers. Octets read back are checked: a disk may lie.
 */
#include "layout.h"

#include <assert.h>

struct rows_key rows_key(char type)
{
    struct rows_key k = {.len = 1};
    k.b[0] = (uint8_t)type;
    return k;
}

void rows_key_add(struct rows_key *k, const void *octets, size_t len)
{
    assert(k->len + len <= sizeof k->b);
    memcpy(k->b + k->len, octets, len);
    k->len += len;
}

void rows_key_u64(struct rows_key *k, uint64_t v)
{
    uint8_t b[8];
    pp_put64(b, v);
    rows_key_add(k, b, sizeof b);
}

struct rows_key rows_key_head(enum pp_kind kind, const struct pp_name *name)
{
    struct rows_key k = rows_key_name('H', name);
    k.b[k.len++] = (uint8_t)kind;
    return k;
}

struct rows_key rows_key_name(char type, const struct pp_name *name)
{
    struct rows_key k = rows_key('N');
    rows_key_add(&k, name->b, sizeof name->b);
    k.b[k.len++] = (uint8_t)type;
    return k;
}

bool rows_key_is_head(const struct rows_key *key)
{
    return key->len >= ROWS_OF_NAME && key->b[ROWS_OF_NAME - 1] == 'H';
}

bool rows_key_of_head(const struct rows_key *key, enum pp_kind *kind, struct pp_name *name)
{
    if (!rows_key_is_head(key) || key->len != ROWS_OF_NAME + 1) {
        return false;
    }
    *kind = key->b[ROWS_OF_NAME] == PP_INBOX ? PP_INBOX : PP_OBJECT;
    memcpy(name->b, key->b + 1, sizeof name->b);
    return true;
}

struct rows_key rows_key_number(char type, uint64_t number)
{
    struct rows_key k = rows_key(type);
    rows_key_u64(&k, number);
    return k;
}

struct rows_key rows_key_index(char type, uint64_t when, uint64_t serial, enum pp_kind kind,
                               const struct pp_name *name)
{
    struct rows_key k = rows_key_number(type, when);
    rows_key_u64(&k, serial);
    k.b[k.len++] = (uint8_t)kind;
    rows_key_add(&k, name->b, sizeof name->b);
    return k;
}

struct rows_key rows_key_record(uint64_t serial, uint32_t n)
{
    struct rows_key k = rows_key_number('P', serial);
    uint8_t b[4];
    pp_put32(b, n);
    rows_key_add(&k, b, sizeof b);
    return k;
}

struct rows_key rows_key_body(const struct pp_store *s, const struct pp_name *name, uint64_t serial,
                              uint32_t n)
{
    if (!s->map->grouped) {
        return rows_key_record(serial, n);
    }
    struct rows_key k = rows_key_name('O', name);
    uint8_t b[4];
    pp_put32(b, n);
    rows_key_add(&k, b, sizeof b);
    return k;
}

struct rows_key rows_key_octets(const struct pp_store *s, const struct pp_name *name, uint64_t seq)
{
    if (!s->map->grouped) {
        return rows_key_number('Z', seq);
    }
    struct rows_key k = rows_key_name('Z', name);
    rows_key_u64(&k, seq);
    return k;
}

static void add32(struct pp_buf *out, uint32_t v)
{
    uint8_t b[4];
    pp_put32(b, v);
    pp_buf_add(out, b, sizeof b);
}

static void add64(struct pp_buf *out, uint64_t v)
{
    uint8_t b[8];
    pp_put64(b, v);
    pp_buf_add(out, b, sizeof b);
}

#define FLAG_TOMBSTONE 1u
#define FLAG_LARGE 2u

void rows_head_encode(struct pp_buf *out, const struct rows_head *head)
{
    const struct pp_head *h = &head->h;
    uint8_t flags =
        (uint8_t)((head->tombstone ? FLAG_TOMBSTONE : 0) | (head->large ? FLAG_LARGE : 0));
    pp_buf_add(out, &flags, 1);
    add64(out, h->serial);
    add64(out, h->size);
    pp_buf_add(out, h->digest, sizeof h->digest);
    add64(out, h->created);
    add64(out, h->expires);
    add64(out, h->stamp);
    add32(out, h->copies);
    add32(out, h->members);
    for (int q = 0; q < PP_QUEUES; q++) {
        add32(out, h->entries[q]);
        add64(out, h->octets[q]);
    }
    pp_buf_add(out, h->identifier.data, h->identifier.len);
}

int rows_head_decode(struct rows_head *head, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    struct pp_head *h = &head->h;
    uint8_t flags = pp_read8(&r);
    head->tombstone = flags & FLAG_TOMBSTONE;
    head->large = flags & FLAG_LARGE;
    h->serial = pp_read64(&r);
    h->size = pp_read64(&r);
    const uint8_t *digest = pp_read(&r, sizeof h->digest);
    h->created = pp_read64(&r);
    h->expires = pp_read64(&r);
    h->stamp = pp_read64(&r);
    h->copies = pp_read32(&r);
    h->members = pp_read32(&r);
    for (int q = 0; q < PP_QUEUES; q++) {
        h->entries[q] = pp_read32(&r);
        h->octets[q] = pp_read64(&r);
    }
    if (r.failed || !digest) {
        return PP_BROKEN;
    }
    memcpy(h->digest, digest, sizeof h->digest);
    h->identifier = pp_bytes(r.at, pp_reader_left(&r));
    return PP_OK;
}

void rows_head_count(struct rows_head *head, const struct rows_entry *entry)
{
    struct pp_head *h = &head->h;
    h->size += entry->size;
    h->entries[entry->queue]++;
    h->octets[entry->queue] += entry->size;
    h->expires = entry->expires < h->expires ? entry->expires : h->expires;
}

void rows_entry_encode(uint8_t out[ROWS_ENTRY_LEN], const struct rows_entry *entry)
{
    out[0] = (uint8_t)entry->queue;
    memcpy(out + 1, entry->digest, 32);
    pp_put64(out + 33, entry->expires);
    pp_put32(out + 41, entry->size);
}

int rows_entry_decode(struct rows_entry *entry, struct pp_bytes in)
{
    if (in.len != ROWS_ENTRY_LEN || in.data[0] >= PP_QUEUES) {
        return PP_BROKEN;
    }
    entry->queue = in.data[0];
    memcpy(entry->digest, in.data + 1, 32);
    entry->expires = pp_get64(in.data + 33);
    entry->size = pp_get32(in.data + 41);
    return PP_OK;
}

void rows_meta_encode(uint8_t out[ROWS_META_LEN], const struct rows_meta *meta,
                      const uint8_t epoch[16])
{
    pp_put32(out, ROWS_FORMAT);
    memcpy(out + 4, epoch, 16);
    const uint64_t numbers[6] = {meta->next_serial, meta->last_seq, meta->large,
                                 meta->objects,     meta->inboxes,  meta->tombstones};
    for (int i = 0; i < 6; i++) {
        pp_put64(out + 20 + 8 * i, numbers[i]);
    }
}

int rows_meta_decode(struct rows_meta *meta, uint8_t epoch[16], uint32_t *format,
                     struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    *format = pp_read32(&r);
    if (r.failed || *format != ROWS_FORMAT) {
        return r.failed ? PP_BROKEN : PP_FORMAT;
    }
    const uint8_t *e = pp_read(&r, 16);
    meta->next_serial = pp_read64(&r);
    meta->last_seq = pp_read64(&r);
    meta->large = pp_read64(&r);
    meta->objects = pp_read64(&r);
    meta->inboxes = pp_read64(&r);
    meta->tombstones = pp_read64(&r);
    if (r.failed || !e) {
        return PP_BROKEN;
    }
    memcpy(epoch, e, 16);
    return PP_OK;
}
