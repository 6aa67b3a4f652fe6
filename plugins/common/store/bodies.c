/*
 * Bodies on their way in. Up to inline_max octets a body lies in records of value_max octets; the
 * piece that takes it beyond moves it into a file. What is known of a body not yet put lies in
 * memory (it does not outlive the process) with the state before the batch beside, for abort; a
 * `B` row tells the next open which records to sweep.
 */
#include "layout.h"

#include <peerpost/crash.h>

#include <stdlib.h>
#include <unistd.h>

#define SWEEP_AT_OPEN 1000 /* files looked at */

struct state {
    uint64_t size;
    bool large, noted; /* in a file; has its B row */
    bool named, discarded;
};

struct rows_body {
    struct rows_body *next;
    uint64_t serial;
    struct state is, was;
    bool born; /* in this batch */
    int fd;
    uint64_t allocated;
};

static struct rows_body *find(struct pp_store *s, uint64_t serial)
{
    for (struct rows_body *body = s->bodies; body; body = body->next) {
        if (body->serial == serial && !body->is.named && !body->is.discarded) {
            return body;
        }
    }
    return NULL;
}

static struct rows_body *create(struct pp_batch *b)
{
    struct pp_store *s = b->view.store;
    struct rows_body *body = calloc(1, sizeof *body);
    if (body) {
        body->serial = b->meta.next_serial++;
        body->born = true;
        body->fd = -1;
        body->next = s->bodies;
        s->bodies = body;
    }
    return body;
}

static void forget(struct pp_store *s, struct rows_body *body)
{
    struct rows_body **at = &s->bodies;
    while (*at != body) {
        at = &(*at)->next;
    }
    *at = body->next;
    if (body->fd >= 0) {
        close(body->fd);
    }
    free(body);
}

static void drop_file(struct pp_store *s, struct rows_body *body)
{
    if (body->fd >= 0) {
        close(body->fd);
        body->fd = -1;
        rows_file_unlink(s, body->serial);
    }
}

static int unset_records(struct pp_batch *b, uint64_t serial, uint64_t size)
{
    uint64_t max = b->view.store->map->value_max;
    int err = PP_OK;
    for (uint64_t n = 0; !err && n * max < size; n++) {
        struct rows_key key = rows_key_record(serial, (uint32_t)n);
        err = rows_unset(b, &key);
    }
    return err;
}

/* Moves what a body has so far into a file. PP_FULL: it stays where it was. */
static int move_to_file(struct pp_batch *b, struct rows_body *body)
{
    struct pp_store *s = b->view.store;
    int err = rows_file_create(s, body->serial, &body->fd);
    body->allocated = 0;
    for (uint64_t at = 0; !err && at < body->is.size;) {
        struct rows_key key = rows_key_record(body->serial, (uint32_t)(at / s->map->value_max));
        struct pp_bytes record;
        err = rows_get(&b->view, &key, &record);
        err = err ? err : rows_file_write(body->fd, at, record, &body->allocated);
        at += record.len;
    }
    if (err) {
        drop_file(s, body);
        return err == PP_FULL ? err : rows_doom(b, err);
    }
    body->is.large = true;
    atomic_fetch_add(&s->pending, body->is.size);
    return unset_records(b, body->serial, body->is.size);
}

/* Appends to the last record, then whole new ones. */
static int add_records(struct pp_batch *b, struct rows_body *body, struct pp_bytes bytes)
{
    size_t max = b->view.store->map->value_max, used = (size_t)(body->is.size % max);
    uint32_t n = (uint32_t)(body->is.size / max);
    int err = PP_OK;
    if (used > 0) {
        size_t len = bytes.len < max - used ? bytes.len : max - used;
        struct rows_key key = rows_key_record(body->serial, n++);
        struct pp_bytes old;
        struct pp_buf buf = {0};
        err = rows_get(&b->view, &key, &old);
        pp_buf_add(&buf, err ? NULL : old.data, err ? 0 : old.len);
        pp_buf_add(&buf, bytes.data, len);
        err = err ? rows_doom(b, err) : buf.failed ? rows_doom(b, PP_NOMEM) : PP_OK;
        err = err ? err : rows_set(b, &key, pp_buf_bytes(&buf));
        pp_buf_free(&buf);
        bytes = pp_bytes(bytes.data + len, bytes.len - len);
    }
    for (size_t at = 0; !err && at < bytes.len; at += max) {
        struct rows_key key = rows_key_record(body->serial, n++);
        size_t len = bytes.len - at < max ? bytes.len - at : max;
        err = rows_set(b, &key, pp_bytes(bytes.data + at, len));
    }
    return err;
}

