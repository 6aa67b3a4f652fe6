/*
 * Verifies a store row by row: every index against its heads and back, every body and entry whole,
 * the counters right. Reads a snapshot only.
 */
#include "layout.h"

#include <stdio.h>
#include <sys/stat.h>

struct verifier {
    struct pp_view *v;
    const struct pp_sink *sink;
    struct rows_meta found;
    int faults;
};

static void fault(struct verifier *f, const struct pp_name *name, const char *text)
{
    char hex[65] = "", line[160];
    if (name) {
        pp_hex(hex, name->b, sizeof name->b);
    }
    snprintf(line, sizeof line, "%s%s%s", hex, name ? ": " : "", text);
    f->faults++;
    if (f->sink) {
        f->sink->line(f->sink->ctx, line);
    }
}

static bool has_index(struct verifier *f, const struct rows_head *head, enum pp_kind kind,
                      const struct pp_name *name)
{
    struct rows_key key = head->tombstone
                              ? rows_key_index('T', head->h.expires, 0, kind, name)
                              : rows_key_index('S', head->h.stamp, head->h.serial, kind, name);
    struct pp_bytes value;
    return rows_get(f->v, &key, &value) == PP_OK;
}

static int count_member(void *ctx, const uint8_t keyid[32], struct pp_bytes der)
{
    uint32_t *n = ctx;
    (void)keyid;
    *n += der.len > 0;
    return 0;
}

static void verify_file(struct verifier *f, const struct pp_name *name,
                        const struct rows_head *head)
{
    struct rows_key key = rows_key_number('L', head->h.serial);
    struct pp_spans spans;
    struct pp_bytes value;
    struct stat st;
    f->found.large += head->h.size;
    if (rows_get(f->v, &key, &value) != PP_OK) {
        fault(f, name, "no row leads from the file of its body to it");
    }
    if (rows_read(f->v, name, head->h.serial, 0, &spans) != PP_OK || spans.fd < 0) {
        fault(f, name, "the file of its body is missing");
    } else if (fstat(spans.fd, &st) < 0 || (uint64_t)st.st_size != head->h.size) {
        fault(f, name, "the file of its body has another length");
    }
}

static void verify_object(struct verifier *f, const struct pp_name *name,
                          const struct rows_head *head)
{
    uint64_t max = f->v->store->map->value_max;
    uint32_t members = 0;
    f->found.objects++;
    if (rows_members(f->v, name, count_member, &members) != PP_OK || members != head->h.members) {
        fault(f, name, "its certificate set is not the one its head counts");
    }
    if (head->large) {
        verify_file(f, name, head);
        return;
    }
    for (uint64_t at = 0; at < head->h.size; at += max) {
        uint32_t n = (uint32_t)(at / max);
        struct rows_key key = rows_key_body(f->v->store, name, head->h.serial, n);
        uint64_t len = head->h.size - at < max ? head->h.size - at : max;
        struct pp_bytes record;
        if (rows_get(f->v, &key, &record) != PP_OK || record.len != len) {
            fault(f, name, "its body is incomplete");
            return;
        }
    }
}

struct sums {
    uint32_t entries[PP_QUEUES];
    uint64_t octets[PP_QUEUES];
    pp_ns expires;
};

static int add_entry(void *ctx, const struct pp_entry *entry)
{
    struct sums *s = ctx;
    s->entries[entry->queue]++;
    s->octets[entry->queue] += entry->bytes.len;
    s->expires = entry->expires < s->expires ? entry->expires : s->expires;
    return 0;
}

static void verify_inbox(struct verifier *f, const struct pp_name *name,
                         const struct rows_head *head)
{
    struct sums s = {.expires = PP_NEVER};
    f->found.inboxes++;
    if (rows_entries(f->v, name, 0, add_entry, &s) != PP_OK || s.expires != head->h.expires ||
        memcmp(s.entries, head->h.entries, sizeof s.entries) != 0 ||
        memcmp(s.octets, head->h.octets, sizeof s.octets) != 0 ||
        head->h.size != s.octets[0] + s.octets[1]) {
        fault(f, name, "its entries are not those its head counts");
    }
}

static void verify_head(struct verifier *f, const struct rows_key *key, struct pp_bytes value)
{
    struct pp_name name;
    struct rows_head head;
    enum pp_kind kind;
    if (!rows_key_of_head(key, &kind, &name) || rows_head_decode(&head, value) != PP_OK) {
        fault(f, NULL, "a head cannot be read");
        return;
    }
    if (!has_index(f, &head, kind, &name)) {
        fault(f, &name, "the access index does not hold it");
    }
    if (head.tombstone) {
        f->found.tombstones++;
    } else {
        (kind == PP_INBOX ? verify_inbox : verify_object)(f, &name, &head);
    }
}

/* Every line of the indexes leads to a head. */
static void verify_index(struct verifier *f)
{
    uint64_t heads = f->found.objects + f->found.inboxes + f->found.tombstones, lines = 0;
    struct rows_key from = rows_key('S'), key;
    struct pp_bytes value;
    while (rows_next(f->v, &from, 0, &key, &value) == PP_OK &&
           (key.b[0] == 'S' || key.b[0] == 'T')) {
        lines++;
        from = key;
        rows_key_add(&from, "", 1);
    }
    if (lines != heads) {
        fault(f, NULL, "the access index and the heads differ in number");
    }
}

static void verify_all(struct verifier *f, struct rows_meta *kept)
{
    struct rows_key from = rows_key('N'), key;
    struct pp_bytes value;
    while (rows_next(f->v, &from, 1, &key, &value) == PP_OK) {
        if (rows_key_is_head(&key)) {
            verify_head(f, &key, value);
        }
        from = key;
        rows_key_add(&from, "", 1);
        rows_forget(f->v);
    }
    verify_index(f);
    f->found.next_serial = kept->next_serial;
    f->found.last_seq = kept->last_seq;
    if (memcmp(&f->found, kept, sizeof *kept) != 0) {
        fault(f, NULL, "the counters of objects, inboxes, tombstones or octets are wrong");
    }
}

int rows_verify(struct pp_store *s, const struct pp_sink *sink)
{
    struct verifier f = {.v = rows_begin_view(s), .sink = sink};
    struct rows_meta kept;
    if (!f.v) {
        return PP_BROKEN;
    }
    int err = rows_read_meta(f.v, &kept);
    if (!err) {
        verify_all(&f, &kept);
    }
    rows_end_view(f.v);
    return err ? err : f.faults;
}
