/* Requests: tries and back-off, who may answer, samples, order of many, forgetting. */
#include <check.h>

#include "fake.h"

static struct fake fake;
static int codes[64];
static size_t n_codes;

static void note(struct pp_agent *agent, pp_ns now, struct pp_answer *answer)
{
    (void)agent;
    (void)now;
    codes[n_codes++ % 64] = answer->code;
}

static void ask(struct pp_agent *agent, pp_ns now, const struct pp_peer *to, pp_ns rto, void *owner)
{
    struct pp_writer w;
    struct pp_request request = {.to = to, .rto = rto, .done = note, .owner = owner};
    pp_agent_begin(agent, &w, 16);
    CU_ASSERT_EQUAL(pp_rpc_send(agent, now, &request, &w), PP_OK);
}

/* The reply to the n-th datagram sent, from `from`; was it taken? */
static bool reply(struct pp_agent *agent, pp_ns now, size_t n, const struct pp_peer *from,
                  uint8_t kind, uint32_t facts, pp_ns *rtt)
{
    struct pp_header header = {kind, 0, pp_get64(fake.sent[n].octets + 2)};
    struct pp_rx rx = {*from, facts};
    struct pp_reader body = pp_reader(pp_bytes(NULL, 0));
    struct pp_rpc *rpc = pp_rpc_take(agent, now, &header, &rx, rtt);
    if (rpc) {
        pp_rpc_finish(agent, now, rpc, &header, &rx, &body);
    }
    return rpc != NULL;
}

static void test_three_tries_with_back_off(void)
{
    struct pp_agent agent;
    struct pp_peer to = peer_number(1);
    fake_agent(&agent, &fake, NULL);
    n_codes = 0;
    ask(&agent, 0, &to, PP_SECOND, NULL);
    CU_ASSERT_EQUAL(pp_rpc_deadline(&agent), PP_SECOND);
    pp_rpc_tick(&agent, PP_SECOND - 1);
    CU_ASSERT_EQUAL(fake.n, 1);
    pp_rpc_tick(&agent, PP_SECOND);
    CU_ASSERT_EQUAL(fake.n, 2);
    CU_ASSERT_EQUAL(pp_rpc_deadline(&agent), 3 * PP_SECOND);
    pp_rpc_tick(&agent, 3 * PP_SECOND);
    CU_ASSERT_EQUAL(pp_rpc_deadline(&agent), 7 * PP_SECOND);
    pp_rpc_tick(&agent, 7 * PP_SECOND);
    CU_ASSERT_EQUAL(fake.n, 3);
    CU_ASSERT_EQUAL(n_codes, 3);
    CU_ASSERT_EQUAL(codes[1], PP_AGAIN);
    CU_ASSERT_EQUAL(codes[2], PP_TIMEOUT);
    CU_ASSERT_EQUAL(pp_rpc_deadline(&agent), PP_NEVER);
    CU_ASSERT_PTR_NULL(agent.rpcs.heap); /* nothing kept while nothing is out */
    CU_ASSERT_EQUAL(memcmp(fake.sent[0].octets, fake.sent[2].octets, fake.sent[0].len), 0);
    pp_agent_free(&agent);
}

