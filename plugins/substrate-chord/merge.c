/*
 * Meeting peers of what may be another ring. It is joined by looking up our own place in it;
 * whoever stands there nearer than our neighbours becomes one, and the two rings close like a zip
 * (repair.c carries it on).
 */
#include "chord.h"

bool chord_in_place(const struct pp_member *m, const struct pp_id *first)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    return pp_id_equal(first, &m->a.self.id) || (n->p.n > 0 && pp_peerset_first_is(&n->s, first));
}

void chord_merged(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        chord_learn(m, now, &result->peers[i], CHORD_LIST_S);
    }
    if (result->n_peers > 0 && !pp_id_equal(&result->peers[0].id, &m->a.self.id)) {
        chord_fetch(chord_node(m), now, &result->peers[0], true, 0, CHORD_LIST_P);
    }
}

/* Until the look-up answers, the next clockwise of those we know is as good a successor as any:
 * stabilisation steps back from it to the right one. */
void chord_rebuild(struct pp_substrate_node *n, pp_ns now)
{
    const struct pp_peer *next = n->f.n ? &n->f.at[0].peer : NULL;
    const struct pp_peer *behind = n->p.n ? &n->p.at[n->p.n - 1].peer : NULL;
    if (!next || (behind && pp_id_in(&behind->id, &n->m.a.self.id, &next->id))) {
        next = behind;
    }
    pp_member_merge(&n->m, now, NULL, 0);
    if (next) {
        const struct pp_peer chosen = *next;
        chord_learn(&n->m, now, &chosen, CHORD_LIST_S);
    }
}
