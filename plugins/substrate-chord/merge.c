/*
 * Meeting: the first contacts, and peers of what may be another ring. A ring is joined by looking
 * up our own place in it; whoever stands there nearer than our neighbours becomes one, and the two
 * rings close like a zip (repair.c carries it on).
 */
#include "chord.h"

#define MEET_MAX 64

static void on_merged(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)lookup;
    n->merging = false;
    if (n->phase != CHORD_MEMBER || result->n_peers == 0) {
        return;
    }
    for (size_t i = 0; i < result->n_peers; i++) {
        chord_learn(n, now, &result->peers[i], CHORD_LIST_S);
    }
    if (!pp_id_equal(&result->peers[0].id, &n->a.self.id)) {
        chord_fetch(n, now, &result->peers[0], true, 0, CHORD_LIST_P);
    }
}

static int look_at(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *seeds, size_t k,
                   unsigned width, pp_lookup_fn *done)
{
    struct pp_id one = pp_id_power(0), key = pp_id_add(&n->a.self.id, &one);
    struct pp_lookup_request request = {
        .key = &key, .k = width, .paths = 1, .done = done, .seeds = seeds, .n_seeds = k};
    int code = k > 0 ? pp_lookup_start(&n->a, now, &request) : PP_OFFLINE;
    n->merging = code == PP_OK;
    return code;
}

/* Is our place there as we have it? Then that was all. */
static void on_probed(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)lookup;
    n->merging = false;
    if (n->phase != CHORD_MEMBER || result->n_peers == 0) {
        return;
    }
    const struct pp_peer first = result->peers[0];
    bool ours = pp_id_equal(&first.id, &n->a.self.id) ||
                (n->s.n > 0 && n->p.n > 0 && pp_id_equal(&first.id, &n->s.at[0].peer.id));
    if (!ours) {
        look_at(n, now, &first, 1, n->net->r, on_merged);
    }
}

void chord_merge(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *via, size_t k)
{
    if (!n->merging && n->phase == CHORD_MEMBER) {
        look_at(n, now, via, k, 1, on_probed);
    }
}

/* Until the look-up answers, the next clockwise of those we know is as good a successor as any:
 * stabilisation steps back from it to the right one. */
void chord_rebuild(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_peer known[2 * CHORD_REFER];
    size_t k = pp_peerset_peers(&n->p, known, CHORD_REFER);
    k += pp_peerset_peers(&n->f, known + k, CHORD_REFER);
    const struct pp_peer *next = n->f.n ? &n->f.at[0].peer : NULL;
    const struct pp_peer *behind = n->p.n ? &n->p.at[n->p.n - 1].peer : NULL;
    if (!next || (behind && pp_id_in(&behind->id, &n->a.self.id, &next->id))) {
        next = behind;
    }
    chord_merge(n, now, known, k);
    if (next) {
        const struct pp_peer chosen = *next;
        chord_learn(n, now, &chosen, CHORD_LIST_S);
    }
}

static size_t strangers(const struct pp_substrate_node *n, const struct pp_peer *contacts, size_t k,
                        struct pp_peer *out)
{
    size_t count = 0;
    for (size_t i = 0; i < k && count < MEET_MAX; i++) {
        bool self = pp_peer_same_endpoint(&contacts[i], &n->a.self) ||
                    (!n->client && pp_id_equal(&contacts[i].id, &n->a.self.id));
        if (!self && !(n->a.active && chord_entry(n, &contacts[i].id))) {
            out[count++] = contacts[i];
        }
    }
    return count;
}

void chord_meet(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *contacts, size_t k)
{
    struct pp_peer new[MEET_MAX];
    size_t count = strangers(n, contacts, k, new);
    if (n->phase >= CHORD_LEAVING) {
        return;
    }
    if (k == 0 && !n->client) {
        if (n->phase < CHORD_MEMBER) {
            pp_peerset_free(&n->s); /* of a join that came to nothing */
            pp_peerset_free(&n->p);
            chord_become_active(n, now);
        }
    } else if (n->phase == CHORD_MEMBER) {
        if (count > 0) {
            chord_merge(n, now, new, count);
        }
    } else if (!n->client && n->phase == CHORD_OUT) {
        chord_join(n, now, new, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            chord_ping(n, now, &new[i], 0);
        }
        chord_pump(n, now);
    }
}
