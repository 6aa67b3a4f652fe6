/*
 * For a repair, when the store does not open: whatever record of the log can still be read is
 * taken, in the order of batches; a lost `state` is made again from what records say of the log's
 * begin; slots that are missing are made. What is damaged stays until all that was saved is in
 * files, and goes to quarantine/ then. So a repair that is killed can begin anew.
 */
#include "fs_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct found {
    struct fs_record r;
    size_t slot;
    uint64_t at;
};

struct salvage {
    struct fs_store *s;
    const uint8_t *map[FS_SLOTS];
    struct found *found; /* every record of any age */
    size_t n, cap;
    bool has_meta; /* a record that is taken holds the counters */
};

int fs_salvage_folders(struct fs_store *s)
{
    static const char *const folders[] = {"log", "index", "objects", "inboxes", "bodies"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (mkdirat(s->path, folders[i], 0700) == 0) {
            fs_say(s->say, "%s/: missing, made anew", folders[i]);
        } else if (errno != EEXIST) {
            return fs_code(errno);
        }
    }
    return PP_OK;
}

/* How many slots the highest number asks for. */
static size_t slots_there(struct fs_store *s)
{
    int fd = rows_folder_at(s->log, ".");
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    uint64_t most = s->state.slots, number;
    while (folder && (entry = readdir(folder)) != NULL) {
        const char *at = entry->d_name;
        if (fs_number(&at, 10, &number) && *at == '\0' && number < FS_SLOTS) {
            most = number + 1 > most ? number + 1 : most;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return most < 2 ? 2 : most > FS_SLOTS ? FS_SLOTS : (size_t)most;
}

int fs_salvage_slots(struct fs_store *s)
{
    size_t wanted = slots_there(s);
    int err = fs_log_open(s);
    while (!err && s->slots < wanted) {
        int fd;
        fs_say(s->say, "log/%zu: missing, what lay in it is lost", s->slots);
        err = fs_slot_create(s->log, s->slots, s->log_min, &fd);
        if (!err) {
            close(fd);
            fs_log_close(s);
            err = fs_log_open(s);
            s->renew = true;
        }
    }
    return err;
}

static int add(struct salvage *v, const struct fs_record *r, size_t slot, uint64_t at)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 1024;
        struct found *more = realloc(v->found, cap * sizeof *more);
        if (!more) {
            return PP_NOMEM;
        }
        v->found = more;
        v->cap = cap;
    }
    v->found[v->n++] = (struct found){*r, slot, at};
    return PP_OK;
}

static int scan(struct salvage *v, size_t n)
{
    struct fs_slot *slot = &v->s->slot[n];
    struct fs_record r;
    int err = PP_OK;
    v->map[n] = fs_slot_map(slot);
    if (!v->map[n] && slot->size > 0) {
        return PP_NOMEM;
    }
    bool begins = v->map[n] && fs_slot_begins(v->map[n], slot->size);
    if (!begins) {
        fs_say(v->s->say, "log/%zu: damaged at octet 0", n);
        v->s->renew = true; /* nobody knows what lay there */
        slot->segment = FS_NO_SEGMENT;
    }
    for (uint64_t at = 0; !err && at + FS_RECORD_HEAD <= slot->size;) {
        if (!fs_record_read(&r, v->map[n] + at, slot->size - at)) {
            at += FS_RECORD_ALIGN;
            continue;
        }
        err = add(v, &r, n, at);
        if (r.slot_size != slot->size && slot->segment != FS_NO_SEGMENT) {
            fs_say(v->s->say, "log/%zu: cut off at octet %llu", n, (unsigned long long)slot->size);
            slot->segment = FS_NO_SEGMENT;
            v->s->renew = true;
        }
        at += r.len;
    }
    return err;
}

static int by_batch(const void *a, const void *b)
{
    const struct fs_record *x = &((const struct found *)a)->r, *y = &((const struct found *)b)->r;
    return x->batch != y->batch ? (x->batch < y->batch ? -1 : 1)
                                : (x->segment > y->segment) - (x->segment < y->segment);
}