static void test_who_may_answer(void)
{
    struct pp_agent agent;
    struct pp_peer to = peer_number(1), elsewhere = peer_number(2);
    pp_ns rtt;
    elsewhere.id = to.id;
    fake_agent(&agent, &fake, NULL);
    n_codes = 0;
    ask(&agent, 0, &to, PP_SECOND, NULL);
    CU_ASSERT_FALSE(reply(&agent, 1, 0, &elsewhere, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_FALSE(reply(&agent, 1, 0, &to, 17 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_TRUE(reply(&agent, 40 * PP_MS, 0, &to, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_EQUAL(rtt, 40 * PP_MS);
    CU_ASSERT_FALSE(reply(&agent, 2, 0, &to, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt)); /* twice */
    CU_ASSERT_EQUAL(n_codes, 1);
    CU_ASSERT_EQUAL(codes[0], PP_OK);
    struct pp_peer other = to;
    other.id.b[3] = 9;
    ask(&agent, 0, &to, PP_SECOND, NULL);
    CU_ASSERT_TRUE(reply(&agent, 1, 1, &other, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_EQUAL(codes[1], PP_IDENTITY);
    struct pp_peer unknown = to;
    unknown.id = (struct pp_id){{0}};
    ask(&agent, 0, &unknown, PP_SECOND, NULL);
    CU_ASSERT_TRUE(reply(&agent, 1, 2, &to, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_EQUAL(codes[2], PP_OK);
    pp_agent_free(&agent);
}

static void test_samples_only_where_they_mean_something(void)
{
    struct pp_agent agent;
    struct pp_peer to = peer_number(1);
    pp_ns rtt;
    fake_agent(&agent, &fake, NULL);
    ask(&agent, 0, &to, PP_SECOND, NULL);
    CU_ASSERT_TRUE(reply(&agent, 5, 0, &to, 16 | PP_WIRE_REPLY, PP_ID_PROVED | PP_SLOW, &rtt));
    CU_ASSERT_EQUAL(rtt, 0);
    ask(&agent, 0, &to, PP_SECOND, NULL);
    pp_rpc_tick(&agent, PP_SECOND);
    CU_ASSERT_TRUE(reply(&agent, PP_SECOND + 5, 1, &to, 16 | PP_WIRE_REPLY, PP_ID_PROVED, &rtt));
    CU_ASSERT_EQUAL(rtt, 0); /* Karn: which try does it answer? */
    pp_agent_free(&agent);
}

static void test_what_the_agent_learns_of_time(void)
{
    struct pp_agent agent;
    struct pp_peer to = peer_number(1);
    pp_ns rtt;
    fake_agent(&agent, &fake, NULL);
    ask(&agent, PP_SECOND, &to, PP_SECOND, NULL);
    CU_ASSERT_TRUE(reply(&agent, PP_SECOND + 8 * PP_MS, 0, &to, 16 | PP_WIRE_REPLY,
                         PP_ID_PROVED | PP_SLOW, &rtt));
    CU_ASSERT_EQUAL(agent.srtt, 8000); /* a stranger's handshake takes as long again */
    CU_ASSERT_EQUAL(agent.heard_at, PP_SECOND + 8 * PP_MS);
    ask(&agent, 5 * PP_SECOND, &to, PP_SECOND, NULL);
    pp_rpc_tick(&agent, 6 * PP_SECOND);
    pp_rpc_tick(&agent, 8 * PP_SECOND);
    CU_ASSERT_EQUAL(agent.asked_at, 0);
    pp_rpc_tick(&agent, 12 * PP_SECOND);
    CU_ASSERT_EQUAL(agent.asked_at, 5 * PP_SECOND);
    CU_ASSERT_EQUAL(agent.srtt, 8000);
    pp_agent_free(&agent);
}

static void test_many_in_order_and_forgotten(void)
{
    struct pp_agent agent;
    int mine, yours;
    fake_agent(&agent, &fake, NULL);
    n_codes = 0;
    for (uint8_t i = 0; i < 100; i++) {
        struct pp_peer to = peer_number((uint8_t)(i + 1));
        ask(&agent, 0, &to, PP_MS * (pp_ns)((i * 37) % 100 + 1), i % 2 ? &mine : &yours);
    }
    struct pp_peer some = peer_number(50);
    CU_ASSERT_TRUE(pp_rpc_pending(&agent, &some, 16));
    CU_ASSERT_FALSE(pp_rpc_pending(&agent, &some, 17));
    pp_rpc_cancel(&agent, &yours);
    CU_ASSERT_EQUAL(agent.rpcs.n, 50);
    pp_ns last = 0;
    for (int i = 0; i < 50; i++) {
        pp_ns next = pp_rpc_deadline(&agent);
        CU_ASSERT_TRUE(next >= last);
        last = next;
        struct pp_rpc *first = agent.rpcs.heap[0];
        first->left = 0;
        pp_rpc_tick(&agent, next);
    }
    CU_ASSERT_EQUAL(agent.rpcs.n, 0);
    CU_ASSERT_EQUAL(n_codes, 50);
    pp_agent_free(&agent);
}

CHECK_MAIN("rpc", CHECK(test_three_tries_with_back_off), CHECK(test_who_may_answer),
           CHECK(test_samples_only_where_they_mean_something),
           CHECK(test_what_the_agent_learns_of_time), CHECK(test_many_in_order_and_forgotten))
