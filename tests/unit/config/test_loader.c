/* Every refusal of the loader has its own sentence; a good plugin loads. */
#include <check.h>
#include <config/loader.h>

#include <stdio.h>

static int load(const char *name, struct pp_error *error)
{
    struct pp_loaded *loaded;
    const struct pp_substrate *plugin;
    *error = (struct pp_error){0};
    int code = pp_load_substrate(&loaded, &plugin, BAD_PLUGINS, name, error);
    if (code) {
        CU_ASSERT_PTR_NULL(loaded);
        CU_ASSERT_PTR_NULL(plugin);
    } else {
        CU_ASSERT_STRING_EQUAL(plugin->plugin.name, "good");
    }
    pp_unload(loaded);
    return code;
}

static void refused(const char *name, const char *words)
{
    struct pp_error error;
    CU_ASSERT_EQUAL(load(name, &error), PP_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    if (!strstr(error.text, words)) {
        printf("\n    got: %s\n", error.text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, name));
}

static void test_good_one_loads(void)
{
    struct pp_error error;
    CU_ASSERT_EQUAL(load("good", &error), PP_OK);
}

static void test_path_may_have_any_name(void)
{
    struct pp_error error;
    CU_ASSERT_EQUAL(load(BAD_PLUGINS "/substrate-good.so", &error), PP_OK);
    struct pp_loaded *loaded;
    const struct pp_substrate *plugin;
    CU_ASSERT_EQUAL(
        pp_load_substrate(&loaded, &plugin, NULL, BAD_PLUGINS "/substrate-wrongname.so", &error),
        PP_OK);
    pp_unload(loaded);
}

static void test_no_file(void)
{
    refused("nosuch", "No such file");
}

static void test_not_a_shared_object(void)
{
    refused("garbage", "cannot load");
}

static void test_no_symbol(void)
{
    refused("nosymbol", "no symbol \"peerpost_plugin\"");
}

static void test_other_abi(void)
{
    refused("otherabi", "plugin ABI 999");
}

static void test_store_asked_for_as_substrate(void)
{
    refused("isstore", "is a store plugin and not a substrate plugin");
}

static void test_wrong_kind(void)
{
    refused("wrongkind", "of kind 77");
}

static void test_wrong_name(void)
{
    refused("wrongname", "calls itself \"someone-else\"");
}

static void test_missing_function(void)
{
    refused("nolookup", "lacks the function \"lookup\"");
}

static void test_no_name(void)
{
    refused("noname", "no name");
}

static void test_substrate_asked_for_as_store(void)
{
    struct pp_loaded *loaded;
    const struct pp_store_plugin *plugin;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_load_store(&loaded, &plugin, NULL, BAD_PLUGINS "/substrate-good.so", &error),
                    PP_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is a substrate plugin and not a store plugin"));
}

static void test_every_function_is_looked_for(void)
{
    /* The last member of each table, as a guard against a table that grew without its check. */
    CU_ASSERT_EQUAL(sizeof(struct pp_substrate),
                    sizeof(struct pp_plugin) + sizeof(void *) + 18 * sizeof(void *));
    CU_ASSERT_EQUAL(sizeof(struct pp_store_plugin), sizeof(struct pp_plugin) + 27 * sizeof(void *));
}

CHECK_MAIN("loader", CHECK(test_good_one_loads), CHECK(test_path_may_have_any_name),
           CHECK(test_no_file), CHECK(test_not_a_shared_object), CHECK(test_no_symbol),
           CHECK(test_other_abi), CHECK(test_store_asked_for_as_substrate), CHECK(test_wrong_kind),
           CHECK(test_wrong_name), CHECK(test_missing_function), CHECK(test_no_name),
           CHECK(test_substrate_asked_for_as_store), CHECK(test_every_function_is_looked_for))
