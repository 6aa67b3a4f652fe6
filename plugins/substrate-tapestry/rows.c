/*
 * Rows: a joiner fills its own from the longest prefix up, from those who share it (Zhao et al.
 * 2004, section III-C); later each is compared now and then with another node's, so that an entry
 * that was missed is found. Emptied cells are looked into by the tree.
 */
#include "tapestry.h"

#define FILL_TIME (4 * PP_SECOND) /* for a row, however many do not answer */
#define FILL_ASKS 3
#define UPKEEP (5 * PP_SECOND)
#define HURRY (2 * PP_SECOND)
#define ROW_MAX (PP_PAGE_MAX * 2)

static void next_row(struct pp_substrate_node *n, pp_ns now);

static void on_row(struct pp_agent *a, pp_ns now, struct pp_answer *answer);

static void ask_row(struct pp_substrate_node *n, pp_ns now, const struct pp_entry *whom,
                    unsigned row, unsigned from)
{
    struct pp_writer w;
    pp_agent_begin(&n->t.r.m.a, &w, TAPESTRY_ROWS);
    pp_write8(&w, (uint8_t)row);
    pp_write8(&w, (uint8_t)from);
    struct pp_request request = {.to = &whom->peer,
                                 .rto = pp_entry_rto(whom),
                                 .done = on_row,
                                 .owner = &n->t.r.m,
                                 .tag = row};
    if (pp_rpc_send(&n->t.r.m.a, now, &request, &w) == PP_OK && n->fill_row >= 0) {
        n->asked++;
    }
}

static void take_row(struct pp_substrate_node *n, pp_ns now, struct pp_answer *answer)
{
    struct pp_page page;
    unsigned row = pp_read8(&answer->body);
    pp_read_page(&answer->body, &page, 0);
    if (!pp_read_done(&answer->body)) {
        return;
    }
    pp_member_candidates(&n->t.r.m, now, &page, &answer->rx->from, 0);
    const struct pp_entry *whom = pp_roster_entry(&n->t.r.m, &answer->rx->from.id);
    if (page.more && page.n && page.from + page.n < ROW_MAX && whom && row == answer->tag) {
        ask_row(n, now, whom, row, (unsigned)page.from + page.n);
    }
}

static void on_row(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    bool answered = pp_member_answered(&n->t.r.m, now, answer);
    if (answer->code == PP_AGAIN) {
        return;
    }
    n->asked = (uint8_t)(n->asked - (n->asked > 0));
    if (answered) {
        take_row(n, now, answer);
    }
    tapestry_settled(&n->t.r.m, now);
}

/* Some of those who share the row's prefix with us are asked for it. */
static void fill_row(struct pp_substrate_node *n, pp_ns now)
{
    size_t mates = pp_tree_within(&n->t, (unsigned)n->fill_row);
    size_t asks = mates < FILL_ASKS ? mates : FILL_ASKS;
    size_t first = asks ? pp_random_below(&n->t.r.m.a.random, mates) : 0;
    n->fill_until = now + FILL_TIME;
    for (size_t i = 0; i < asks; i++) {
        ask_row(n, now, &n->t.r.table.at[(first + i * (mates / asks)) % mates],
                (unsigned)n->fill_row, 0);
    }
}

void tapestry_fill(struct pp_substrate_node *n, pp_ns now)
{
    n->asked = 0;
    n->fill_row =
        n->t.r.table.n ? (int16_t)(pp_tree_shared(&n->t, &n->t.r.table.at[0].peer.id) + 1) : 0;
    next_row(n, now);
}

static void next_row(struct pp_substrate_node *n, pp_ns now)
{
    while (n->fill_row >= 0) {
        n->fill_row--;
        n->asked = 0;
        if (n->fill_row >= 0) {
            fill_row(n, now);
        }
        if (n->asked > 0) {
            return;
        }
    }
    n->fill_until = PP_NEVER;
    if (n->t.r.m.phase == PP_PHASE_ENTER) {
        pp_member_activate(&n->t.r.m, now);
    }
}

void tapestry_settled(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = tapestry_node(m);
    if (n->fill_row >= 0 && n->asked == 0 && m->pinging == 0) {
        next_row(n, now);
    }
}

