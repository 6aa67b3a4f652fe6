/* Rules of opening: creation, the epoch, one open a path, refusals. */
#include "store_kit.h"

#include <sys/stat.h>

static void opens_only_what_is_there(struct store_suite *s)
{
    char path[256];
    struct pp_store *store = NULL;
    struct pp_error error = {0};
    kit_path(s, path);
    int err = s->p->open(&store, path, s->values, NULL, 0, &error);
    RULE(s, err == PP_NOT_FOUND, "open without CREATE finds no store where there is none (got %s)",
         pp_error_text(err));
    RULE(s, error.text[0], "a refusal of open says why in a sentence");
    RULE(s, !s->keeps || strstr(error.text, path), "a refusal of open names the path");
}

static void keeps_its_epoch(struct store_suite *s)
{
    char path[256];
    uint8_t one[16] = "first epoch 123", two[16] = "another one 456", got[16];
    struct pp_store *store;
    kit_path(s, path);
    RULE(s, s->p->open(&store, path, s->values, one, PP_STORE_CREATE, NULL) == PP_OK,
         "open(CREATE) creates");
    s->p->epoch(store, got);
    s->p->close(store);
    RULE(s, memcmp(got, one, 16) == 0, "the epoch is the one given at creation");
    if (!s->keeps) {
        return;
    }
    RULE(s, s->p->open(&store, path, s->values, two, PP_STORE_CREATE, NULL) == PP_OK,
         "open(CREATE) opens a store that is there");
    s->p->epoch(store, got);
    s->p->close(store);
    RULE(s, memcmp(got, one, 16) == 0, "the epoch stays that of the creation");
}

static void opens_once(struct store_suite *s)
{
    char path[256];
    struct pp_store *store, *second = NULL;
    struct pp_error error = {0};
    if (!s->keeps) {
        return;
    }
    kit_path(s, path);
    if (!(store = kit_open(s, path, s->values))) {
        return;
    }
    int err = s->p->open(&second, path, s->values, NULL, 0, &error);
    s->p->close(store);
    RULE(s, err == PP_BUSY, "a path is open once in a process: PP_BUSY (got %s)",
         pp_error_text(err));
    store = kit_open(s, path, s->values);
    RULE(s, store, "after the close it opens again");
    s->p->close(store);
}

static void creates_over_an_empty_folder(struct store_suite *s)
{
    char path[256];
    if (!s->keeps) {
        return;
    }
    kit_path(s, path);
    RULE(s, mkdir(path, 0700) == 0, "the suite can make a folder");
    struct pp_store *store = kit_open(s, path, s->values);
    if (store) {
        s->p->close(store);
    }
}

static void refuses_an_impossible_place(struct store_suite *s)
{
    struct pp_store *store = NULL;
    struct pp_error error = {0};
    if (!s->keeps) {
        return;
    }
    int err = s->p->open(&store, "/proc/no/such/place", s->values,
                         (const uint8_t *)"0123456789abcde", PP_STORE_CREATE, &error);
    RULE(s, err != PP_OK && error.text[0], "where no store can be made open fails with a sentence");
}

static void keeps_data_over_a_close(struct store_suite *s)
{
    char path[256];
    uint64_t seq = 0, again = 0;
    struct pp_head head;
    if (!s->keeps) {
        return;
    }
    kit_path(s, path);
    struct pp_store *store = kit_open(s, path, s->values);
    RULE(s, store && kit_put(s, store, 1, 300000) == PP_OK, "an object is stored");
    RULE(s, kit_append(s, store, 2, 5, 900, &seq) == PP_OK, "a notification is stored");
    s->p->close(store);
    store = kit_open(s, path, s->values);
    RULE(s, store && kit_head_of(s, store, PP_OBJECT, 1, &head) == PP_OK,
         "an object committed is there after close and open");
    RULE(s, kit_append(s, store, 2, 5, 900, &again) == PP_EXISTS && again == seq,
         "a notification committed is there after close and open, under its sequence");
    s->p->close(store);
    RULE(s, s->p->check(path, s->values, false, NULL, NULL) == 0,
         "check of a closed whole store finds no fault");
}

static void sweeps_what_was_never_put(struct store_suite *s)
{
    char path[256];
    if (!s->keeps) {
        return;
    }
    for (int large = 0; large < 2; large++) {
        uint64_t serial = 0, size = large ? 2000000 : 200000;
        kit_path(s, path);
        struct pp_store *store = kit_open(s, path, s->values);
        RULE(s, store, "a store opens");
        uint64_t empty = kit_usage(s, store).octets;
        struct pp_batch *b = s->p->begin(store);
        RULE(s,
             kit_pieces(s, b, &serial, 1, 0, size, PP_PIECE_MAX) == PP_OK &&
                 s->p->commit(b) == PP_OK,
             "pieces are taken");
        s->p->close(store);
        store = kit_open(s, path, s->values);
        RULE(s, store && kit_usage(s, store).octets < empty + 50000,
             "pieces never put are swept by the next open");
        b = s->p->begin(store);
        RULE(s, s->p->piece(b, &serial, pp_str("more")) == PP_INVALID,
             "and their serial is no body's any more: INVALID");
        s->p->abort(b);
        s->p->close(store);
    }
}

const struct store_case store_cases_open[] = {
    {"open: only what is there", opens_only_what_is_there},
    {"open: the epoch is the creation's", keeps_its_epoch},
    {"open: one open a path", opens_once},
    {"open: an empty folder is taken", creates_over_an_empty_folder},
    {"open: impossible places are refused", refuses_an_impossible_place},
    {"open: data stay over a close", keeps_data_over_a_close},
    {"open: what was never put is swept", sweeps_what_was_never_put},
    {NULL, NULL},
};
