/* The list of a look-up: sorted, each peer once, bounded; a contact gets its place when known. */
#include <check.h>

#include "fake.h"

static struct fake fake;

static void rank(const struct pp_agent *agent, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    (void)agent;
    (void)extra;
    struct pp_id d = pp_id_sub(&peer->id, key);
    memcpy(out, d.b, PP_ID_LEN);
}

static const struct pp_lookup_ops ops = {.root = true, .reversed = true, .rank = rank};

static void test_sorted_and_once(void)
{
    struct pp_agent agent;
    struct pp_lookup l = {.k = 5, .paths = 1};
    fake_agent(&agent, &fake, &ops);
    static const uint8_t order[] = {50, 10, 30, 20, 40, 10, 30};
    for (size_t i = 0; i < sizeof order; i++) {
        struct pp_peer peer = peer_number(order[i]);
        CU_ASSERT_PTR_NOT_NULL(pp_lookup_offer(&agent, &l, &peer, NULL));
    }
    CU_ASSERT_EQUAL(l.n, 5);
    for (size_t i = 0; i < l.n; i++) {
        CU_ASSERT_EQUAL(l.at[i].peer.id.b[0], 10 * (i + 1));
    }
    struct pp_lookup_peer *best = pp_lookup_best_new(&agent, &l, 0);
    CU_ASSERT_EQUAL(best->peer.id.b[0], 50); /* reversed: the last before the key */
    best->state = PP_ASK_SENT;
    CU_ASSERT_EQUAL(pp_lookup_best_new(&agent, &l, 0)->peer.id.b[0], 40);
    free(l.at);
    pp_agent_free(&agent);
}

static void test_a_contact_gets_its_place(void)
{
    struct pp_agent agent;
    struct pp_lookup l = {.k = 5, .paths = 1};
    struct pp_peer contact = peer_number(30), proved = contact, other = peer_number(20);
    fake_agent(&agent, &fake, &ops);
    contact.id = (struct pp_id){{0}};
    pp_lookup_offer(&agent, &l, &other, NULL);
    struct pp_lookup_peer *who = pp_lookup_offer(&agent, &l, &contact, NULL);
    uint16_t serial = who->serial;
    CU_ASSERT_EQUAL(pp_lookup_best_new(&agent, &l, 0)->serial, serial); /* strangers first */
    who = pp_lookup_identify(&agent, &l, who, &proved);
    CU_ASSERT_EQUAL(who->serial, serial);
    CU_ASSERT_EQUAL(who - l.at, 1);
    CU_ASSERT_TRUE(pp_id_equal(&who->peer.id, &proved.id));
    free(l.at);
    pp_agent_free(&agent);
}

static void test_ourselves(void)
{
    struct pp_agent agent;
    struct pp_lookup l = {.k = 5, .paths = 1};
    fake_agent(&agent, &fake, &ops);
    CU_ASSERT_PTR_NULL(pp_lookup_offer(&agent, &l, &agent.self, NULL)); /* an earlier life */
    struct pp_peer earlier = agent.self; /* a node that joins again is a client first: without id */
    agent.self.id = (struct pp_id){{0}};
    CU_ASSERT_PTR_NULL(pp_lookup_offer(&agent, &l, &earlier, NULL));
    agent.self = earlier;
    agent.active = true;
    struct pp_lookup_peer *who = pp_lookup_offer(&agent, &l, &agent.self, NULL);
    CHECK_FATAL(who != NULL);
    CU_ASSERT_EQUAL(who->state, PP_ASK_ANSWERED);
    free(l.at);
    pp_agent_free(&agent);
}

static void test_bounded(void)
{
    struct pp_agent agent;
    struct pp_lookup l = {.k = 5, .paths = 1};
    struct pp_peer peer = peer_number(1);
    fake_agent(&agent, &fake, &ops);
    for (uint16_t i = 0; i < 1000; i++) {
        pp_put16(peer.id.b + 1, i);
        pp_put16(peer.address + 14, i);
        pp_lookup_offer(&agent, &l, &peer, NULL);
    }
    CU_ASSERT_EQUAL(l.n, PP_LOOKUP_PEERS_MAX);
    CU_ASSERT_EQUAL(pp_get16(l.at[l.n - 1].peer.id.b + 1), 999); /* the worst gave way */
    for (size_t i = 0; i < l.n; i++) {
        l.at[i].state = PP_ASK_SENT;
    }
    peer.id.b[0] = 2;
    CU_ASSERT_PTR_NULL(pp_lookup_offer(&agent, &l, &peer, NULL)); /* all are in use */
    free(l.at);
    pp_agent_free(&agent);
}

CHECK_MAIN("lookup list", CHECK(test_sorted_and_once), CHECK(test_a_contact_gets_its_place),
           CHECK(test_ourselves), CHECK(test_bounded))
