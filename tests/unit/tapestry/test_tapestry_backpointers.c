/* Who has us in its table: told, renewed, withdrawn, forgotten after a lease, warned when we go. */
#include <check.h>

#include "tapestry_net.h"

static struct net net;

static void point(size_t node, const struct pp_peer *from, uint8_t points, uint8_t flags,
                  uint32_t facts)
{
    struct pp_writer w;
    pp_writer_begin(&w, TAPESTRY_POINT, flags, 5);
    pp_write8(&w, points);
    net_inject(&net, from, node, &w, facts);
}

static void test_pointing(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    struct pp_substrate_node *n = net.node[7];
    struct pp_id id = {{0x77, 1}};
    struct pp_peer peer = tapestry_nobody(&id, 1);
    uint64_t answers = net.sent[TAPESTRY_POINT | PP_WIRE_REPLY];
    point(7, &peer, 1, PP_WIRE_ACTIVE, 0);
    CU_ASSERT_FALSE(tapestry_points_back(n, &id)); /* who says so? */
    point(7, &peer, 1, 0, PP_ID_PROVED);
    CU_ASSERT_FALSE(tapestry_points_back(n, &id)); /* it is no member */
    point(7, &peer, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_TRUE(tapestry_points_back(n, &id));
    CU_ASSERT_EQUAL(net.sent[TAPESTRY_POINT | PP_WIRE_REPLY] - answers, 2);
    point(7, &peer, 0, PP_WIRE_ACTIVE, PP_ID_PROVED);
    CU_ASSERT_FALSE(tapestry_points_back(n, &id));
    net_end(&net);
}

static void test_there_are_never_too_many(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    struct pp_substrate_node *n = net.node[7];
    uint64_t state = 4;
    for (unsigned i = 0; i < 3 * TAPESTRY_BACKPOINTERS; i++) {
        struct pp_id id = net_random_id(&state);
        struct pp_peer peer = tapestry_nobody(&id, (uint8_t)i);
        point(7, &peer, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
    }
    CU_ASSERT_EQUAL(n->backpointers.n, TAPESTRY_BACKPOINTERS);
    net_end(&net);
}

/* In a quiet network whoever fills a cell soon knows it, and pointers and backpointers agree. */
static void test_those_who_fill_our_cells_know_it(void)
{
    size_t pointers = 0;
    tapestry_scatter(&net, 4, 1, 4, 40);
    net_run(&net, 2 * PP_MINUTE);
    for (size_t i = 0; i < net.n; i++) {
        const struct pp_peerset *t = &net.node[i]->t.r.table;
        for (size_t j = 0; j < net.n; j++) {
            if (pp_roster_entry(&net.node[i]->t.r.m, &net.self[j].id)) {
                CU_ASSERT_TRUE(tapestry_points_back(net.node[j], &net.self[i].id));
                pointers++;
            }
        }
        for (size_t e = 0; e < t->n; e++) {
            CU_ASSERT_TRUE(t->at[e].flags & TAPESTRY_POINTED);
        }
    }
    CU_ASSERT_TRUE(pointers > 40 * 10);
    net_end(&net);
}

static void test_a_lease_ends(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    struct pp_substrate_node *n = net.node[7];
    struct pp_id id = {{0x77, 1}};
    struct pp_peer peer = tapestry_nobody(&id, 1);
    point(7, &peer, 1, PP_WIRE_ACTIVE, PP_ID_PROVED);
    tapestry_point(n, net.now + TAPESTRY_LEASE - PP_SECOND);
    CU_ASSERT_TRUE(tapestry_points_back(n, &id));
    tapestry_learn(&n->t.r.m, net.now + TAPESTRY_LEASE / 2, &peer, 0); /* heard: renewed */
    tapestry_point(n, net.now + TAPESTRY_LEASE + PP_SECOND);
    CU_ASSERT_TRUE(tapestry_points_back(n, &id));
    tapestry_point(n, net.now + 2 * TAPESTRY_LEASE);
    CU_ASSERT_FALSE(tapestry_points_back(n, &id));
    net_end(&net);
}

static void test_one_that_is_dropped_hears_it(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    net_run(&net, PP_MINUTE);
    struct pp_substrate_node *n = net.node[7];
    struct pp_peer out = n->t.r.table.at[n->t.r.table.n - 1u].peer;
    tapestry_dropped(&n->t, &out);
    const struct flight *f = tapestry_flight(&net, TAPESTRY_POINT);
    CHECK_FATAL(f != NULL);
    CU_ASSERT_TRUE(pp_id_equal(&net.self[f->to].id, &out.id));
    CU_ASSERT_EQUAL(f->octets[PP_WIRE_HEADER], 0);
    net_end(&net);
}

/* All in whose tables it stands are told, with replacements: nobody waits for a time-out. */
static void test_goodbye(void)
{
    tapestry_scatter(&net, 4, 1, 4, 40);
    net_run(&net, 2 * PP_MINUTE);
    peerpost_plugin.leave(net.node[7], net.now, net.now + PP_SECOND);
    const struct flight *f = tapestry_flight(&net, TAPESTRY_LEAVE);
    CHECK_FATAL(f != NULL);
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    struct pp_header header;
    struct pp_page page;
    pp_read_header(&r, &header);
    pp_read_page(&r, &page, 0);
    CU_ASSERT_TRUE(pp_read_done(&r) && page.n == 8);
    net_run(&net, 100 * PP_MS);
    for (size_t i = 0; i < net.n; i++) {
        if (i != 7) {
            CU_ASSERT_PTR_NULL(pp_roster_entry(&net.node[i]->t.r.m, &net.self[7].id));
            CU_ASSERT_FALSE(tapestry_points_back(net.node[i], &net.self[7].id));
        }
    }
    net_run(&net, PP_MINUTE);
    net_kill(&net, 7);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_cut_goodbye_is_none(void)
{
    struct pp_writer w;
    tapestry_scatter(&net, 4, 1, 4, 40);
    const struct pp_peer near = net.node[7]->t.r.table.at[0].peer;
    pp_writer_begin(&w, TAPESTRY_LEAVE, PP_WIRE_ACTIVE, 1);
    net_inject(&net, &near, 7, &w, PP_ID_PROVED);
    pp_write_page(&w, &near, 1, 0, NULL, 0);
    net_inject(&net, &near, 7, &w, 0);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[7]->t.r.m, &near.id));
    net_end(&net);
}

CHECK_MAIN("tapestry backpointers", CHECK(test_pointing), CHECK(test_there_are_never_too_many),
           CHECK(test_those_who_fill_our_cells_know_it), CHECK(test_a_lease_ends),
           CHECK(test_one_that_is_dropped_hears_it), CHECK(test_goodbye),
           CHECK(test_a_cut_goodbye_is_none))
