/* Who stands in a node's list: leaves of both sides, one a cell, the nearest in the network. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

static struct pp_id id_of(uint16_t number)
{
    return pastry_peer(number).id;
}

static void test_leaves_and_their_arc_round_zero(void)
{
    static const uint16_t known[] = {0x20, 0x30, 0x4000, 0x8000, 0xffe0, 0xfff0};
    static const bool leaf[] = {true, true, false, false, true, true};
    struct pp_substrate_node *n = pastry_lone(&net, 4, 4, 0x10);
    struct pp_id far = id_of(0x9999);
    CU_ASSERT_TRUE(pastry_in_arc(n, &far, PASTRY_LEFT)); /* as far as it knows: the whole ring */
    for (size_t i = 0; i < 6; i++) {
        pastry_know(&net, n, known[5 - i], 0);
    }
    CHECK_FATAL(n->r.table.n == 6);
    for (size_t i = 0; i < 6; i++) {
        struct pp_id id = id_of(known[i]);
        CU_ASSERT_TRUE(pp_id_equal(&n->r.table.at[i].peer.id, &id));
        CU_ASSERT_EQUAL(pastry_is_leaf(n, i), leaf[i]);
    }
    struct pp_id right = id_of(0x30), left = id_of(0xffe0), one = pp_id_power(0);
    struct pp_id beyond_right = pp_id_add(&right, &one), beyond_left = pp_id_sub(&left, &one);
    CU_ASSERT_TRUE(pastry_in_arc(n, &right, PASTRY_RIGHT));
    CU_ASSERT_FALSE(pastry_in_arc(n, &beyond_right, PASTRY_RIGHT));
    CU_ASSERT_TRUE(pastry_in_arc(n, &left, PASTRY_LEFT));
    CU_ASSERT_FALSE(pastry_in_arc(n, &beyond_left, PASTRY_LEFT));
    struct pp_id zero = {{0}};
    CU_ASSERT_TRUE(pastry_in_arc(n, &zero, PASTRY_LEFT));
    CU_ASSERT_FALSE(pastry_in_arc(n, &zero, PASTRY_RIGHT));
    net_end(&net);
}

/* A cell is the interval of ids that share `row` digits and go on with the digit: no id lies in two
 * and none in none. */
static void test_cells_are_intervals(void)
{
    static const unsigned bits[] = {1, 2, 4, 8};
    uint64_t state = 3;
    for (size_t i = 0; i < 4; i++) {
        struct pp_substrate_node *n = pastry_lone(&net, bits[i], 4, 0x7a3c);
        for (int j = 0; j < 200; j++) {
            struct pp_id id = net_random_id(&state), low, high, one = pp_id_power(0);
            memcpy(id.b, n->r.m.a.self.id.b, (size_t)j % PP_ID_LEN);
            struct pastry_cell cell = pastry_cell_of(n, &id);
            CU_ASSERT_EQUAL(cell.row, pp_id_shared_bits(&n->r.m.a.self.id, &id) / bits[i]);
            pastry_cell_ids(n, cell, &low, &high);
            CU_ASSERT_TRUE(pp_id_compare(&low, &id) <= 0 && pp_id_compare(&id, &high) <= 0);
            CU_ASSERT_EQUAL(pastry_cell_of(n, &low).row, cell.row);
            CU_ASSERT_EQUAL(pastry_cell_of(n, &high).digit, cell.digit);
            struct pp_id after = pp_id_add(&high, &one), before = pp_id_sub(&low, &one);
            struct pastry_cell a = pastry_cell_of(n, &after), b = pastry_cell_of(n, &before);
            CU_ASSERT_FALSE(a.row == cell.row && a.digit == cell.digit);
            CU_ASSERT_FALSE(b.row == cell.row && b.digit == cell.digit);
        }
        CU_ASSERT_EQUAL(pastry_cell_of(n, &n->r.m.a.self.id).row, PP_ID_BITS / bits[i] - 1);
        net_end(&net);
    }
}

