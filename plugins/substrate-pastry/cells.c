/*
 * Keeping the routing table filled: rows asked of row mates, on joining, after a loss and slowly
 * for ever (Castro et al. 2003, section 3); and a round over the cells that are still empty, each
 * looked up at its middle: of all ids the middle's nearest lies in the cell if any does.
 */
#include "pastry.h"

#define STEP (PP_SECOND / 10) /* between two cells of a round */
#define LONGEST 16            /* refresh periods between two rounds, at most */
#define SPARE_CHANCE 4        /* one of so many peers for filled cells has its round trip taken */

unsigned pastry_rows(const struct pp_substrate_node *n)
{
    unsigned row = 0, rows = PP_ID_BITS / n->net->b;
    for (; row < rows; row++) {
        struct pp_id low, high;
        struct pastry_cell own = {row, pp_id_digit(&n->r.m.a.self.id, row, n->net->b)};
        if (row == 0) {
            if (n->r.table.n < 2 * n->net->half) {
                break;
            }
            continue;
        }
        own = (struct pastry_cell){row - 1, pp_id_digit(&n->r.m.a.self.id, row - 1, n->net->b)};
        pastry_cell_ids(n, own, &low, &high); /* all ids that share `row` digits with ours */
        if (pastry_in_arc(n, &low, PASTRY_LEFT) && pastry_in_arc(n, &high, PASTRY_RIGHT)) {
            break;
        }
    }
    return row;
}

/* ---- rows of others ---- */

static void on_rows(struct pp_agent *a, pp_ns now, struct pp_answer *answer);

static void send_row(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *to,
                     const struct pastry_row *m)
{
    struct pp_writer w;
    pp_agent_begin(&n->r.m.a, &w, PASTRY_ROW);
    pastry_write_row(&w, m);
    struct pp_request request = {.to = to,
                                 .rto = pp_member_rto(&n->r.m, &to->id),
                                 .tries = n->r.m.ops->patience,
                                 .done = on_rows,
                                 .owner = &n->r.m,
                                 .tag = m->row};
    pp_rpc_send(&n->r.m.a, now, &request, &w);
}

static void on_rows(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    struct pastry_rows reply;
    struct pp_peer from = *answer->peer;
    if (!pp_member_answered(m, now, answer) || pastry_read_rows(&answer->body, &reply) != PP_OK ||
        m->phase != PP_PHASE_MEMBER) {
        return;
    }
    const struct pp_page *page = &reply.page;
    for (size_t i = 0; i < page->n; i++) {
        bool spare = pp_random_below(&m->a.random, SPARE_CHANCE) == 0;
        pp_member_candidate(m, now, &page->peers[i], &from, spare ? PASTRY_SPARE : 0);
    }
    if (page->more && page->n > 0 && page->from + page->n <= UINT8_MAX) {
        struct pastry_row rest = {(uint8_t)answer->tag, (uint8_t)(page->from + page->n)};
        send_row(pastry_node(m), now, &from, &rest);
    }
}

/* Asks one that shares `row` digits with us, else the first that shares more. */
void pastry_ask_row(struct pp_substrate_node *n, pp_ns now, unsigned row)
{
    const struct pp_peerset *t = &n->r.table;
    const struct pp_peer *mate = NULL;
    bool exact = false;
    size_t start = t->n ? pp_random_below(&n->r.m.a.random, t->n) : 0;
    for (size_t i = 0; i < t->n && !exact; i++) {
        const struct pp_entry *entry = &t->at[(start + i) % t->n];
        unsigned shares = pastry_cell_of(n, &entry->peer.id).row;
        if (shares >= row && !(entry->flags & PP_ENTRY_SUSPECT)) {
            exact = shares == row;
            mate = exact || !mate ? &entry->peer : mate;
        }
    }
    if (mate && !pp_rpc_pending(&n->r.m.a, mate, PASTRY_ROW)) {
        struct pastry_row m = {(uint8_t)row, 0};
        struct pp_peer to = *mate;
        send_row(n, now, &to, &m);
    }
}

