/* Joining, meeting, merging, moving and leaving, with the smallest substrate on the frame. */
#include <check.h>
#include <stdlib.h>

#include "toy.h"

static struct toy toy;

static struct pp_peer contact(uint8_t number)
{
    struct pp_peer peer = peer_number(number);
    memset(&peer.id, 0, sizeof peer.id);
    return peer;
}

static void test_joining(void)
{
    struct pp_peer via = contact(7), peers[2] = {peer_number(7), peer_number(9)};
    toy_start(&toy, PP_MEMBER);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    CU_ASSERT_EQUAL(toy.n->m.phase, PP_PHASE_SEEK);
    CU_ASSERT_EQUAL(toy.f.n, 1);
    CU_ASSERT_EQUAL(toy_kind(&toy, 0), PP_WIRE_FIND);
    toy_answer(&toy, PP_SECOND, 0, 7, PP_WIRE_ACTIVE, peers, 2);
    CU_ASSERT_EQUAL(toy.n->activated, 0);
    toy_answer(&toy, PP_SECOND, 1, 9, PP_WIRE_ACTIVE, peers, 2);
    toy_run(&toy, PP_SECOND);
    CU_ASSERT_EQUAL(toy.state, PP_ACTIVE);
    CU_ASSERT_EQUAL(toy.n->activated, 1);
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_PING), 2); /* it says so to both, once */
    CU_ASSERT_EQUAL(toy.f.sent[2].octets[1], PP_WIRE_ACTIVE);
    toy_end(&toy);
}

static void test_a_taken_id(void)
{
    struct pp_peer via = contact(7), twin = peer_number(100);
    toy_start(&toy, PP_MEMBER);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    twin.address[15] = 3;
    toy_answer(&toy, PP_SECOND, 0, 7, PP_WIRE_ACTIVE, &twin, 1);
    CU_ASSERT_EQUAL(toy.f.n, 2);
    struct pp_reader r = pp_reader(pp_bytes(toy.f.sent[1].octets, toy.f.sent[1].len));
    struct pp_header header;
    struct pp_writer w;
    CU_ASSERT_EQUAL(pp_read_header(&r, &header), PP_OK);
    pp_writer_begin(&w, PP_WIRE_FIND | PP_WIRE_REPLY, PP_WIRE_ACTIVE, header.id);
    pp_write8(&w, 1);
    pp_write_page(&w, NULL, 0, 0, NULL, 0);
    toy_hear(&toy, PP_SECOND, &twin, &w);
    toy_run(&toy, PP_SECOND);
    CU_ASSERT_EQUAL(toy.state, PP_REFUSED);
    CU_ASSERT_FALSE(toy.n->m.a.active);
    toy_end(&toy);
}

static void test_nobody_answers(void)
{
    struct pp_peer via = contact(7);
    struct pp_id key = {{1}};
    toy_start(&toy, PP_MEMBER);
    pp_member_meet(toy.n, PP_SECOND, &via, 1);
    toy_run(&toy, PP_MINUTE);
    CU_ASSERT_EQUAL(toy.state, PP_ALONE);
    CU_ASSERT_EQUAL(pp_member_lookup(toy.n, PP_MINUTE, &key, 1, 1, 0, 1), PP_OFFLINE);
    pp_member_meet(toy.n, PP_MINUTE, NULL, 0); /* founds */
    CU_ASSERT_EQUAL(toy.state, PP_ACTIVE);
    toy_end(&toy);
}

static void test_it_tries_again_through_whom_it_knows(void)
{
    toy_start(&toy, PP_MEMBER);
    struct pp_peer known = peer_number(7);
    toy_learn(&toy.n->m, PP_SECOND, &known, 0);
    pp_member_retry(&toy.n->m, PP_SECOND);
    pp_ns first = pp_member_next(toy.n) - PP_SECOND;
    CU_ASSERT_TRUE(first >= PP_SECOND * 3 / 8 && first <= PP_SECOND * 5 / 8);
    pp_member_tick(toy.n, PP_SECOND + first);
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_FIND), 1);
    pp_member_retry(&toy.n->m, PP_MINUTE);
    CU_ASSERT_TRUE(toy.n->m.retry_at >= PP_MINUTE + PP_SECOND * 3 / 4);
    toy_end(&toy);
}

static void test_merging(void)
{
    static const uint8_t known[] = {110};
    struct pp_peer stranger = peer_number(40), friend = peer_number(110);
    toy_member(&toy, known, 1);
    pp_member_meet(toy.n, PP_SECOND, &friend, 1); /* known: costs nothing */
    CU_ASSERT_EQUAL(toy.f.n, 0);
    pp_member_meet(toy.n, PP_SECOND, &stranger, 1);
    pp_member_meet(toy.n, PP_SECOND, &stranger, 1); /* once at a time */
    CU_ASSERT_EQUAL(toy.f.n, 1);
    toy_answer(&toy, PP_SECOND, 0, 40, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy.n->merged, 1);
    CU_ASSERT_FALSE(toy.n->m.merging);
    toy_end(&toy);
}