static void test_a_span_has_both_ends(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    struct pastry_cell cell = {0, 0x8};
    struct pp_peer low = pastry_peer(0), high = pastry_peer(0);
    size_t from, to;
    pastry_cell_ids(n, cell, &low.id, &high.id);
    pastry_know(&net, n, 0x7fff, 0);
    pastry_know(&net, n, 0x9000, 0);
    pastry_cell_span(n, cell, &from, &to);
    CU_ASSERT_EQUAL(from, to);
    n->r.m.phase = PP_PHASE_ENTER; /* so that nothing is cut away */
    n->r.m.ops->learn(&n->r.m, net.now, &low, 0);
    pp_put16(high.address + 14, 1);
    struct pp_entry entry = pp_entry_now(&high, net.now);
    struct pp_order order = pp_roster_order(&n->r);
    pp_peerset_insert(&n->r.table, &order, UINT16_MAX, &entry);
    pastry_cell_span(n, cell, &from, &to);
    CU_ASSERT_EQUAL(to - from, 2);
    net_end(&net);
}

static void fill_leaves(struct pp_substrate_node *n)
{
    pastry_know(&net, n, 0x20, 0);
    pastry_know(&net, n, 0xfff0, 0);
}

static void test_a_cell_keeps_the_nearest_in_the_network(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    fill_leaves(n);
    pastry_know(&net, n, 0x8000, 80);
    pastry_know(&net, n, 0x8100, 70); /* not nearer by a quarter: the old one stays */
    CU_ASSERT_PTR_NOT_NULL(pastry_known(n, 0x8000));
    CU_ASSERT_PTR_NULL(pastry_known(n, 0x8100));
    pastry_know(&net, n, 0x8200, 0); /* nobody knows how near it is */
    CU_ASSERT_PTR_NULL(pastry_known(n, 0x8200));
    pastry_know(&net, n, 0x8300, 50);
    CU_ASSERT_PTR_NULL(pastry_known(n, 0x8000));
    CHECK_FATAL(pastry_known(n, 0x8300) != NULL);
    pastry_known(n, 0x8300)->flags |= PP_ENTRY_SUSPECT;
    pastry_know(&net, n, 0x8400, 900); /* whoever is suspected gives way to any */
    CU_ASSERT_PTR_NULL(pastry_known(n, 0x8300));
    CU_ASSERT_PTR_NOT_NULL(pastry_known(n, 0x8400));
    net_end(&net);
}

static void test_a_new_leaf_pushes_the_old_into_its_cell(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    pastry_know(&net, n, 0x8100, 50); /* both are leaves */
    pastry_know(&net, n, 0x8900, 10);
    pastry_know(&net, n, 0x20, 0);
    CU_ASSERT_EQUAL(n->r.table.n, 3);
    n->r.ask_at = PP_NEVER;
    pastry_know(&net, n, 0xfff0, 0); /* now they are two of one cell: the nearer stays */
    CU_ASSERT_EQUAL(n->r.table.n, 3);
    CU_ASSERT_PTR_NULL(pastry_known(n, 0x8100));
    CU_ASSERT_PTR_NOT_NULL(pastry_known(n, 0x8900));
    CU_ASSERT_TRUE(n->r.ask_at < PP_NEVER); /* others may be near: it asks */
    CU_ASSERT_EQUAL(pastry_check(&n, 1, &(struct pp_sink){NULL, NULL}), 0);
    net_end(&net);
}

static bool wanted(const struct pp_substrate_node *n, uint16_t id, uint32_t tag)
{
    struct pp_peer peer = pastry_peer(id);
    return pastry_wanted(&n->r.m, &peer.id, tag);
}

static void test_who_is_asked(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    fill_leaves(n);
    CU_ASSERT_TRUE(wanted(n, 0x8000, 0));
    pastry_know(&net, n, 0x8000, 0);
    CU_ASSERT_FALSE(wanted(n, 0x8000, PASTRY_SPARE)); /* known */
    CU_ASSERT_FALSE(wanted(n, 0x8100, 0));            /* its cell is filled */
    CU_ASSERT_TRUE(wanted(n, 0x8100, PASTRY_SPARE));  /* .. but its round trip may be taken */
    CU_ASSERT_TRUE(wanted(n, 0x9000, 0));             /* an empty cell */
    CU_ASSERT_TRUE(wanted(n, 0x18, 0));               /* nearer than a leaf, on either side */
    CU_ASSERT_TRUE(wanted(n, 0xfff8, 0));
    net_end(&net);
}

