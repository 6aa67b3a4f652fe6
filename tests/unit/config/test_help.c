/* Option tables as text: the YAML that help prints is a configuration of nothing but defaults. */
#include "sample.h"

static void test_printed_yaml_is_read_back_as_the_defaults(void)
{
    struct pp_buf yaml = {0};
    struct pp_error error;
    pp_options_yaml(&sample_schema, 1, &yaml);
    CHECK_FATAL(!yaml.failed && yaml.len > 0);
    struct pp_config *config = sample((const char *)yaml.data, &error);
    struct pp_config *empty = sample("", &error);
    CHECK_FATAL(config && empty);
    for (size_t i = 0; i < sample_schema.n; i++) {
        CU_ASSERT_TRUE(pp_config_is_set(config, sample_options[i].name));
        CU_ASSERT_FALSE(pp_config_is_set(empty, sample_options[i].name));
    }
    CU_ASSERT_EQUAL(pp_config_number(config, "http.body_max"),
                    pp_config_number(empty, "http.body_max"));
    CU_ASSERT_EQUAL(pp_config_flag(config, "http.tls"), pp_config_flag(empty, "http.tls"));
    CU_ASSERT_STRING_EQUAL(pp_config_text(config, "node.state"), "/var/lib/x");
    CU_ASSERT_PTR_NULL(pp_config_item(config, "overlay.contacts", 0));
    pp_config_free(config);
    pp_config_free(empty);
    pp_buf_free(&yaml);
}

static void test_required_and_odd_defaults(void)
{
    static const struct pp_option odd[] = {
        {"a.need", PP_OPT_STRING, NULL, 0, 0, PP_SCOPE_NODE, "Required."},
        {"a.list", PP_OPT_LIST, "x: y\nz", 0, 0, PP_SCOPE_NODE, "List."},
        {"top", PP_OPT_STRING, "say \"hi\" \\", 0, 0, PP_SCOPE_NODE, "Odd."},
        {"a.more", PP_OPT_INT, "1", 0, INT64_MAX, PP_SCOPE_NODE, "More."},
    };
    const struct pp_schema schema = {odd, 4};
    struct pp_buf yaml = {0};
    struct pp_error error;
    struct pp_config *config;
    pp_options_yaml(&schema, 1, &yaml);
    CU_ASSERT_EQUAL(pp_config_parse(&config, "x", pp_buf_bytes(&yaml), &schema, 1, &error),
                    PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "a.need is missing and has no default"));
    pp_buf_add_str(&yaml, "a.need: here\n");
    CU_ASSERT_EQUAL(pp_config_parse(&config, "x", pp_buf_bytes(&yaml), &schema, 1, &error), PP_OK);
    CHECK_FATAL(config != NULL);
    CU_ASSERT_STRING_EQUAL(pp_config_item(config, "a.list", 0), "x: y");
    CU_ASSERT_STRING_EQUAL(pp_config_item(config, "a.list", 1), "z");
    CU_ASSERT_STRING_EQUAL(pp_config_text(config, "top"), "say \"hi\" \\");
    pp_config_free(config);
    pp_buf_free(&yaml);
}

static void test_help_names_everything(void)
{
    struct pp_buf help = {0};
    pp_options_help(sample_options, sample_schema.n, &help);
    const char *text = (const char *)help.data;
    for (size_t i = 0; i < sample_schema.n; i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(text, sample_options[i].name));
        CU_ASSERT_PTR_NOT_NULL(strstr(text, sample_options[i].help));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "number, 1 to 32, the same in the whole network; "
                                        "default: 5"));
    pp_buf_free(&help);
}

CHECK_MAIN("config help", CHECK(test_printed_yaml_is_read_back_as_the_defaults),
           CHECK(test_required_and_odd_defaults), CHECK(test_help_names_everything))
