/* Loading from disk, paths, defaults, and failures of single options. */
#include "sample.h"

#include <stdlib.h>
#include <unistd.h>

static void test_defaults(void)
{
    struct pp_error error;
    struct pp_config *c = sample("", &error);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_EQUAL(pp_config_number(c, "network.k"), 5);
    CU_ASSERT_EQUAL(pp_config_number(c, "http.body_max"), 72 << 20);
    CU_ASSERT_EQUAL(pp_config_number(c, "send.wait"), (int64_t)(10 * PP_SECOND));
    CU_ASSERT_TRUE(pp_config_flag(c, "http.tls"));
    CU_ASSERT_STRING_EQUAL(pp_config_text(c, "network.name"), "campus");
    CU_ASSERT_PTR_NULL(pp_config_item(c, "overlay.contacts", 0));
    pp_config_free(c);
}

static void test_paths_start_at_the_file(void)
{
    static const struct {
        const char *yaml, *path;
    } cases[] = {
        {"node.state: state\n", "dir/state"},
        {"node.state: /abs/state\n", "/abs/state"},
        {"node.state: \"\"\n", ""},
        {"", "/var/lib/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pp_error error;
        struct pp_config *c = sample(cases[i].yaml, &error);
        CHECK_FATAL(c != NULL);
        CU_ASSERT_STRING_EQUAL(pp_config_path(c, "node.state"), cases[i].path);
        CU_ASSERT_STRING_EQUAL(pp_config_path(c, "node.state"), cases[i].path);
        pp_config_free(c);
    }
}

/* No default depends on where the program was started. */
static void test_defaults_start_at_the_file(void)
{
    struct pp_error error;
    struct pp_config *c = sample("", &error);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_STRING_EQUAL(pp_config_path(c, "node.keys"), "dir/keys");
    CU_ASSERT_STRING_EQUAL(pp_config_path(c, "node.keys"), "dir/keys");
    CU_ASSERT_STRING_EQUAL(pp_config_resolve(c, "clamd.sock"), "dir/clamd.sock");
    CU_ASSERT_STRING_EQUAL(pp_config_resolve(c, "/run/clamd.sock"), "/run/clamd.sock");
    CU_ASSERT_STRING_EQUAL(pp_config_plugin_name(c, "substrate.plugin"), "chord");
    pp_config_free(c);
    c = sample("substrate.plugin: ./own.so\n", &error);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_STRING_EQUAL(pp_config_plugin_name(c, "substrate.plugin"), "dir/./own.so");
    pp_config_free(c);
    CHECK_FATAL(pp_config_parse(&c, "t.yaml", pp_str(""), &sample_schema, 1, &error) == PP_OK);
    CU_ASSERT_STRING_EQUAL(pp_config_path(c, "node.keys"), "./keys");
    pp_config_free(c);
}

static void test_load(void)
{
    char path[] = "/tmp/pp-config-XXXXXX";
    int fd = mkstemp(path);
    CHECK_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "network.k: 9\n", 13), 13);
    close(fd);
    struct pp_config *c;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_config_load(&c, path, &sample_schema, 1, &error), PP_OK);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_EQUAL(pp_config_number(c, "network.k"), 9);
    pp_config_free(c);
    unlink(path);
    CU_ASSERT_EQUAL(pp_config_load(&c, path, &sample_schema, 1, &error), PP_CONFIG);
    CU_ASSERT_PTR_NULL(c);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "No such file"));
    CU_ASSERT_EQUAL(pp_config_load(&c, "/", &sample_schema, 1, &error), PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "cannot read"));
}

static void test_fail_names_the_line(void)
{
    struct pp_error error;
    struct pp_config *c = sample("\n\nnode.state: /x\n", &error);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_EQUAL(pp_config_fail(c, "node.state", &error, "cannot write there: %s", "no"),
                    PP_CONFIG);
    CU_ASSERT_STRING_EQUAL(error.text, "dir/t.yaml:3: node.state: cannot write there: no");
    pp_config_fail(c, "network.k", &error, "too small");
    CU_ASSERT_STRING_EQUAL(error.text,
                           "dir/t.yaml: network.k (not set, so its default): too small");
    pp_config_free(c);
}

static void test_several_tables_make_one_schema(void)
{
    static const struct pp_option more[] = {
        {"log.level", PP_OPT_STRING, "info", 0, 0, PP_SCOPE_NODE, "Level."}};
    const struct pp_schema both[] = {sample_schema, {more, 1}};
    struct pp_config *c;
    struct pp_error error;
    CU_ASSERT_EQUAL(
        pp_config_parse(&c, "x", pp_str("log.level: warn\nnetwork.k: 3\n"), both, 2, &error),
        PP_OK);
    CHECK_FATAL(c != NULL);
    CU_ASSERT_STRING_EQUAL(pp_config_text(c, "log.level"), "warn");
    CU_ASSERT_EQUAL(pp_config_number(c, "network.k"), 3);
    pp_config_free(c);
}

CHECK_MAIN("config", CHECK(test_defaults), CHECK(test_paths_start_at_the_file),
           CHECK(test_defaults_start_at_the_file), CHECK(test_load),
           CHECK(test_fail_names_the_line), CHECK(test_several_tables_make_one_schema))