/* What `state` said, from the youngest record: there the log begins, as far as that one knew. */
static void guess_state(struct salvage *v)
{
    struct fs_state *st = &v->s->state;
    st->segment = v->n ? v->found[v->n - 1].r.first : 1;
    st->batch = st->reached = 0;
    for (size_t i = v->n; i-- > 0;) {
        if (v->found[i].r.segment >= st->segment) {
            st->batch = st->reached = v->found[i].r.batch - 1;
        }
    }
    v->s->freed = st->segment - 1;
    v->s->batch = v->s->reached = st->batch;
}

static void lost(struct salvage *v, uint64_t from, uint64_t upto, const struct found *behind,
                 const struct found *before)
{
    struct fs_store *s = v->s;
    size_t slot = behind ? behind->slot : before ? before->slot : 0;
    uint64_t at = behind ? behind->at + behind->r.len : 0;
    if (behind && before && behind->slot != before->slot && before->at > 0) {
        slot = before->slot;
        at = 0;
    }
    fs_say(s->say, "log/%zu: cannot be read from octet %llu on: batches %llu to %llu are lost",
           slot, (unsigned long long)at, (unsigned long long)from, (unsigned long long)upto);
    if (slot < s->slots) {
        s->slot[slot].segment = FS_NO_SEGMENT;
    }
    s->renew = true;
}

static int find_meta(void *ctx, struct pp_bytes key, struct pp_bytes value, unsigned mark)
{
    struct fs_state *st = ctx;
    (void)mark;
    if (pp_bytes_is(key, "A") && value.len == sizeof st->meta) {
        memcpy(st->meta, value.data, sizeof st->meta);
        st->has_meta = true;
    }
    return PP_OK;
}

/* False: an object's head whose file has another body. */
static bool head_fits(struct fs_store *s, const struct rows_key *key, struct pp_bytes value)
{
    struct rows_head head, old;
    struct pp_name name;
    enum pp_kind kind;
    struct fs_group *g;
    if (!rows_key_of_head(key, &kind, &name) || kind != PP_OBJECT ||
        rows_head_decode(&head, value) != PP_OK || head.tombstone) {
        return true;
    }
    if (fs_group_load(s, kind, &name, &g) != PP_OK) {
        return false;
    }
    const struct fs_row *row = fs_group_find(g, rows_key_bytes(key));
    bool fits = row && pp_bytes_equal(row->key, rows_key_bytes(key)) &&
                rows_head_decode(&old, row->value) == PP_OK && old.h.serial == head.h.serial;
    fs_group_free(g);
    return fits;
}

/* All records from the log's begin on. */
static int take(struct salvage *v)
{
    struct fs_store *s = v->s;
    const struct found *last = NULL;
    int err = PP_OK;
    for (size_t i = 0; !err && i < v->n; i++) {
        struct found *f = &v->found[i];
        if (f->r.segment < s->state.segment || f->r.batch <= s->batch) {
            continue;
        }
        if (f->r.batch > s->batch + 1) {
            lost(v, s->batch + 1, f->r.batch - 1, last, f);
        }
        err = fs_replay_record(s, &f->r);
        s->segment = f->r.segment > s->segment ? f->r.segment : s->segment;
        last = f;
    }
    if (!err && s->state.reached > s->batch) {
        lost(v, s->batch + 1, s->state.reached, last, NULL);
        s->batch = s->reached = s->state.reached;
    }
    return err;
}

/* Heads in the table that were changed, not made, there, while the file has another object or none:
 * what lay between is lost, and a body under that head would be another's. */
static int distrust(struct fs_store *s)
{
    struct map heads = map_share(&s->active.map);
    struct rows_key from = rows_key('N');
    const struct node *row;
    int err = PP_OK;
    while (!err && (row = map_at(&heads, rows_key_bytes(&from))) != NULL &&
           map_key(row).data[0] == 'N') {
        struct rows_key key = {.len = 0};
        rows_key_add(&key, map_key(row).data, map_key(row).len);
        if (map_mark(row) == FS_PLAIN && !head_fits(s, &key, map_value(row))) {
            err = fs_apply(&s->active, rows_key_bytes(&key), pp_bytes(NULL, 0), FS_GONE);
        }
        from = key;
        rows_key_add(&from, "", 1);
    }
    map_release(&heads);
    return err;
}

