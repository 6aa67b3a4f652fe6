/* Candidates in turn, each once; quarantine that lengthens, ends, is lifted and stays bounded. */
#include <check.h>
#include <common/cache.h>

#include "peers.h"

static void test_candidates(void)
{
    struct pp_candidates c = {0};
    struct pp_candidate out;
    struct pp_peer one = peer_number(1), two = peer_number(2);
    CU_ASSERT_TRUE(pp_candidates_add(&c, &one, 1));
    CU_ASSERT_TRUE(pp_candidates_add(&c, &two, 0));
    CU_ASSERT_TRUE(pp_candidates_add(&c, &one, 4));
    CU_ASSERT_EQUAL(c.n, 2);
    CU_ASSERT_TRUE(pp_candidates_take(&c, &out));
    CU_ASSERT_TRUE(pp_id_equal(&out.peer.id, &one.id));
    CU_ASSERT_EQUAL(out.tag, 5);
    CU_ASSERT_TRUE(pp_candidates_take(&c, &out));
    CU_ASSERT_FALSE(pp_candidates_take(&c, &out));
    CU_ASSERT_PTR_NULL(c.at);
}

static void test_candidates_are_bounded(void)
{
    struct pp_candidates c = {0};
    struct pp_peer peer = peer_number(1);
    for (uint16_t i = 0; i < PP_CANDIDATES_MAX; i++) {
        pp_put16(peer.id.b + 1, i);
        CU_ASSERT_TRUE(pp_candidates_add(&c, &peer, 0));
    }
    peer.id.b[5] = 1;
    CU_ASSERT_FALSE(pp_candidates_add(&c, &peer, 0));
    pp_candidates_free(&c);
}

static void test_quarantine_lengthens_and_ends(void)
{
    struct pp_quarantine q = {0};
    struct pp_id id = {{7}};
    pp_ns now = PP_HOUR;
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &id, now));
    pp_quarantine_add(&q, &id, now);
    CU_ASSERT_TRUE(pp_quarantine_has(&q, &id, now + PP_QUARANTINE_FIRST - PP_SECOND));
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &id, now + PP_QUARANTINE_FIRST + PP_SECOND));
    now += PP_QUARANTINE_FIRST + PP_SECOND;
    pp_quarantine_add(&q, &id, now); /* again: twice as long */
    CU_ASSERT_TRUE(pp_quarantine_has(&q, &id, now + 2 * PP_QUARANTINE_FIRST - PP_SECOND));
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &id, now + 2 * PP_QUARANTINE_FIRST + PP_SECOND));
    for (int i = 0; i < 20; i++) {
        pp_quarantine_add(&q, &id, now);
    }
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &id, now + PP_QUARANTINE_TIME + PP_SECOND));
    pp_quarantine_lift(&q, &id);
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &id, now));
    CU_ASSERT_PTR_NULL(q.at);
}

static void test_quarantine_is_bounded(void)
{
    struct pp_quarantine q = {0};
    for (uint8_t i = 0; i < 200; i++) {
        struct pp_id id = {{1, i}};
        pp_quarantine_add(&q, &id, PP_HOUR);
    }
    struct pp_id first = {{1, 0}}, last = {{1, 199}};
    CU_ASSERT_EQUAL(q.n, PP_QUARANTINE_MAX);
    CU_ASSERT_FALSE(pp_quarantine_has(&q, &first, PP_HOUR));
    CU_ASSERT_TRUE(pp_quarantine_has(&q, &last, PP_HOUR));
    pp_quarantine_free(&q);
}

CHECK_MAIN("cache", CHECK(test_candidates), CHECK(test_candidates_are_bounded),
           CHECK(test_quarantine_lengthens_and_ends), CHECK(test_quarantine_is_bounded))
