/* Access times in memory; see stamps.h. Hashed by the name itself, which is a hash. */
#include <node/stamps.h>

#include <stdlib.h>

#define PROBES 4u

int node_stamps_init(struct node_stamps *s)
{
    *s = (struct node_stamps){.slot = calloc(NODE_STAMPS, sizeof *s->slot)};
    return s->slot ? PP_OK : PP_NOMEM;
}

void node_stamps_finish(struct node_stamps *s)
{
    free(s->slot);
    s->slot = NULL;
}

/* Its slot, or the first free one where it could stand, or NULL. */
static struct node_stamp *stamps_find(const struct node_stamps *s, enum pp_kind kind,
                                      const struct pp_name *name)
{
    struct node_stamp *free_slot = NULL;
    for (unsigned i = 0; i < PROBES; i++) {
        struct node_stamp *e = &s->slot[(pp_get32(name->b) + i) % NODE_STAMPS];
        if (e->kind == (uint32_t)kind && memcmp(&e->name, name, sizeof *name) == 0) {
            return e;
        }
        if (e->kind == 0 && !free_slot) {
            free_slot = e;
        }
    }
    return free_slot;
}

void node_stamps_note(struct node_stamps *s, enum pp_kind kind, const struct pp_name *name,
                      pp_ns old, pp_ns wall)
{
    if (wall < NODE_STAMP_GRAIN || old > wall - NODE_STAMP_GRAIN) {
        return;
    }
    struct node_stamp *e = stamps_find(s, kind, name);
    if (!e) {
        return;
    }
    if (e->kind == 0) {
        e->kind = (uint32_t)kind;
        e->name = *name;
        s->n++;
    }
    e->stamp = wall;
}

pp_ns node_stamps_get(const struct node_stamps *s, enum pp_kind kind, const struct pp_name *name)
{
    const struct node_stamp *e = stamps_find(s, kind, name);
    return e && e->kind != 0 ? e->stamp : 0;
}

unsigned node_stamps_take(struct node_stamps *s, struct node_stamp *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < NODE_STAMPS && n < NODE_STAMPS_A_WRITE && s->n > 0; i++) {
        struct node_stamp *e = &s->slot[s->cursor];
        s->cursor = (s->cursor + 1) % NODE_STAMPS;
        if (e->kind != 0) {
            out[n++] = *e;
            e->kind = 0;
            s->n--;
        }
    }
    return n;
}
