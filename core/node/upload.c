/*
 * A body on its way into the store: pieces of up to 256 KiB, at most four of them with the writer,
 * their memory from one bounded pool of all uploads. A body that fits one piece never becomes a
 * piece of its own: it goes with the op that names it, in one commit. When the store is full the
 * pieces refused stay here and go again after a collection, in order.
 *
 * `serial` and `failed_at` belong to the writer while pieces are out, to the node otherwise.
 */
#include <node/internal.h>

#include <base/hash.h>
#include <stdlib.h>

#define PIECES 4

struct node_pool {
    size_t room;
    struct node_upload *waiting; /* for memory, first come first served */
    struct node_upload **last;
};

struct piece {
    struct node_op op;
    struct node_upload *up;
    uint8_t *data;
    size_t len, cap;
    unsigned index; /* from 0, in order of the body */
    bool out, refused;
};

struct node_upload {
    struct node_exchange *x;
    struct piece piece[PIECES];
    struct piece *filling;
    unsigned next_index, out;
    uint64_t serial;
    unsigned failed_at; /* index + 1 of the first piece the store refused */
    int failure;
    bool retried, paused, ended, abandoned, queued;
    uint64_t size;
    int64_t length;
    struct pp_hash *hash;
    uint8_t digest[32];
    void (*ready)(struct node_exchange *x, struct pp_now now);
    struct node_upload *next_waiting;
    struct node_op discard;
};

int node_pool_create(struct node_pool **pool, size_t octets)
{
    *pool = calloc(1, sizeof **pool);
    if (!*pool) {
        return PP_NOMEM;
    }
    (*pool)->room = octets;
    (*pool)->last = &(*pool)->waiting;
    return PP_OK;
}

void node_pool_destroy(struct node_pool *pool)
{
    free(pool);
}

static void pool_unqueue(struct node_pool *pool, struct node_upload *up)
{
    struct node_upload **at = &pool->waiting;
    while (*at && *at != up) {
        at = &(*at)->next_waiting;
    }
    if (*at) {
        *at = up->next_waiting;
        if (pool->last == &up->next_waiting) {
            pool->last = at;
        }
    }
    up->queued = false;
}

static void upload_wake(struct node_upload *up)
{
    if (up->paused) {
        up->paused = false;
        up->x->node->host->resume(up->x->r);
    }
}

static void piece_free(struct piece *p)
{
    if (!p->data) {
        return;
    }
    struct node_pool *pool = p->up->x->node->pool;
    pool->room += p->cap;
    free(p->data);
    p->data = NULL;
    struct node_upload *first = pool->waiting;
    if (first) {
        pool_unqueue(pool, first);
        upload_wake(first);
    }
}

/* Memory for one piece; false: none of the four is free, or the pool is empty (it is queued). */
static bool piece_begin(struct node_upload *up)
{
    struct node_pool *pool = up->x->node->pool;
    struct piece *p = NULL;
    for (size_t i = 0; i < PIECES && !p; i++) {
        p = up->piece[i].data ? NULL : &up->piece[i];
    }
    if (!p) {
        return false;
    }
    size_t cap = PP_PIECE_MAX;
    if (up->length >= 0 && (uint64_t)up->length - up->size < cap) {
        cap = (size_t)((uint64_t)up->length - up->size);
    }
    cap = cap ? cap : 1;
    p->data = cap <= pool->room ? malloc(cap) : NULL;
    if (!p->data) {
        if (!up->queued) {
            up->queued = true;
            up->next_waiting = NULL;
            *pool->last = up;
            pool->last = &up->next_waiting;
        }
        return false;
    }
    pool->room -= cap;
    p->up = up;
    p->cap = cap;
    p->len = 0;
    p->index = up->next_index++;
    p->refused = false;
    up->filling = p;
    return true;
}

static int piece_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct piece *p = op->node;
    struct node_upload *up = p->up;
    if (up->failed_at > 0 && up->failed_at <= p->index) {
        return PP_CANCELLED; /* an earlier one is missing */
    }
    if (p->index == 0) {
        up->serial = 0; /* a redone batch begins anew */
    }
    int code = p->op.api->piece(batch, &up->serial, pp_bytes(p->data, p->len));
    if (code == PP_INVALID && p->index > 0) {
        code = PP_CANCELLED; /* the batch of the earlier ones was undone: the disk is full */
    }
    up->failed_at = code == PP_OK ? 0 : p->index + 1;
    return code;
}

static void upload_go_on(struct node_upload *up, struct pp_now now);

static void piece_done(struct node_op *op, struct pp_now now, int status)
{
    struct piece *p = (struct piece *)op;
    struct node_upload *up = p->up;
    struct node_exchange *x = up->x;
    x->out--;
    up->out--;
    p->out = false;
    p->refused = status != PP_OK;
    if (status == PP_OK) {
        up->retried = false;
        piece_free(p);
    } else if (status != PP_CANCELLED || up->failure == PP_OK) {
        up->failure = status;
    }
    upload_go_on(up, now);
    node_settle(x);
}

static void piece_submit(struct piece *p, struct pp_now now)
{
    struct node_upload *up = p->up;
    p->op = (struct node_op){.op = {.apply = piece_apply, .weight = p->len}, .done = piece_done};
    p->out = true;
    p->refused = false;
    up->out++;
    node_submit(up->x, &p->op, now);
}

static bool upload_has_refused(const struct node_upload *up)
{
    for (size_t i = 0; i < PIECES; i++) {
        if (up->piece[i].data && up->piece[i].refused) {
            return true;
        }
    }
    return false;
}

