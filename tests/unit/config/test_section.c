/* A plugin's own section. */
#include "sample.h"

static const struct pp_option chord_options[] = {
    {"successors", PP_OPT_INT, "16", 1, 64, PP_SCOPE_NETWORK, "Length of the list."},
    {"rpc.timeout", PP_OPT_TIME, "500ms", 1, (int64_t)PP_MINUTE, PP_SCOPE_NODE, "Patience."},
    {"note", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "Free text."},
};
static const struct pp_plugin chord = {
    .name = "chord", .version = "1", .options = chord_options, .n_options = 3};
static const struct pp_plugin bare = {.name = "bare", .version = "1"};

static void section_refused(const char *yaml, const char *words)
{
    struct pp_error error;
    const union pp_value *values;
    struct pp_config *config = sample(yaml, &error);
    CHECK_FATAL(config != NULL);
    CU_ASSERT_EQUAL(pp_config_plugin(config, "substrate", &chord, &values, &error), PP_CONFIG);
    CU_ASSERT_PTR_NULL(values);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    if (!strstr(error.text, words)) {
        printf("\n    got: %s\n", error.text);
    }
    pp_config_free(config);
}

static void section_values(const char *yaml, int64_t successors, pp_ns timeout)
{
    struct pp_error error;
    const union pp_value *values;
    struct pp_config *config = sample(yaml, &error);
    CHECK_FATAL(config != NULL);
    CU_ASSERT_EQUAL(pp_config_plugin(config, "substrate", &chord, &values, &error), PP_OK);
    CHECK_FATAL(values != NULL);
    CU_ASSERT_EQUAL(values[0].number, successors);
    CU_ASSERT_EQUAL(values[1].number, (int64_t)timeout);
    CU_ASSERT_STRING_EQUAL(values[2].text, "");
    pp_config_free(config);
}

static void test_values_in_the_tables_order(void)
{
    section_values("", 16, 500 * PP_MS);
    section_values("substrate:\n  plugin: chord\n  chord:\n    rpc.timeout: 2s\n", 16,
                   2 * PP_SECOND);
    section_values("substrate.chord: {successors: 8, rpc: {timeout: 1s}}\n", 8, PP_SECOND);
    section_values("substrate.chord:\n", 16, 500 * PP_MS);
}

static void test_other_plugins_sections_stand_beside(void)
{
    section_values("substrate.pastry: {leaves: 16}\nstore.lmdb: {capacity: x}\n", 16, 500 * PP_MS);
    section_values("substrate.chrod: {x: 1}\nsubstrate.chord: {}\n", 16, 500 * PP_MS);
}

static void test_mistakes_have_file_and_line(void)
{
    section_refused("substrate:\n  chord:\n    sucessors: 3\n",
                    "dir/t.yaml:3: substrate.chord.sucessors is no option; did you mean "
                    "substrate.chord.successors?");
    section_refused("substrate.chord.successors: 65\n", "65 is more than the most allowed, 64");
    section_refused("substrate.chord.fingers: 65\n", "--plugin-help");
    section_refused("\nsubstrate.chrod: {successors: 3}\n",
                    "dir/t.yaml:2: section substrate.chrod is not for the chosen plugin "
                    "\"chord\"; did you mean substrate.chord?");
}

static void test_plugin_without_options(void)
{
    struct pp_error error;
    const union pp_value *values;
    struct pp_config *config = sample("", &error);
    CU_ASSERT_EQUAL(pp_config_plugin(config, "substrate", &bare, &values, &error), PP_OK);
    CU_ASSERT_PTR_NOT_NULL(values);
    pp_config_free(config);
}

static void test_printed_section_is_read_back(void)
{
    struct pp_buf yaml = {0};
    pp_plugin_yaml("substrate", &bare, &yaml);
    pp_plugin_yaml("substrate", &chord, &yaml);
    CHECK_FATAL(!yaml.failed && yaml.len > 0);
    section_values((const char *)yaml.data, 16, 500 * PP_MS);
    pp_buf_free(&yaml);
}

CHECK_MAIN("config section", CHECK(test_values_in_the_tables_order),
           CHECK(test_other_plugins_sections_stand_beside), CHECK(test_mistakes_have_file_and_line),
           CHECK(test_plugin_without_options), CHECK(test_printed_section_is_read_back))
