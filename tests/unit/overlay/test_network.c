/* What enters the network hash, and the sentence about a difference. */
#include <check.h>
#include <overlay/network.h>

static const struct pp_option options[] = {
    {"bits", PP_OPT_INT, "4", 1, 8, PP_SCOPE_NETWORK, ""},
    {"period", PP_OPT_TIME, "30s", 1, 100, PP_SCOPE_NODE, ""},
};
static const struct pp_substrate plugin = {
    .plugin = {.name = "toy", .options = options, .n_options = 2}, .wire = 7};

static struct pp_network make(int64_t bits, int64_t period, const char *name, unsigned k)
{
    union pp_value values[2] = {{.number = bits}, {.number = period}};
    struct pp_network n;
    CHECK_FATAL(pp_network_init(&n, &plugin, values, name, k) == PP_OK);
    return n;
}

static void test_network_options_count_node_options_do_not(void)
{
    struct pp_network a = make(4, 1, "x", 5), b = make(4, 2, "x", 5), c = make(5, 1, "x", 5);
    CU_ASSERT_EQUAL(memcmp(a.hash, b.hash, sizeof a.hash), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a.hash, c.hash, sizeof a.hash), 0);
    char text[300];
    pp_network_difference(&a, "P", pp_network_text(&c), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "substrate.toy.bits is \"5\", ours is \"4\""));
    pp_network_finish(&a);
    pp_network_finish(&b);
    pp_network_finish(&c);
}

static void test_name_and_k(void)
{
    struct pp_network a = make(4, 1, "x", 5), b = make(4, 1, "y", 3);
    char text[300];
    pp_network_difference(&a, "P", pp_network_text(&b), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "network.name is \"y\", ours is \"x\""));
    pp_network_finish(&a);
    pp_network_finish(&b);
}

static void test_hostile_text(void)
{
    struct pp_network a = make(4, 1, "x", 5);
    const char *const texts[] = {
        "", "\n\n=", "network.name=\x1b[31m\x01", "network.name",
        "network.name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char out[300];
        pp_network_difference(&a, "P", pp_str(texts[i]), out, sizeof out);
        CU_ASSERT_TRUE(strlen(out) > 20);
        for (const char *c = out; *c; c++) {
            CU_ASSERT_TRUE(*c >= 0x20 && *c < 0x7f);
        }
    }
    pp_network_finish(&a);
}

CHECK_MAIN("network", CHECK(test_network_options_count_node_options_do_not), CHECK(test_name_and_k),
           CHECK(test_hostile_text))