/* The epoch and, as far as any record knows them, the counters. */
static int restore_meta(struct salvage *v, bool state_lost)
{
    struct fs_store *s = v->s;
    struct rows_meta meta = {.next_serial = 1};
    uint32_t format;
    const struct node *row = fs_map_find(&s->active.map, pp_str("A"));
    if (!state_lost && (row || s->state.has_meta)) {
        return PP_OK;
    }
    for (size_t i = 0; i < v->n; i++) {
        (void)fs_record_each(&v->found[i].r, find_meta, &s->state);
    }
    bool known = s->state.has_meta &&
                 rows_meta_decode(&meta, s->store.epoch, &format,
                                  pp_bytes(s->state.meta, sizeof s->state.meta)) == PP_OK;
    s->renew = s->renew || !known || !row;
    if (!known) {
        rows_meta_encode(s->state.meta, &meta, s->store.epoch);
        s->state.has_meta = true;
    }
    return PP_OK;
}

static int new_epoch(struct fs_store *s)
{
    uint8_t epoch[sizeof s->store.epoch];
    if (getrandom(epoch, sizeof epoch, 0) != sizeof epoch) {
        return PP_BROKEN;
    }
    memcpy(s->store.epoch, epoch, sizeof epoch);
    fs_say(s->say, "sequences may be lost: the store has a new epoch, and what readers confirm of "
                   "before removes nothing");
    return PP_OK;
}

static int take_all(struct salvage *v)
{
    struct fs_store *s = v->s;
    bool state_lost = s->state.segment == 0;
    int err = PP_OK;
    for (size_t i = 0; !err && i < s->slots; i++) {
        err = scan(v, i);
    }
    if (err) {
        return err;
    }
    if (v->n > 1) {
        qsort(v->found, v->n, sizeof *v->found, by_batch);
    }
    if (state_lost) {
        guess_state(v);
    }
    s->segment = s->state.segment - 1;
    err = take(v);
    /* Segments that only lost records had: what comes is above them. */
    for (size_t i = 0; i < v->n; i++) {
        s->segment = v->found[i].r.segment > s->segment ? v->found[i].r.segment : s->segment;
    }
    s->segment += state_lost || s->renew;
    err = err || !s->renew ? err : distrust(s);
    err = err ? err : restore_meta(v, state_lost);
    return err || !s->renew ? err : new_epoch(s);
}

int fs_salvage_log(struct fs_store *s)
{
    struct salvage v = {.s = s};
    for (size_t i = 0; i < s->slots; i++) {
        s->slot[i].segment = 0;
    }
    int err = take_all(&v);
    for (size_t i = 0; i < s->slots; i++) {
        fs_slot_unmap(&s->slot[i], v.map[i]);
        if (s->slot[i].segment == 0 && s->active.octets > 0) {
            s->slot[i].segment = s->segment; /* not free before all is in files */
        }
    }
    free(v.found);
    s->current = NULL;
    return err;
}

int fs_salvage_end(struct fs_store *s)
{
    int err = PP_OK;
    for (size_t i = 0; !err && i < s->slots; i++) {
        char file[32], name[32];
        int fd;
        if (s->slot[i].segment != FS_NO_SEGMENT) {
            continue;
        }
        snprintf(file, sizeof file, "log/%zu", i);
        snprintf(name, sizeof name, "log-%zu", i);
        err = fs_quarantine_link(s, file, name);
        err = err ? err : fs_slot_create(s->log, i, s->log_min, &fd);
        if (!err) {
            close(s->slot[i].fd);
            s->slot[i] = (struct fs_slot){.fd = fd, .size = s->log_min};
        }
    }
    return err;
}
