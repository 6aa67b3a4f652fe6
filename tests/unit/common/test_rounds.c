/* Turns: the first round at once, the later ones spread out. */
#include <check.h>
#include <common/rounds.h>

static void test_turns(void)
{
    static const uint8_t seed[16] = {3};
    struct pp_random random;
    struct pp_rounds rounds = pp_rounds_from(PP_SECOND, true);
    pp_random_init(&random, seed);
    CU_ASSERT_EQUAL(pp_rounds_next(&rounds), PP_SECOND);
    rounds.busy = true;
    CU_ASSERT_EQUAL(pp_rounds_next(&rounds), PP_NEVER);
    for (uint8_t i = 1; i < 4; i++) {
        pp_rounds_done(&rounds, &random, 2 * PP_SECOND, PP_MINUTE, 4);
        CU_ASSERT_EQUAL(pp_rounds_next(&rounds), 2 * PP_SECOND);
        CU_ASSERT_EQUAL(rounds.index, i);
    }
    pp_rounds_done(&rounds, &random, 2 * PP_SECOND, PP_MINUTE, 4);
    CU_ASSERT_EQUAL(rounds.index, 0);
    pp_ns wait = pp_rounds_next(&rounds) - 2 * PP_SECOND; /* a quarter of a minute, about */
    CU_ASSERT_TRUE(wait >= 11 * PP_SECOND && wait <= 19 * PP_SECOND);
    pp_rounds_done(&rounds, &random, PP_SECOND, PP_MINUTE, 0); /* none is left */
    CU_ASSERT_TRUE(rounds.index == 0 && pp_rounds_next(&rounds) >= 45 * PP_SECOND);
}

CHECK_MAIN("rounds", CHECK(test_turns))
