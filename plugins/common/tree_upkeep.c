/*
 * What goes on in every tree after joining: pings to silent siblings, one to the stalest entry
 * beyond them, a question to a sibling for others near us, look-ups into cells (Maymounkov and
 * Mazieres 2002, section 2.3).
 */
#include <common/tree.h>

#define UPKEEP (5 * PP_SECOND)
#define STALE 10 /* pings: so long silent, an entry beyond the siblings is pinged */
#define LOOK_K 4
#define LOOKS_MAX 4
#define LOOK_AGAIN (5 * PP_SECOND)
#define PINGS_A_ROUND 8

void pp_tree_activated(struct pp_tree *t, pp_ns now)
{
    pp_tree_trim_all(t, now); /* a joiner remembers more */
    t->upkeep_at = now + pp_random_jitter(&t->r.m.a.random, UPKEEP);
    t->r.ask_at = PP_NEVER;
    pp_roster_ask_soon(&t->r, now);
}

/* Those not heard for a period, the nearest first; beyond the siblings after ten, but sooner once
 * somebody has died, since others may have. */
static void ping_silent(struct pp_tree *t, pp_ns now)
{
    size_t siblings = pp_tree_siblings(t);
    pp_ns near = t->net->ping - t->net->ping / 8;
    pp_ns far = (now < t->r.m.trouble_until ? 2 : STALE) * t->net->ping;
    for (size_t i = 0, pinged = 0; i < t->r.table.n && pinged < PINGS_A_ROUND; i++) {
        pinged += pp_roster_ping_silent(&t->r, now, &t->r.table.at[i], i < siblings ? near : far);
    }
}

/* Whom do you know near me? One sibling a time; the wait doubles while nothing changes. */
static void ask_sibling(struct pp_tree *t, pp_ns now)
{
    size_t siblings = pp_tree_siblings(t);
    if (siblings > 0) {
        size_t one = pp_random_below(&t->r.m.a.random, siblings);
        pp_roster_ask(&t->r, now, &t->r.table.at[one], &t->r.m.a.self.id);
    }
}

void pp_tree_look_into(struct pp_tree *t, pp_ns now, struct pp_cell cell)
{
    for (size_t i = 0; i < t->n_look; i++) {
        if (t->look[i].row == cell.row && t->look[i].digit == cell.digit) {
            return;
        }
    }
    if (t->n_look < PP_TREE_LOOK_MAX) {
        t->look[t->n_look++] = cell;
    }
    if (t->n_look == 1 && !t->looking) {
        t->look_at = now + pp_random_below(&t->r.m.a.random, PP_SECOND);
    }
}

/* One that stayed empty comes last, and after a while. */
static void next_look(struct pp_tree *t, pp_ns now)
{
    t->look_at = t->n_look && !t->looking ? now + t->look[0].looks * LOOK_AGAIN : PP_NEVER;
}

static void on_looked(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_tree *t = (struct pp_tree *)a;
    size_t from, to;
    (void)lookup;
    t->looking = false;
    if (t->r.m.phase != PP_PHASE_MEMBER) {
        return;
    }
    pp_member_learn_all(&t->r.m, now, result);
    pp_tree_run(t, t->looked, &from, &to);
    if (from == to && t->looked.looks < LOOKS_MAX) {
        t->looked.looks++;
        pp_tree_look_into(t, now, t->looked);
    }
    next_look(t, now);
}

/* The first of those waiting; one that cannot be looked up now waits for its next loss. */
static void look(struct pp_tree *t, pp_ns now)
{
    struct pp_id key = pp_tree_random_in(t, t->look[0]);
    struct pp_lookup_request request = {.key = &key, .k = LOOK_K, .paths = 1, .done = on_looked};
    t->looked = t->look[0];
    t->n_look--;
    memmove(t->look, t->look + 1, t->n_look * sizeof *t->look);
    t->looking = pp_lookup_start(&t->r.m.a, now, &request) == PP_OK;
    next_look(t, now);
}

void pp_tree_tick(struct pp_tree *t, pp_ns now)
{
    if (t->r.m.phase != PP_PHASE_MEMBER) {
        return;
    }
    if (now >= t->upkeep_at) {
        t->upkeep_at = now + pp_random_jitter(&t->r.m.a.random, UPKEEP);
        ping_silent(t, now);
    }
    if (pp_roster_ask_due(&t->r, now, 2 * t->net->ping)) {
        ask_sibling(t, now);
    }
    if (now >= t->look_at) {
        look(t, now);
    }
}

pp_ns pp_tree_next(const struct pp_tree *t)
{
    pp_ns at = pp_sooner(pp_sooner(t->upkeep_at, t->look_at), t->r.ask_at);
    return t->r.m.phase == PP_PHASE_MEMBER ? at : PP_NEVER;
}