static int add_octets(struct pp_batch *b, struct rows_body *body, struct pp_bytes bytes)
{
    struct pp_store *s = b->view.store;
    int err = PP_OK;
    if (!body->is.large && s->folder >= 0 && body->is.size + bytes.len > s->map->inline_max) {
        err = move_to_file(b, body);
    }
    if (err) {
        return err;
    }
    if (!body->is.large) {
        return add_records(b, body, bytes);
    }
    err = rows_file_write(body->fd, body->is.size, bytes, &body->allocated);
    if (err) {
        return err == PP_FULL ? err : rows_doom(b, err);
    }
    atomic_fetch_add(&s->pending, bytes.len);
    return PP_OK;
}

int rows_piece(struct pp_batch *b, uint64_t *serial, struct pp_bytes bytes)
{
    struct pp_store *s = b->view.store;
    struct rows_body *body = *serial ? find(s, *serial) : NULL;
    if (bytes.len > PP_PIECE_MAX || (*serial && !body)) {
        return PP_INVALID;
    }
    int err = rows_room(b, bytes.len + (bytes.len / s->map->value_max + 2) * ROWS_ROW_COST);
    if (err) {
        return err;
    }
    if (!body && !(body = create(b))) {
        return PP_FULL;
    }
    err = add_octets(b, body, bytes);
    pp_crash("store-in-batch");
    if (err) {
        if (!*serial) {
            drop_file(s, body);
            forget(s, body);
        }
        return err;
    }
    body->is.size += bytes.len;
    *serial = body->serial;
    return PP_OK;
}

int rows_discard(struct pp_batch *b, uint64_t serial)
{
    struct rows_body *body = find(b->view.store, serial);
    int err = rows_ready(b);
    if (err || !body) {
        return rows_never_full(err);
    }
    body->is.discarded = true;
    if (body->is.large) {
        atomic_fetch_sub(&b->view.store->pending, body->is.size);
        return PP_OK;
    }
    return rows_never_full(unset_records(b, serial, body->is.size));
}

/* Where rows lie grouped: from the serial's records to the name's. */
static int move_to_name(struct pp_batch *b, const struct pp_name *name, uint64_t serial,
                        uint64_t size)
{
    struct pp_store *s = b->view.store;
    int err = PP_OK;
    for (uint64_t n = 0; !err && s->map->grouped && n * s->map->value_max < size; n++) {
        struct rows_key from = rows_key_record(serial, (uint32_t)n);
        struct rows_key to = rows_key_body(s, name, serial, (uint32_t)n);
        struct pp_bytes record;
        err = rows_get(&b->view, &from, &record);
        err = err ? rows_doom(b, err) : rows_set(b, &to, record);
        err = err ? err : rows_unset(b, &from);
    }
    return err;
}

int rows_body_name(struct pp_batch *b, uint64_t serial, const struct pp_name *name,
                   struct rows_head *head)
{
    struct rows_body *body = serial ? find(b->view.store, serial) : NULL;
    if (body ? body->is.size != head->h.size : serial || head->h.size) {
        return PP_INVALID;
    }
    if (!body) {
        head->h.serial = b->meta.next_serial++;
        return PP_OK;
    }
    body->is.named = true;
    if (!body->is.large) {
        return move_to_name(b, name, serial, body->is.size);
    }
    struct rows_key key = rows_key_number('L', serial);
    head->large = true;
    b->meta.large += body->is.size;
    b->put_octets += body->is.size;
    return rows_set(b, &key, pp_bytes(name->b, sizeof name->b));
}

int rows_body_remove(struct pp_batch *b, const struct pp_name *name, const struct rows_head *head)
{
    struct pp_store *s = b->view.store;
    if (!head->large) {
        int err = PP_OK;
        for (uint64_t n = 0; !err && n * s->map->value_max < head->h.size; n++) {
            struct rows_key at = rows_key_body(s, name, head->h.serial, (uint32_t)n);
            err = rows_unset(b, &at);
        }
        return err;
    }
    struct rows_key key = rows_key_number('L', head->h.serial);
    b->meta.large -= head->h.size;
    int err = rows_unset(b, &key);
    return err ? err : rows_file_doom(b, head->h.serial);
}