/* The row's cells, first all primaries, then the backups; then who points at us and shares it. */
static size_t row_of(const struct pp_substrate_node *n, unsigned row, struct pp_peer out[ROW_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < n->t.net->cell; i++) {
        for (unsigned digit = 0; digit < 1u << n->t.net->bits && count < ROW_MAX; digit++) {
            size_t from, to;
            pp_tree_run(&n->t, (struct pp_cell){(uint8_t)row, (uint8_t)digit, 0}, &from, &to);
            bool own = digit == pp_id_digit(&n->t.r.m.a.self.id, row, n->t.net->bits);
            if (!own && from + i < to && !(n->t.r.table.at[from + i].flags & PP_ENTRY_SUSPECT)) {
                out[count++] = n->t.r.table.at[from + i].peer;
            }
        }
    }
    for (size_t i = 0; i < n->backpointers.n && count < ROW_MAX; i++) {
        if (pp_tree_shared(&n->t, &n->backpointers.at[i].peer.id) >= row) {
            out[count++] = n->backpointers.at[i].peer;
        }
    }
    return count;
}

void tapestry_on_rows(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                      const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = tapestry_node(m);
    struct pp_peer peers[ROW_MAX];
    struct pp_writer w;
    unsigned row = pp_read8(body), from = pp_read8(body);
    (void)now;
    if (!pp_read_done(body) || row >= PP_ID_BITS / n->t.net->bits || !n->t.r.m.a.active) {
        return;
    }
    size_t count = row_of(n, row, peers);
    pp_agent_begin_reply(&n->t.r.m.a, &w, header);
    pp_write8(&w, (uint8_t)row);
    pp_write_page(&w, peers, count, from < count ? from : count, NULL, 0);
    pp_agent_send(&n->t.r.m.a, &rx->from, &w);
}

/* ---- upkeep ---- */

static void refresh_later(struct pp_substrate_node *n, pp_ns now, pp_ns wait)
{
    n->refresh_at = now + pp_random_jitter(&n->t.r.m.a.random, wait);
}

void tapestry_hurry(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_cell edge;
    n->hurry = pp_tree_edge(&n->t, &edge) ? (uint8_t)(edge.row + 1) : 1;
    n->refresh_at = pp_sooner(n->refresh_at, now + pp_random_jitter(&n->t.r.m.a.random, HURRY));
}

static void outgrown(struct pp_tree *t, pp_ns now)
{
    tapestry_hurry(tapestry_node(&t->r.m), now);
}

static void arranged(struct pp_tree *t, pp_ns now)
{
    struct pp_substrate_node *n = tapestry_node(&t->r.m);
    refresh_later(n, now, n->t.net->refresh);
    n->point_at = now + pp_random_jitter(&t->r.m.a.random, UPKEEP);
}

const struct pp_tree_ops tapestry_tree_ops = {.name = "tapestry",
                                              .cell_name = "cell",
                                              .outgrown = outgrown,
                                              .dropped = tapestry_dropped,
                                              .arranged = arranged};

void tapestry_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = tapestry_node(m);
    pp_tree_activated(&n->t, now);
    n->fill_row = -1;
    n->refresh_at = PP_NEVER;
    tapestry_hurry(n, now);
    n->point_at = now + pp_random_jitter(&m->a.random, UPKEEP);
}

/* One row a time, of one who shares its prefix. */
static void refresh(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_cell edge;
    if (pp_tree_edge(&n->t, &edge)) { /* else the siblings are all there is */
        n->row = n->row < edge.row ? (uint8_t)(n->row + 1) : 0;
        size_t mates = pp_tree_within(&n->t, n->row);
        size_t one = mates ? pp_random_below(&n->t.r.m.a.random, mates) : 0;
        if (mates > 0) {
            ask_row(n, now, &n->t.r.table.at[one], n->row, 0);
        }
    }
    n->hurry = (uint8_t)(n->hurry - (n->hurry > 0));
    refresh_later(n, now, n->hurry > 0 ? HURRY : n->t.net->refresh);
}

void tapestry_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = tapestry_node(m);
    pp_tree_tick(&n->t, now);
    if (now >= n->pins_at) {
        tapestry_ping_pinned(n, now);
    }
    if (n->fill_row >= 0 && now >= n->fill_until) {
        next_row(n, now);
    }
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (now >= n->refresh_at) {
        refresh(n, now);
    }
    if (now >= n->point_at) {
        n->point_at = now + pp_random_jitter(&m->a.random, UPKEEP);
        tapestry_point(n, now);
    }
}

pp_ns tapestry_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    pp_ns at = pp_sooner(n->pins_at, n->fill_until);
    if (m->phase == PP_PHASE_MEMBER) {
        at = pp_sooner(at, pp_sooner(n->refresh_at, n->point_at));
    }
    return pp_sooner(at, pp_tree_next(&n->t));
}
