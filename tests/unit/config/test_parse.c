/* What is read of YAML, and what is refused with file and line. */
#include "sample.h"

static void test_nested_and_dotted_names_are_the_same(void)
{
    struct pp_error error;
    struct pp_config *a = sample("network:\n  k: 7\n", &error);
    struct pp_config *b = sample("network.k: 7\n", &error);
    struct pp_config *c = sample("network: {k: '7'}\n", &error);
    CHECK_FATAL(a && b && c);
    CU_ASSERT_EQUAL(pp_config_number(a, "network.k"), 7);
    CU_ASSERT_EQUAL(pp_config_number(b, "network.k"), 7);
    CU_ASSERT_EQUAL(pp_config_number(c, "network.k"), 7);
    pp_config_free(a);
    pp_config_free(b);
    pp_config_free(c);
}

static void test_empty_files(void)
{
    static const char *const texts[] = {"", "# nothing\n", "---\n", "{}\n"};
    for (size_t i = 0; i < 4; i++) {
        struct pp_error error;
        struct pp_config *config = sample(texts[i], &error);
        CU_ASSERT_PTR_NOT_NULL(config);
        pp_config_free(config);
    }
}

static void test_lists(void)
{
    struct pp_error error;
    struct pp_config *c = sample("overlay:\n  contacts:\n    - 127.1.0.1:4000\n    - b\n", &error);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_STRING_EQUAL(pp_config_item(c, "overlay.contacts", 0), "127.1.0.1:4000");
    CU_ASSERT_STRING_EQUAL(pp_config_item(c, "overlay.contacts", 1), "b");
    CU_ASSERT_PTR_NULL(pp_config_item(c, "overlay.contacts", 2));
    CU_ASSERT_STRING_EQUAL(pp_config_text(c, "overlay.contacts"), "127.1.0.1:4000\nb");
    pp_config_free(c);
}

static void test_bad_yaml_names_the_line(void)
{
    sample_refused("network:\n  k: [1\n", "dir/t.yaml:");
    sample_refused("network:\n\tk: 5\n", "dir/t.yaml:2: this is not YAML");
    sample_refused("a: b: c\n", "dir/t.yaml:1: this is not YAML");
    sample_refused("network.name: \xff\xfe\n", "not YAML");
}

static void test_refused_yaml(void)
{
    sample_refused("just words\n", "dir/t.yaml:1: expected `name: value` lines");
    sample_refused("- a\n- b\n", "dir/t.yaml:1: expected `name: value` lines");
    sample_refused("network.k: 5\n---\nnetwork.k: 5\n", "dir/t.yaml:2: a second YAML document");
    sample_refused("network.k: &a 5\nnetwork.name: *a\n", "dir/t.yaml:2: aliases");
    sample_refused("overlay.contacts: [[a]]\n", "a list may hold texts alone");
    sample_refused("? [a]\n: b\n", "a name must be a plain text");
    sample_refused("overlay.contacts: [\"a\\nb\"]\n", "holds a line end");
    sample_refused("network.name: \"a\\0b\"\n", "holds the NUL character");
}

static void test_twice_is_refused(void)
{
    sample_refused("network.k: 5\nnetwork:\n  k: 6\n",
                   "dir/t.yaml:3: network.k stands here a second time (first in line 1)");
}

static void test_bounds(void)
{
    struct pp_buf deep = {0}, many = {0};
    for (int i = 0; i < 2000; i++) {
        pp_buf_add_str(&deep, "{a: ");
        pp_buf_printf(&many, "x%d: 1\n", i);
    }
    sample_refused((const char *)deep.data, "nested deeper");
    sample_refused((const char *)many.data, "more entries than");
    pp_buf_free(&deep);
    pp_buf_free(&many);
    struct pp_buf huge = {0};
    pp_buf_reserve(&huge, 1100000);
    memset(huge.data, '#', 1100000);
    huge.data[1100000] = '\0';
    sample_refused((const char *)huge.data, "over 1 MiB");
    pp_buf_free(&huge);
    char name[300];
    memset(name, 'a', 200);
    memcpy(name + 200, ": 1\n", 5);
    sample_refused(name, "a name longer than");
}

CHECK_MAIN("config parse", CHECK(test_nested_and_dotted_names_are_the_same),
           CHECK(test_empty_files), CHECK(test_lists), CHECK(test_bad_yaml_names_the_line),
           CHECK(test_refused_yaml), CHECK(test_twice_is_refused), CHECK(test_bounds))