/* The B row of a body: there while it lies in rows and is not put. */
static int note(struct pp_batch *b, struct rows_body *body)
{
    struct rows_key key = rows_key_number('B', body->serial);
    bool wanted = !body->is.large && !body->is.named && !body->is.discarded;
    uint8_t size[8];
    pp_put64(size, body->is.size);
    if (wanted && (!body->is.noted || body->is.size != body->was.size)) {
        body->is.noted = true;
        return rows_set(b, &key, pp_bytes(size, sizeof size));
    }
    if (!wanted && body->is.noted) {
        body->is.noted = false;
        return rows_unset(b, &key);
    }
    return PP_OK;
}

int rows_bodies_prepare(struct pp_batch *b)
{
    bool synced = false;
    int err = PP_OK;
    for (struct rows_body *body = b->view.store->bodies; !err && body; body = body->next) {
        err = note(b, body);
        if (!err && body->is.named && body->is.large) {
            err = rows_file_sync(body->fd, body->is.size);
            synced = true;
        }
    }
    if (!err && synced) {
        err = rows_folder_sync(b->view.store);
        pp_crash("store-body-synced");
    }
    return err ? rows_doom(b, err) : PP_OK;
}

static void committed(struct pp_store *s, struct rows_body *body)
{
    if (body->is.named && body->is.large) {
        atomic_fetch_sub(&s->pending, body->is.size);
    }
    if (body->is.discarded) {
        drop_file(s, body);
    }
    if (body->is.named || body->is.discarded) {
        forget(s, body);
        return;
    }
    body->was = body->is;
    body->born = false;
}

static void undone(struct pp_store *s, struct rows_body *body)
{
    uint64_t counted = body->is.large && !body->is.discarded ? body->is.size : 0;
    uint64_t before = body->was.large ? body->was.size : 0;
    atomic_fetch_add(&s->pending, before - counted); /* modulo 2^64 */
    if (body->born || (body->is.large && !body->was.large)) {
        drop_file(s, body);
    }
    if (body->born) {
        forget(s, body);
        return;
    }
    body->is = body->was;
}

void rows_bodies_done(struct pp_batch *b, bool was_committed)
{
    struct pp_store *s = b->view.store;
    for (struct rows_body *body = s->bodies, *next; body; body = next) {
        next = body->next;
        (was_committed ? committed : undone)(s, body);
    }
}

/* At close: bodies never put are swept by the next open, files already now. */
void rows_bodies_free(struct pp_store *s)
{
    rows_sweep_end(s);
    while (s->bodies) {
        drop_file(s, s->bodies);
        forget(s, s->bodies);
    }
}

static int sweep_rows(struct pp_batch *b)
{
    struct rows_key from = rows_key('B'), key;
    struct pp_bytes value;
    int err;
    while ((err = rows_next(&b->view, &from, 1, &key, &value)) == PP_OK) {
        if (key.len != 9 || value.len != 8) {
            return rows_doom(b, PP_BROKEN);
        }
        err = unset_records(b, pp_get64(key.b + 1), pp_get64(value.data));
        err = err ? err : rows_unset(b, &key);
        if (err) {
            return err;
        }
    }
    return err == PP_NOT_FOUND ? PP_OK : err;
}

/* A serial from sweep_below on is a body of now: where a crash left a file of that number, the body
 * has made it anew. One removed meanwhile may still be wanted by a view. */
static void sweep_file(struct pp_batch *b, uint64_t serial)
{
    struct rows_key key = rows_key_number('L', serial);
    struct pp_store *s = b->view.store;
    struct pp_bytes name;
    if (serial < s->sweep_below && !rows_file_is_doomed(s, serial) &&
        rows_get(&b->view, &key, &name) == PP_NOT_FOUND) {
        rows_file_unlink(s, serial);
    }
}

void rows_sweep_end(struct pp_store *s)
{
    rows_files_end(s->sweep);
    s->sweep = NULL;
}

void rows_sweep_on(struct pp_batch *b, size_t files)
{
    struct pp_store *s = b->view.store;
    uint64_t serial;
    for (size_t i = 0; s->sweep && i < files; i++) {
        if (rows_files_next(s->sweep, &serial)) {
            sweep_file(b, serial);
        } else {
            rows_sweep_end(s);
        }
    }
}

int rows_sweep(struct pp_store *s)
{
    struct pp_batch *b = rows_begin(s);
    if (!b) {
        return PP_BROKEN;
    }
    int err = sweep_rows(b);
    if (!err && s->folder >= 0) {
        s->sweep_below = s->meta.next_serial;
        s->sweep = rows_files_walk(s);
        err = s->sweep ? PP_OK : PP_BROKEN;
        rows_sweep_on(b, SWEEP_AT_OPEN);
    }
    if (err) {
        rows_abort(b);
        return err;
    }
    return rows_commit(b);
}
