/* Rows: told to who asks, filled by a joiner from the longest prefix up, compared later. */
#include <check.h>

#include "tapestry_net.h"

static struct net net;

/* The peers that a node names for a row; -1: no answer. */
static int row_of(size_t node, const struct pp_peer *from, unsigned row, unsigned first,
                  struct pp_page *page)
{
    struct pp_writer w;
    struct pp_header header;
    uint64_t before = net.sent[TAPESTRY_ROWS | PP_WIRE_REPLY];
    pp_writer_begin(&w, TAPESTRY_ROWS, PP_WIRE_ACTIVE, 5);
    pp_write8(&w, (uint8_t)row);
    pp_write8(&w, (uint8_t)first);
    net_inject(&net, from, node, &w, PP_ID_PROVED);
    if (net.sent[TAPESTRY_ROWS | PP_WIRE_REPLY] == before) {
        return -1;
    }
    const struct flight *f = tapestry_flight(&net, TAPESTRY_ROWS | PP_WIRE_REPLY);
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK);
    CU_ASSERT_EQUAL(pp_read8(&r), row);
    pp_read_page(&r, page, 0);
    CHECK_FATAL(pp_read_done(&r));
    return page->n;
}

static void test_a_row_is_told(void)
{
    struct pp_page page;
    tapestry_scatter(&net, 4, 1, 4, 90);
    struct pp_substrate_node *n = net.node[11];
    unsigned own = pp_id_digit(&net.self[11].id, 0, 4);
    bool second[16] = {false}, backups = false;
    int count = row_of(11, &net.self[3], 0, 0, &page);
    CHECK_FATAL(count > 20);
    for (int i = 0; i < count; i++) { /* first all primaries, then the backups */
        unsigned digit = pp_id_digit(&page.peers[i].id, 0, 4);
        CU_ASSERT_NOT_EQUAL(digit, own);
        backups = backups || second[digit];
        CU_ASSERT_TRUE(second[digit] || !backups);
        second[digit] = true;
    }
    CU_ASSERT_EQUAL(row_of(11, &net.self[3], 0, (unsigned)count - 2, &page), 2);
    CU_ASSERT_EQUAL(row_of(11, &net.self[3], 39, 0, &page), 0);
    CU_ASSERT_EQUAL(row_of(11, &net.self[3], 40, 0, &page), -1); /* there is none such */
    CU_ASSERT_EQUAL(row_of(11, &net.self[3], 255, 255, &page), -1);
    n->t.r.m.a.active = false;
    CU_ASSERT_EQUAL(row_of(11, &net.self[3], 0, 0, &page), -1);
    net_end(&net);
}

/* Who points at us and shares the row's prefix is named, who does not is not. */
static void test_backpointers_are_named(void)
{
    struct pp_page page;
    tapestry_scatter(&net, 4, 0, 4, 10);
    struct pp_substrate_node *n = net.node[3];
    struct pp_order order = pp_roster_order(&n->t.r);
    struct pp_id near = net.self[3].id, far = net.self[3].id;
    near.b[10] ^= 1;
    far.b[0] ^= 0x80;
    for (uint8_t i = 0; i < 2; i++) {
        struct pp_peer peer = tapestry_nobody(i ? &far : &near, i);
        struct pp_entry entry = pp_entry_now(&peer, net.now);
        pp_peerset_insert(&n->backpointers, &order, TAPESTRY_BACKPOINTERS, &entry);
    }
    row_of(3, &net.self[1], 5, 0, &page);
    CU_ASSERT_TRUE(pp_page_has(&page, &near));
    CU_ASSERT_FALSE(pp_page_has(&page, &far));
    net_end(&net);
}

static bool lose_rows(const struct flight *f)
{
    return f->octets[0] == TAPESTRY_ROWS;
}

/* Nobody answers for a row: after some seconds a row, it becomes active all the same. */
static void test_a_joiner_does_not_wait_for_ever(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    net.lose = lose_rows;
    size_t node = net_add(&net, 0x4242, PP_MEMBER);
    net_meet(&net, node, 0);
    net_run(&net, PP_MINUTE);
    CU_ASSERT_TRUE(net.node[node]->t.r.m.a.active);
    CU_ASSERT_EQUAL(net.node[node]->fill_until, PP_NEVER);
    net.lose = NULL;
    net_end(&net);
}

/* A joiner is active with its rows filled, from the longest prefix that it shares up. */
static void test_a_joiner_fills_its_rows(void)
{
    tapestry_scatter(&net, 4, 1, 4, 90);
    size_t node = net_add(&net, 0x4242, PP_MEMBER);
    net_meet(&net, node, 0);
    for (int i = 0; i < 600 && !net.node[node]->t.r.m.a.active; i++) {
        net_run(&net, 100 * PP_MS);
    }
    struct pp_substrate_node *n = net.node[node];
    CHECK_FATAL(n->t.r.m.a.active);
    CU_ASSERT_EQUAL(n->fill_row, -1);
    struct pp_substrate_node *alone[] = {n};
    CU_ASSERT_EQUAL(pp_tree_check(alone, 1, NULL), 0);
    for (unsigned digit = 0; digit < 16; digit++) { /* all cells of the first row, as it enters */
        bool lives = false;
        for (size_t i = 0; i < net.n; i++) {
            lives = lives || (i != node && pp_id_digit(&net.self[i].id, 0, 4) == digit);
        }
        const struct pp_entry *best = pp_tree_best(&n->t, (struct pp_cell){0, (uint8_t)digit, 0});
        CU_ASSERT_TRUE(!lives || best != NULL || digit == 4);
    }
    net_end(&net);
}

/* Cells emptied behind its back are filled by comparing rows. */
static void test_rows_are_compared(void)
{
    tapestry_scatter(&net, 4, 1, 4, 90);
    struct pp_substrate_node *n = net.node[11];
    net_run(&net, 2 * PP_MINUTE); /* all have told that they point at it */
    while (n->t.r.table.n > 4) {
        pp_peerset_remove(&n->t.r.table, n->t.r.table.n - 1u);
    }
    CU_ASSERT_TRUE(net_check(&net) > 5);
    n->t.r.ask_at = PP_NEVER; /* in so small a network a sibling could name them all */
    tapestry_hurry(n, net.now);
    net_run(&net, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* Somebody near is new: each row soon, then again one a period. */
static void test_hurry(void)
{
    tapestry_scatter(&net, 4, 1, 4, 90);
    struct pp_substrate_node *n = net.node[11];
    n->hurry = 0;
    struct pp_id near = net.self[11].id;
    near.b[19] ^= 1;
    struct pp_peer peer = tapestry_nobody(&near, 1);
    tapestry_learn(&n->t.r.m, net.now, &peer, 0);
    CU_ASSERT_TRUE(n->hurry > 0 && n->refresh_at <= net.now + 3 * PP_SECOND);
    n->hurry = 0;
    tapestry_learn(&n->t.r.m, net.now, &peer, 0); /* known: nothing new */
    CU_ASSERT_EQUAL(n->hurry, 0);
    net_end(&net);
}

CHECK_MAIN("tapestry rows", CHECK(test_a_row_is_told), CHECK(test_backpointers_are_named),
           CHECK(test_a_joiner_does_not_wait_for_ever), CHECK(test_a_joiner_fills_its_rows),
           CHECK(test_rows_are_compared), CHECK(test_hurry))
