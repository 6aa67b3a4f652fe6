/* Types, units, ranges; unknown names and what was meant. */
#include "sample.h"

#include <config/internal.h>

static int64_t number(enum pp_option_type type, const char *text)
{
    const struct pp_option o = {.name = "x", .type = type};
    union pp_value value;
    char why[256] = "";
    int code = pp_option_value(&o, text, &value, why, sizeof why);
    CU_ASSERT_EQUAL(code == PP_OK, why[0] == '\0');
    return code ? INT64_MIN : value.number;
}

static void test_whole_numbers(void)
{
    CU_ASSERT_EQUAL(number(PP_OPT_INT, "0"), 0);
    CU_ASSERT_EQUAL(number(PP_OPT_INT, "-12"), -12);
    CU_ASSERT_EQUAL(number(PP_OPT_INT, "9223372036854775807"), INT64_MAX);
    static const char *const wrong[] = {"",   " 1",   "+1",  "1.5",
                                        "1x", "0x10", "1e3", "9223372036854775808"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_EQUAL(number(PP_OPT_INT, wrong[i]), INT64_MIN);
    }
}

static void test_sizes(void)
{
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "512"), 512);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "64 KiB"), 65536);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "72MiB"), 72 << 20);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "2 TiB"), (int64_t)2 << 40);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "1 MB"), INT64_MIN);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "9000000 TiB"), INT64_MIN);
    CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, "99999999 TiB"), INT64_MIN);
}

static void test_times(void)
{
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "500ms"), (int64_t)(500 * PP_MS));
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "10s"), (int64_t)(10 * PP_SECOND));
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "5 min"), (int64_t)(5 * PP_MINUTE));
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "2h"), (int64_t)(2 * PP_HOUR));
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "60d"), (int64_t)(60 * PP_DAY));
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "0"), 0);
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "10"), INT64_MIN);
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "1m"), INT64_MIN);
    CU_ASSERT_EQUAL(number(PP_OPT_TIME, "999999d"), INT64_MIN);
}

static void test_flags(void)
{
    static const char *const texts[] = {"true", "yes", "on", "false", "no", "off"};
    const struct pp_option o = {.name = "x", .type = PP_OPT_BOOL};
    union pp_value value;
    char why[256];
    for (size_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(pp_option_value(&o, texts[i], &value, why, sizeof why), PP_OK);
        CU_ASSERT_EQUAL(value.flag, i < 3);
    }
    CU_ASSERT_EQUAL(pp_option_value(&o, "maybe", &value, why, sizeof why), PP_CONFIG);
    CU_ASSERT_EQUAL(pp_option_value(&o, "1", &value, why, sizeof why), PP_CONFIG);
}

static void test_ranges_are_named_in_the_unit(void)
{
    sample_refused("network.k: 40\n",
                   "dir/t.yaml:1: network.k: 40 is more than the most allowed, 32");
    sample_refused("network.k: 0\n", "0 is less than the least allowed, 1");
    sample_refused("\nhttp.body_max: 1 \n",
                   "dir/t.yaml:2: http.body_max: 1 is less than the least allowed, 1 KiB");
    sample_refused("send.wait: 2d\n", "2d is more than the most allowed, 1d");
}

static void test_wrong_kind_of_value(void)
{
    sample_refused("network.k: [1]\n", "network.k is one value, not a list");
    sample_refused("overlay.contacts: a\n", "overlay.contacts is a list");
    sample_refused("network.name:\n", "network.name has no value");
    sample_refused("http.tls: 1\n", "neither true nor false");
    sample_refused("network.k: five\n", "\"five\" is not a whole number");
    sample_refused("send.wait: 10\n", "\"10\" is not a time such as");
}

static void test_unknown_names(void)
{
    sample_refused("network:\n  kk: 5\n",
                   "dir/t.yaml:2: network.kk is no option; did you mean network.k?");
    sample_refused("netwrok.k: 5\n", "did you mean network.k?");
    sample_refused("k: 5\n", "did you mean network.k?");
    sample_refused("http.body_mxa: 1 MiB\n", "did you mean http.body_max?");
    sample_refused("something.else: 5\n", "something.else is no option; the commented example");
    sample_refused("substrate.plguin: chord\n", "did you mean substrate.plugin?");
}

static void test_number_text_is_read_back(void)
{
    static const int64_t numbers[] = {0, 1, 1024, 1536, 72 << 20, (int64_t)1 << 40};
    static const int64_t times[] = {0, (int64_t)PP_MS, (int64_t)(90 * PP_SECOND), (int64_t)PP_DAY};
    const struct pp_option octets = {.type = PP_OPT_OCTETS}, time = {.type = PP_OPT_TIME};
    char text[40];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pp_option_number_text(&octets, numbers[i], text, sizeof text);
        CU_ASSERT_EQUAL(number(PP_OPT_OCTETS, text), numbers[i]);
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        pp_option_number_text(&time, times[i], text, sizeof text);
        CU_ASSERT_EQUAL(number(PP_OPT_TIME, text), times[i]);
    }
}

CHECK_MAIN("config check", CHECK(test_whole_numbers), CHECK(test_sizes), CHECK(test_times),
           CHECK(test_flags), CHECK(test_ranges_are_named_in_the_unit),
           CHECK(test_wrong_kind_of_value), CHECK(test_unknown_names),
           CHECK(test_number_text_is_read_back))
