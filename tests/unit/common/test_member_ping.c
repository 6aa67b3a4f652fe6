/* Hearsay, suspicion, death, second owners of an id, clients. */
#include <check.h>
#include <stdlib.h>

#include "toy.h"

static struct toy toy;

static const struct pp_entry *entry(uint8_t number)
{
    struct pp_id id = peer_number(number).id;
    return pp_tables_entry(&toy.n->m, &id);
}

static void test_hearsay_is_asked(void)
{
    static const uint8_t known[] = {1};
    struct pp_peer teller = peer_number(1), told = peer_number(2), local = peer_number(3);
    struct pp_peer far = teller;
    toy_member(&toy, known, 1);
    memcpy(local.address + 12, "\x7f\0\0\1", 4); /* a public peer names our loopback */
    far.address[12] = 80;
    pp_member_candidate(&toy.n->m, PP_SECOND, &local, &far, 0);
    CU_ASSERT_EQUAL(toy.f.n, 0);
    pp_member_candidate(&toy.n->m, PP_SECOND, &told, &teller, 0);
    CU_ASSERT_EQUAL(toy.f.n, 1);
    CU_ASSERT_PTR_NULL(entry(2));
    toy_answer(&toy, PP_SECOND, 0, 2, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_PTR_NOT_NULL(entry(2));
    CU_ASSERT_EQUAL(toy.n->m.pinging, 0);
    toy_end(&toy);
}

static void test_silence_is_suspicion_then_death(void)
{
    static const uint8_t known[] = {1};
    struct pp_peer peer = peer_number(1), teller = peer_number(2);
    toy_member(&toy, known, 1);
    pp_member_ping(&toy.n->m, PP_SECOND, &peer, 0);
    toy_run(&toy, 2 * PP_SECOND + PP_SECOND / 2);
    CU_ASSERT_TRUE(entry(1) && entry(1)->flags & PP_ENTRY_SUSPECT);
    CU_ASSERT_TRUE(toy.n->down.at[0].flags & PP_ENTRY_SUSPECT); /* in each table */
    CU_ASSERT_TRUE(toy.n->suspected > 0);
    toy_run(&toy, PP_MINUTE / 2);
    CU_ASSERT_PTR_NULL(entry(1));
    CU_ASSERT_TRUE(toy.n->m.trouble_until > PP_MINUTE);
    CU_ASSERT_TRUE(toy.n->settled > 0);
    size_t before = toy.f.n;
    pp_member_candidate(&toy.n->m, 20 * PP_SECOND, &peer, &teller, 0);
    CU_ASSERT_EQUAL(toy.f.n, before); /* gossip does not bring it back */
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_PING, PP_WIRE_ACTIVE, 1);
    pp_write_ping(&w, NULL);
    toy_hear(&toy, 20 * PP_SECOND, &peer, &w);
    CU_ASSERT_PTR_NOT_NULL(entry(1)); /* its own word does */
    CU_ASSERT_FALSE(pp_quarantine_has(&toy.n->m.quarantine, &peer.id, 20 * PP_SECOND));
    toy_end(&toy);
}

static void test_an_old_endpoint_proves_nothing(void)
{
    static const uint8_t known[] = {1};
    struct pp_peer old = peer_number(1), moved = old;
    struct pp_writer w;
    toy_member(&toy, known, 1);
    moved.address[15] = 200;
    pp_writer_begin(&w, PP_WIRE_PING, PP_WIRE_ACTIVE, 1);
    pp_write_ping(&w, NULL);
    toy_hear(&toy, PP_SECOND, &moved, &w);
    CU_ASSERT_TRUE(entry(1) && pp_peer_same_endpoint(&entry(1)->peer, &moved));
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&toy.n->down.at[0].peer, &moved));
    pp_member_silent(&toy.n->m, PP_SECOND, &old);
    CU_ASSERT_PTR_NOT_NULL(entry(1));
    pp_member_silent(&toy.n->m, PP_SECOND, &moved);
    CU_ASSERT_PTR_NULL(entry(1));
    toy_end(&toy);
}