static void test_the_best_of_a_cell(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 8, 0x10); /* 4 leaves a side */
    struct pastry_cell cell = {0, 0x8};
    CU_ASSERT_PTR_NULL(pastry_cell_best(n, cell));
    pastry_know(&net, n, 0x8000, 0);
    CU_ASSERT_PTR_EQUAL(pastry_cell_best(n, cell), pastry_known(n, 0x8000));
    pastry_know(&net, n, 0x8100, 90);
    pastry_know(&net, n, 0x8200, 30);
    pastry_know(&net, n, 0x9000, 1); /* of another cell */
    CU_ASSERT_PTR_EQUAL(pastry_cell_best(n, cell), pastry_known(n, 0x8200));
    pastry_known(n, 0x8200)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_PTR_EQUAL(pastry_cell_best(n, cell), pastry_known(n, 0x8100));
    net_end(&net);
}

static void test_peers_alternate_between_the_sides(void)
{
    static const uint16_t order[] = {0x20, 0xfff0, 0x30, 0xffe0, 0x4000};
    struct pp_substrate_node *n = pastry_lone(&net, 4, 4, 0x10);
    struct pp_peer peers[8];
    for (size_t i = 0; i < 5; i++) {
        pastry_know(&net, n, order[i], 0);
    }
    CU_ASSERT_EQUAL(pastry_peers(&n->r.m, peers, 8), 5);
    for (size_t i = 0; i < 5; i++) {
        struct pp_id id = id_of(order[i]);
        CU_ASSERT_TRUE(pp_id_equal(&peers[i].id, &id));
    }
    CU_ASSERT_EQUAL(pastry_peers(&n->r.m, peers, 3), 3);
    pastry_known(n, 0x20)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pastry_peers(&n->r.m, peers, 8), 4);
    CU_ASSERT_EQUAL(pp_get16(peers[0].id.b), 0xfff0);
    net_end(&net);
}

static void test_a_lost_leaf_and_a_lost_entry(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    fill_leaves(n);
    pastry_know(&net, n, 0x8000, 0);
    n->r.ask_at = n->row_at = n->cell_at = PP_NEVER;
    pastry_lose(&net, n, 0x8000);
    CU_ASSERT_EQUAL(n->r.ask_at, PP_NEVER);           /* no leaf: nobody is asked for others */
    CU_ASSERT_TRUE(n->row_at <= net.now + PP_SECOND); /* but a row mate, soon, */
    CU_ASSERT_TRUE(n->cell_at <= net.now + n->net->refresh); /* and then whoever is nearest */
    n->row_at = PP_NEVER;
    pastry_lose(&net, n, 0x9000); /* unknown: nothing */
    CU_ASSERT_EQUAL(n->row_at, PP_NEVER);
    pastry_lose(&net, n, 0x20);
    CU_ASSERT_TRUE(n->r.ask_at < net.now + 5 * PP_SECOND);
    pastry_lose(&net, n, 0xfff0);
    CU_ASSERT_EQUAL(n->r.m.state, PP_ALONE);
    net_end(&net);
}

static void test_leaves_that_are_not_full_are_the_whole_network(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 4, 0x10);
    for (uint16_t i = 1; i <= 3; i++) {
        pastry_know(&net, n, (uint16_t)(0x1000 * i), 0);
    }
    CU_ASSERT_TRUE(n->r.kind->whole(&n->r));
    pastry_know(&net, n, 0x4000, 0);
    CU_ASSERT_FALSE(n->r.kind->whole(&n->r));
    net_end(&net);
}

CHECK_MAIN("pastry table", CHECK(test_leaves_that_are_not_full_are_the_whole_network),
           CHECK(test_leaves_and_their_arc_round_zero), CHECK(test_cells_are_intervals),
           CHECK(test_a_span_has_both_ends), CHECK(test_a_cell_keeps_the_nearest_in_the_network),
           CHECK(test_a_new_leaf_pushes_the_old_into_its_cell), CHECK(test_who_is_asked),
           CHECK(test_the_best_of_a_cell), CHECK(test_peers_alternate_between_the_sides),
           CHECK(test_a_lost_leaf_and_a_lost_entry))
