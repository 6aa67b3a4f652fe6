/* Rules of bodies: pieces, sizes around every border, reading from any offset, discarding. */
#include "store_kit.h"

static const uint64_t sizes[] = {
    0,     1,      4079,   4080,   4081,   4096,    8160,   65535,
    65536, 262143, 262144, 262145, 300000, 1000000, 524288, 3 * 1024 * 1024 + 17};

static void any_size_reads_from_any_offset(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    uint64_t state = s->seed;
    RULE(s, store, "a store opens");
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pp_name name = kit_name(i);
        struct pp_head head;
        RULE(s, kit_put(s, store, i, sizes[i]) == PP_OK, "a body of %llu octets is stored",
             (unsigned long long)sizes[i]);
        struct pp_view *v = s->p->begin_view(store);
        RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_OK, "it has a head");
        for (int j = 0; j < 12; j++) {
            uint64_t at = j == 0 ? 0 : kit_random(&state) % (sizes[i] + 1);
            RULE(s, kit_reads(s, v, &name, head.serial, i, at, sizes[i]),
                 "a body of %llu octets reads right from offset %llu, at most PP_SPANS_MAX spans "
                 "and PP_PIECE_MAX octets at once, none at its end",
                 (unsigned long long)sizes[i], (unsigned long long)at);
        }
        s->p->end_view(v);
    }
    s->p->close(store);
}

static void a_serial_names_one_body(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1);
    struct pp_head first, second;
    struct pp_spans spans;
    for (int round = 0; round < 2; round++) {
        uint64_t size = round ? 600000 : 1000;
        RULE(s, store && kit_put(s, store, 1, size) == PP_OK, "an object is stored");
        kit_head_of(s, store, PP_OBJECT, 1, &first);
        RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, false) == PP_OK, "and removed");
        RULE(s, kit_put(s, store, 1, size) == PP_OK, "and stored again");
        kit_head_of(s, store, PP_OBJECT, 1, &second);
        struct pp_view *v = s->p->begin_view(store);
        RULE(s, first.serial != second.serial, "a new body has a new serial");
        RULE(s, s->p->read(v, &name, first.serial, 0, &spans) == PP_NOT_FOUND,
             "read with another body's serial: NOT_FOUND");
        s->p->end_view(v);
        RULE(s, kit_remove_one(s, store, PP_OBJECT, 1, false) == PP_OK, "removed");
    }
    s->p->close(store);
}

static void pieces_ride_in_many_batches(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(4);
    uint64_t serial = 0, state = s->seed, size = 0;
    RULE(s, store, "a store opens");
    while (size < 1500000) {
        uint64_t next = size + 1 + kit_random(&state) % PP_PIECE_MAX;
        struct pp_batch *b = s->p->begin(store);
        RULE(s, kit_pieces(s, b, &serial, 4, size, next, PP_PIECE_MAX) == PP_OK,
             "a piece of an earlier batch's body is taken");
        if (kit_random(&state) % 4 == 0 && size > 0) {
            s->p->abort(b); /* and the same octets again */
            continue;
        }
        RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
        size = next;
    }
    struct pp_usage u = kit_usage(s, store);
    RULE(s, u.octets >= size, "usage counts pieces not yet put");
    RULE(s, u.objects == 0, "pieces are invisible until put");
    struct pp_head head = kit_head(4, serial, size);
    struct pp_batch *b = s->p->begin(store);
    RULE(s, s->p->put(b, &name, &head) == PP_OK, "put names the body");
    s->p->abort(b);
    RULE(s, kit_head_of(s, store, PP_OBJECT, 4, &head) == PP_NOT_FOUND, "an aborted put is none");
    head = kit_head(4, serial, size);
    b = s->p->begin(store);
    RULE(s, s->p->put(b, &name, &head) == PP_OK, "and can be repeated");
    RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
    struct pp_view *v = s->p->begin_view(store);
    RULE(s, kit_reads(s, v, &name, serial, 4, 0, size),
         "a body of pieces, some repeated after an abort, reads right");
    s->p->end_view(v);
    s->p->close(store);
}

static void discard_gives_back(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    struct pp_name name = kit_name(1);
    RULE(s, store, "a store opens");
    uint64_t empty = kit_usage(s, store).octets;
    for (int large = 0; large < 2; large++) {
        uint64_t serial = 0, size = large ? 900000 : 9000;
        struct pp_batch *b = s->p->begin(store);
        RULE(s, s->p->discard(b, 12345678) == PP_OK, "discard of an unknown serial: no effect, 0");
        RULE(s, kit_pieces(s, b, &serial, 1, 0, size, PP_PIECE_MAX) == PP_OK, "pieces are taken");
        RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
        b = s->p->begin(store);
        RULE(s, s->p->discard(b, serial) == PP_OK, "discard");
        s->p->abort(b);
        RULE(s, kit_usage(s, store).octets >= size, "an aborted discard is none");
        b = s->p->begin(store);
        RULE(s, s->p->discard(b, serial) == PP_OK, "discard");
        struct pp_head head = kit_head(1, serial, size);
        RULE(s, s->p->put(b, &name, &head) == PP_INVALID,
             "a discarded body cannot be put: INVALID");
        RULE(s, s->p->commit(b) == PP_OK, "the batch commits");
        RULE(s, kit_usage(s, store).octets < empty + 100000,
             "a discarded body's octets are given back");
    }
    s->p->close(store);
}

static void an_old_view_still_reads(struct store_suite *s)
{
    struct pp_store *store = kit_fresh(s);
    for (unsigned n = 0; n < 2; n++) {
        struct pp_name name = kit_name(n);
        uint64_t size = n ? 2000000 : 20000;
        struct pp_head head;
        RULE(s, store && kit_put(s, store, n, size) == PP_OK, "an object is stored");
        struct pp_view *v = s->p->begin_view(store);
        RULE(s, s->p->head(v, PP_OBJECT, &name, &head) == PP_OK, "it has a head");
        RULE(s, kit_remove_one(s, store, PP_OBJECT, n, false) == PP_OK, "it is removed");
        RULE(s, kit_reads(s, v, &name, head.serial, n, 0, size),
             "a view of before a removal still reads the body (%llu octets)",
             (unsigned long long)size);
        s->p->end_view(v);
    }
    s->p->close(store);
}

const struct store_case store_cases_body[] = {
    {"body: any size, any offset", any_size_reads_from_any_offset},
    {"body: a serial names one body", a_serial_names_one_body},
    {"body: pieces ride in many batches", pieces_ride_in_many_batches},
    {"body: discard", discard_gives_back},
    {"body: an old view still reads", an_old_view_still_reads},
    {NULL, NULL},
};
