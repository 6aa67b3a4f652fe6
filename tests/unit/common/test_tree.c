/* Cells of a tree: who stands in them, who gives way, for digits of every size. */
#include <check.h>

#include "wood.h"

#define NOW PP_HOUR

static struct wood wood;

static const unsigned bits[] = {1, 2, 4, 8};

static void test_cells_of_ids(void)
{
    uint64_t state = 4;
    for (size_t i = 0; i < 4; i++) {
        struct pp_tree *t = wood_start(&wood, bits[i], 2, 4);
        unsigned last = PP_ID_BITS / bits[i] - 1;
        for (size_t j = 0; j < 300; j++) {
            struct pp_id id = wood_random(&state);
            memcpy(id.b, t->r.m.a.self.id.b, j % (PP_ID_LEN + 1));
            struct pp_cell cell = pp_tree_cell_of(t, &id);
            unsigned shared = pp_id_shared_bits(&id, &t->r.m.a.self.id) / bits[i];
            CU_ASSERT_EQUAL(pp_tree_shared(t, &id), shared);
            CU_ASSERT_EQUAL(cell.row, shared < last ? shared : last);
            CU_ASSERT_EQUAL(cell.digit, pp_id_digit(&id, cell.row, bits[i]));
            struct pp_id other = pp_tree_random_in(t, cell);
            struct pp_cell same = pp_tree_cell_of(t, &other);
            CU_ASSERT_TRUE(same.row == cell.row && same.digit == cell.digit);
        }
        wood_end(&wood);
    }
}

/* Every run has exactly those of its cell, and `within` those of a longer prefix. */
static void test_runs_against_the_ids_themselves(void)
{
    for (size_t i = 0; i < 4; i++) {
        struct pp_tree *t = wood_start(&wood, bits[i], 200, 4);
        uint64_t state = i;
        for (size_t j = 0; j < 150; j++) {
            struct pp_peer peer = peer_number((uint8_t)(j + 1));
            peer.id = wood_random(&state);
            memcpy(peer.id.b, t->r.m.a.self.id.b, j % 3);
            pp_roster_learn(&t->r.m, NOW, &peer, 0);
        }
        CHECK_FATAL(t->r.table.n == 150);
        for (size_t j = 0; j < t->r.table.n; j++) {
            struct pp_cell cell = pp_tree_cell_of(t, &t->r.table.at[j].peer.id);
            size_t from, to, count = 0;
            pp_tree_run(t, cell, &from, &to);
            CU_ASSERT_TRUE(from <= j && j < to);
            for (size_t k = 0; k < t->r.table.n; k++) {
                struct pp_cell other = pp_tree_cell_of(t, &t->r.table.at[k].peer.id);
                count += other.row == cell.row && other.digit == cell.digit;
            }
            CU_ASSERT_EQUAL(to - from, count);
        }
        for (unsigned row = 0; row < 6; row++) {
            size_t count = 0;
            for (size_t k = 0; k < t->r.table.n; k++) {
                count += pp_tree_shared(t, &t->r.table.at[k].peer.id) >= row;
            }
            CU_ASSERT_EQUAL(pp_tree_within(t, row), count);
        }
        wood_end(&wood);
    }
}

/* Siblings 0x81, 0x82; beyond them two a cell. */
static void full_cell(struct pp_tree *t)
{
    wood_know(t, NOW, 0x81, 0, 0);
    wood_know(t, NOW, 0x82, 0, 0);
    wood_know(t, NOW, 0x10, 1, 50);
    wood_know(t, NOW + PP_SECOND, 0x10, 2, 20);
    CU_ASSERT_EQUAL(t->r.table.n, 4);
}

