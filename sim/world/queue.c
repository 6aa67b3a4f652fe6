/* The indexed heap; see queue.h. */
#include <sim/world/queue.h>

#include <stdlib.h>
#include <string.h>

void pp_queue_finish(struct pp_queue *q)
{
    free(q->heap);
    free(q->place);
    memset(q, 0, sizeof *q);
}

static bool before(const struct pp_queue_entry *a, const struct pp_queue_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void put(struct pp_queue *q, size_t i, struct pp_queue_entry e)
{
    q->heap[i] = e;
    q->place[e.slot] = (uint32_t)i + 1;
}

static void rise(struct pp_queue *q, size_t i, struct pp_queue_entry e)
{
    while (i > 0 && before(&e, &q->heap[(i - 1) / 4])) {
        put(q, i, q->heap[(i - 1) / 4]);
        i = (i - 1) / 4;
    }
    put(q, i, e);
}

static void sink(struct pp_queue *q, size_t i, struct pp_queue_entry e)
{
    for (;;) {
        size_t least = 4 * i + 1;
        if (least >= q->n) {
            break;
        }
        size_t end = least + 4 < q->n ? least + 4 : q->n;
        for (size_t c = least + 1; c < end; c++) {
            least = before(&q->heap[c], &q->heap[least]) ? c : least;
        }
        if (!before(&q->heap[least], &e)) {
            break;
        }
        put(q, i, q->heap[least]);
        i = least;
    }
    put(q, i, e);
}

static bool grow(struct pp_queue *q, uint32_t slot)
{
    if (slot >= q->slots) {
        size_t slots = q->slots ? 2 * q->slots : 64;
        slots = slot >= slots ? (size_t)slot + 1 : slots;
        uint32_t *place = realloc(q->place, slots * sizeof *place);
        if (!place) {
            return false;
        }
        memset(place + q->slots, 0, (slots - q->slots) * sizeof *place);
        q->place = place;
        q->slots = slots;
    }
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 64;
        struct pp_queue_entry *heap = realloc(q->heap, cap * sizeof *heap);
        if (!heap) {
            return false;
        }
        q->heap = heap;
        q->cap = cap;
    }
    return true;
}

static void take_out(struct pp_queue *q, size_t i)
{
    q->place[q->heap[i].slot] = 0;
    struct pp_queue_entry last = q->heap[--q->n];
    if (i == q->n) {
        return;
    }
    if (i > 0 && before(&last, &q->heap[(i - 1) / 4])) {
        rise(q, i, last);
    } else {
        sink(q, i, last);
    }
}

bool pp_queue_set(struct pp_queue *q, uint32_t slot, pp_ns at)
{
    if (!grow(q, slot)) {
        return false;
    }
    size_t i = q->place[slot];
    if (i && q->heap[i - 1].at == at) {
        return true;
    }
    if (i) {
        take_out(q, i - 1);
    }
    if (at != PP_NEVER) {
        rise(q, q->n++, (struct pp_queue_entry){at, q->sequence++, slot});
    }
    return true;
}

pp_ns pp_queue_first(const struct pp_queue *q, uint64_t *sequence)
{
    if (q->n == 0) {
        return PP_NEVER;
    }
    if (sequence) {
        *sequence = q->heap[0].sequence;
    }
    return q->heap[0].at;
}

uint32_t pp_queue_pop(struct pp_queue *q)
{
    uint32_t slot = q->heap[0].slot;
    take_out(q, 0);
    return slot;
}