static void test_a_joiner_under_a_known_id(void)
{
    static const uint8_t known[] = {1};
    struct pp_peer same = peer_number(1), twin = same;
    struct pp_writer w;
    toy_member(&toy, known, 1);
    twin.address[15] = 200;
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 1);
    toy_hear(&toy, PP_SECOND, &twin, &w);
    CU_ASSERT_TRUE(toy.n->knew);
    CU_ASSERT_TRUE(entry(1) && pp_peer_same_endpoint(&entry(1)->peer, &same));
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_PING), 1); /* the one we know is asked */
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&toy.f.sent[0].to, &same));
    toy_hear(&toy, PP_SECOND, &same, &w);
    CU_ASSERT_PTR_NULL(entry(1)); /* it has begun anew itself */
    toy_hear(&toy, PP_SECOND, &same, &w);
    CU_ASSERT_FALSE(toy.n->knew);
    toy_end(&toy);
}

static void test_a_list_is_answered(void)
{
    static const uint8_t known[] = {110, 120};
    struct pp_peer asker = peer_number(7);
    struct pp_writer w;
    struct pp_header header;
    struct pp_page page;
    uint8_t octet;
    toy_member(&toy, known, 2);
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 1);
    toy_hear(&toy, PP_SECOND, &asker, &w);
    struct pp_reader r = pp_reader(pp_bytes(toy.f.sent[0].octets, toy.f.sent[0].len));
    CU_ASSERT_EQUAL(pp_read_header(&r, &header), PP_OK);
    CU_ASSERT_EQUAL(pp_read_list(&r, &octet, &page, 0), PP_OK);
    CU_ASSERT_TRUE(octet == 1 && page.from == 1 && page.n == 3); /* each stands in both lists */
    struct pp_id in = peer_number(120).id, out = peer_number(7).id;
    CU_ASSERT_TRUE(pp_page_has(&page, &in));
    CU_ASSERT_FALSE(pp_page_has(&page, &out));
    toy_end(&toy);
}

static void test_whom_do_you_know(void)
{
    static const uint8_t known[] = {1};
    struct pp_peer whom = peer_number(1), named = peer_number(2);
    toy_member(&toy, known, 1);
    pp_member_ask_near(&toy.n->m, PP_SECOND, &whom, &whom.id);
    CU_ASSERT_EQUAL(toy_kind(&toy, 0), PP_WIRE_FIND);
    toy_answer(&toy, PP_SECOND, 0, 1, PP_WIRE_ACTIVE, &named, 1);
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_PING), 1); /* asked, not believed */
    CU_ASSERT_PTR_NULL(entry(2));
    toy_answer(&toy, PP_SECOND, 1, 2, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_PTR_NOT_NULL(entry(2));
    toy_end(&toy);
}

static void test_clients(void)
{
    struct pp_peer via = peer_number(7);
    toy_start(&toy, PP_CLIENT);
    memset(&via.id, 0, sizeof via.id);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    CU_ASSERT_EQUAL(toy_kind(&toy, 0), PP_WIRE_PING);
    toy_answer(&toy, PP_SECOND, 0, 7, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy.state, PP_ACTIVE);
    toy_end(&toy);
    toy_start(&toy, PP_CLIENT);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    toy_run(&toy, PP_MINUTE);
    CU_ASSERT_EQUAL(toy.state, PP_ALONE);
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_PING, PP_WIRE_ACTIVE, 1);
    pp_write_ping(&w, NULL);
    toy_hear(&toy, PP_MINUTE, &(struct pp_peer){.id = {{7}}, .udp = 9}, &w);
    CU_ASSERT_EQUAL(toy.n->requests, 0); /* a client answers nobody */
    toy_end(&toy);
}