static void test_an_old_live_one_is_not_displaced(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    full_cell(t);
    wood_know(t, NOW + 2 * PP_SECOND, 0x10, 3, 1); /* nearer, and yet */
    CU_ASSERT_PTR_NULL(wood_entry(t, 0x10, 3));
    CU_ASSERT_EQUAL(wood.f.n, 0); /* both were heard just now */
    wood_know(t, NOW + PP_HOUR, 0x10, 3, 1);
    CU_ASSERT_PTR_NULL(wood_entry(t, 0x10, 3));
    CHECK_FATAL(wood.f.n == 1); /* the one silent for longest is asked whether it lives */
    CU_ASSERT_EQUAL(wood.f.sent[0].to.id.b[1], 1);
    CU_ASSERT_EQUAL(wood.f.sent[0].octets[0], PP_WIRE_PING);
    wood_entry(t, 0x10, 2)->flags |= PP_ENTRY_SUSPECT;
    wood_know(t, NOW + PP_HOUR, 0x10, 3, 0); /* the suspected gives way, whoever is older */
    CU_ASSERT_PTR_NOT_NULL(wood_entry(t, 0x10, 3));
    CU_ASSERT_PTR_NULL(wood_entry(t, 0x10, 2));
    CU_ASSERT_PTR_NOT_NULL(wood_entry(t, 0x10, 1));
    CU_ASSERT_EQUAL(wood.dropped, 1);
    wood_end(&wood);
}

static void test_a_new_sibling_pushes_an_old_one_out(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 1, 2);
    wood_know(t, NOW, 0x8f, 0, 0);
    CU_ASSERT_EQUAL(wood.outgrown, 0);
    wood_know(t, NOW, 0x10, 1, 0);
    CU_ASSERT_EQUAL(wood.outgrown, 1);         /* the siblings may be all no more */
    wood_know(t, NOW + PP_SECOND, 0x10, 2, 0); /* beyond them: room for one */
    CU_ASSERT_EQUAL(t->r.table.n, 3);
    t->r.ask_at = PP_NEVER;
    wood_know(t, NOW + PP_MINUTE, 0x81, 0, 0); /* now 0x10 are two of one cell of one */
    CU_ASSERT_EQUAL(t->r.table.n, 3);
    CU_ASSERT_PTR_NULL(wood_entry(t, 0x10, 1)); /* silent for longer */
    CU_ASSERT_PTR_NOT_NULL(wood_entry(t, 0x10, 2));
    CU_ASSERT_TRUE(t->r.ask_at < PP_NEVER);
    struct pp_peer near = wood_peer(0x8f, 0), far = wood_peer(0x10, 2);
    CU_ASSERT_TRUE(pp_tree_is_sibling(t, &near.id));
    CU_ASSERT_FALSE(pp_tree_is_sibling(t, &far.id));
    CU_ASSERT_EQUAL(wood.outgrown, 1);
    wood_end(&wood);
}

static bool wanted(struct pp_tree *t, uint8_t number, uint8_t more)
{
    struct pp_peer peer = wood_peer(number, more);
    return pp_tree_wanted(&t->r.m, &peer.id, 0);
}

static void test_who_is_asked(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    CU_ASSERT_TRUE(wanted(t, 0x10, 1));
    full_cell(t);
    CU_ASSERT_FALSE(wanted(t, 0x10, 1)); /* known */
    CU_ASSERT_FALSE(wanted(t, 0x10, 9)); /* full */
    CU_ASSERT_TRUE(wanted(t, 0x20, 9));
    CU_ASSERT_TRUE(wanted(t, 0x80, 9)); /* nearer than a sibling */
    wood_end(&wood);
}

static void test_edge_and_siblings(void)
{
    struct pp_cell edge = {0, 0, 0};
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    CU_ASSERT_FALSE(pp_tree_edge(t, &edge));
    wood_know(t, NOW, 0x81, 0, 0);
    CU_ASSERT_FALSE(pp_tree_edge(t, &edge));
    CU_ASSERT_EQUAL(pp_tree_siblings(t), 1);
    wood_know(t, NOW, 0x91, 0, 0);
    CU_ASSERT_TRUE(pp_tree_edge(t, &edge));
    CU_ASSERT_TRUE(edge.row == 0 && edge.digit == 9);
    wood_know(t, NOW, 0x82, 0, 0);
    CU_ASSERT_TRUE(pp_tree_edge(t, &edge));
    CU_ASSERT_TRUE(edge.row == 1 && edge.digit == 2);
    CU_ASSERT_EQUAL(pp_tree_siblings(t), 2);
    wood_end(&wood);
}

