/*
 * A store as it should be: a plain reference model, random batches that depend on a seed alone, and
 * the comparison of a store with the model. Used in one process (store_random.c) and across a crash
 * (store_crash.c): there the model of batch n is made anew from the seed.
 */
#ifndef STORE_MODEL_H
#define STORE_MODEL_H

#include "store_kit.h"

#define MODEL_NAMES 24
#define MODEL_MEMBERS 6
#define MODEL_ENTRIES 48
#define MODEL_BODIES 4
#define MODEL_ACTS 8

enum model_state { MODEL_NONE, MODEL_LIVE, MODEL_TOMBSTONE };

struct model_object {
    enum model_state state;
    uint64_t text, size;
    uint8_t digest[32];
    pp_ns created, expires, stamp;
    uint32_t copies;
    uint16_t der[MODEL_MEMBERS]; /* length; 0: none, 1: taken out */
};

struct model_entry {
    unsigned number;
    uint32_t len;
    pp_ns expires;
};

struct model_inbox {
    pp_ns created, stamp;
    uint32_t copies;
    unsigned n;
    struct model_entry entry[MODEL_ENTRIES];
};

struct model_body { /* not yet put */
    bool active;
    uint64_t text, size;
};

struct model {
    struct model_object object[MODEL_NAMES];
    struct model_inbox inbox[MODEL_NAMES];
    struct model_body body[MODEL_BODIES];
};

enum model_verb {
    ACT_PIECE,
    ACT_PUT,
    ACT_DISCARD,
    ACT_REMOVE,
    ACT_MEMBER_ADD,
    ACT_MEMBER_DROP,
    ACT_APPEND,
    ACT_DROP,
    ACT_TOUCH,
    ACT_VERBS
};

struct model_act {
    enum model_verb verb;
    enum pp_kind kind;
    unsigned name, other; /* other: body slot, member, entry number, first entry to drop */
    uint64_t text;
    uint32_t len, count;
    bool tombstone;
    pp_ns stamp, expires;
    uint32_t copies;
};

/* The acts of batch `n`; returns how many. *abort: it is to be aborted. */
unsigned model_batch(uint64_t seed, uint64_t n, struct model_act acts[MODEL_ACTS], bool *abort);
/* What the act must answer; changes the model. */
int model_act(struct model *m, const struct model_act *act);
/* All bodies not yet put are forgotten: what a restart does. */
void model_restart(struct model *m);

/* The real counterpart of a model: serials of the bodies not yet put. */
struct model_real {
    uint64_t serial[MODEL_BODIES];
    uint64_t last_seq;
};
/* Runs one act on a store that is as the model `before` says; what the store answered. */
int model_run(struct store_suite *s, struct pp_batch *b, struct model_real *real,
              const struct model *before, const struct model_act *act);
const char *model_act_text(const struct model_act *act);

/* Compares what a view shows with the model; the first difference as text, true when equal. */
bool model_same(struct store_suite *s, struct pp_view *v, const struct model *m, char text[256]);

#endif