/* A client whose first peer answers after 1 ms asks others at 150 ms, again twice, and gives up. */
static void test_a_client_waits_as_long_as_others_take(void)
{
    struct pp_peer via = peer_number(7), silent = peer_number(8);
    toy_start(&toy, PP_CLIENT);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    CU_ASSERT_EQUAL(pp_member_rto(&toy.n->m, &silent.id), PP_SECOND);
    toy_answer(&toy, PP_SECOND + PP_MS, 0, 7, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(pp_member_rto(&toy.n->m, &silent.id), 150 * PP_MS);
    pp_member_meet(toy.n, 2 * PP_SECOND, &silent, 1);
    pp_member_meet(toy.n, 2 * PP_SECOND, &(struct pp_peer){.id = {{9}}, .udp = 9}, 1);
    pp_member_ping(&toy.n->m, 2 * PP_SECOND, &via, 0);
    toy_answer(&toy, 2 * PP_SECOND + PP_MS, toy.f.n - 1, 7, PP_WIRE_ACTIVE, NULL, 0);
    size_t ping = 1;
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&toy.f.sent[ping].to, &silent));
    toy_run(&toy, 3 * PP_SECOND + 60 * PP_MS);
    CU_ASSERT_TRUE(pp_quarantine_has(&toy.n->m.quarantine, &silent.id, 3 * PP_SECOND));
    toy_answer(&toy, 3 * PP_SECOND + 60 * PP_MS, ping, 8, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_FALSE(pp_quarantine_has(&toy.n->m.quarantine, &silent.id, 3 * PP_SECOND)); /* late */
    toy_end(&toy);
}

static void test_a_client_without_a_line_shuns_nobody(void)
{
    struct pp_peer via = peer_number(7);
    toy_start(&toy, PP_CLIENT);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    toy_answer(&toy, PP_SECOND + PP_MS, 0, 7, PP_WIRE_ACTIVE, NULL, 0);
    pp_member_ping(&toy.n->m, 2 * PP_SECOND, &via, 0);
    toy_run(&toy, PP_MINUTE);
    CU_ASSERT_EQUAL(toy.state, PP_ALONE);
    CU_ASSERT_FALSE(pp_quarantine_has(&toy.n->m.quarantine, &via.id, 5 * PP_SECOND));
    toy_end(&toy);
}

/* So that a look-up takes it unasked. */
static void test_who_counts_as_heard_lately(void)
{
    static const uint8_t known[] = {1};
    const struct pp_agent *a;
    struct pp_peer peer = peer_number(1), other = peer_number(2);
    toy_member(&toy, known, 1); /* heard at one second */
    a = &toy.n->m.a;
    CU_ASSERT_TRUE(pp_member_fresh(a, PP_SECOND + PP_LOOKUP_FRESH / 2, &peer.id));
    CU_ASSERT_FALSE(pp_member_fresh(a, PP_SECOND, &other.id));
    CU_ASSERT_FALSE(pp_member_fresh(a, 2 * PP_SECOND + PP_LOOKUP_FRESH, &peer.id));
    toy.n->m.trouble_until = 3 * PP_SECOND;
    CU_ASSERT_FALSE(pp_member_fresh(a, 2 * PP_SECOND, &peer.id));
    CU_ASSERT_TRUE(pp_member_fresh(a, 3 * PP_SECOND, &peer.id));
    pp_member_late(&toy.n->m, &peer.id);
    CU_ASSERT_FALSE(pp_member_fresh(a, 3 * PP_SECOND, &peer.id));
    toy_end(&toy);
}

CHECK_MAIN("member ping", CHECK(test_who_counts_as_heard_lately), CHECK(test_hearsay_is_asked),
           CHECK(test_silence_is_suspicion_then_death), CHECK(test_an_old_endpoint_proves_nothing),
           CHECK(test_a_joiner_under_a_known_id), CHECK(test_a_list_is_answered),
           CHECK(test_whom_do_you_know), CHECK(test_clients),
           CHECK(test_a_client_waits_as_long_as_others_take),
           CHECK(test_a_client_without_a_line_shuns_nobody))
