/* What an agent puts on each datagram. */
#include <check.h>

#include "fake.h"

static struct fake fake;

static void test_headers_say_who_is_active(void)
{
    struct pp_agent agent;
    struct pp_writer w;
    struct pp_peer to = peer_number(1);
    fake_agent(&agent, &fake, NULL);
    pp_agent_begin(&agent, &w, 20);
    CU_ASSERT_EQUAL(w.data[0], 20);
    CU_ASSERT_EQUAL(w.data[1], 0);
    uint64_t first = pp_get64(w.data + 2);
    agent.active = true;
    pp_agent_begin(&agent, &w, 20);
    CU_ASSERT_EQUAL(w.data[1], PP_WIRE_ACTIVE);
    CU_ASSERT_NOT_EQUAL(pp_get64(w.data + 2), first);
    struct pp_header request = {20, 0, 77};
    pp_agent_begin_reply(&agent, &w, &request);
    CU_ASSERT_EQUAL(w.data[0], 20 | PP_WIRE_REPLY);
    CU_ASSERT_EQUAL(pp_get64(w.data + 2), 77);
    pp_agent_send(&agent, &to, &w);
    CU_ASSERT_EQUAL(fake.n, 1);
    w.failed = true;
    pp_agent_send(&agent, &to, &w);
    CU_ASSERT_EQUAL(fake.n, 1); /* half a message is never sent */
    pp_agent_free(&agent);
}

static void test_time_out_of_strangers(void)
{
    struct pp_agent agent;
    fake_agent(&agent, &fake, NULL);
    CU_ASSERT_EQUAL(pp_agent_rto(&agent), PP_SECOND); /* nobody has answered yet */
    pp_agent_sample(&agent, 0);
    CU_ASSERT_EQUAL(pp_agent_rto(&agent), 150 * PP_MS);
    for (unsigned i = 0; i < 50; i++) {
        pp_agent_sample(&agent, 300 * PP_MS);
    }
    CU_ASSERT_TRUE(pp_agent_rto(&agent) >= 299 * PP_MS && pp_agent_rto(&agent) < 320 * PP_MS);
    pp_agent_sample(&agent, 700 * PP_MS);
    CU_ASSERT_TRUE(pp_agent_rto(&agent) > 700 * PP_MS);
    pp_agent_sample(&agent, PP_NEVER);
    CU_ASSERT_EQUAL(pp_agent_rto(&agent), PP_SECOND);
    pp_agent_free(&agent);
}

CHECK_MAIN("agent", CHECK(test_headers_say_who_is_active), CHECK(test_time_out_of_strangers))