static void test_the_best_of_a_cell(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 3, 2);
    struct pp_cell cell = {0, 1, 0};
    CU_ASSERT_PTR_NULL(pp_tree_best(t, cell));
    full_cell(t);
    wood_know(t, NOW, 0x10, 3, 0);
    CU_ASSERT_PTR_EQUAL(pp_tree_best(t, cell), wood_entry(t, 0x10, 2));
    wood_entry(t, 0x10, 2)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_PTR_EQUAL(pp_tree_best(t, cell), wood_entry(t, 0x10, 1));
    wood_entry(t, 0x10, 1)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_PTR_EQUAL(pp_tree_best(t, cell), wood_entry(t, 0x10, 3));
    wood_entry(t, 0x10, 3)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_PTR_NULL(pp_tree_best(t, cell));
    wood_end(&wood);
}

static void test_losses(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    full_cell(t);
    t->r.ask_at = PP_NEVER;
    wood_lose(t, NOW, 0x10, 1);
    CU_ASSERT_EQUAL(t->n_look, 0); /* half of the cell is enough */
    CU_ASSERT_EQUAL(t->r.ask_at, PP_NEVER);
    wood_lose(t, NOW, 0x10, 2);
    CHECK_FATAL(t->n_look == 1);
    CU_ASSERT_TRUE(t->look[0].row == 0 && t->look[0].digit == 1);
    wood_lose(t, NOW, 0x81, 0);
    CU_ASSERT_TRUE(t->r.ask_at < PP_NEVER); /* a sibling: others are asked for */
    wood_lose(t, NOW, 0x82, 0);
    CU_ASSERT_EQUAL(t->r.m.state, PP_ALONE);
    wood_lose(t, NOW, 0x82, 0);
    wood_end(&wood);
}

static void test_a_joiners_memory_is_cut_to_cells(void)
{
    struct pp_tree *t = wood_start(&wood, 4, 2, 2);
    struct pp_order order = pp_roster_order(&t->r);
    for (uint8_t i = 0; i < 60; i++) {
        struct pp_peer peer = wood_peer((uint8_t)(0x10 * (i % 6)), i);
        struct pp_entry entry = pp_entry_now(&peer, NOW + i * PP_SECOND);
        pp_peerset_insert(&t->r.table, &order, UINT16_MAX, &entry);
    }
    wood.dropped = 0;
    pp_tree_trim_all(t, NOW + PP_MINUTE);
    CU_ASSERT_EQUAL(t->r.table.n + wood.dropped, 60);
    CU_ASSERT_EQUAL(t->r.table.n, 6 * 2 + 2);        /* two siblings besides */
    CU_ASSERT_PTR_NOT_NULL(wood_entry(t, 0x00, 54)); /* the freshest stay */
    wood_end(&wood);
}

static void test_fewer_than_the_siblings_are_the_whole_network(void)
{
    struct pp_tree *t = wood_start(&wood, 1, 2, 3);
    for (uint8_t i = 0; i < 2; i++) {
        wood_know(t, NOW, (uint8_t)(0x90 + i), 0, 0);
    }
    CU_ASSERT_TRUE(t->r.kind->whole(&t->r));
    wood_know(t, NOW, 0x92, 0, 0);
    CU_ASSERT_FALSE(t->r.kind->whole(&t->r));
    wood_end(&wood);
}

CHECK_MAIN("tree", CHECK(test_fewer_than_the_siblings_are_the_whole_network),
           CHECK(test_cells_of_ids), CHECK(test_runs_against_the_ids_themselves),
           CHECK(test_an_old_live_one_is_not_displaced),
           CHECK(test_a_new_sibling_pushes_an_old_one_out), CHECK(test_who_is_asked),
           CHECK(test_edge_and_siblings), CHECK(test_the_best_of_a_cell), CHECK(test_losses),
           CHECK(test_a_joiners_memory_is_cut_to_cells))
