/* The replay cache: remembers until expiry, is bounded, and never evicts what is alive. */
#include <check.h>
#include <stdbool.h>
#include <trust/replay.h>

static int enter(struct pp_replay *r, uint8_t key, uint32_t n, pp_ns expires, pp_ns now)
{
    uint8_t keyid[32] = {key}, nonce[16] = {0};
    memcpy(nonce, &n, sizeof n);
    return pp_replay_enter(r, keyid, nonce, expires, now);
}

static void test_seen_until_expired(void)
{
    struct pp_replay *r = pp_replay_create(100, 100);
    CU_ASSERT_EQUAL(enter(r, 1, 1, 50, 10), PP_OK);
    CU_ASSERT_EQUAL(enter(r, 1, 1, 50, 10), PP_EXISTS);
    CU_ASSERT_EQUAL(enter(r, 2, 1, 50, 10), PP_OK); /* another key's nonce */
    CU_ASSERT_EQUAL(enter(r, 1, 1, 50, 50), PP_EXISTS);
    CU_ASSERT_EQUAL(enter(r, 1, 1, 90, 51), PP_OK);
    pp_replay_destroy(r);
}

static void test_bounds_and_no_eviction(void)
{
    struct pp_replay *r = pp_replay_create(10, 4);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(enter(r, 1, i, 100 + i, 0), PP_OK);
        CU_ASSERT_EQUAL(enter(r, 2, i, 100 + i, 0), PP_OK);
    }
    CU_ASSERT_EQUAL(enter(r, 1, 9, 100, 0), PP_LIMIT);
    CU_ASSERT_EQUAL(enter(r, 3, 0, 100, 0), PP_OK);
    CU_ASSERT_EQUAL(enter(r, 3, 1, 100, 0), PP_OK);
    CU_ASSERT_EQUAL(enter(r, 3, 2, 100, 0), PP_BUSY);
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(enter(r, 1, i, 100, 0), PP_EXISTS);
    }
    /* At 102 those of 100 and 101 are gone: two of key 1, two of key 2, two of key 3. */
    CU_ASSERT_EQUAL(enter(r, 1, 9, 200, 102), PP_OK);
    CU_ASSERT_EQUAL(enter(r, 1, 10, 200, 102), PP_OK);
    CU_ASSERT_EQUAL(enter(r, 1, 11, 200, 102), PP_LIMIT);
    CU_ASSERT_EQUAL(enter(r, 1, 2, 200, 102), PP_EXISTS);
    CU_ASSERT_EQUAL(enter(r, 4, 1, 200, 102), PP_OK);
    pp_replay_destroy(r);
}

/* Against a plain list, over many random entries and expiries. */
static void test_against_a_model(void)
{
    enum { CAP = 64, STEPS = 20000 };
    static struct {
        uint8_t key;
        uint32_t nonce;
        pp_ns expires;
    } list[STEPS];
    struct pp_replay *r = pp_replay_create(CAP, 8);
    uint32_t seed = 7, n = 0, counts[5] = {0};
    for (pp_ns now = 1; now < STEPS; now++) {
        seed = seed * 1664525 + 1013904223;
        uint8_t key = (uint8_t)(seed >> 28);
        uint32_t nonce = seed >> 20 & 31, alive = 0, of_key = 0;
        pp_ns expires = now + (seed >> 10 & 127);
        bool seen = false;
        for (uint32_t i = 0; i < n; i++) {
            if (list[i].expires >= now) {
                alive++;
                of_key += list[i].key == key;
                seen = seen || (list[i].key == key && list[i].nonce == nonce);
            }
        }
        int want = seen ? PP_EXISTS : of_key == 8 ? PP_LIMIT : alive == CAP ? PP_BUSY : PP_OK;
        int got = enter(r, key, nonce, expires, now);
        CU_ASSERT_EQUAL_FATAL(got, want);
        counts[seen ? 0 : of_key == 8 ? 1 : alive == CAP ? 2 : 3]++;
        if (got == PP_OK) {
            list[n].key = key;
            list[n].nonce = nonce;
            list[n++].expires = expires;
        }
        if (now % 512 == 0) { /* keep the model's list short */
            uint32_t kept = 0;
            for (uint32_t i = 0; i < n; i++) {
                if (list[i].expires >= now) {
                    list[kept++] = list[i];
                }
            }
            n = kept;
        }
    }
    CU_ASSERT_TRUE(counts[0] > 100 && counts[1] > 10 && counts[2] > 10 && counts[3] > 1000);
    pp_replay_destroy(r);
}

CHECK_MAIN("replay", CHECK(test_seen_until_expired), CHECK(test_bounds_and_no_eviction),
           CHECK(test_against_a_model))