static void upload_resubmit(struct node_upload *up, struct pp_now now)
{
    up->failed_at = 0;
    up->failure = PP_OK;
    for (unsigned index = 0; index < up->next_index; index++) {
        for (size_t i = 0; i < PIECES; i++) {
            struct piece *p = &up->piece[i];
            if (p->data && p->refused && p->index == index) {
                piece_submit(p, now);
            }
        }
    }
}

static void upload_refused(struct node_upload *up, struct pp_now now)
{
    if (up->failure == PP_FULL && !up->retried) {
        uint64_t rest =
            up->length > 0 && (uint64_t)up->length > up->size ? (uint64_t)up->length - up->size : 0;
        up->retried = true;
        node_collect_for(up->x, rest + PIECES * (uint64_t)PP_PIECE_MAX, now);
        return;
    }
    node_refuse_code(up->x, up->failure);
    node_upload_abandon(up, now);
}

/* After a piece came back: retry, refuse, take more, or be ready. */
static void upload_go_on(struct node_upload *up, struct pp_now now)
{
    if (up->out > 0) {
        if (!up->x->answered && !upload_has_refused(up)) {
            upload_wake(up);
        }
        return;
    }
    if (up->abandoned || up->x->dropped || up->x->answered) {
        node_upload_abandon(up, now);
    } else if (upload_has_refused(up)) {
        upload_refused(up, now);
    } else if (up->ended) {
        up->ready(up->x, now);
    } else {
        upload_wake(up);
    }
}

void node_upload_collected(struct node_upload *up, struct pp_now now, bool room)
{
    if (room) {
        upload_resubmit(up, now);
    } else {
        node_refuse_code(up->x, PP_FULL);
        node_upload_abandon(up, now);
    }
}

struct node_upload *node_upload_create(struct node_exchange *x, int64_t length)
{
    struct node_upload *up = calloc(1, sizeof *up);
    if (!up) {
        return NULL;
    }
    up->x = x;
    up->length = length;
    up->hash = pp_hash_create();
    if (!up->hash) {
        free(up);
        return NULL;
    }
    return up;
}

void node_upload_destroy(struct node_upload *up)
{
    if (!up) {
        return;
    }
    if (up->queued) {
        pool_unqueue(up->x->node->pool, up);
    }
    for (size_t i = 0; i < PIECES; i++) {
        if (up->piece[i].data) {
            piece_free(&up->piece[i]);
        }
    }
    pp_hash_destroy(up->hash);
    free(up);
}

size_t node_upload_add(struct node_upload *up, struct pp_now now, struct pp_bytes bytes)
{
    size_t taken = 0;
    while (taken < bytes.len) {
        if (up->filling && up->filling->len == up->filling->cap) {
            piece_submit(up->filling, now);
            up->filling = NULL;
        }
        if (upload_has_refused(up) || (!up->filling && !piece_begin(up))) {
            up->paused = true;
            break;
        }
        struct piece *p = up->filling;
        size_t n = bytes.len - taken < p->cap - p->len ? bytes.len - taken : p->cap - p->len;
        memcpy(p->data + p->len, bytes.data + taken, n);
        pp_hash_add(up->hash, pp_bytes(bytes.data + taken, n));
        p->len += n;
        taken += n;
        up->size += n;
    }
    return taken;
}

uint64_t node_upload_size(const struct node_upload *up)
{
    return up->size;
}

void node_upload_end(struct node_upload *up, struct pp_now now,
                     void (*ready)(struct node_exchange *x, struct pp_now now))
{
    up->ended = true;
    up->ready = ready;
    pp_hash_digest(up->hash, up->digest);
    if (up->filling && up->next_index > 1) {
        piece_submit(up->filling, now);
        up->filling = NULL;
    }
    if (up->out == 0 && !up->x->waiting) {
        upload_go_on(up, now);
    }
}

void node_upload_digest(const struct node_upload *up, uint8_t digest[32])
{
    memcpy(digest, up->digest, 32);
}

struct pp_bytes node_upload_single(const struct node_upload *up)
{
    return up->filling ? pp_bytes(up->filling->data, up->filling->len) : pp_bytes(NULL, 0);
}

uint64_t node_upload_serial(const struct node_upload *up)
{
    return up->serial;
}

void node_upload_named(struct node_upload *up)
{
    up->serial = 0;
}

static int discard_apply(struct pp_op *op, struct pp_batch *batch)
{
    struct node_op *o = op->node;
    const char *base = (const char *)o;
    const struct node_upload *up =
        (const struct node_upload *)(const void *)(base - offsetof(struct node_upload, discard));
    return o->api->discard(batch, up->serial);
}

static void discard_done(struct node_op *op, struct pp_now now, int status)
{
    struct node_exchange *x = op->owner;
    (void)now;
    (void)status; /* what stays is swept when the store opens */
    x->out--;
    node_settle(x);
}

void node_upload_abandon(struct node_upload *up, struct pp_now now)
{
    up->abandoned = true;
    if (up->queued) {
        pool_unqueue(up->x->node->pool, up);
    }
    if (up->out > 0) {
        return;
    }
    for (size_t i = 0; i < PIECES; i++) {
        piece_free(&up->piece[i]);
    }
    up->filling = NULL;
    if (up->serial == 0 || up->discard.owner) {
        return;
    }
    up->discard = (struct node_op){.op = {.apply = discard_apply}, .done = discard_done};
    node_submit(up->x, &up->discard, now);
}