void pastry_on_row(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = pastry_node(m);
    struct pastry_row row;
    struct pp_peer peers[256];
    struct pp_writer w;
    size_t count = 0;
    (void)now;
    if (pastry_read_row(body, &row) != PP_OK || row.row >= PP_ID_BITS / n->net->b) {
        return;
    }
    for (unsigned digit = 0; digit < 1u << n->net->b; digit++) {
        struct pastry_cell cell = {row.row, digit};
        bool own = digit == pp_id_digit(&n->r.m.a.self.id, row.row, n->net->b);
        const struct pp_entry *best = own ? NULL : pastry_cell_best(n, cell);
        if (best && !pp_id_equal(&best->peer.id, &rx->from.id)) {
            peers[count++] = best->peer;
        }
    }
    pp_agent_begin_reply(&n->r.m.a, &w, header);
    pastry_write_rows(&w, row.row, peers, count, row.from);
    pp_agent_send(&n->r.m.a, &rx->from, &w);
}

/* ---- empty cells ---- */

/* Would a node of this cell be a leaf? */
static bool leaves_tell(const struct pp_substrate_node *n, const struct pp_id *low,
                        const struct pp_id *high)
{
    return pastry_in_arc(n, low, PASTRY_LEFT) || pastry_in_arc(n, high, PASTRY_RIGHT);
}

/* From n->cell on the next that is empty, with the middle of its ids; false: the round is over. */
static bool next_empty(struct pp_substrate_node *n, struct pp_id *centre)
{
    unsigned b = n->net->b, end = pastry_rows(n) << b;
    for (; n->cell < end; n->cell++) {
        struct pastry_cell cell = {(unsigned)n->cell >> b, n->cell % (1u << b)};
        struct pp_id low, high;
        size_t from, to;
        if (cell.digit == pp_id_digit(&n->r.m.a.self.id, cell.row, b)) {
            continue;
        }
        pastry_cell_span(n, cell, &from, &to);
        pastry_cell_ids(n, cell, &low, &high);
        if (from == to && !leaves_tell(n, &low, &high)) {
            struct pp_id half = pp_id_power(PP_ID_BITS - 1 - (cell.row + 1) * b);
            *centre = pp_id_add(&low, &half);
            return true;
        }
    }
    return false;
}

static void on_found(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                     const struct pp_result *result)
{
    struct pp_member *m = (struct pp_member *)a;
    struct pp_substrate_node *n = pastry_node(m);
    (void)lookup;
    n->looking = false;
    n->cell++;
    n->cell_at = now + pp_random_jitter(&a->random, STEP);
    if (m->phase == PP_PHASE_MEMBER) {
        pp_member_learn_all(m, now, result);
    }
}

static void step(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_id centre;
    if (!next_empty(n, &centre)) {
        n->cell = 0;
        n->cell_wait = pp_sooner(2 * n->cell_wait, LONGEST * n->net->refresh);
        n->cell_at = now + pp_random_jitter(&n->r.m.a.random, n->cell_wait);
        return;
    }
    struct pp_lookup_request request = {.key = &centre, .k = 1, .paths = 1, .done = on_found};
    n->looking = pp_lookup_start(&n->r.m.a, now, &request) == PP_OK;
    if (!n->looking) {
        n->cell_at = now + pp_random_jitter(&n->r.m.a.random, n->net->refresh);
    }
}

/* A row mate is asked at once; what is empty then is looked up in a round soon. */
void pastry_cell_lost(struct pp_substrate_node *n, pp_ns now, struct pastry_cell cell)
{
    size_t from, to;
    pastry_cell_span(n, cell, &from, &to);
    if (from < to || cell.row >= pastry_rows(n)) {
        return;
    }
    n->row = (uint8_t)cell.row;
    n->row_at = pp_sooner(n->row_at, now + pp_random_below(&n->r.m.a.random, PP_SECOND));
    n->cell_wait = n->net->refresh / 2;
    n->cell_at =
        pp_sooner(n->cell_at, now + pp_random_jitter(&n->r.m.a.random, n->net->refresh / 4));
}

void pastry_cells_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (now >= n->row_at) {
        unsigned rows = pastry_rows(n);
        n->row_at = now + pp_random_jitter(&n->r.m.a.random, n->net->refresh);
        n->row = n->row < rows ? n->row : 0;
        if (rows > 0) {
            pastry_ask_row(n, now, n->row++);
        }
    }
    if (now >= n->cell_at && !n->looking) {
        step(n, now);
    }
}
