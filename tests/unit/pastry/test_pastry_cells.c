/* The routing table: how many rows there are, rows told to others, empty cells filled again. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

static void test_rows_end_where_the_leaves_tell(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x1110);
    CU_ASSERT_EQUAL(pastry_rows(n), 0); /* it knows the whole network */
    pastry_know(&net, n, 0x1120, 0);
    pastry_know(&net, n, 0x1100, 0);
    CU_ASSERT_EQUAL(pastry_rows(n), 3); /* 0x111x lies within, 0x11xx does not */
    pastry_know(&net, n, 0x1111, 0);
    CU_ASSERT_EQUAL(pastry_rows(n), 4);
    net_end(&net);
    n = pastry_lone(&net, 8, 2, 0x1110);
    pastry_know(&net, n, 0x8000, 0);
    pastry_know(&net, n, 0x9000, 0);
    CU_ASSERT_EQUAL(pastry_rows(n), 1);
    net_end(&net);
}

/* The peers that a node names for a row; -1: no answer. */
static int row_of(size_t node, const struct pp_peer *from, unsigned row, struct pastry_rows *rows)
{
    struct pp_writer w;
    struct pp_header header;
    struct pastry_row ask = {(uint8_t)row, 0};
    uint64_t before = net.sent[PASTRY_ROW | PP_WIRE_REPLY];
    pp_writer_begin(&w, PASTRY_ROW, PP_WIRE_ACTIVE, 5);
    pastry_write_row(&w, &ask);
    net_inject(&net, from, node, &w, PP_ID_PROVED);
    if (net.sent[PASTRY_ROW | PP_WIRE_REPLY] == before) {
        return -1;
    }
    const struct flight *f = pastry_flight(&net, PASTRY_ROW | PP_WIRE_REPLY);
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK && pastry_read_rows(&r, rows) == PP_OK);
    return rows->page.n;
}

static void test_a_row_is_told(void)
{
    struct pastry_rows rows;
    pastry_start(&net, 4, 4);
    net_ring(&net, 60);
    struct pp_substrate_node *n = net.node[30];
    unsigned own = pp_id_digit(&net.self[30].id, 0, 4);
    int count = row_of(30, &net.self[3], 0, &rows);
    CHECK_FATAL(count >= 13);
    for (int i = 0; i < count; i++) {
        unsigned digit = pp_id_digit(&rows.page.peers[i].id, 0, 4);
        CU_ASSERT_NOT_EQUAL(digit, own);
        for (int j = 0; j < i; j++) { /* one a cell */
            CU_ASSERT_NOT_EQUAL(digit, pp_id_digit(&rows.page.peers[j].id, 0, 4));
        }
        CU_ASSERT_FALSE(pp_id_equal(&rows.page.peers[i].id, &net.self[3].id)); /* not the asker */
    }
    CU_ASSERT_EQUAL(row_of(30, &net.self[3], 39, &rows), 0);
    CU_ASSERT_EQUAL(row_of(30, &net.self[3], 40, &rows), -1); /* there is none such */
    CU_ASSERT_TRUE(n->r.m.a.active);
    net_end(&net);
}

/* The routing table is taken out behind its back: the round over all cells finds it again, long
 * before anybody who asks us would bring it. */
static void test_an_empty_cell_is_filled(void)
{
    pastry_start(&net, 4, 4);
    net_ring(&net, 60);
    struct pp_substrate_node *n = net.node[30];
    for (size_t i = 2; i + 2 < n->r.table.n;) {
        pp_peerset_remove(&n->r.table, i);
    }
    n->cell = 0;
    n->cell_at = net.now;
    n->row_at = PP_NEVER;
    CU_ASSERT_TRUE(net_check(&net) > 10);
    net_run(&net, 8 * PP_SECOND);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_lost_entry_is_asked_for(void)
{
    pastry_start(&net, 4, 4);
    net_ring(&net, 60);
    struct pp_substrate_node *n = net.node[30];
    struct pp_id gone = n->r.table.at[n->r.table.n / 2].peer.id;
    struct pastry_cell cell = pastry_cell_of(n, &gone);
    size_t from, to;
    n->r.m.ops->forget(&n->r.m, net.now, &gone);
    pastry_cell_span(n, cell, &from, &to);
    CHECK_FATAL(from == to);
    CU_ASSERT_TRUE(n->row == cell.row && n->row_at <= net.now + PP_SECOND);
    net_run(&net, PP_MINUTE);
    pastry_cell_span(n, cell, &from, &to);
    CU_ASSERT_EQUAL(to - from, 1);
    net_end(&net);
}

/* Rounds over cells that nobody lives in grow rarer. */
static void test_rounds_grow_rarer(void)
{
    pastry_start(&net, 4, 4);
    net_ring(&net, 20); /* most cells have nobody */
    struct pp_substrate_node *n = net.node[10];
    net_run(&net, 40 * PP_MINUTE);
    CU_ASSERT_EQUAL(n->cell_wait, 16 * n->net->refresh);
    struct pp_id gone = n->r.table.at[n->r.table.n / 2].peer.id;
    n->r.m.ops->forget(&n->r.m, net.now, &gone); /* .. until something happens */
    CU_ASSERT_TRUE(n->cell_wait < n->net->refresh);
    net_end(&net);
}

CHECK_MAIN("pastry cells", CHECK(test_rows_end_where_the_leaves_tell), CHECK(test_a_row_is_told),
           CHECK(test_an_empty_cell_is_filled), CHECK(test_a_lost_entry_is_asked_for),
           CHECK(test_rounds_grow_rarer))