static void test_a_probe_comes_first(void)
{
    static const uint8_t known[] = {110};
    struct pp_peer stranger = peer_number(40), friend = peer_number(110);
    toy_member(&toy, known, 1);
    toy.ops.in_place = toy_in_place;
    pp_member_merge(&toy.n->m, PP_SECOND, &friend, 1);
    CU_ASSERT_EQUAL(toy.f.sent[0].octets[PP_WIRE_HEADER + PP_ID_LEN], 1); /* k */
    toy_answer(&toy, PP_SECOND, 0, 110, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy.f.n, 1); /* as we have it */
    CU_ASSERT_EQUAL(toy.n->merged, 0);
    pp_member_merge(&toy.n->m, PP_SECOND, &stranger, 1);
    toy_answer(&toy, PP_SECOND, 1, 40, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_FIND), 3); /* not as we have it: a wide one */
    CU_ASSERT_EQUAL(toy.f.sent[2].octets[PP_WIRE_HEADER + PP_ID_LEN], 3);
    toy_answer(&toy, PP_SECOND, 2, 40, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy.n->merged, 1);
    toy_end(&toy);
}

static void test_moving_tells_all(void)
{
    static const uint8_t known[] = {1, 2, 3};
    struct pp_peer self = peer_number(100);
    toy_member(&toy, known, 3);
    self.address[15] = 77;
    pp_member_move(toy.n, PP_SECOND, &self);
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_PING), 3);
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&toy.n->m.a.self, &self));
    toy_end(&toy);
}

static void test_leaving(void)
{
    static const uint8_t known[] = {1, 2};
    struct pp_id key = {{1}};
    toy_member(&toy, known, 2);
    CU_ASSERT_EQUAL(pp_member_lookup(toy.n, PP_SECOND, &key, 1, 1, 0, 8), PP_OK);
    pp_member_leave(toy.n, PP_SECOND, PP_MINUTE);
    CU_ASSERT_EQUAL(toy.f.found, 1);
    CU_ASSERT_EQUAL(toy.f.result.code, PP_OFFLINE);
    CU_ASSERT_EQUAL(toy_count(&toy, TOY_BYE), 2);
    CU_ASSERT_EQUAL(toy.state, PP_LEFT);
    CU_ASSERT_EQUAL(pp_member_next(toy.n), PP_NEVER);
    toy_end(&toy);
}

static void test_leaving_awaits_answers(void)
{
    static const uint8_t known[] = {1, 2};
    toy_member(&toy, known, 2);
    toy.n->waits = true;
    pp_member_leave(toy.n, PP_SECOND, PP_MINUTE);
    toy_answer(&toy, PP_SECOND, 0, 1, PP_WIRE_ACTIVE, NULL, 0);
    CU_ASSERT_EQUAL(toy.state, PP_ACTIVE);
    toy_answer(&toy, PP_SECOND, 1, 2, PP_WIRE_ACTIVE, NULL, 0);
    pp_member_tick(toy.n, PP_SECOND);
    CU_ASSERT_EQUAL(toy.state, PP_LEFT);
    toy_end(&toy);
    toy_member(&toy, known, 2);
    toy.n->waits = true;
    pp_member_leave(toy.n, PP_SECOND, 2 * PP_SECOND);
    toy_run(&toy, 2 * PP_SECOND - 1);
    CU_ASSERT_EQUAL(toy.state, PP_ACTIVE);
    toy_run(&toy, 2 * PP_SECOND);
    CU_ASSERT_EQUAL(toy.state, PP_LEFT);
    toy_end(&toy);
}

static void test_a_client_answers_nobody(void)
{
    struct pp_peer peer = peer_number(9);
    struct pp_writer w;
    toy_start(&toy, PP_CLIENT);
    pp_writer_begin(&w, PP_WIRE_PING, PP_WIRE_ACTIVE, 1);
    pp_write_ping(&w, NULL);
    toy_hear(&toy, PP_SECOND, &peer, &w);
    CU_ASSERT_EQUAL(toy.f.n, 0);
    CU_ASSERT_EQUAL(toy.n->requests, 0);
    toy_end(&toy);
}

static void test_only_a_proved_peer_is_learnt(void)
{
    struct pp_rx rx = {peer_number(9), 0};
    struct pp_writer w;
    toy_member(&toy, NULL, 0);
    pp_writer_begin(&w, PP_WIRE_PING, PP_WIRE_ACTIVE, 1);
    pp_write_ping(&w, NULL);
    pp_member_receive(toy.n, PP_SECOND, &rx, pp_bytes(w.data, w.len));
    CU_ASSERT_PTR_NULL(pp_tables_entry(&toy.n->m, &rx.from.id));
    CU_ASSERT_EQUAL(toy_count(&toy, PP_WIRE_PING | PP_WIRE_REPLY), 1); /* answered all the same */
    rx.from = peer_number(100); /* our own id proves nothing */
    rx.facts = PP_ID_PROVED;
    pp_member_receive(toy.n, PP_SECOND, &rx, pp_bytes(w.data, w.len));
    CU_ASSERT_EQUAL(pp_tables_known(&toy.n->m), 0);
    rx.from = peer_number(9);
    pp_member_receive(toy.n, PP_SECOND, &rx, pp_bytes(w.data, w.len));
    CU_ASSERT_PTR_NOT_NULL(pp_tables_entry(&toy.n->m, &rx.from.id));
    toy_end(&toy);
}

CHECK_MAIN("member", CHECK(test_joining), CHECK(test_a_taken_id), CHECK(test_nobody_answers),
           CHECK(test_it_tries_again_through_whom_it_knows), CHECK(test_merging),
           CHECK(test_a_probe_comes_first), CHECK(test_moving_tells_all), CHECK(test_leaving),
           CHECK(test_leaving_awaits_answers), CHECK(test_a_client_answers_nobody),
           CHECK(test_only_a_proved_peer_is_learnt))
